"""What pages are made of: paragraphs, tables, figures and the like, as values without any markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Tone = Literal["", "good", "bad", "warn", "quiet"]
"""How a text is meant; pages always say it in words too."""


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph.

    Args:
        text: Plain text.
        tone: How it is meant.
    """

    form: ClassVar[str] = "prose"
    text: str
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """Items one below the other.

    Args:
        items: Plain texts.
    """

    form: ClassVar[str] = "listing"
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """Something to copy, such as a command.

    Args:
        text: Plain text.
    """

    form: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and what they stand for.

    Args:
        pairs: Name and value, plain texts.
        wide: Whether values are sentences.
    """

    form: ClassVar[str] = "facts"
    pairs: tuple[tuple[str, str], ...]
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Tile:
    """A number that is read first.

    Args:
        name: What it is.
        value: The number with its unit.
        note: What to know with it.
        tone: How it is meant.
    """

    name: str
    value: str
    note: str = ""
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Tiles:
    """Numbers side by side.

    Args:
        tiles: The numbers.
    """

    form: ClassVar[str] = "tiles"
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A cell of a table that says how its row is meant.

    Args:
        text: In words, with a sign before them.
        tone: The same as a colour.
    """

    text: str
    tone: Tone

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Link:
    """A cell of a table that leads to another file.

    Args:
        text: What is shown.
        href: Relative address, quoted.
    """

    text: str
    href: str

    def __str__(self) -> str:
        return self.text


Cell = str | Mark | Link


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; each row begins with what names it.

    Args:
        header: Names of the columns.
        rows: Cells, as many as columns.
        layout: A letter for each column: ``l`` for texts, ``r`` for numbers.
        caption: What the table shows; may be empty where the section's title says it.
    """

    form: ClassVar[str] = "grid"
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    layout: str
    caption: str = ""

    def __post_init__(self) -> None:
        if {len(self.header), *map(len, self.rows)} != {len(self.layout)}:
            raise ValueError(f"rows of {self.header} are not {len(self.layout)} cells long")


@dataclass(frozen=True, slots=True)
class Column:
    """Values of one kind behind a figure.

    Args:
        label: Name with unit.
        values: Numbers, texts, or None for what is not known.
    """

    label: str
    values: Sequence[float | str | None]


@dataclass(frozen=True, slots=True)
class Data:
    """A table behind a figure, which the page shows on demand.

    Args:
        columns: By a key that is unique within the figure; equally long.
        title: What the table shows, where a figure has several.
    """

    columns: Mapping[str, Column]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot.

    Args:
        name: Its id on the page.
        title: What it shows, in a few words.
        says: What it shows for those who can't see it.
        data: Tables behind it.
        traces: Plotly traces. ``@key`` stands for the column of that key, ``var(--name)`` for a colour of the page.
        layout: Plotly layout beyond that of all figures; colours as in traces.
        note: What to know with it.
    """

    form: ClassVar[str] = "figure"
    name: str
    title: str
    says: str
    data: tuple[Data, ...]
    traces: tuple[dict[str, Any], ...]
    layout: dict[str, Any] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Markup:
    """HTML as it is, for controls; never anything that was measured or read.

    Args:
        html: Trusted.
    """

    form: ClassVar[str] = "markup"
    html: str


@dataclass(frozen=True, slots=True)
class Fold:
    """Blocks that are shown on demand.

    Args:
        title: What they are.
        blocks: The blocks.
    """

    form: ClassVar[str] = "fold"
    title: str
    blocks: tuple[Block, ...]


Block = Prose | Listing | Code | Facts | Tiles | Grid | Figure | Markup | Fold


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page with a heading.

    Args:
        name: Its id on the page.
        title: The heading.
        blocks: What stands below it.
    """

    name: str
    title: str
    blocks: tuple[Block, ...]
