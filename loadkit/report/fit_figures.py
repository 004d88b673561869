"""Fitted curves as figures of a page: trials, the curve, where it may be, and where a new run would be."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from loadkit.analysis.results import Estimate, shown
from loadkit.report.blocks import Column, Data, Figure
from loadkit.report.figures import SYMBOLS, Trace, area, column, line, values_axis

if TYPE_CHECKING:
    from loadkit.analysis.latency_fit import LatencyFit
    from loadkit.analysis.least_squares import Floats
    from loadkit.analysis.scalability_fit import ScalabilityFit
    from loadkit.report.words import Words

_PLACES = 120
_NEAR_CAPACITY = 0.995


def quantile_name(quantile: float) -> str:
    """``p99`` for 0.99."""
    return f"p{100 * quantile:g}"


def latency_figure(name: str, fit: LatencyFit, axis: str, t: Words) -> Figure:
    """Response times against the rate: each quantile's trials, curve and band, and the capacity.

    Args:
        name: The figure's id.
        fit: The fit.
        axis: What the rate is.
        t: The language.
    """
    low, high = fit.measured
    places = np.linspace(low, min(_NEAR_CAPACITY * fit.capacity.value, 1.3 * high), _PLACES)
    curves, seen = {"rate": column(axis, places)}, {"trial": column(axis, fit.observed[0])}
    traces: list[Trace] = []
    for style in range(len(fit.quantiles)):
        traces += _quantile(fit, style, places, (curves, seen), t)
    bottom, top = 1e3 * fit.observed[1].min(), 1e3 * fit.observed[1].max()
    layout = {
        "hovermode": "closest",
        "xaxis": {"title": {"text": axis}, "range": [0, 1.08 * max(high, float(places[-1]))]},
        "yaxis": values_axis(t("ms"), logarithmic=True, range=[math.log10(bottom / 2), math.log10(4 * top)]),
        **_upright(fit.capacity, f"C {shown(fit.capacity.value)}", float(places[-1])),
    }
    data = (Data(curves, t("Curves")), Data(seen, t("Trials")))
    says = t("Response time in milliseconds against the rate, with the fitted curves.")
    note = t("Points are trials, lines the fitted curves. A click on the legend shows or hides a band.")
    return Figure(name, t("Response time against rate"), says, data, tuple(traces), layout, note)


def _quantile(
    fit: LatencyFit, style: int, places: Floats, columns: tuple[dict[str, Column], dict[str, Column]], t: Words
) -> Iterator[Trace]:
    """Traces of a quantile; their columns are added to those of curves and of trials."""
    curves, seen = columns
    words, band = quantile_name(fit.quantiles[style]), fit.band(fit.quantiles[style], places)
    key = f"q{style}"
    curves[f"{key}low"] = column(t("{what} at least, ms", what=words), band.low, 1e3)
    curves[key] = column(t("{what} by the curve, ms", what=words), band.estimate, 1e3)
    curves[f"{key}high"] = column(t("{what} at most, ms", what=words), _finite(band.high), 1e3)
    seen[f"{key}seen"] = column(t("{what} seen, ms", what=words), fit.observed[1][:, style], 1e3)
    bounds = t("{what}, {level} band", what=words, level=f"{fit.level:.0%}")
    # Bands over one another can't be told apart: one is drawn, the others by a click on the legend.
    visible = True if style == len(fit.quantiles) - 1 else "legendonly"
    for edge in area("rate", f"{key}low", f"{key}high", bounds, style):
        yield edge | {"legendgroup": f"{key}band", "visible": visible}
    yield line("rate", key, words, style)
    yield _points("trial", f"{key}seen", words, style) | {"showlegend": False}


def scalability_figure(name: str, fit: ScalabilityFit, axes: tuple[str, str], t: Words) -> Figure:
    """Throughput against concurrency: trials, the chosen curve with both bands, the other candidates, the peak.

    Args:
        name: The figure's id.
        fit: The fit.
        axes: What concurrency and throughput are.
        t: The language.
    """
    places = np.geomspace(fit.measured[0], 2 * fit.measured[1], _PLACES)
    band, level, chosen = fit.band(places), f"{fit.level:.0%}", fit.curve.curve
    curves = {
        "at": column(axes[0], places),
        "newlow": column(t("a new run at least"), band.prediction[0]),
        "low": column(t("the curve at least"), band.confidence[0]),
        "curve": column(chosen, band.estimate),
        "high": column(t("the curve at most"), band.confidence[1]),
        "newhigh": column(t("a new run at most"), band.prediction[1]),
    }
    new, sure = t("a new run ({level})", level=level), t("the curve ({level})", level=level)
    traces = [*area("at", "newlow", "newhigh", new, 0), *area("at", "low", "high", sure, 0)]
    traces[1]["fillcolor"] = "var(--faint)"
    traces.append(line("at", "curve", chosen, 0))
    others = {words: values for words, values in fit.all_throughputs(places).items() if words != chosen}
    for style, (words, values) in enumerate(others.items(), 1):
        curves[f"c{style}"] = column(words, values)
        traces.append(line("at", f"c{style}", words, style, visible="legendonly"))
    traces.append(_points("n", "x", t("trials"), 1))
    seen = {"n": column(axes[0], fit.observed[0]), "x": column(axes[1], fit.observed[1])}
    x, y = {"title": {"text": axes[0]}, "rangemode": "tozero"}, values_axis(axes[1])
    layout: dict[str, Any] = {"hovermode": "closest", "xaxis": x, "yaxis": y}
    if fit.n_max is not None:
        layout |= _upright(fit.n_max, f"N_max {shown(fit.n_max.value)}", float(places[-1]))
    data = (Data(curves, t("Curves")), Data(seen, t("Trials")))
    says = t("Throughput against concurrency, with the fitted curve.")
    return Figure(name, t("Throughput against concurrency"), says, data, tuple(traces), layout)


def _points(x: str, y: str, name: str, style: int) -> Trace:
    look = {"symbol": SYMBOLS[style], "size": 9, "color": f"var(--line-{style + 1})"}
    outline = {"line": {"width": 1, "color": "var(--paper)"}}
    hover = "%{x:,.5~g}: %{y:,.4~g}"
    return {
        "type": "scatter",
        "mode": "markers",
        "x": f"@{x}",
        "y": f"@{y}",
        "name": name,
        "marker": look | outline,
        "hovertemplate": hover,
    }


def _upright(estimate: Estimate, words: str, end: float) -> dict[str, Any]:
    """A line where an estimate is, with its interval as a faint band; nothing where it is infinite."""
    if not math.isfinite(estimate.value):
        return {}
    across = {"yref": "paper", "y0": 0, "y1": 1}
    look = {"dash": "dash", "width": 1.5, "color": "var(--quiet)"}
    high = estimate.high if math.isfinite(estimate.high) else max(end, estimate.value)
    interval = {"type": "rect", "x0": estimate.low, "x1": high, "line": {"width": 0}, "layer": "below"}
    text = {"text": words, "x": estimate.value, "xanchor": "right", "yref": "paper", "y": 1, "yanchor": "top"}
    return {
        "shapes": [
            {**interval, **across, "fillcolor": "var(--band)"},
            {"type": "line", "x0": estimate.value, "x1": estimate.value, **across, "line": look},
        ],
        "annotations": [{**text, "showarrow": False, "font": {"size": 11, "color": "var(--quiet)"}}],
    }


def _finite(values: Floats) -> Floats:
    """Values in which what is infinite is as high as the highest finite one, so that areas have an edge."""
    known = values[np.isfinite(values)]
    edge = float(known.max()) if known.size else math.nan
    return np.where(np.isinf(values), edge, values)
