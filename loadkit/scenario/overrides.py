"""Single values of a document given anew, as ``load.stages.hold.rate=300/s``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadkit.scenario.document import Document, Slip, read_document
from loadkit.scenario.findings import suggest
from loadkit.scenario.value_types import ValueType, types_below

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

    from loadkit.scenario.findings import KeyPath

SOURCE = "--set"
"""What stands in the place of a file's name in messages about what was given so."""

_PART = re.compile(r"([^.\[\]]+)((?:\[[0-9]{1,6}\])*)")
_INDEX = re.compile(r"[0-9]{1,6}")


def with_overrides(document: Document, assignments: Iterable[str], model_type: type[BaseModel]) -> Document:
    """A document with some of its values given anew.

    Args:
        document: The document, with what it includes; it is changed.
        assignments: Texts such as ``load.stages.hold.rate=300/s``: keys by points, entries of lists by their index or
            the name that they carry, and a YAML value. Paths in a value start from the current folder.
        model_type: The model of the whole.

    Returns:
        The document; what can't be set is a slip in it.
    """
    if not isinstance(document.data, dict):
        return document
    for assignment in assignments:
        try:
            _Assignment(document, model_type).apply(assignment)
        except _RefusedError as refused:
            document.slips.append(refused.slip)
    return document


class _RefusedError(Exception):
    """An assignment is not possible."""

    def __init__(self, message: str, key: KeyPath = (), fix: str = "") -> None:
        super().__init__(message)
        self.slip = Slip(0, message, key, fix, SOURCE)


class _Assignment:
    """Sets one value in a document."""

    def __init__(self, document: Document, model_type: type[BaseModel]) -> None:
        self._document = document
        self._block: Any = document.data
        self._types = [ValueType(model_type)]
        self._path: KeyPath = ()

    def apply(self, assignment: str) -> None:
        """Set the value.

        Raises:
            _RefusedError: If the text is no assignment, or there is no such place.
        """
        key, equals, text = assignment.partition("=")
        parts = _parts(key.strip())
        if not equals or not parts:
            raise _RefusedError(f"{assignment!r} is not KEY=VALUE", fix="such as load.stages.hold.rate=300/s")
        for part in parts[:-1]:
            self._enter(part)
        last = self._key_of(parts[-1])
        value = read_document(text, SOURCE, folder=Path.cwd())
        _check_form(value, text, (*self._path, last))
        self._block[last] = value.data
        self._note((*self._path, last), value)

    def _enter(self, part: str) -> None:
        key = self._key_of(part)
        below = types_below(self._types, key)
        if isinstance(self._block, dict) and key not in self._block:
            if any(one.is_list for one in below):
                name = ".".join(map(str, (*self._path, key)))
                raise _RefusedError("has no entries that could be changed", (*self._path, key), f"set {name}=[...]")
            self._block[key] = {}
            self._note((*self._path, key), Document())
        self._block, self._types, self._path = self._block[key], below, (*self._path, key)

    def _key_of(self, part: str) -> str | int:
        """The key or index that a part of the path means in the block that was entered."""
        if isinstance(self._block, dict):
            return part
        if not isinstance(self._block, list):
            raise _RefusedError("is a value without keys", self._path, "set it as a whole")
        names = [entry.get("name") if isinstance(entry, dict) else None for entry in self._block]
        if part in names:
            return names.index(part)
        if _INDEX.fullmatch(part) and int(part) < len(self._block):
            return int(part)
        known = [name for name in names if isinstance(name, str)]
        fix = f"there are {len(names)}" if _INDEX.fullmatch(part) or not known else suggest(part, known)
        raise _RefusedError("is not an entry of this list", (*self._path, part), fix)

    def _note(self, path: KeyPath, value: Document) -> None:
        """Remember where what is at a path comes from."""
        document = self._document
        for known in [known for known in document.lines if known[: len(path)] == path]:
            del document.lines[known]
            document.files.pop(known, None)
        for below in value.lines or {(): 0}:
            document.lines[path + below] = 0
            document.files[path + below] = SOURCE


def _parts(key: str) -> list[str]:
    """The parts of ``a.b[2]``; none if it is no path."""
    parts: list[str] = []
    for piece in key.split("."):
        match = _PART.fullmatch(piece)
        if match is None:
            return []
        parts += [match[1], *_INDEX.findall(match[2])]
    return parts


def _check_form(value: Document, text: str, path: KeyPath) -> None:
    """Refuse a text that is not one value, or of which YAML would drop a part.

    Raises:
        _RefusedError: With the first mistake.
    """
    if not text.strip():
        raise _RefusedError("has no value", path, "write it behind the =")
    for slip in value.slips:
        raise _RefusedError(slip.message, path + slip.key, slip.fix)
    if isinstance(value.data, dict | list) and text.strip()[0] not in "{[":
        raise _RefusedError("is neither a value nor in brackets", path, "write {key: value}, or put a text in quotes")
    if re.search(r"(?:^|\s)#", text) and text.strip()[0] not in "'\"{[":
        raise _RefusedError("holds a # that YAML would take for a comment", path, "put it in quotes")
