"""Two runs, or two kinds of instances, side by side: what differs, how surely, and whether it matters."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from loadkit.analysis.quantiles import harrell_davis_at, smallest_sample
from loadkit.analysis.steady import design_effect
from loadkit.measure.statistics import PHASE_METRICS

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Name = tuple[str, str]
"""A metric, and which figure of it; may be empty."""

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
LEVEL = 0.95
FLOOR = 0.05
"""A relative difference under this is of no practical weight."""
LEAST_UNITS = 3
RESAMPLES = 500


class Better(StrEnum):
    """Which way of a metric is good."""

    LOWER = "lower"
    HIGHER = "higher"


DIRECTIONS = {
    "capacity": Better.HIGHER,
    "accepted_rate": Better.HIGHER,
    "success_rate": Better.HIGHER,
    "response_time": Better.LOWER,
    "service_time": Better.LOWER,
    "end_to_end_time": Better.LOWER,
    "backlog": Better.LOWER,
    "cost_per_million": Better.LOWER,
    **{metric.value: Better.LOWER for metric in PHASE_METRICS.values()},
}
"""What is good, once for every metric."""


class Outcome(StrEnum):
    """What a comparison comes to."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "no practical difference"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Change:
    """A figure of the candidate over that of the baseline.

    Args:
        metric: A key of `DIRECTIONS`.
        figure: Which figure of it, such as ``p99``.
        baseline: The baseline's figure; NaN where there is none.
        candidate: The candidate's.
        ratio: Candidate over baseline.
        low: Lower end of the ratio's confidence interval; NaN where the sample allows none.
        high: Its upper end.
        outcome: Whether the candidate is better.
        refused: Why nothing is claimed; empty otherwise.
        units_needed: Runs or batches of each side that would decide; None where it is decided.
    """

    metric: str
    figure: str
    baseline: float
    candidate: float
    ratio: float
    low: float
    high: float
    outcome: Outcome
    refused: str = ""
    units_needed: int | None = None

    def __repr__(self) -> str:
        name = f"{self.metric} {self.figure}".rstrip()
        if self.refused:
            return f"<Change of {name}: {self.outcome.value}, {self.refused}>"
        interval = f"[{self.low - 1:+.1%}, {self.high - 1:+.1%}]"
        return f"<Change of {name}: {self.outcome.value}, {self.ratio - 1:+.1%} {interval}>"

    def to_dict(self) -> dict[str, Any]:
        """The change as plain JSON values; what is unknown is None."""
        values = dataclasses.asdict(self)
        return {key: None if isinstance(one, float) and math.isnan(one) else one for key, one in values.items()}


def judge_ratio(metric: str, low: float, ratio: float, high: float, *, floor: float = FLOOR) -> Outcome:
    """What a ratio with its interval comes to.

    Args:
        metric: A key of `DIRECTIONS`.
        low: Lower end of the interval of candidate over baseline.
        ratio: The estimate.
        high: Its upper end.
        floor: Relative difference that has practical weight; above 0.

    Notes:
        A difference is claimed if the interval leaves out 1 *and* the estimate is beyond the floor, so that much data
        does not make trifles matter; no practical difference if all of the interval lies within the floor. Floors are
        taken on the logarithm, where twice and half are alike.

    Examples:
        >>> judge_ratio("response_time", 0.70, 0.80, 0.91)
        <Outcome.BETTER: 'better'>
        >>> judge_ratio("capacity", 0.70, 0.80, 0.91)
        <Outcome.WORSE: 'worse'>
        >>> judge_ratio("capacity", 0.98, 1.01, 1.03)
        <Outcome.SAME: 'no practical difference'>
        >>> judge_ratio("capacity", 0.90, 1.10, 1.30)
        <Outcome.UNDECIDED: 'undecided'>
    """
    weight = math.log1p(floor)
    ends = [-math.inf if one <= 0 else math.log(one) for one in (low, ratio, high)]
    if -weight < ends[0] and ends[2] < weight:
        return Outcome.SAME
    if ends[0] <= 0 <= ends[2] or abs(ends[1]) < weight:
        return Outcome.UNDECIDED
    return Outcome.BETTER if (ends[1] > 0) == (DIRECTIONS[metric] is Better.HIGHER) else Outcome.WORSE


def compare_runs(
    metric: str, baseline: Sequence[float], candidate: Sequence[float], *, floor: float = FLOOR, unit: str = "runs"
) -> Change:
    """Compare a figure that each of several runs gave once, such as a capacity.

    Args:
        metric: A key of `DIRECTIONS`.
        baseline: The figure of each run of the baseline, above 0.
        candidate: That of each run of the candidate.
        floor: Relative difference that has practical weight.
        unit: What gave a figure each, in the plural, such as ``batches``.

    Notes:
        The ratio of geometric means with Welch's interval on logarithms (Welch, 1947). Fewer than three runs of a side
        show no scatter: then nothing is claimed.

    Examples:
        >>> compare_runs("capacity", [400, 410, 395], [500, 490, 512])
        <Change of capacity: better, +24.6% [+18.9%, +30.6%]>
        >>> compare_runs("capacity", [400, 410], [500])
        <Change of capacity: undecided, 2 and 1 runs show no scatter; 3 of each are the least>
    """
    if min(len(baseline), len(candidate)) < LEAST_UNITS:
        seen = (_geometric_mean(baseline), _geometric_mean(candidate))
        why = f"{len(baseline)} and {len(candidate)} {unit} show no scatter; {LEAST_UNITS} of each are the least"
        return _refusal((metric, ""), seen, why, LEAST_UNITS)
    logs = [np.log(np.asarray(side, float)) for side in (baseline, candidate)]
    parts = [float(side.var(ddof=1)) / side.size for side in logs]
    total = sum(parts)
    freedom = (
        total**2 / sum(part**2 / (side.size - 1) for part, side in zip(parts, logs, strict=True)) if total else 1.0
    )
    half = float(stdtrit(freedom, (1 + LEVEL) / 2)) * math.sqrt(total)
    seen = (_geometric_mean(baseline), _geometric_mean(candidate))
    return _change((metric, ""), seen, half, floor, min(side.size for side in logs))


def _geometric_mean(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(np.asarray(values, float))))) if len(values) else math.nan


@dataclass(frozen=True, slots=True)
class Bracket:
    """A capacity as a search found it.

    Args:
        lower_per_s: The largest rate that surely meets the goal.
        upper_per_s: The smallest that surely does not.
    """

    lower_per_s: float
    upper_per_s: float


def compare_brackets(baseline: Bracket, candidate: Bracket, *, floor: float = FLOOR) -> Change:
    """Compare two capacities that a search bracketed once each.

    Args:
        baseline: The bracket of the baseline.
        candidate: That of the candidate.
        floor: Relative difference that has practical weight.

    Notes:
        The ratio lies between candidate's lower over baseline's upper and the other way round. That holds for these
        two searches; how much instances of a kind differ among each other only several of each can tell.

    Examples:
        >>> compare_brackets(Bracket(400, 420), Bracket(500, 525))
        <Change of capacity: better, +25.0% [+19.0%, +31.2%]>
    """
    mine, theirs = (math.sqrt(one.lower_per_s * one.upper_per_s) for one in (candidate, baseline))
    low, high = candidate.lower_per_s / baseline.upper_per_s, candidate.upper_per_s / baseline.lower_per_s
    outcome = judge_ratio("capacity", low, mine / theirs, high, floor=floor)
    return Change("capacity", "", theirs, mine, mine / theirs, low, high, outcome)


@dataclass(frozen=True, slots=True)
class Sample:
    """Durations of a side by batches or by runs, as histograms.

    Args:
        counts: How often each value of the comparison occurs in each batch or run; shape (units, values).
        unit: What the rows are, in the plural.
    """

    counts: Counts
    unit: str = "batches"

    @property
    def units(self) -> int:
        """How many batches or runs."""
        return int(self.counts.shape[0])


def compare_quantiles(
    metric: str, values: Floats, baseline: Sample, candidate: Sample, *, floor: float = FLOOR, seed: int = 1
) -> tuple[Change, ...]:
    """Compare the quantiles of durations at p50, p95, p99 and p99.9.

    Args:
        metric: A key of `DIRECTIONS`.
        values: The values that are counted, ascending, such as the middles of a histogram's steps; shape (k,).
        baseline: What the baseline counted, by batches of one run, or by runs.
        candidate: What the candidate counted, by the like.
        floor: Relative difference that has practical weight.
        seed: Seed of the resampling.

    Returns:
        One change for each of `QUANTILES`; refused where the sample can't bound the quantile, design effect included.

    Notes:
        Harrell-Davis estimates of all of a side's values. Their scatter comes from resampling whole batches or runs,
        never single messages, which hang together; on the logarithm, with m / (m - 1) on the variance of m units and
        Student's t for as many as there are (Davison and Hinkley, 1997, sections 2.3 and 3.8; Harrell and Davis, 1982).

    Examples:
        >>> import numpy as np
        >>> random, values = np.random.default_rng(1), np.arange(1.0, 201.0)
        >>> def of(mean):
        ...     return Sample(np.array([np.bincount(random.poisson(mean, 300), minlength=200) for _ in range(20)]))
        >>> compare_quantiles("response_time", values, of(50), of(70))[1].outcome.value
        'worse'
        >>> compare_quantiles("response_time", values, of(50), of(50))[0].outcome.value
        'no practical difference'
    """
    sides = (baseline, candidate)
    if min(side.units for side in sides) < LEAST_UNITS:
        numbers = f"{baseline.units} and {candidate.units} {baseline.unit}"
        why = f"{numbers} show no scatter; {LEAST_UNITS} of each are the least"
        return tuple(_refusal((metric, name), (math.nan, math.nan), why, LEAST_UNITS) for name in QUANTILES)
    if not (baseline.counts.any() and candidate.counts.any()):
        raise ValueError("a side has no values at all")
    random = np.random.default_rng(seed)
    used = np.flatnonzero(baseline.counts.sum(axis=0) + candidate.counts.sum(axis=0))
    drawn = (
        _draw(values[used], baseline.counts[:, used], random),
        _draw(values[used], candidate.counts[:, used], random),
    )
    return tuple(_compare_quantile(metric, name, drawn, baseline.unit, floor) for name in QUANTILES)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A sample, its quantiles, and those of what was drawn from it again.

    Args:
        values: The values that occur, ascending.
        counts: How often; shape (units, values).
        figures: Quantiles by name.
        again: Quantiles of each that was drawn again, by name; each of shape (resamples,).
    """

    values: Floats
    counts: Counts
    figures: dict[str, float]
    again: dict[str, Floats]

    @property
    def units(self) -> int:
        """How many batches or runs."""
        return int(self.counts.shape[0])

    def units_needed(self, name: str) -> int:
        """Units of this size that hold the smallest sample of a quantile."""
        totals = self.counts.sum(axis=1).astype(float)
        above = self.counts[:, self.values > self.figures[name]].sum(axis=1).astype(float)
        least = smallest_sample(QUANTILES[name], design_effect(above, totals).effect)
        return math.ceil(least / max(float(totals.mean()), 1e-9))

    def variance(self, name: str) -> float:
        """Of the quantile's logarithm."""
        return float(np.nanvar(np.log(self.again[name]))) * self.units / (self.units - 1)


def _draw(values: Floats, counts: Counts, random: np.random.Generator) -> _Drawn:
    units, quantiles = counts.shape[0], list(QUANTILES.values())
    drawn = random.multinomial(units, np.full(units, 1 / units), size=RESAMPLES)
    figures = harrell_davis_at(values, quantiles, counts.sum(axis=0)).tolist()
    again = harrell_davis_at(values, quantiles, counts, drawn)
    return _Drawn(values, counts, dict(zip(QUANTILES, figures, strict=True)), dict(zip(QUANTILES, again, strict=True)))


def _compare_quantile(metric: str, name: str, drawn: tuple[_Drawn, _Drawn], unit: str, floor: float) -> Change:
    figures = (drawn[0].figures[name], drawn[1].figures[name])
    needed = [one.units_needed(name) for one in drawn]
    if any(one.units < least for one, least in zip(drawn, needed, strict=True)):
        why = f"too few values for it; {max(needed)} {unit} like these would do"
        return _refusal((metric, name), figures, why, max(needed))
    if min(*figures, *(float(np.nanmin(one.again[name])) for one in drawn)) <= 0:
        return _refusal((metric, name), figures, "times of 0 have no ratio", None)
    freedom = sum(one.units - 1 for one in drawn)
    half = float(stdtrit(freedom, (1 + LEVEL) / 2)) * math.sqrt(sum(one.variance(name) for one in drawn))
    return _change((metric, name), figures, half, floor, min(one.units for one in drawn))


def _change(name: Name, figures: tuple[float, float], half: float, floor: float, units: int) -> Change:
    """A change of which the logarithm is known to within `half`."""
    ratio = figures[1] / figures[0]
    low, high = ratio * math.exp(-half), ratio * math.exp(half)
    outcome = judge_ratio(name[0], low, ratio, high, floor=floor)
    needed = None
    if outcome is Outcome.UNDECIDED:
        # So many that the interval, which narrows with their square root, is as wide as the floor on each side.
        needed = max(units + 1, math.ceil(units * (half / math.log1p(floor)) ** 2))
    return Change(*name, *figures, ratio, low, high, outcome, units_needed=needed)


def _refusal(name: Name, figures: tuple[float, float], why: str, needed: int | None) -> Change:
    ratio = figures[1] / figures[0] if figures[0] else math.nan
    return Change(*name, *figures, ratio, math.nan, math.nan, Outcome.UNDECIDED, why, needed)
