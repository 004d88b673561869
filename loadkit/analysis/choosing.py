"""Which curve: every candidate fitted, and one chosen by what it explains and by what it foretells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from loadkit.analysis.curves import CURVES, Curve
from loadkit.analysis.least_squares import Floats, minimise
from loadkit.analysis.results import finite
from loadkit.analysis.trials import Trials

INDISTINGUISHABLE = 2.0
"""Curves within this distance in AICc are supported alike (Burnham and Anderson, 2002, section 2.6)."""
IMPOSSIBLE = 10.0
"""Curves beyond it have no support at all."""

_PERFECT = 1e-24


@dataclass(frozen=True, slots=True)
class Candidate:
    """A curve fitted to the trials.

    Args:
        curve: Its name.
        formula: Its formula.
        parameters: By name.
        aicc: Akaike's criterion with the correction for few trials; infinite where there are too few for the curve.
        delta: Distance in AICc from the best candidate.
        top_error: Share by which the curve, fitted without the highest concurrency, is wrong there (geometric mean over
            its trials); None where too little is left to fit.
        scatter: Standard deviation of the trials around it, of the logarithm or of the throughput, as the noise is.
        n_max: Concurrency of the most throughput; infinite where it has none.
        x_max: The most throughput, at ``n_max`` or as a limit; infinite where there is none.
    """

    curve: str
    formula: str
    parameters: dict[str, float]
    aicc: float
    delta: float
    top_error: float | None
    scatter: float
    n_max: float
    x_max: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is infinite is null."""
        return {
            "curve": self.curve,
            "formula": self.formula,
            "parameters": self.parameters,
            "aicc": finite(self.aicc),
            "delta_aicc": finite(self.delta),
            "leave_highest_out_error": self.top_error,
            "scatter": self.scatter,
            "n_max": finite(self.n_max),
            "x_max": finite(self.x_max),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A curve at its best parameters.

    Args:
        curve: The curve.
        parameters: As it keeps them, shape (p,).
        cost: The sum of squares there.
        minima: The best few local minima, the best first, shape (m, p): other draws may prefer another.
        candidate: What people read of it.
    """

    curve: Curve
    parameters: Floats
    cost: float
    minima: Floats
    candidate: Candidate


def fit_curves(trials: Trials) -> tuple[Fitted, ...]:
    """Fit every curve to the trials, from many starts."""
    found = [(curve, *_best(curve, trials)) for curve in CURVES]
    criteria = [_aicc(trials, len(curve.names), cost) for curve, _, cost in found]
    least = min(criteria)
    return tuple(
        Fitted(curve, minima[0], cost, minima, _candidate(trials, curve, minima[0], cost, (aicc, aicc - least)))
        for (curve, minima, cost), aicc in zip(found, criteria, strict=True)
    )


def choose(fits: Sequence[Fitted]) -> tuple[Fitted, str]:
    """The candidate to go on with, and why in a sentence.

    Of those that AICc can't tell apart it is the one that foretells the highest concurrency best.
    """
    near = [one for one in fits if one.candidate.delta <= INDISTINGUISHABLE]
    chosen = min(near, key=lambda one: (_known(one.candidate.top_error), one.candidate.delta))
    if len(near) == 1:
        others = sorted((one.candidate.delta, one.candidate.curve) for one in fits if one is not chosen)
        distance, runner_up = others[0]
        by = "by far" if distance > IMPOSSIBLE else f"by {distance:.1f}"
        return chosen, f"its AICc is the least, {by} before {runner_up}{_foretells(chosen)}"
    rivals = ", ".join(one.candidate.curve for one in near if one is not chosen)
    return (
        chosen,
        f"AICc can't tell it from {rivals}, and it foretells the highest concurrency best{_foretells(chosen)}",
    )


def disagreement(fits: Sequence[Fitted], chosen: Fitted) -> str | None:
    """A warning where a curve that is possible foretells the highest concurrency much better than the chosen one."""
    own = chosen.candidate.top_error
    possible = [one.candidate for one in fits if one.candidate.delta <= IMPOSSIBLE]
    best = min(possible, key=lambda one: _known(one.top_error))
    if own is None or best.top_error is None or own - best.top_error < 0.05 or own < 2 * best.top_error:  # noqa: PLR2004
        return None
    return (
        f"{best.curve} foretells the highest concurrency better ({best.top_error:.1%} wrong, {own:.1%} by the chosen "
        "curve): believe neither far beyond what was measured"
    )


def _foretells(fit: Fitted) -> str:
    error = fit.candidate.top_error
    return "" if error is None else f"; fitted without the highest concurrency it is {error:.1%} wrong there"


def _known(error: float | None) -> float:
    return math.inf if error is None else error


def _best(curve: Curve, trials: Trials) -> tuple[Floats, float]:
    starts = curve.starts(trials.concurrency, np.log(trials.throughput))
    found = minimise(trials.residuals(curve), starts, curve.box(trials.top))
    order = np.argsort(found.cost, kind="stable")
    distinct: list[int] = []
    for place in order:
        parameters = found.parameters[place]
        if all(np.abs(parameters - found.parameters[other]).max() > 1e-3 for other in distinct):  # noqa: PLR2004
            distinct.append(int(place))
    return found.parameters[distinct[:3]], float(found.cost[order[0]])


def _aicc(trials: Trials, parameters: int, cost: float) -> float:
    """Akaike's criterion; the scatter counts as a parameter, and so does the run effect (Hurvich and Tsai, 1989)."""
    count, known = trials.count, parameters + 1 + trials.has_run_effect
    if count - known - 1 <= 0:
        return math.inf
    perfect = max(cost, count * _PERFECT)
    return count * math.log(perfect / count) + 2 * known + 2 * known * (known + 1) / (count - known - 1)


def _candidate(
    trials: Trials, curve: Curve, parameters: Floats, cost: float, criterion: tuple[float, float]
) -> Candidate:
    place, most = (float(value[0]) for value in curve.peak(parameters[None]))
    unit = 1.0 if trials.noise == "relative" else float(trials.throughput.max())
    return Candidate(
        curve=curve.name,
        formula=curve.formula,
        parameters=dict(zip(curve.names, curve.values(parameters).tolist(), strict=True)),
        aicc=criterion[0],
        delta=criterion[1],
        top_error=_top_error(curve, trials),
        scatter=unit * math.sqrt(cost / max(trials.count - len(curve.names), 1)),
        n_max=place,
        x_max=math.exp(most) if math.isfinite(most) else math.inf,
    )


def _top_error(curve: Curve, trials: Trials) -> float | None:
    below = trials.below_the_top()
    if below is None or below.count <= len(curve.names):
        return None
    parameters = _best(curve, below)[0][:1]
    left_out = trials.throughput[trials.concurrency == trials.top]
    foretold = float(curve.log_throughput(parameters, np.array([trials.top]))[0, 0])
    return math.expm1(abs(foretold - float(np.log(left_out).mean())))
