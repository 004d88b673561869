"""Throughput against concurrency: the curve of a box, how sure it is, where it bends, and what to try next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadkit.analysis.choosing import Fitted, choose, disagreement, fit_curves
from loadkit.analysis.intervals import Intervals
from loadkit.analysis.least_squares import Floats, jacobian, minimise
from loadkit.analysis.next_trial import next_trial
from loadkit.analysis.results import Estimate
from loadkit.analysis.scalability_fit import Draws, ScalabilityFit
from loadkit.analysis.trials import Noise, Trials, make_trials

CORRELATED = 0.95
ILL_CONDITIONED = 30.0
"""Condition numbers from which parameters are not told apart (Belsley, Kuh and Welsch, 1980)."""


@dataclass(frozen=True, slots=True)
class ScalabilitySettings:
    """How to fit.

    Args:
        noise: How trials scatter around the curve.
        curve: The name of the curve to take; empty for the one that the data choose.
        level: Level of the intervals.
        draws: Draws of the bootstrap.
        seed: Its seed.
    """

    noise: Noise = Noise.RELATIVE
    curve: str = ""
    level: float = 0.95
    draws: int = 2000
    seed: int = 0


def fit_scalability(
    concurrency: npt.ArrayLike,
    throughput: npt.ArrayLike,
    *,
    run: Sequence[object] | None = None,
    settings: ScalabilitySettings | None = None,
) -> ScalabilityFit:
    """Fit curves of throughput against concurrency, and choose one.

    Args:
        concurrency: Clients at work at once in each trial, shape (n,).
        throughput: What they got done in each, per unit of time.
        run: Which run each trial belongs to, where some share one: what a run has in common is then no evidence twice.
        settings: How to fit.

    Raises:
        RefusedError: If the trials can't carry a curve; the hint names those that would.
        ValueError: If lengths differ, a value is not a finite number above zero, or no curve has the name wanted.

    Notes:
        Candidates are a straight line, a straight line with a cap, a power, Amdahl's law and the universal scalability
        law (Gunther, 1993), X = g N / (1 + a (N - 1) + b N (N - 1)), with a in [0, 1] and b >= 0. Each is fitted to
        log X by least squares from many starts, trials of one run being correlated. They are compared by AICc and by
        the error at the highest concurrency when that is left out. Intervals of parameters, ``N_max = sqrt((1 - a) /
        b)`` and ``X_max`` are those of the profile likelihood; curves have bands by a bootstrap that draws whole runs
        anew, with the scatter itself uncertain as it is.

    Examples:
        A system that grows to 40 clients and then gets worse:

        >>> clients = [1, 2, 4, 8, 16, 32, 48, 64, 96]
        >>> rates = [98, 195, 370, 660, 1080, 1395, 1390, 1290, 1030]
        >>> fit = fit_scalability(clients, rates)
        >>> fit.curve.curve
        'USL'
        >>> fit.n_max
        N_max 37.88 [36.74, 39.12]
        >>> fit.response_time(1200) < fit.response_time(1300)
        True
        >>> fit.response_time(2000) is None
        True
    """
    wanted = settings or ScalabilitySettings()
    trials = make_trials(concurrency, throughput, run, wanted.noise)
    fits = fit_curves(trials)
    chosen, why = _chosen(fits, wanted.curve)
    curve = chosen.curve
    slopes = jacobian(trials.residuals(curve), chosen.parameters, curve.box(trials.top))
    condition, correlations = _shape(slopes, curve.names)
    freedom = max(trials.count - len(curve.names) - trials.has_run_effect, 1)
    intervals = Intervals(trials, chosen, freedom, wanted.level)
    scatter, n_max = intervals.scatter, intervals.of_peak("N_max")
    unit = 1.0 if trials.noise is Noise.RELATIVE else float(trials.throughput.max())
    return ScalabilityFit(
        curve=chosen.candidate,
        why=why,
        parameters=intervals.of_parameters(),
        n_max=n_max,
        x_max=intervals.of_peak("X_max"),
        candidates=tuple(one.candidate for one in fits),
        condition_number=condition,
        correlations=correlations,
        scatter=unit * scatter,
        run_scatter=unit * scatter * math.sqrt(trials.run_ratio),
        warnings=_warnings(trials, fits, chosen, (condition, correlations), n_max),
        next_trial=next_trial(trials, fits, chosen, scatter),
        level=wanted.level,
        measured=(float(trials.concurrency.min()), trials.top),
        trial_count=trials.count,
        run_count=trials.run_count,
        _trials=trials,
        _fits=fits,
        _chosen=chosen,
        _draws=_bootstrap(intervals, wanted),
    )


def _chosen(fits: tuple[Fitted, ...], name: str) -> tuple[Fitted, str]:
    if not name:
        return choose(fits)
    known = {one.curve.name.casefold(): one for one in fits}
    if name.casefold() not in known:
        raise ValueError(f"no curve is named {name!r}; there are {', '.join(one.curve.name for one in fits)}")
    return known[name.casefold()], "it was asked for"


def _shape(slopes: Floats, names: tuple[str, ...]) -> tuple[float, tuple[tuple[str, str, float], ...]]:
    """Condition number and correlations of the parameters."""
    lengths = np.linalg.norm(slopes, axis=0)
    scaled = slopes / np.where(lengths > 0, lengths, 1.0)
    values = np.linalg.svd(scaled, compute_uv=False)
    condition = float(values[0] / values[-1]) if values[-1] > 0 else math.inf
    covariance = np.linalg.pinv(scaled.T @ scaled)
    errors = np.sqrt(np.diag(covariance))
    errors[errors == 0] = 1.0  # what the trials don't feel is correlated with nothing
    return condition, tuple(
        (first, names[other], float(covariance[place, other] / (errors[place] * errors[other])))
        for place, first in enumerate(names)
        for other in range(place + 1, len(names))
    )


def _bootstrap(intervals: Intervals, settings: ScalabilitySettings) -> Draws:
    """Draw the trials anew, run by run, and fit each draw.

    Notes:
        A draw has the fitted curve, a new effect for each run and new noise, both variances divided by chi-squared over
        its degrees of freedom: for a linear problem the draws then spread as Student's t says, where residuals used
        again would make the band of seven trials a quarter too narrow.
    """
    trials, chosen, freedom, draws = intervals.trials, intervals.fitted, intervals.freedom, settings.draws
    generator = np.random.default_rng(settings.seed)
    within = intervals.scatter * np.sqrt(freedom / generator.chisquare(freedom, draws))
    others = max(trials.run_count - 1, 1)
    between = intervals.scatter * np.sqrt(trials.run_ratio * others / generator.chisquare(others, draws))
    noise = within[:, None] * generator.standard_normal((draws, trials.count))
    noise += (between[:, None] * generator.standard_normal((draws, trials.run_count)))[:, trials.run]
    curve = trials.fitted(chosen.curve.log_throughput(chosen.parameters[None], trials.concurrency))
    residuals = trials.residuals(chosen.curve, observed=np.repeat(curve + noise, len(chosen.minima), 0))
    found = minimise(residuals, np.tile(chosen.minima, (draws, 1)), chosen.curve.box(trials.top), rounds=60)
    best = np.argmin(found.cost.reshape(draws, -1), axis=1)
    parameters = found.parameters.reshape(draws, len(chosen.minima), -1)[np.arange(draws), best]
    return Draws(parameters, np.hypot(within, between) * generator.standard_normal(draws))


def _warnings(
    trials: Trials,
    fits: tuple[Fitted, ...],
    chosen: Fitted,
    shape: tuple[float, tuple[tuple[str, str, float], ...]],
    n_max: Estimate | None,
) -> tuple[str, ...]:
    condition, correlations = shape
    found = [
        f"{first} and {second} are correlated by {value:.2f}: they are not to be read separately"
        for first, second, value in correlations
        if abs(value) > CORRELATED
    ]
    if condition > ILL_CONDITIONED:
        found.append(f"the fit is ill-conditioned ({condition:.0f}): the curve may be believed, its parameters hardly")
    if n_max is not None and n_max.high > trials.top:
        beyond = "may lie" if n_max.value <= trials.top else "lies"
        found.append(f"the most throughput {beyond} beyond the highest concurrency that was measured, {trials.top:g}")
    if trials.run_count == 1:
        found.append("all trials are of one run: how runs differ is not in the intervals")
    disagreed = disagreement(fits, chosen)
    return (*found, disagreed) if disagreed else tuple(found)
