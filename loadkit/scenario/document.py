"""YAML text to plain data with the line of every key: no objects, no guessed types, bounded in size and depth."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from yaml import MappingNode, Node, ScalarNode, SequenceNode, YAMLError
from yaml.composer import Composer
from yaml.error import Mark, MarkedYAMLError
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

if TYPE_CHECKING:
    from pathlib import Path

    from loadkit.scenario.findings import KeyPath

MAX_TEXT_BYTES = 1024 * 1024
MAX_DEPTH = 50
MAX_ALIASED_NODES = 1000

_TAG = "tag:yaml.org,2002:"


class _Composer(Reader, Scanner, Parser, Composer, BaseResolver):
    """Text to nodes. Plain scalars resolve by part of YAML 1.2's core schema: no on/off/yes, no 1:30, 0x1f or dates."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self.node_count = 0
        self._depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        self.node_count += 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise MarkedYAMLError(problem=f"nested more than {MAX_DEPTH} deep", problem_mark=self.get_mark())
        node: Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def scan_flow_scalar_non_spaces(self, double: object, start_mark: Mark) -> list[str]:
        chunks: list[str] = super().scan_flow_scalar_non_spaces(double, start_mark)
        "".join(chunks).encode()  # an escape can name half a character, which no file and no message can hold
        return chunks


# Python writes a float with up to 20 decimals: 17 digits after the 0.000 of the smallest without an exponent.
_SCALARS = {
    "bool": (r"true|false", "tf"),
    "null": (r"~|null|", ("~", "n", "")),
    "int": (r"[-+]?(?:0|[1-9][0-9]{0,18})", "-+0123456789"),
    "float": (r"[-+]?[0-9]{1,18}\.[0-9]{0,20}(?:e[-+][0-9]{1,3})?", "-+0123456789"),
}
for _name, (_pattern, _first_characters) in _SCALARS.items():
    _Composer.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), list(_first_characters))


def _resolve(text: str) -> str:
    """The tag of a plain scalar."""
    return str(_Composer("").resolve(ScalarNode, text, (True, False)))  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Slip:
    """A mistake of form, found while reading.

    Args:
        line: Line from 1, or 0 where the source has no lines.
        message: What is wrong, in words.
        key: Path of the key; empty where there is none.
        fix: What to write instead; may be empty.
        file: The source it is in, where that is not the document's own.
    """

    line: int
    message: str
    key: KeyPath = ()
    fix: str = ""
    file: str = ""


class TextOf(str):
    """A text that knows the folder from which a path in it starts; any other starts from the document's own.

    Args:
        text: The text.
        folder: The folder of the file in which it stands.
    """

    __slots__ = ("folder",)

    folder: Path

    def __new__(cls, text: str, folder: Path) -> Self:
        """Make one."""
        self = super().__new__(cls, text)
        self.folder = folder
        return self


@dataclass(slots=True)
class Document:
    """A YAML document as plain data.

    Args:
        data: Mappings, lists, text, whole numbers, numbers, truth values.
        lines: Line from 1 of each key and list item; 0 where the source has no lines.
        slips: Mistakes of form; the data is then what could be read.
        file: Name of its source; may be empty.
        files: The source of each key and list item that does not come from `file`.
        complete: Whether everything that belongs to it could be read.
    """

    data: object = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    slips: list[Slip] = field(default_factory=list)
    file: str = ""
    files: dict[KeyPath, str] = field(default_factory=dict)
    complete: bool = True

    def place_of(self, key: KeyPath) -> tuple[str, int]:
        """Source and line of a key, or of the closest block around it that is in the text."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.files.get(key, self.file), self.lines.get(key, 1)

    def line_of(self, key: KeyPath) -> int:
        """The line of a key, or of the closest block around it that is in the text."""
        return self.place_of(key)[1]


def read_document(text: str, file: str = "", *, folder: Path | None = None) -> Document:
    """Read YAML text; mistakes become slips, never exceptions.

    Args:
        text: The YAML.
        file: Name of its source.
        folder: From which paths in it start; None where whoever uses them knows.
    """
    document = _read(text, folder)
    document.file = file
    return document


def _read(text: str, folder: Path | None) -> Document:
    if len(text) > MAX_TEXT_BYTES:
        return Document(slips=[Slip(1, f"the text is longer than {MAX_TEXT_BYTES // 1024} KiB")])
    try:
        composer = _Composer(text)
        root = composer.get_single_node()
    except YAMLError as error:
        return Document(slips=[_slip_of(error, text)])
    except (ValueError, OverflowError):  # PyYAML passes on what chr() and int() say of \UFFFFFFFF or of endless digits
        return Document(slips=[Slip(composer.line + 1, "is not YAML: an escape or a number is out of bounds")])
    if root is None:
        return Document(slips=[Slip(1, "the file is empty")])
    return _Flattener(composer.node_count, folder).flatten(root)


def _slip_of(error: YAMLError, text: str) -> Slip:
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        begun = f"{error.context} from line {error.context_mark.line + 1}: " if error.context_mark else ""
        return Slip(error.problem_mark.line + 1, f"is not YAML: {begun}{error.problem}")
    if isinstance(error, ReaderError):
        return Slip(text.count("\n", 0, error.position) + 1, "has a character that YAML does not allow")
    return Slip(1, "is not YAML")


class _TooMuchError(Exception):
    """Aliases blow the document up."""


class _Flattener:
    """Nodes to plain data, expanding aliases within bounds."""

    def __init__(self, node_count: int, folder: Path | None) -> None:
        self._budget = node_count + MAX_ALIASED_NODES
        self._folder = folder
        self._document = Document()

    def flatten(self, root: Node) -> Document:
        try:
            self._document.data = self._plain(root, ())
        except _TooMuchError:
            message = f"aliases repeat more than {MAX_ALIASED_NODES:,} values or contain themselves"
            self._document.slips.append(Slip(root.start_mark.line + 1, message, fix="write the blocks out"))
        return self._document

    def _plain(self, node: Node, path: KeyPath) -> object:
        self._budget -= 1
        if self._budget < 0 or len(path) > MAX_DEPTH:
            raise _TooMuchError
        self._document.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, SequenceNode) and node.tag == _TAG + "seq":
            return [self._plain(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        self._refuse_tag(node, path)
        return None

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, object]:
        plain: dict[str, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                self._slip(line, "a key must be plain text", path)
                continue
            key = (*path, key_node.value)
            if key_node.value in plain:
                self._slip(line, f"is given twice, first on line {self._document.lines[key]}", key, "keep one")
                continue
            self._document.lines[key] = line
            plain[key_node.value] = self._plain(value_node, key)
        return plain

    def _scalar(self, node: ScalarNode, path: KeyPath) -> object:
        text = str(node.value)
        # An explicit tag can claim what the text is not.
        if node.tag != _TAG + "str" and node.tag != _resolve(text):
            self._refuse_tag(node, path)
            return None
        match node.tag.removeprefix(_TAG):
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "bool":
                return text == "true"
            case "null":
                self._slip(self._document.line_of(path), "has no value", path, "give it one, or remove the key")
                return None
        return text if self._folder is None else TextOf(text, self._folder)

    def _refuse_tag(self, node: Node, path: KeyPath) -> None:
        self._slip(node.start_mark.line + 1, f"has the tag {node.tag}", path, "write plain YAML without tags")

    def _slip(self, line: int, message: str, key: KeyPath, fix: str = "") -> None:
        self._document.slips.append(Slip(line, message, key, fix))
