"""What figures of reports have in common: lines told apart without colour, and the stages behind them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from loadkit.report.blocks import Column

if TYPE_CHECKING:
    from loadkit.measure.records import Stage
    from loadkit.report.words import Words

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
COLOURS = len(DASHES)
MOST_MARKED = 45
"""More points than these are a line without markers."""
MOST_NAMED = 12
"""More stages than these would hide each other's names."""

LEAST_NAMED = 0.08
"""So much of a figure's width a stage must have for its name."""

Trace = dict[str, Any]
Layout = dict[str, Any]


def number(value: float, digits: int = 5) -> float | None:
    """A number as short as its digits let it be; None for what JSON lacks."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def column(label: str, values: npt.ArrayLike | Iterable[float], scale: float = 1.0) -> Column:
    """A column of numbers in other units.

    Args:
        label: Name with unit.
        values: Numbers; NaN for what is not known.
        scale: Factor from the values' unit to the label's.
    """
    listed: list[float] = values.tolist() if hasattr(values, "tolist") else list(values)  # type: ignore[arg-type]
    return Column(label, [number(scale * value) for value in listed])


def line(x: str, y: str, name: str, style: int, *, points: int = MOST_MARKED + 1, **more: Any) -> Trace:
    """A line; each style has a colour, a dash and a marker of its own.

    Args:
        x: Key of the column of places.
        y: Key of the column of values.
        name: What the legend calls it.
        style: Which look, from 0.
        points: How many there are: few are marked.
        more: Further properties of the trace.
    """
    look = style % COLOURS
    colour = f"var(--line-{look + 1})"
    return {
        "type": "scatter",
        "mode": "lines+markers" if points <= MOST_MARKED else "lines",
        "x": f"@{x}",
        "y": f"@{y}",
        "name": escape(name),
        "line": {"color": colour, "dash": DASHES[look], "width": 2},
        "marker": {"symbol": SYMBOLS[look], "size": 6, "color": colour},
        "hovertemplate": "%{y:,.4~g}",
        **more,
    }


def area(x: str, low: str, high: str, name: str, style: int) -> tuple[Trace, Trace]:
    """The area between two columns."""
    common = {"type": "scatter", "mode": "lines", "x": f"@{x}", "line": {"width": 0}, "hoverinfo": "skip"}
    fill = f"var(--fill-{style % 5 + 1})"
    return (
        common | {"y": f"@{low}", "showlegend": False},
        common | {"y": f"@{high}", "fill": "tonexty", "fillcolor": fill, "name": escape(name)},
    )


def over_time(stages: Sequence[Stage], end_s: float, t: Words, **more: Any) -> Layout:
    """The layout of figures over time, with the stages behind them.

    Args:
        stages: The run's stages.
        end_s: Where the figure ends.
        t: The language.
        more: Further parts of the layout.
    """
    bands = [
        {
            "type": "rect",
            "xref": "x",
            "yref": "paper",
            "x0": stage.start_s,
            "x1": min(stage.end_s, end_s),
            "y0": 0,
            "y1": 1,
            "line": {"width": 0},
            "layer": "below",
            "fillcolor": "var(--band)" if stage.measured else "var(--warm-up)",
        }
        for place, stage in enumerate(stages)
        if (place % 2 or not stage.measured) and stage.start_s < end_s
    ]
    named = stages if 1 < len(stages) <= MOST_NAMED else ()
    wide = [stage for stage in named if min(stage.end_s, end_s) - stage.start_s >= LEAST_NAMED * end_s]
    names = [_stage_name(stage, min(stage.end_s, end_s), t) for stage in wide]
    axis = {"title": {"text": t("time since the start")}, "range": [0, end_s]}
    return {"meta": {"elapsed": True}, "xaxis": axis, "shapes": bands, "annotations": names, **more}


def _stage_name(stage: Stage, end_s: float, t: Words) -> dict[str, Any]:
    name = stage.name if stage.measured else t("{stage} (not measured)", stage=stage.name)
    return {
        "text": escape(name),
        "x": (stage.start_s + end_s) / 2,
        "y": 1,
        "yref": "paper",
        "yanchor": "top",
        "showarrow": False,
        "font": {"size": 11, "color": "var(--quiet)"},
    }


def limit(y: float, text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A dashed line across a figure with its words: a shape and an annotation."""
    return (
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": y,
            "y1": y,
            "line": {"dash": "dash", "width": 1.5, "color": "var(--bad)"},
        },
        {
            "text": escape(text),
            "xref": "paper",
            "x": 0.005,
            "xanchor": "left",
            "y": y,
            "yanchor": "bottom",
            "showarrow": False,
            "font": {"size": 11, "color": "var(--bad)"},
        },
    )


def values_axis(title: str, *, logarithmic: bool = False, **more: Any) -> Layout:
    """A vertical axis."""
    if logarithmic:
        return {"title": {"text": title}, "type": "log", **more}
    return {"title": {"text": title}, "rangemode": "tozero", **more}
