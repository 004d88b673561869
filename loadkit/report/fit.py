"""Fitted curves for a terminal: the candidates, the chosen one and why, intervals, a plot, and what to measure next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from loadkit.analysis.results import Estimate, shown
from loadkit.report.plot import Axes, Line, Points, plot
from loadkit.report.tables import NONE, milliseconds, table

if TYPE_CHECKING:
    from loadkit.analysis.latency_fit import LatencyFit
    from loadkit.analysis.scalability_fit import ScalabilityFit

_MARKS = "ox+*#"


def render_scalability(fit: ScalabilityFit, names: tuple[str, str]) -> RenderableType:
    """A curve of throughput against concurrency, for `rich.console.Console.print`.

    Args:
        fit: The fit.
        names: What concurrency and throughput are called where the trials come from.
    """
    title = Text.assemble((fit.curve.curve, "bold"), f"  {fit.curve.formula}  ({names[1]} against {names[0]})")
    sections = {
        "CANDIDATES": _candidates(fit),
        "CHOSEN": Text(f"{fit.curve.curve}: {fit.why}"),
        f"INTERVALS AT {fit.level:.0%}": _estimates(
            [*fit.parameters, *(one for one in (fit.n_max, fit.x_max) if one is not None)]
        ),
        "FORECAST": _forecast(fit, names[0]),
        "PLOT": Text(_scalability_plot(fit, names)),
    }
    next_line = Text(repr(fit.next_trial))
    return _page(title, sections, fit.warnings, next_line)


def render_latency(fit: LatencyFit, name: str) -> RenderableType:
    """Curves of latency against rate, for `rich.console.Console.print`.

    Args:
        fit: The fit.
        name: What the rate is called where the trials come from.
    """
    title = Text.assemble(("latency", "bold"), f"  R = s + c rho / (1 - rho)^theta, rho = {name} / C")
    sections = {
        f"INTERVALS AT {fit.level:.0%}": _estimates([fit.capacity, fit.bend]),
        "QUANTILES": _quantiles(fit, name),
        "PLOT": Text(_latency_plot(fit, name)),
    }
    rate, reason = fit.next_trial
    return _page(title, sections, fit.warnings, Text(f"a trial at {name} {shown(rate)}: {reason}"))


def _page(
    title: Text, sections: dict[str, RenderableType], warnings: Sequence[str], next_line: RenderableType
) -> RenderableType:
    if warnings:
        sections["WARNINGS"] = table("lw", (("!", one) for one in warnings))
    sections["NEXT"] = next_line
    parts: list[RenderableType] = [title]
    for name, content in sections.items():
        parts += ["", Text(name, "bold"), Padding(content, (0, 0, 0, 2))]
    return Group(*parts)


def _candidates(fit: ScalabilityFit) -> RenderableType:
    rows = [
        (
            "*" if one.curve == fit.curve.curve else "",
            one.curve,
            _number(one.delta),
            NONE if one.top_error is None else f"{one.top_error:.1%}",
            _number(one.n_max),
            _number(one.x_max),
            "  ".join(f"{name} {shown(value)}" for name, value in one.parameters.items()),
        )
        for one in sorted(fit.candidates, key=lambda one: one.delta)
    ]
    return table("llrrrrw", rows, ("", "curve", "dAICc", "top error", "N_max", "X_max", "parameters"))


def _estimates(estimates: Sequence[Estimate]) -> RenderableType:
    rows = [(one.name, _number(one.value), _number(one.low), _number(one.high)) for one in estimates]
    return table("lrrr", rows, ("", "value", "low", "high"))


def _forecast(fit: ScalabilityFit, name: str) -> RenderableType:
    places = np.array([fit.measured[1], 1.5 * fit.measured[1], 2 * fit.measured[1]])
    band = fit.band(places)
    rows = [
        (shown(place), shown(value), *(f"{shown(one[0, at])} to {shown(one[1, at])}" for one in columns))
        for at, (place, value) in enumerate(zip(places, band.estimate, strict=True))
        for columns in ((band.confidence, band.prediction, band.envelope),)
    ]
    return table("rrrrr", rows, (name, "curve", "confidence", "prediction", "all curves"))


def _quantiles(fit: LatencyFit, name: str) -> RenderableType:
    shares = (0.5, 0.7, 0.8, 0.9)
    rates = [share * fit.capacity.value for share in shares]
    rows = [
        (f"p{100 * quantile:g}", *(milliseconds(fit.latency(quantile, rate)) for rate in rates))
        for quantile in fit.quantiles
    ]
    return table("l" + "r" * len(rates), rows, ("ms at", *(f"{name} {shown(rate)}" for rate in rates)))


def _scalability_plot(fit: ScalabilityFit, names: tuple[str, str]) -> str:
    places = np.linspace(fit.measured[0], 2 * fit.measured[1], 200)
    band = fit.band(places)
    observed = fit.observed
    top = 1.05 * max(float(observed[1].max()), float(band.prediction[1][places <= fit.measured[1]].max()))
    lines = [Line(places, band.estimate), *(Line(places, edge, dotted=True) for edge in band.prediction)]
    axes = Axes(names[0], f"{names[1]}: o trials, line curve, dots where a new run would be", top, shown, shown)
    return plot(axes, lines, [Points(*observed)])


def _latency_plot(fit: LatencyFit, name: str) -> str:
    end = min(0.995 * fit.capacity.value, 1.2 * fit.measured[1])
    places = np.linspace(end / 400, end, 400)
    lines = [Line(places, fit.band(quantile, places).estimate) for quantile in fit.quantiles]
    marks = [
        Points(fit.observed[0], fit.observed[1][:, index], _MARKS[index % len(_MARKS)])
        for index in range(len(fit.quantiles))
    ]
    words = ", ".join(f"{one.mark} p{100 * quantile:g}" for one, quantile in zip(marks, fit.quantiles, strict=True))
    top = 1.2 * float(fit.observed[1].max())
    return plot(Axes(name, f"latency in ms: {words}", top, shown, milliseconds), lines, marks)


def _number(value: float) -> str:
    return shown(value) if math.isfinite(value) else NONE
