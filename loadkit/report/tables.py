"""Tables of a report in words: aligned columns without lines, and how figures are written in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, JustifyMethod, OverflowMethod, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from loadkit.measure.summary import QUANTILES

if TYPE_CHECKING:
    from loadkit.measure.summary import Latency

Cell = str | Text
Row = Sequence[Cell]

TOO_SMALL = "n too small"
NONE = "-"
_TOO_SMALL_BROKEN = "n too\nsmall"
_FIGURES = (*QUANTILES, "max", "n")
_UNBOUNDED_WIDTH = 1000
_JUSTIFY: dict[str, JustifyMethod] = {"w": "left", "l": "left", "r": "right"}


def figures(latency: Latency) -> tuple[str, ...]:
    """A latency's quantiles and maximum in milliseconds, and how many values it has."""
    return (*(_quantile(latency, name) for name in QUANTILES), milliseconds(latency.max_s), f"{latency.n:,}")


def _quantile(latency: Latency, name: str) -> str:
    value_s = latency.quantiles_s[name]
    return TOO_SMALL if value_s is None and latency.n else milliseconds(value_s)


def milliseconds(value_s: float | None) -> str:
    """Milliseconds; whole ones from a second on, for a histogram keeps three digits and a terminal has few columns."""
    if value_s is None:
        return NONE
    return f"{value_s * 1e3:,.2f}" if value_s < 1 else f"{value_s * 1e3:,.0f}"


def with_unit(value_s: float | None) -> str:
    """Milliseconds with their unit."""
    return NONE if value_s is None else f"{milliseconds(value_s)} ms"


def share(count: int, total: int) -> str:
    """A percentage that is 0 or 100 only where it is exactly that."""
    if not total:
        return NONE
    percent = round(count / total * 100, 2)
    if percent == 0 < count:
        return "<0.01%"
    if percent == 100 and count < total:  # noqa: PLR2004 - per cent
        return ">99.99%"
    return f"{percent:.2f}%"


def table(layout: str, rows: Iterable[Row], header: Row = ()) -> Table:
    """Aligned columns without lines.

    Args:
        layout: One letter for each column: ``w`` for words, which wrap where the terminal is narrow; ``l`` for labels
            to the left and ``r`` for numbers to the right, which don't.
        rows: Plain text, never markup.
        header: Names of the columns, or nothing.
    """
    table = Table(box=None, show_header=bool(header), header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    for position, letter in enumerate(layout):
        name, wraps = header[position] if header else "", letter == "w"
        # A number that is broken, or that lost its end unseen, would be read as another one.
        overflow: OverflowMethod = "fold" if wraps else "ellipsis"
        table.add_column(name, justify=_JUSTIFY[letter], no_wrap=not wraps, overflow=overflow)
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return table


@dataclass(frozen=True, slots=True)
class _Fitting:
    """The wide table where it fits, the narrow one elsewhere."""

    wide: Table
    narrow: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = console.measure(self.wide, options=options.update(width=_UNBOUNDED_WIDTH)).maximum
        yield self.wide if width <= options.max_width else self.narrow


def figure_table(layout: str, rows: Sequence[Row], header: Row) -> RenderableType:
    """Latencies by `_FIGURES` behind the columns of `layout`; what is too small to show takes two lines if it must."""
    layout, header = layout + "r" * len(_FIGURES), (*header, *_FIGURES)
    broken = [tuple(_TOO_SMALL_BROKEN if cell == TOO_SMALL else cell for cell in row) for row in rows]
    return _Fitting(table(layout, rows, header), table(layout, broken, header))


def spaced(blocks: Sequence[RenderableType]) -> Iterator[RenderableType]:
    """Blocks with an empty line between each two."""
    for position, block in enumerate(blocks):
        if position:
            yield ""
        yield block
