"""Two sides of a comparison, each one run in batches or several runs: everything that both measured, side by side."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from loadkit.analysis.change import (
    LEAST_UNITS,
    Bracket,
    Change,
    Outcome,
    Sample,
    compare_brackets,
    compare_quantiles,
    compare_runs,
)
from loadkit.analysis.sla import success_interval
from loadkit.analysis.steady import design_effect
from loadkit.measure.histogram import Histogram, middles_s
from loadkit.measure.replicates import Replicate, Unit
from loadkit.measure.statistics import PHASE_METRICS, Metric

SHARE_FLOOR = 0.001
"""A difference of failed messages under this share of all is of no practical weight."""
FLOOR_S = 0.001
"""A difference of times under this is of no practical weight, however many per cent it is."""
METRICS = (Metric.RESPONSE_TIME, Metric.SERVICE_TIME, *PHASE_METRICS.values())


@dataclass(frozen=True, slots=True)
class ShareChange:
    """The share of failed messages of the candidate beside that of the baseline.

    Args:
        baseline: Failed over completed messages of the baseline; NaN without messages.
        candidate: Those of the candidate.
        low: Lower end of the confidence interval of candidate less baseline; NaN where the sample allows none.
        high: Its upper end.
        outcome: Whether the candidate is better.
        refused: Why nothing is claimed; empty otherwise.
        units_needed: Runs or batches of each side that would decide; None where it is decided.
    """

    baseline: float
    candidate: float
    low: float
    high: float
    outcome: Outcome
    refused: str = ""
    units_needed: int | None = None

    def __repr__(self) -> str:
        if self.refused:
            return f"<ShareChange: {self.outcome.value}, {self.refused}>"
        change, low, high = (f"{100 * one:+.2f}" for one in (self.candidate - self.baseline, self.low, self.high))
        return f"<ShareChange: {self.outcome.value}, {change} points [{low}, {high}]>"

    def to_dict(self) -> dict[str, Any]:
        """The change as plain JSON values; what is unknown is None."""
        values = dataclasses.asdict(self)
        return {key: None if isinstance(one, float) and math.isnan(one) else one for key, one in values.items()}


def compare_failures(
    baseline: tuple[Sequence[int], Sequence[int]], candidate: tuple[Sequence[int], Sequence[int]], unit: str = "batches"
) -> ShareChange:
    """Compare shares of failed messages.

    Args:
        baseline: Failed messages of each batch or run, and all that completed.
        candidate: The same of the candidate.
        unit: What the numbers stand for, in the plural.

    Notes:
        Each side has an exact interval with its design effect over batches or runs; the interval of the difference is
        made of the four ends by squares (Newcombe, 1998; Zou and Donner, 2008), and holds where nothing failed too.

    Examples:
        >>> compare_failures(([0] * 10, [500] * 10), ([20] * 10, [500] * 10))
        <ShareChange: worse, +4.00 points [+3.47, +4.58]>
        >>> compare_failures(([0] * 10, [5000] * 10), ([0] * 10, [5000] * 10)).outcome.value
        'no practical difference'
    """
    sides = [(np.asarray(failed, float), np.asarray(completed, float)) for failed, completed in (baseline, candidate)]
    shares = [float(bad.sum() / all_.sum()) if all_.sum() else math.nan for bad, all_ in sides]
    units = min(all_.size for _, all_ in sides)
    if units < LEAST_UNITS or any(math.isnan(share) for share in shares):
        numbers = " and ".join(str(all_.size) for _, all_ in sides)
        why = f"{numbers} {unit} show no scatter; {LEAST_UNITS} of each are the least"
        return ShareChange(shares[0], shares[1], math.nan, math.nan, Outcome.UNDECIDED, why, LEAST_UNITS)
    below, above = [], []
    for (bad, all_), share in zip(sides, shares, strict=True):
        effect = design_effect(bad, all_).effect
        succeeded = success_interval(int(all_.sum() - bad.sum()), int(all_.sum()), design_effect=effect)
        below.append(share - (1 - succeeded.high))
        above.append(1 - succeeded.low - share)
    difference = shares[1] - shares[0]
    low, high = difference - math.hypot(below[1], above[0]), difference + math.hypot(above[1], below[0])
    outcome = _judge_difference(low, difference, high)
    needed = None
    if outcome is Outcome.UNDECIDED:
        needed = max(units + 1, math.ceil(units * ((high - low) / 2 / SHARE_FLOOR) ** 2))
    return ShareChange(shares[0], shares[1], low, high, outcome, units_needed=needed)


def _judge_difference(low: float, difference: float, high: float) -> Outcome:
    if low > -SHARE_FLOOR and high < SHARE_FLOOR:
        return Outcome.SAME
    if low <= 0 <= high or abs(difference) < SHARE_FLOOR:
        return Outcome.UNDECIDED
    return Outcome.WORSE if difference > 0 else Outcome.BETTER


@dataclass(frozen=True, slots=True)
class Comparison:
    """A candidate beside the baseline.

    Args:
        baseline: Its name.
        candidate: The candidate's.
        unit: What the intervals rest on: ``batches``, ``runs`` or ``searches``.
        units: How many of them each side has.
        batch_s: How long a batch is, in seconds; 0 where there is none.
        changes: Figures that are compared by their ratio.
        failed: Share of failed messages; None where no message was compared.
        differs: What the sides were set up with that is not the same.
    """

    baseline: str
    candidate: str
    unit: str
    units: tuple[int, int]
    batch_s: float
    changes: tuple[Change, ...]
    failed: ShareChange | None = None
    differs: tuple[str, ...] = ()

    def __repr__(self) -> str:
        counts = " and ".join(map(str, self.units))
        head = f"{self.candidate} beside the baseline {self.baseline}, by {counts} {self.unit}"
        failed = () if self.failed is None else (self.failed,)
        return "\n  ".join((head, *map(repr, (*self.changes, *failed))))

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain JSON values."""
        values = {name: getattr(self, name) for name in ("baseline", "candidate", "unit", "batch_s")}
        return values | {
            "units": list(self.units),
            "differs": list(self.differs),
            "changes": [change.to_dict() for change in self.changes],
            "failed": None if self.failed is None else self.failed.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Side:
    """Runs of the same, and what they are called together.

    Args:
        name: What the user called them.
        runs: At least one.
    """

    name: str
    runs: tuple[Replicate, ...]

    def units(self, unit: str) -> tuple[Unit, ...]:
        """The histograms of each run or batch."""
        if unit == "runs":
            return tuple(run.whole for run in self.runs)
        return tuple(batch for run in self.runs for batch in run.batches)

    def accepted_per_s(self, unit: str) -> list[float]:
        """What was accepted a second in each run or batch."""
        if unit == "runs":
            return [float(np.mean(run.accepted_per_s)) for run in self.runs if run.accepted_per_s]
        return [rate for run in self.runs for rate in run.accepted_per_s]


def compare_sides(baseline: Side, candidate: Side, differs: tuple[str, ...] = ()) -> Comparison:
    """Compare runs.

    Args:
        baseline: Runs of the baseline.
        candidate: Runs of the candidate.
        differs: What the sides were set up with that is not the same; kept in the result.

    Notes:
        Runs are the units of resampling where each side has three at least, and batches of all runs elsewhere.
    """
    sides = (baseline, candidate)
    unit = "runs" if min(len(side.runs) for side in sides) >= LEAST_UNITS else "batches"
    units = (baseline.units(unit), candidate.units(unit))
    changes = [_compare_rates(baseline.accepted_per_s(unit), candidate.accepted_per_s(unit), unit)]
    for metric in METRICS:
        changes += _compare_metric(metric, units, unit)
    failed = compare_failures(_failures(units[0]), _failures(units[1]), unit)
    batch_s = max(run.batch_s for side in sides for run in side.runs) if unit == "batches" else 0.0
    counts = (len(units[0]), len(units[1]))
    return Comparison(baseline.name, candidate.name, unit, counts, batch_s, tuple(changes), failed, differs)


def _compare_rates(baseline: Sequence[float], candidate: Sequence[float], unit: str) -> Change:
    """Accepted rates; a batch without any has no logarithm, and then nothing is claimed."""
    if min(baseline, default=0.0) > 0 and min(candidate, default=0.0) > 0:
        return compare_runs("accepted_rate", baseline, candidate, unit=unit)
    means = [float(np.mean(side)) if side else math.nan for side in (baseline, candidate)]
    ratio = means[1] / means[0] if means[0] else math.nan
    why = f"in some {unit} nothing was accepted"
    return Change("accepted_rate", "", means[0], means[1], ratio, math.nan, math.nan, Outcome.UNDECIDED, why)


def _compare_metric(metric: Metric, units: tuple[tuple[Unit, ...], tuple[Unit, ...]], unit: str) -> tuple[Change, ...]:
    """The quantiles of a metric that both sides measured; nothing of one that they didn't."""
    histograms = [[one[metric] for one in side if metric in one] for side in units]
    if not all(histograms):
        return ()
    used = np.unique(np.concatenate([histogram.used() for side in histograms for histogram in side]))
    samples = [Sample(np.array([histogram.counts_at(used) for histogram in side]), unit) for side in histograms]
    changes = compare_quantiles(metric.value, middles_s(used), samples[0], samples[1])
    return tuple(_weighed(change) for change in changes)


def _weighed(change: Change) -> Change:
    """A change of times with `FLOOR_S`: within it there is no difference, and on both sides of it none is claimed."""
    if change.refused or abs(change.candidate - change.baseline) >= FLOOR_S:
        return change
    if max(1 - change.low, change.high - 1) * change.baseline < FLOOR_S:
        return dataclasses.replace(change, outcome=Outcome.SAME, units_needed=None)
    if change.outcome in (Outcome.BETTER, Outcome.WORSE):
        return dataclasses.replace(change, outcome=Outcome.UNDECIDED)
    return change


def _failures(units: Sequence[Unit]) -> tuple[list[int], list[int]]:
    empty = Histogram()
    return (
        [unit.get(Metric.FAILED_RESPONSE_TIME, empty).total for unit in units],
        [unit.get(Metric.RESPONSE_TIME, empty).total for unit in units],
    )


@dataclass(frozen=True, slots=True)
class Capacities:
    """Searches for the same objective, and what they are called together.

    Args:
        name: What the user called them.
        brackets: The bracket of each search, by objective; None where it has an open end.
    """

    name: str
    brackets: dict[str, tuple[Bracket | None, ...]]


def compare_capacities(baseline: Capacities, candidate: Capacities) -> Comparison:
    """Compare capacities for every objective that both sides searched for.

    Notes:
        One search of each is compared by its brackets, three or more of each by their scatter.

    Examples:
        >>> small = Capacities("small", {"p(99) < 1s": (Bracket(400, 420),)})
        >>> compare_capacities(small, Capacities("large", {"p(99) < 1s": (Bracket(700, 735),)}))
        large beside the baseline small, by 1 and 1 searches
          <Change of capacity p(99) < 1s: better, +75.0% [+66.7%, +83.7%]>
    """
    goals = [goal for goal in baseline.brackets if goal in candidate.brackets]
    sides = [(baseline.brackets[goal], candidate.brackets[goal]) for goal in goals]
    changes = tuple(_compare_goal(goal, *pair) for goal, pair in zip(goals, sides, strict=True))
    units = (len(sides[0][0]), len(sides[0][1])) if sides else (0, 0)
    return Comparison(baseline.name, candidate.name, "searches", units, 0.0, changes)


def _compare_goal(goal: str, baseline: Sequence[Bracket | None], candidate: Sequence[Bracket | None]) -> Change:
    pairs = [[one for one in side if one is not None] for side in (baseline, candidate)]
    if not all(pairs):
        why = "a search has found no bracket with two ends; let it go on with --resume"
        unknown = math.nan
        change = Change("capacity", "", unknown, unknown, unknown, unknown, unknown, Outcome.UNDECIDED, why)
    elif len(baseline) == len(candidate) == 1:
        change = compare_brackets(pairs[0][0], pairs[1][0])
    else:
        rates = [[math.sqrt(one.lower_per_s * one.upper_per_s) for one in side] for side in pairs]
        change = compare_runs("capacity", rates[0], rates[1], unit="searches")
    return dataclasses.replace(change, figure=goal)
