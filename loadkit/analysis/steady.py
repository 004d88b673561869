"""Steady state: what of a series is warm-up, whether a backlog grows, and how much a correlated sample is worth."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from loadkit.analysis.results import finite
from loadkit.measure.trend import trend_of

Floats = npt.NDArray[np.float64]

MSER_BATCH = 5
LEAST_BATCHES = 20
MOST_CORRELATION = 0.2

_END_SHARE = 0.1
"""A backlog's end is the mean of its last tenth: one value alone is noise."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """How much of a series is warm-up.

    Args:
        values: How many values the series has.
        removed: How many of the first values are warm-up.
        steady: Whether the rest is steady; if not, the series says nothing of a steady state.
    """

    values: int
    removed: int
    steady: bool

    def __repr__(self) -> str:
        if not self.steady:
            return f"<WarmUp: never steady in {self.values} values>"
        return f"<WarmUp: the first {self.removed} of {self.values} values>"

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return dataclasses.asdict(self)


def warm_up_of(values: Floats) -> WarmUp:
    """Find the warm-up of a series by MSER-5.

    Args:
        values: The series in order of time; shape (n,), n at least 20.

    Raises:
        ValueError: If the series is too short.

    Notes:
        What is left out should make the mean of the rest most certain: of the means Y_1 .. Y_n of batches of 5, the
        first d* = argmin over d <= n/2 of sum_(i>d) (Y_i - mean_(i>d))^2 / (n - d)^2 are removed. A minimum at n/2
        means that the series still changes where it should be steady (White, Cobb and Spratt, 2000; Hoad, Robinson
        and Davies, 2010).

    Examples:
        >>> import numpy as np
        >>> warm_up_of(np.concatenate([np.full(10, 9.0), np.tile([1.0, 2.0, 1.5, 1.2, 1.8], 20)]))
        <WarmUp: the first 10 of 110 values>
        >>> warm_up_of(np.arange(100.0))
        <WarmUp: never steady in 100 values>
    """
    count = values.size // MSER_BATCH
    if count < 4:  # noqa: PLR2004 - two batches to remove, two to keep
        raise ValueError(f"MSER-5 needs at least {4 * MSER_BATCH} values, and there are {values.size}")
    means = values[: count * MSER_BATCH].reshape(count, MSER_BATCH).mean(axis=1)
    means = means - means.mean()
    left = np.arange(count, 0, -1)
    sums, squares = (np.cumsum(part[::-1])[::-1] for part in (means, means**2))
    errors = np.maximum(squares - sums**2 / left, 0.0) / left**2
    # A difference in the last bits between sums of equal values is none.
    errors[errors < 1e-18 * max(float(squares[0]), 1e-300)] = 0.0
    most = count // 2
    removed = int(np.argmin(errors[: most + 1]))
    return WarmUp(int(values.size), removed * MSER_BATCH, removed < most)


@dataclass(frozen=True, slots=True)
class Backlog:
    """Whether work piles up.

    Args:
        slope_per_s: How fast the backlog grows, in messages per second.
        low_per_s: Lower end of the slope's 95 % confidence interval; NaN where there are too few points.
        high_per_s: Its upper end; NaN as well.
        end_to_mean: The last tenth's mean over the mean of all: near 1 is steady, near 2 linear growth from nothing.
        growing: Whether it surely grows faster than what was allowed.
    """

    slope_per_s: float
    low_per_s: float
    high_per_s: float
    end_to_mean: float
    growing: bool

    def __repr__(self) -> str:
        if math.isnan(self.slope_per_s):
            return f"<Backlog: too few values to tell, end {self.end_to_mean:.2f} of the mean>"
        word = "growing" if self.growing else "not growing"
        return f"<Backlog: {word}, {self.slope_per_s:+.3g}/s, end {self.end_to_mean:.2f} of the mean>"

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON values; what is unknown is None."""
        values = dataclasses.asdict(self)
        return values | {name: finite(values[name]) for name in ("slope_per_s", "low_per_s", "high_per_s")}


def backlog_of(messages: Floats, *, least_per_s: float = 0.0) -> Backlog:
    """Judge a backlog sampled every second.

    Args:
        messages: Messages under way or queued, once a second; shape (n,).
        least_per_s: Growth up to this is not called growth, in messages per second.

    Notes:
        The slope's interval is that of `loadkit.measure.trend.trend_of`, which holds for correlated noise.

    Examples:
        >>> import numpy as np
        >>> backlog_of(5.0 * np.arange(20) + np.tile([0.0, 1.0], 10), least_per_s=1.0)
        <Backlog: growing, +5.01/s, end 1.94 of the mean>
    """
    times_s = np.arange(float(messages.size))
    mean = float(messages.mean()) if messages.size else 0.0
    end = float(messages[-max(1, round(_END_SHARE * messages.size)) :].mean()) if messages.size else 0.0
    trend = trend_of(times_s, messages)
    ratio = end / mean if mean > 0 else 1.0
    if trend is None:
        return Backlog(math.nan, math.nan, math.nan, ratio, growing=False)
    return Backlog(trend.slope_per_s, trend.low_per_s, trend.high_per_s, ratio, growing=trend.low_per_s > least_per_s)


@dataclass(frozen=True, slots=True)
class MeanInterval:
    """A mean of a correlated series with its confidence interval.

    Args:
        mean: The mean of what the batches hold.
        low: Lower end.
        high: Upper end.
        batches: How many batches.
        batch_size: Values in each.
        correlation: Of the batches with their predecessors.
        sound: Whether there are at least 20 batches whose correlation is under 0.2; else the interval is too narrow.
    """

    mean: float
    low: float
    high: float
    batches: int
    batch_size: int
    correlation: float
    sound: bool

    def __repr__(self) -> str:
        doubt = "" if self.sound else ", TOO FEW VALUES"
        return f"<MeanInterval: {self.mean:.4g} [{self.low:.4g}, {self.high:.4g}] from {self.batches} batches{doubt}>"

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return dataclasses.asdict(self)


def lag_one_correlation(values: Floats) -> float:
    """The correlation of a series with its predecessors; 0 for a constant."""
    if not values.size:
        return 0.0
    centred = values - values.mean()
    square = float(centred @ centred)
    return float(centred[1:] @ centred[:-1]) / square if square > 0 else 0.0


def batch_means(values: Floats, *, level: float = 0.95) -> MeanInterval:
    """Bound the mean of a correlated series by batch means.

    Args:
        values: A steady series in order of time; shape (n,), n at least 20.
        level: Confidence in (0, 1).

    Raises:
        ValueError: If the series is too short.

    Notes:
        Means of long batches are nearly independent. Batches are doubled until the correlation of neighbours is under
        0.2, as long as 20 of them are left; the interval is mean -+ t(batches - 1) s / sqrt(batches) (Schmeiser, 1982).

    Examples:
        >>> import numpy as np
        >>> batch_means(np.tile([1.0, 2.0, 2.0, 3.0], 10))
        <MeanInterval: 2 [1.771, 2.229] from 40 batches>
    """
    if values.size < LEAST_BATCHES:
        raise ValueError(f"batch means need at least {LEAST_BATCHES} values, and there are {values.size}")
    size, means = 1, values
    while (correlation := lag_one_correlation(means)) >= MOST_CORRELATION and values.size // (
        2 * size
    ) >= LEAST_BATCHES:
        size *= 2
        used = values.size // size * size
        means = values[values.size - used :].reshape(-1, size).mean(axis=1)
    count, mean = means.size, float(means.mean())
    half = float(stdtrit(count - 1, (1 + level) / 2) * means.std(ddof=1) / math.sqrt(count))
    sound = correlation < MOST_CORRELATION
    return MeanInterval(mean, mean - half, mean + half, count, size, correlation, sound)


@dataclass(frozen=True, slots=True)
class DesignEffect:
    """How much less a sample of correlated events says than one of independent ones.

    Args:
        effect: Variance of the ratio over that of independent events; at least 1.
        events: How many events there are.
        batches: Batches that it was estimated from, after neighbours that belong together were joined.
    """

    effect: float
    events: int
    batches: int

    @property
    def effective_events(self) -> float:
        """How many independent events would say as much."""
        return self.events / self.effect

    def __repr__(self) -> str:
        return f"<DesignEffect: {self.effect:.3g}, so {self.events:,} events are worth {self.effective_events:,.0f}>"

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return dataclasses.asdict(self) | {"effective_events": self.effective_events}


def design_effect(bad: Floats, total: Floats) -> DesignEffect:
    """The design effect of a ratio of bad events.

    Args:
        bad: Bad events in each batch, such as a second; shape (n,).
        total: All events in each; the same shape.

    Notes:
        The variance of the ratio p = sum(b) / sum(n) is estimated from batches, m / (m - 1) sum((b - p n)^2) / N^2,
        and divided by that of independent events, p (1 - p) / N (Kish, 1965, section 8.2; Cochran, 1977, section 6.5).
        Neighbours are joined while they correlate and 20 batches would be left, as in `batch_means`. Where all
        events are alike there is nothing to estimate, and the effect is 1.

    Examples:
        >>> import numpy as np
        >>> total = np.full(40, 100.0)
        >>> design_effect(np.tile([0.0, 0.0, 0.0, 8.0], 10), total)
        <DesignEffect: 6.28, so 4,000 events are worth 637>
    """
    events, ratio = float(total.sum()), float(bad.sum()) / max(float(total.sum()), 1.0)
    size = 1
    residuals = joined = bad - ratio * total
    while lag_one_correlation(joined) >= MOST_CORRELATION and residuals.size // (2 * size) >= LEAST_BATCHES:
        size *= 2
        joined = np.add.reduceat(residuals, np.arange(0, residuals.size, size))
    count = joined.size
    independent = ratio * (1 - ratio) * events
    if count < 2 or independent <= 0:  # noqa: PLR2004 - one batch has no variance
        return DesignEffect(1.0, int(events), count)
    return DesignEffect(max(1.0, count / (count - 1) * float(joined @ joined) / independent), int(events), count)
