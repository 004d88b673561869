"""Quantiles of latency against rate: hockey sticks that share one capacity and never cross."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from loadkit.analysis.hockey_stick import (
    LEAST_BEND,
    MOST_BEND,
    RateRuns,
    bounds,
    capacity_of,
    floors_and_slopes,
    latency_at,
)
from loadkit.analysis.latency_fit import LatencyFit
from loadkit.analysis.least_squares import Floats, Integers, Residuals, minimise
from loadkit.analysis.refusal import RefusedError
from loadkit.analysis.results import Estimate, shown

FEWEST_LEVELS = 4
SMALLEST_RANGE = 1.5
_OF_A_CURVE = 4
"""Parameters of each quantile's curve: C, theta, s, c."""
_NO_KNEE = math.log(10.0)


def fit_latency(
    rate: npt.ArrayLike,
    latency: Mapping[float, npt.ArrayLike],
    *,
    run: Sequence[object] | None = None,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> LatencyFit:
    """Fit quantiles of latency against rate, all with one capacity.

    Args:
        rate: Messages per second of each trial, shape (n,); trials that the system could not keep up with left out.
        latency: By quantile between 0 and 1, seconds in each trial.
        run: Which run each trial belongs to, where some share one.
        level: Level of the intervals.
        draws: Draws of the bootstrap.
        seed: Its seed.

    Raises:
        RefusedError: If the trials can't carry curves; the hint names those that would.
        ValueError: If lengths differ, a value is not a finite number above zero, or a quantile is out of range.

    Notes:
        The curve of quantile q is log(R - s) = log c + log rho - theta log(1 - rho), rho = rate / C: M/M/1 for
        theta = 1 and c = s. C and theta (0.5 to 2) are shared; s and c grow with q by steps that are not negative, so
        that quantiles never cross. R, not R - s, is compared with the data, in logarithms: near an idle system R - s is
        all noise. The bootstrap draws whole runs anew, all quantiles of a trial together as they vary together.

    Examples:
        >>> rates = [20, 40, 60, 80, 90]
        >>> median, p99 = [0.00866, 0.01155, 0.01733, 0.03466, 0.06931], [0.0576, 0.0768, 0.115, 0.230, 0.461]
        >>> fit = fit_latency(rates, {0.5: median, 0.99: p99})
        >>> round(fit.capacity.value), round(fit.bend.value, 2)
        (100, 1.0)
        >>> round(fit.latency(0.99, 50), 3), fit.latency(0.99, 120)
        (0.092, None)
    """
    runs, names = _checked(rate, latency, run)
    found = minimise(_residuals(runs), _starts(runs), bounds(len(names)), rounds=300)
    parameters, cost = found.best()
    drawn = _bootstrap(runs, parameters, draws, np.random.default_rng(seed))
    every = np.vstack([parameters, drawn])
    floors, slopes = (runs.unit * values for values in floors_and_slopes(every))
    tails = ((1 - level) / 2, (1 + level) / 2)

    def estimate(name: str, values: Floats) -> Estimate:
        low, high = np.quantile(values[1:], tails)
        return Estimate(name, float(values[0]), float(low), float(high))

    capacity = estimate("C", capacity_of(every, runs.top))
    if every[0, 0] > _NO_KNEE or np.mean(drawn[:, 0] > _NO_KNEE) > tails[0]:
        capacity = Estimate("C", capacity.value, capacity.low, math.inf)
    return LatencyFit(
        capacity=capacity,
        bend=estimate("theta", every[:, 1]),
        floors={name: estimate("s", floors[:, place]) for place, name in enumerate(names)},
        slopes={name: estimate("c", slopes[:, place]) for place, name in enumerate(names)},
        scatter=math.sqrt(cost / (_freedom(runs) * len(names))),
        warnings=_warnings(runs, capacity, float(parameters[1])),
        next_trial=_next_trial(runs, capacity),
        level=level,
        measured=(float(runs.rate.min()), runs.top),
        trial_count=len(runs.rate),
        run_count=int(runs.run.max()) + 1,
        _parameters=parameters,
        _draws=drawn,
        _runs=runs,
    )


def _checked(
    rate: npt.ArrayLike, latency: Mapping[float, npt.ArrayLike], run: Sequence[object] | None
) -> tuple[RateRuns, tuple[float, ...]]:
    rates = np.asarray(rate, dtype=np.float64)
    names = tuple(sorted(latency))
    if not names or any(not 0 < name < 1 for name in names):
        raise ValueError("there must be a quantile, between 0 and 1")
    times = np.column_stack([np.asarray(latency[name], dtype=np.float64) for name in names])
    if rates.ndim != 1 or len(times) != len(rates) or (run is not None and len(run) != len(rates)):
        raise ValueError("rate, latencies and run must be of one length")
    if not all((np.isfinite(values) & (values > 0)).all() for values in (rates, times)):
        raise ValueError("rates and latencies must be finite numbers above zero")
    levels = np.unique(rates)
    if len(levels) < FEWEST_LEVELS or levels[-1] < SMALLEST_RANGE * levels[0]:
        raise RefusedError(
            f"{len(levels)} rates from {levels[0]:g} to {levels[-1]:g} can't show where latency bends: it takes "
            f"{FEWEST_LEVELS} rates over a factor of {SMALLEST_RANGE:g}",
            hint=f"measure at {_wanted_rates(float(levels[-1]))}, and above until the system can't keep up",
        )
    groups = np.arange(len(rates)) if run is None else np.unique([str(one) for one in run], return_inverse=True)[1]
    unit = float(times.min())
    return RateRuns(rates, np.log(times / unit), groups, unit), names


def _wanted_rates(top: float) -> str:
    return ", ".join(shown(share * top) for share in (0.25, 0.5, 0.75, 1.0, 1.25))


def _residuals(runs: RateRuns, observed: Floats | None = None) -> Residuals:
    def residuals(parameters: Floats, numbers: Integers) -> Floats:
        curves = np.log(np.maximum(latency_at(parameters, runs.rate, runs.top), 1e-12))
        wanted = runs.log_latency if observed is None else observed[numbers]
        missed: Floats = (curves - wanted).reshape(len(parameters), -1)
        return missed

    return residuals


def _starts(runs: RateRuns) -> Floats:
    """Starts over a grid of capacities and bends, with half of the lowest trial's latency at rest."""
    lowest = np.exp(runs.log_latency[np.argmin(runs.rate)])
    steps = 0.5 * np.maximum(np.diff(lowest, prepend=0.0), 0.01)
    return np.array(
        [
            [excess, bend, *steps, *steps]
            for excess in (math.log(share) for share in (0.01, 0.05, 0.2, 1.0, 5.0))
            for bend in (0.7, 1.0, 1.5)
        ]
    )


def _freedom(runs: RateRuns) -> int:
    """Degrees of freedom: all quantiles of a trial share its noise, so that trials count, less a curve's parameters."""
    return max(len(runs.rate) - _OF_A_CURVE, 1)


def _bootstrap(runs: RateRuns, parameters: Floats, draws: int, generator: np.random.Generator) -> Floats:
    """Draw the trials anew, run by run, and fit each draw; the parameters of each, shape (draws, p).

    Notes:
        Noise is normal with the covariance of the quantiles' residuals, between runs and within. Its size is divided by
        chi-squared over the degrees of freedom, for with few trials it is hardly known.
    """
    curve = np.log(latency_at(parameters[None], runs.rate, runs.top)[0])
    missed = runs.log_latency - curve
    freedom, count = _freedom(runs), len(missed)
    sizes = np.bincount(runs.run)
    grouped = 1 < len(sizes) < count
    common = np.zeros((len(sizes), missed.shape[1]))
    if grouped:
        np.add.at(common, runs.run, missed)
        common /= sizes[:, None]
    within = missed - common[runs.run]
    left = max(freedom - (len(sizes) - 1) * grouped, 1)
    noise = generator.standard_normal((draws, count, count)) @ within / math.sqrt(left)
    if grouped:
        effects = generator.standard_normal((draws, len(sizes), len(sizes))) @ common / math.sqrt(len(sizes) - 1)
        noise += effects[:, runs.run]
    noise *= np.sqrt(freedom / generator.chisquare(freedom, draws))[:, None, None]
    residuals = _residuals(runs, curve + noise)
    return minimise(residuals, np.tile(parameters, (draws, 1)), bounds(missed.shape[1]), rounds=40).parameters


def _rate_at_knee(capacity: Estimate) -> float:
    return 0.95 * capacity.value


def _next_trial(runs: RateRuns, capacity: Estimate) -> tuple[float, str]:
    if not math.isfinite(capacity.high):
        return 1.5 * runs.top, "latency has not bent yet, so capacity has no upper bound"
    share = runs.top / capacity.value
    if share < 0.9:  # noqa: PLR2004 - where queues begin to be long
        return _rate_at_knee(capacity), f"the highest rate is {share:.0%} of the capacity, and the bend lies above"
    gaps = np.append(np.unique(runs.rate), capacity.value)
    widest = int(np.argmax(np.diff(-np.log1p(-np.minimum(gaps / capacity.value, 0.99)))))
    return float(gaps[widest : widest + 2].mean()), "between the trials there the curve rises most without one"


def _warnings(runs: RateRuns, capacity: Estimate, bend: float) -> tuple[str, ...]:
    found = []
    if not LEAST_BEND < bend < MOST_BEND:
        found.append(f"theta is at its bound, {bend:g}: the curve bends otherwise than queues of one station do")
    if not math.isfinite(capacity.high):
        found.append("latency hardly bends over these rates: the capacity may be far above them")
    elif runs.top < 0.7 * capacity.value:
        found.append(f"the capacity is {capacity.value / runs.top:.1f} times the highest rate that was measured")
    if int(runs.run.max()) == 0:
        found.append("all trials are of one run: how runs differ is not in the intervals")
    return tuple(found)
