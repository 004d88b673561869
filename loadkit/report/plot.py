"""A plot for a terminal: curves in Braille dots, points as letters, axes with a few numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bits of the dots of a Braille character, by column and row."""
_ACROSS, _DOWN = len(_DOTS), len(_DOTS[0])
_BLANK = 0x2800


@dataclass(frozen=True, slots=True)
class Line:
    """A curve.

    Args:
        at: Places, growing, shape (n,).
        values: Its values; what is not finite is not drawn.
        dotted: Draw every third dot only.
    """

    at: Floats
    values: Floats
    dotted: bool = False


@dataclass(frozen=True, slots=True)
class Points:
    """Points, all drawn as one letter.

    Args:
        at: Places.
        values: Values.
        mark: The letter.
    """

    at: Floats
    values: Floats
    mark: str = "o"


@dataclass(frozen=True, slots=True)
class Axes:
    """What a plot shows.

    Args:
        x: Name of the horizontal axis.
        y: Name of the vertical axis.
        top: The largest value shown; larger ones are cut off.
        show_x: How places are written.
        show_y: How values are written.
    """

    x: str
    y: str
    top: float
    show_x: Callable[[float], str]
    show_y: Callable[[float], str]


def plot(axes: Axes, lines: Sequence[Line], points: Sequence[Points], *, width: int = 64, height: int = 14) -> str:
    """Draw curves and points over one another, from zero up to the axes' top.

    Args:
        axes: What is shown.
        lines: Curves; the first sets how far the plot reaches to the right.
        points: Points, over the curves.
        width: Columns of the picture.
        height: Its rows.

    Returns:
        Rows of text, the name of the vertical axis first.
    """
    right = float(lines[0].at[-1])
    cells = np.zeros((height, width), dtype=np.int64)
    for line in lines:
        _draw(cells, line, right, axes.top)
    letters = [[chr(_BLANK + bits) if bits else " " for bits in row] for row in cells.tolist()]
    for one in points:
        for place, value in zip(one.at, one.values, strict=True):
            if place <= right and 0 <= value <= axes.top:
                row = min(int((1 - value / axes.top) * height), height - 1)
                letters[row][min(int(place / right * width), width - 1)] = one.mark
    labels = {0: axes.show_y(axes.top), height // 2: axes.show_y(axes.top * (1 - (height // 2) / height))}
    margin = max(map(len, labels.values()))
    body = [f"{labels.get(row, ''):>{margin}} |{''.join(line).rstrip()}" for row, line in enumerate(letters)]
    middle, end = axes.show_x(right / 2), axes.show_x(right)
    foot = f"0{middle:^{width - len(end) - 1}}{end}"
    return "\n".join(
        [
            axes.y,
            *body,
            f"{'0':>{margin}} +{'-' * width}",
            f"{'':{margin}}  {foot}",
            f"{'':{margin}}  {axes.x:^{width}}",
        ]
    )


def _draw(cells: npt.NDArray[np.int64], line: Line, right: float, top: float) -> None:
    """Set the dots of a curve, also those between two columns where it is steep."""
    height, width = cells.shape
    columns = np.arange(width * _ACROSS)
    places = (columns + 0.5) / (width * _ACROSS) * right
    values = np.interp(places, line.at, line.values, left=np.nan, right=np.nan)
    rows = (1 - values / top) * height * _DOWN
    before = None
    for column, row in zip(columns.tolist(), rows.tolist(), strict=True):
        if not np.isfinite(row) or row < 0 or row >= height * _DOWN:
            before = None
            continue
        here = int(row)
        if not (line.dotted and column % 3):
            reached = range(min(here, before), max(here, before) + 1) if before is not None else (here,)
            for dot in (here,) if line.dotted else reached:
                cells[dot // _DOWN, column // _ACROSS] |= _DOTS[column % _ACROSS][dot % _DOWN]
        before = here
