"""Files that a file includes: read within bounds and put below it, key by key."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from loadkit.errors import UsageError
from loadkit.scenario.block import MAX_INCLUDED_FILES
from loadkit.scenario.document import MAX_TEXT_BYTES, Document, Slip, read_document
from loadkit.scenario.reading import read_text
from loadkit.scenario.value_types import ValueType, types_below

if TYPE_CHECKING:
    from pydantic import BaseModel

    from loadkit.scenario.findings import KeyPath

MAX_INCLUDE_DEPTH = 8

_INCLUDE = "include"


def with_includes(document: Document, path: Path, model_type: type[BaseModel]) -> Document:
    """A document on top of the files that it includes, and that those include.

    The including file's keys win over those of the files that it includes, and a later file's over an earlier one's.
    Blocks are put together, lists and values replace. A file that is included several times counts once, where it
    first stands.

    Args:
        document: What a file holds.
        path: The file.
        model_type: The model of the whole, which says what is a block.

    Returns:
        The whole; what is wrong with an included file is a slip in it.
    """
    return _Reader(model_type).on_top(document, path.resolve(), ())


class _Reader:
    """Follows includes and counts what was read."""

    def __init__(self, model_type: type[BaseModel]) -> None:
        self._types = [ValueType(model_type)]
        self._seen: set[Path] = set()
        self._bytes_left = MAX_TEXT_BYTES

    def on_top(self, document: Document, path: Path, below: tuple[Path, ...]) -> Document:
        """The document of a file on top of what it includes; ``below`` are the files that lead to it."""
        entries = document.data.get(_INCLUDE) if isinstance(document.data, dict) else None
        if entries is None:
            return document
        if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
            document.complete = False
            return document
        del document.data[_INCLUDE]  # type: ignore[attr-defined]
        whole = Document({})
        for index, entry in enumerate(entries):
            try:
                included = self._included(document.file, str(entry), (*below, path))
            except UsageError as error:
                key: KeyPath = (_INCLUDE, index)
                document.slips.append(Slip(document.line_of(key), str(error), key, error.hint, document.file))
                document.complete = False
            else:
                whole = self._merged(whole, included)
        return self._merged(whole, document)

    def _included(self, by: str, entry: str, below: tuple[Path, ...]) -> Document:
        path = _plain_file(below[-1].parent, entry)
        if path in below:
            circle = " -> ".join(one.name for one in (*below[below.index(path) :], path))
            raise UsageError(f"goes in a circle: {circle}", hint="remove one of them")
        if len(below) > MAX_INCLUDE_DEPTH:
            raise UsageError(
                f"includes are nested more than {MAX_INCLUDE_DEPTH} deep", hint="name the files further up"
            )
        if path in self._seen:
            return Document({})
        file = os.path.normpath(Path(by).parent / entry)
        if len(self._seen) == MAX_INCLUDED_FILES:
            raise UsageError(f"more than {MAX_INCLUDED_FILES} files are included", hint="put some of them together")
        self._seen.add(path)
        text = read_text(path, "shared")
        self._bytes_left -= len(text.encode())
        if self._bytes_left < 0:
            raise UsageError(f"the included files are longer than {MAX_TEXT_BYTES // 1024} KiB together")
        document = read_document(text, file, folder=path.parent)
        if not isinstance(document.data, dict):
            if document.data is not None:
                document.slips.append(Slip(1, "must be a block of keys"))
            return Document({}, slips=_owned(document), complete=False)
        return self.on_top(document, path, below)

    def _merged(self, below: Document, above: Document) -> Document:
        replaced: set[KeyPath] = set()
        data = _merge(below.data, above.data, self._types, (), replaced)
        kept = [key for key in below.lines if replaced.isdisjoint(key[:length] for length in range(len(key) + 1))]
        return Document(
            data,
            {key: below.lines[key] for key in kept} | above.lines,
            _owned(below) + _owned(above),
            above.file,
            {key: below.files.get(key, below.file) for key in kept if key not in above.lines} | above.files,
            below.complete and above.complete,
        )


def _merge(below: object, above: object, types: list[ValueType], path: KeyPath, replaced: set[KeyPath]) -> object:
    if not (isinstance(below, dict) and isinstance(above, dict) and any(one.merges for one in types)):
        replaced.add(path)
        return above
    merged = dict(below)
    for key, value in above.items():
        here = (*path, key)
        merged[key] = _merge(below[key], value, types_below(types, key), here, replaced) if key in below else value
    return merged


def _owned(document: Document) -> list[Slip]:
    """The slips of a document with the file they are in."""
    return [Slip(slip.line, slip.message, slip.key, slip.fix, slip.file or document.file) for slip in document.slips]


def _plain_file(folder: Path, entry: str) -> Path:
    """The file that an entry names.

    Raises:
        UsageError: If there is none, or if reading it could go on for ever.
    """
    try:
        path = (folder / entry).resolve()
        mode = path.stat().st_mode
    except (OSError, RuntimeError, ValueError) as error:  # the last two: a loop of links, a null character
        reason = error.strerror if isinstance(error, OSError) else "not a possible path"
        raise UsageError(f"can't read {entry!r}: {reason}", hint="paths start from this file's folder") from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no plain file"
        raise UsageError(f"can't read {entry!r}: it is {kind}", hint="name a file")
    return path
