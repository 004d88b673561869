"""Quantiles of samples: nearest rank, Harrell-Davis, and how many values a quantile needs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import betainc

from loadkit.measure.histogram import nearest_rank
from loadkit.measure.histogram import smallest_sample as independent_sample

Floats = npt.NDArray[np.float64]

STATED_QUANTILES = (0.95, 0.99, 0.999, 0.9995, 0.9999)

_TABLE = 2000
"""Places in a table of weights, which are right to 2e-6 between them."""
_NEGLIGIBLE_SDS = 7.0
"""Beyond so many standard deviations of its position, the weight of a value in a quantile is about 1e-12."""


def smallest_sample(quantile: float, design_effect: float = 1.0) -> int:
    """How many values it takes to bound a quantile from above with 95 % confidence.

    Args:
        quantile: In (0, 1).
        design_effect: How many correlated values are worth one independent value; at least 1.

    Notes:
        ceil(ln 0.05 / ln q), see `loadkit.measure.histogram.smallest_sample`, times the design effect.

    Examples:
        >>> [smallest_sample(quantile) for quantile in STATED_QUANTILES]
        [59, 299, 2995, 5990, 29956]
        >>> smallest_sample(0.99, design_effect=2.5)
        748
    """
    return math.ceil(independent_sample(quantile) * design_effect)


def quantile_of(values: Floats, quantile: float, *, design_effect: float = 1.0) -> float | None:
    """The nearest-rank quantile: the smallest value that at least a share of all values does not exceed.

    Args:
        values: A sample in any order; shape (n,).
        quantile: In (0, 1).
        design_effect: See `smallest_sample`.

    Returns:
        The value of rank ceil(q n), or None where the sample is too small to bound the quantile.

    Examples:
        >>> import numpy as np
        >>> quantile_of(np.arange(1.0, 1001.0), 0.99)
        990.0
        >>> quantile_of(np.arange(1.0, 101.0), 0.99) is None
        True
    """
    if values.size < smallest_sample(quantile, design_effect):
        return None
    rank = int(nearest_rank(quantile, np.int64(values.size)))
    return float(np.partition(values, rank - 1)[rank - 1])


def harrell_davis(values: Floats, quantile: float, counts: npt.NDArray[np.int64] | None = None) -> Floats:
    """The Harrell-Davis estimate of a quantile, smoother and mostly more exact than one order statistic.

    Args:
        values: Ascending values; shape (k,).
        quantile: In (0, 1).
        counts: How often each occurs; shape (k,) or (..., k) for many samples of the same values. None means once.

    Returns:
        The estimate, of the shape of counts without its last axis; NaN for samples without values.

    Notes:
        The mean of all order statistics, weighted by the chance that each is the quantile:
        sum_i x_(i) [I_(i/n)(a, b) - I_((i-1)/n)(a, b)] with a = (n + 1) q, b = (n + 1) (1 - q) and I the regularised
        incomplete beta function (Harrell and Davis, 1982). Equal values share their weights, so counts lose nothing.

    Examples:
        >>> import numpy as np
        >>> round(float(harrell_davis(np.array([1.0, 2.0, 3.0, 4.0, 10.0]), 0.5)), 4)
        3.2896
        >>> round(float(harrell_davis(np.array([1.0, 2.0]), 0.5, np.array([30, 10]))), 4)
        1.0003
    """
    often = np.ones(values.size, dtype=np.int64) if counts is None else counts
    estimates: Floats = harrell_davis_at(values, (quantile,), often.reshape(-1, values.size))[0]
    return estimates.reshape(often.shape[:-1])


def harrell_davis_at(
    values: Floats,
    quantiles: Sequence[float],
    counts: npt.NDArray[np.int64],
    drawn: npt.NDArray[np.int64] | None = None,
) -> Floats:
    """As `harrell_davis` for several quantiles of the same samples, and of samples that are put together from them.

    Args:
        values: Ascending values; shape (k,).
        quantiles: Each in (0, 1).
        counts: How often each value occurs; shape (k,) or (n, k).
        drawn: How often each of n samples is in each that is put together; shape (m, n). None means each by itself.

    Returns:
        The estimates; shape (quantiles,), (quantiles, n) or (quantiles, m); NaN for samples without values.

    Examples:
        >>> import numpy as np
        >>> values, samples = np.array([1.0, 2.0, 3.0]), np.array([[30, 10, 5], [5, 10, 30]])
        >>> harrell_davis_at(values, (0.5, 0.9), samples).round(2).tolist()
        [[1.01, 2.99], [2.65, 3.0]]
        >>> harrell_davis_at(values, (0.5, 0.9), samples, np.array([[1, 1], [2, 0]])).round(2).tolist()
        [[2.0, 1.0], [3.0, 2.67]]
    """
    reached = np.cumsum(counts.reshape(-1, values.size), axis=1, dtype=np.float64)
    weights = np.eye(len(reached)) if drawn is None else drawn.astype(np.float64)
    totals = weights @ reached[:, -1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        places = reached / reached[:, -1:]
    # A sample that is put together has each value's place between those that it has in its parts.
    ends = np.fmin.reduce(places), np.fmax.reduce(places)
    estimates = np.empty((len(quantiles), len(totals)))
    for number, quantile in enumerate(quantiles):
        reach = _reach(quantile, totals)
        first = int(np.searchsorted(ends[1], quantile - reach.max()))
        last = int(np.searchsorted(ends[0], quantile + reach.max(), side="right")) + 1
        with np.errstate(invalid="ignore", divide="ignore"):
            there = weights @ reached[:, first:last] / totals
        estimates[number] = _estimate(values[first:last], quantile, there, totals)
    estimates[:, totals[:, 0] == 0] = np.nan
    return estimates[:, 0] if counts.ndim == 1 and drawn is None else estimates


def _reach(quantile: float, totals: Floats) -> Floats:
    """How far from a quantile a value's place may be that has a weight in it.

    Nearly all of the incomplete beta function is 0 or 1, and to evaluate it, or only to look where it is not, is nearly
    all of the work.
    """
    spread = np.sqrt(quantile * (1 - quantile) / (totals + 2))
    # For extreme quantiles of small samples the weights are skewed, and a share of their own is left on each side.
    reach: Floats = _NEGLIGIBLE_SDS * spread + 2 * _NEGLIGIBLE_SDS / (totals + 2)
    return reach


def _estimate(values: Floats, quantile: float, places: Floats, totals: Floats) -> Floats:
    """One quantile of samples of which all that has a weight is given, of shape (samples, values)."""
    weights = (places > quantile).astype(np.float64)
    near = np.abs(places - quantile) <= _reach(quantile, totals)
    weights[near] = _chances(quantile, places[near], np.broadcast_to(totals, near.shape)[near])
    estimate: Floats = np.diff(weights, axis=-1, prepend=0.0) @ values
    return estimate


def _chances(quantile: float, places: Floats, totals: Floats) -> Floats:
    """The chance that the quantile of samples of such totals is at most at each place; shapes (n,).

    Notes:
        Of very many, as where large samples are drawn anew, a table is made: in standard deviations the function
        hardly depends on the total, which differs little among such samples.
    """
    if places.size <= _TABLE:
        chances: Floats = betainc((totals + 1) * quantile, (totals + 1) * (1 - quantile), places)
        return chances
    distances = (places - quantile) * np.sqrt(totals + 2)
    grid = np.linspace(distances.min(), distances.max(), _TABLE)
    middle = float(totals.mean())
    at = np.clip(quantile + grid / math.sqrt(middle + 2), 0.0, 1.0)
    return np.interp(distances, grid, _chances(quantile, at, np.full(_TABLE, middle)))
