"""Distributions of a scenario that come close to what was counted, and how close."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from loadkit.logs.clock import Integers
from loadkit.logs.gathering import Floats, Spread, Tally
from loadkit.scenario.distributions import Constant, Distribution, Lognormal, Table
from loadkit.scenario.quantities import MAX_SIZE_BYTES

LEAST_SIZE_BYTES = 512
"""A smaller message becomes this large: the headers of a message of loadkit's take 435 bytes."""

GOOD_GAP = 0.05
"""A log-normal distribution further than this from what was counted gives way to a table."""

_EDGES = (*np.arange(0.05, 0.96, 0.05).round(2).tolist(), 0.99, 0.999, 1.0)
_MOST_EXACT = 12
_SHARE_DIGITS = 5
_NORMAL = NormalDist()
_Z95 = _NORMAL.inv_cdf(0.95)


@dataclass(frozen=True, slots=True)
class Fit:
    """A distribution in place of counted numbers.

    Args:
        distribution: The distribution.
        mean: Mean of the counted numbers.
        gap: The largest difference between both distribution functions (that of Kolmogorov and Smirnov).
        counted: How many numbers were counted.
    """

    distribution: Distribution
    mean: float
    gap: float
    counted: int

    @property
    def mean_error(self) -> float:
        """How much higher the distribution's mean is, as a ratio."""
        return self.distribution.mean / self.mean - 1


def fit_sizes(sizes: Spread) -> Fit | None:
    """The log-normal distribution of sizes if it is near enough, else a table; None without sizes."""
    if not sizes.total:
        return None
    values, counts = sizes.points()
    values = np.clip(values, LEAST_SIZE_BYTES, MAX_SIZE_BYTES)
    fit = _lognormal_fit(values, counts)
    if fit is None or fit.gap > GOOD_GAP or abs(fit.mean_error) > GOOD_GAP:
        fit = fit_table(values, counts)
    return replace(fit, mean=sizes.mean)


def fit_tally(tally: Tally) -> Fit | None:
    """A table of what was tallied; None if that is nothing."""
    if not tally.total:
        return None
    values = np.flatnonzero(tally.counts[1:]) + 1
    return fit_table(values.astype(np.float64), tally.counts[values])


def quantile(values: Floats, counts: Integers, ratio: float) -> float:
    """The smallest value that at least this ratio of what was counted does not exceed (nearest rank)."""
    reached = np.cumsum(counts)
    return float(values[np.searchsorted(reached, ratio * reached[-1])])


def fit_table(values: Floats, counts: Integers) -> Fit:
    """Each value with its share if there are few, else groups of about a twentieth with their means.

    Args:
        values: What was counted, ascending.
        counts: How often.
    """
    groups = np.arange(len(values)) if len(values) <= _MOST_EXACT else _groups(counts)
    sums = np.bincount(groups, weights=values * counts)
    totals = np.bincount(groups, weights=counts)
    means = np.rint(sums[totals > 0] / totals[totals > 0]).astype(np.int64)
    merged, places = np.unique(np.maximum(means, 1), return_inverse=True)
    shares = np.bincount(places, weights=totals[totals > 0]) / totals.sum()
    table = _table(merged, shares)
    return Fit(table, _mean(values, counts), _gap_of_table(table, values, counts), int(counts.sum()))


def _groups(counts: Integers) -> Integers:
    reached = np.cumsum(counts) / counts.sum()
    middles = reached - counts / counts.sum() / 2
    groups: Integers = np.searchsorted(np.array(_EDGES), middles).astype(np.int64)
    return groups


def _table(values: Integers, shares: Floats) -> Distribution:
    rounded = np.round(shares, _SHARE_DIGITS)
    values, rounded = values[rounded > 0], rounded[rounded > 0]
    if len(values) == 1:
        return Constant(int(values[0]))
    largest = int(np.argmax(rounded))
    rounded[largest] += 1 - rounded.sum()
    return Table(tuple(values.tolist()), tuple(np.round(rounded, _SHARE_DIGITS).tolist()))


def _lognormal_fit(values: Floats, counts: Integers) -> Fit | None:
    median, p95 = round(quantile(values, counts, 0.5)), round(quantile(values, counts, 0.95))
    most = int(values[-1]) + 1
    if not 0 < median < p95 <= most:
        return None
    distribution = Lognormal(median, p95, min(most, MAX_SIZE_BYTES))
    sigma = np.log(p95 / median) / _Z95
    expected = np.array([_NORMAL.cdf(z) for z in ((np.log(values) - np.log(median)) / sigma).tolist()])
    reached = np.cumsum(counts) / counts.sum()
    # A bin is as wide as 1.6 %, so its middle is compared with the middle of its step.
    gap = float(np.abs(reached - counts / counts.sum() / 2 - expected).max())
    return Fit(distribution, _mean(values, counts), gap, int(counts.sum()))


def _gap_of_table(table: Distribution, values: Floats, counts: Integers) -> float:
    numbers, shares = (table.values, table.shares) if isinstance(table, Table) else ((int(table.mean),), (1.0,))
    ends = np.union1d(values, np.array(numbers, dtype=np.float64))
    ours = np.concatenate(([0.0], np.cumsum(shares)))[np.searchsorted(np.array(numbers), ends, side="right")]
    seen = np.concatenate(([0.0], np.cumsum(counts) / counts.sum()))[np.searchsorted(values, ends, side="right")]
    return float(np.abs(ours - seen).max())


def _mean(values: Floats, counts: Integers) -> float:
    return float((values * counts).sum() / counts.sum())
