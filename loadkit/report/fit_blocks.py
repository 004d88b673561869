"""Fitted curves on a page: the figure, the intervals, the candidates, and what to know before they are used."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from loadkit.analysis.results import shown
from loadkit.report.blocks import Block, Facts, Grid, Mark, Prose
from loadkit.report.fit_figures import latency_figure, quantile_name, scalability_figure
from loadkit.report.retelling import retell
from loadkit.report.run_sentences import OF_CURVES
from loadkit.report.tables import NONE, milliseconds

if TYPE_CHECKING:
    from loadkit.analysis.latency_fit import LatencyFit
    from loadkit.analysis.results import Estimate
    from loadkit.analysis.scalability_fit import ScalabilityFit
    from loadkit.report.words import Words

_SHARES = (0.5, 0.7, 0.8, 0.9)


def latency_blocks(name: str, fit: LatencyFit, axis: str, t: Words) -> Iterator[Block]:
    """Latency against rate.

    Args:
        name: The figure's id.
        fit: The fit.
        axis: What the rate is.
        t: The language.
    """
    yield latency_figure(name, fit, axis, t)
    yield _estimates([fit.capacity, fit.bend], fit.level, t)
    capacity = fit.capacity.value
    if math.isfinite(capacity):
        rates = [share * capacity for share in _SHARES]
        rows = tuple(
            (quantile_name(quantile), *(milliseconds(fit.latency(quantile, rate)) for rate in rates))
            for quantile in fit.quantiles
        )
        yield Grid((t("ms at a rate of"), *(shown(rate) for rate in rates)), rows, "l" + "r" * len(rates))
    yield from _warnings(fit.warnings, t)


def scalability_blocks(name: str, fit: ScalabilityFit, axes: tuple[str, str], t: Words) -> Iterator[Block]:
    """Throughput against concurrency.

    Args:
        name: The figure's id.
        fit: The fit.
        axes: What concurrency and throughput are.
        t: The language.
    """
    yield scalability_figure(name, fit, axes, t)
    why = retell(fit.why, OF_CURVES, t)
    yield Facts(((t("curve"), f"{fit.curve.curve}: {fit.curve.formula}"), (t("chosen because"), why)), wide=True)
    peak = [one for one in (fit.n_max, fit.x_max) if one is not None]
    yield _estimates([*fit.parameters, *peak], fit.level, t)
    yield _candidates(fit, t)
    yield from _warnings(fit.warnings, t)


def _candidates(fit: ScalabilityFit, t: Words) -> Grid:
    rows = tuple(
        (
            Mark(f"✓ {one.curve}", "good") if one.curve == fit.curve.curve else one.curve,
            _number(one.delta),
            NONE if one.top_error is None else f"{one.top_error:.1%}",
            _number(one.n_max),
            _number(one.x_max),
        )
        for one in sorted(fit.candidates, key=lambda one: one.delta)
    )
    header = (t("candidate"), "ΔAICc", t("error at the highest trial left out"), "N_max", "X_max")
    return Grid(header, rows, "lrrrr")


def _estimates(estimates: Sequence[Estimate], level: float, t: Words) -> Grid:
    rows = tuple((one.name, _number(one.value), _number(one.low), _number(one.high)) for one in estimates)
    return Grid(("", t("value"), t("low"), t("high")), rows, "lrrr", t("Intervals at {level}", level=f"{level:.0%}"))


def _number(value: float) -> str:
    return shown(value) if math.isfinite(value) else NONE


def _warnings(warnings: Sequence[str], t: Words) -> Iterator[Block]:
    for one in warnings:
        yield Prose(f"! {retell(one, OF_CURVES, t)}", "warn")
