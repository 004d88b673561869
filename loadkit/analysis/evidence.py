"""What trials at one load say about a goal: sequential verdicts from batches of messages."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from scipy.special import betainc, ndtri

from loadkit.analysis.goals import Criterion, Goal
from loadkit.analysis.steady import Floats, backlog_of, design_effect

RISK = 0.05
"""Chance of a wrong bound, over all looks at a load together."""
GOODPUT_LEAST = 0.995
EXCEED_RATIO = 0.5
"""A load is too much if more than this share of its trials was overloaded."""
PRIOR_BATCHES = 10.0
PRIOR_EFFECT = 5.0
"""The design effect before anything was seen, and how many batches that belief is worth."""
BATCHES_OF_BURST = 4.0
"""A burst tells as much of the size of bursts as so many batches; what was seen between bursts tells little of it."""
IN_REACH = 8.0
"""A backlog may grow to what makes messages slow if that is at most so many of its standard deviations."""
BURST_DOUBT = 2.0
"""An effect seen in k bursts is taken for 1 + this / k times as large: few bursts look smaller than they are."""
LONGER = 3
"""A trial that follows one that did not tell is so many times as long."""
FUTILE_SHARE = 0.7
"""A load is undecided early if all looks would, by what was seen, get less than this share of the way to a verdict."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a trial saw, by batches of messages that arrived within the same second.

    Args:
        offered: Messages that were to be sent, in each batch.
        failed: Those of them that were not accepted; as many batches.
        bad: By goal, those of them that failed or took too long; each as many batches.
        backlog: Messages under way or queued, once a second.
        invalid: Why the load generator can't be believed; empty if it can.
        name: What the trial is called elsewhere, such as its run folder.
        undelivered: Messages that were accepted and had not arrived, once a second; empty where nobody counts arrivals.
    """

    offered: tuple[int, ...]
    failed: tuple[int, ...]
    bad: tuple[tuple[int, ...], ...]
    backlog: tuple[float, ...]
    invalid: str = ""
    name: str = ""
    undelivered: tuple[float, ...] = ()

    def __repr__(self) -> str:
        if self.invalid:
            return f"<Observation: INVALID, {self.invalid}>"
        bad = ", ".join(f"{sum(one):,}" for one in self.bad)
        return f"<Observation: {sum(self.offered):,} messages, {sum(self.failed):,} failed, bad by goal {bad}>"

    def to_dict(self) -> dict[str, Any]:
        """The observation as plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Observation:
        """Read what `to_dict` made."""
        return cls(
            offered=tuple(data["offered"]),
            failed=tuple(data["failed"]),
            bad=tuple(tuple(one) for one in data["bad"]),
            backlog=tuple(data["backlog"]),
            invalid=data["invalid"],
            name=data["name"],
            undelivered=tuple(data.get("undelivered", ())),
        )


class Bound(StrEnum):
    """What a load is for a goal."""

    LOWER = "lower"
    UPPER = "upper"
    OPEN = "open"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the trials at a load say about a goal.

    Args:
        bound: The verdict.
        chance: Probability that the share of bad messages is at most the goal's.
        bad_ratio: Share of bad messages seen.
        trials: Valid trials.
        overloaded: Those of them that were overloaded.
        criterion: What was bad; None where nothing was.
    """

    bound: Bound
    chance: float
    bad_ratio: float
    trials: int
    overloaded: int
    criterion: Criterion | None

    def __repr__(self) -> str:
        return f"<Evidence: {self.bound.value}, {self.bad_ratio:.3%} bad, P(goal is met) {self.chance:.3f}>"


def spent_risk(look: int, looks: int, risk: float = RISK) -> float:
    """How much of the risk of a wrong verdict the look may spend.

    Args:
        look: Number of the look, from 1.
        looks: How many there may be.
        risk: What all of them may spend.

    Notes:
        Who looks again after every trial is wrong more often than at one look. The risk is spent by
        risk ln(1 + (e - 1) k / K) up to look k, nearly as much at each (Lan and DeMets, 1983, for Pocock's bounds),
        and every look may use its own part alone, so that the sum holds however the looks hang together.

    Examples:
        >>> [round(spent_risk(look, 3), 4) for look in (1, 2, 3)]
        [0.0226, 0.0155, 0.0118]
    """
    return risk * (math.log1p((math.e - 1) * look / looks) - math.log1p((math.e - 1) * (look - 1) / looks))


def chance_of_meeting(bad: Floats, total: Floats, allowed: float, *, burst: float | None = None) -> float:
    """The probability that the true share of bad messages is at most what is allowed.

    Args:
        bad: Bad messages in each batch; shape (n,).
        total: All messages in each; the same shape.
        allowed: The share, in (0, 1).
        burst: How many messages bad ones are believed to come among, by `believed_burst`; None if nothing tells.

    Notes:
        Beta-binomial with the prior Beta(1/2, 1/2). Bad messages come in bursts, so counts are divided by their design
        effect: that of the batches, enlarged by the doubt that few bursts leave and drawn towards what is believed.
        The number of bursts is (sum b)^2 / sum b^2 (Kish).

    Examples:
        >>> import numpy as np
        >>> round(chance_of_meeting(np.zeros(10), np.full(10, 50.0), 0.01), 3)
        0.844
    """
    seen, bad_count, all_count = design_effect(bad, total), float(bad.sum()), float(total.sum())
    bursts = max(bad_count**2 / float(bad @ bad), 1.0) if bad_count else 0.0
    # Where nothing was bad, nothing was seen of bursts.
    worth = seen.batches - 1.0 if bursts else 0.0
    if burst is not None:
        worth = min(worth, BATCHES_OF_BURST * bursts)
    doubted = seen.effect * (1 + BURST_DOUBT / max(bursts, 1.0))
    believed = PRIOR_EFFECT if burst is None else max(burst, PRIOR_EFFECT)
    effect = (PRIOR_BATCHES * believed + worth * doubted) / (PRIOR_BATCHES + worth)
    return float(betainc(bad_count / effect + 0.5, (all_count - bad_count) / effect + 0.5, allowed))


def believed_burst(goal: Goal, seen: Sequence[Observation]) -> float | None:
    """How many messages a burst of slow ones would have, by how the backlog comes and goes.

    Args:
        goal: What is wanted.
        seen: The valid trials at a load.

    Returns:
        Messages; None where the backlog is nowhere near to making any slow, or the goal is none of latency.

    Notes:
        A message that is slow stood among as many as arrive within the limit. In M/M/1 an excursion of the backlog
        N has about N (N + 1) messages, which is the variance of N too; with many servers and no queue that is small.
    """
    if goal.limit_s is None:
        return None
    variance = float(np.mean([np.var(one.backlog, ddof=1) if len(one.backlog) > 1 else 0.0 for one in seen]))
    rate_per_s = sum(sum(one.offered) for one in seen) / max(sum(len(one.backlog) for one in seen), 1)
    slow_among = rate_per_s * goal.limit_s
    return min(variance, slow_among) if slow_among <= IN_REACH * math.sqrt(variance) else None


def may_tell(goal: Goal, rate_per_s: float, duration_s: float, looks: int) -> bool:
    """Whether a trial is long enough to show at one look that a goal is met, if no message is bad.

    Args:
        goal: What is wanted.
        rate_per_s: Messages per second.
        duration_s: How long the trial is measured, in seconds.
        looks: How often the load may be looked at.
    """
    total = np.full(round(duration_s), rate_per_s)
    return chance_of_meeting(np.zeros(total.size), total, goal.allowed) >= 1 - spent_risk(1, looks)


def _floats(values: Sequence[float]) -> Floats:
    return np.array(values, dtype=np.float64)


def is_overloaded(seen: Observation, least_goodput: float = GOODPUT_LEAST) -> bool:
    """Whether a backlog, before the server or behind it, surely grew, or surely too few messages were accepted.

    Args:
        seen: A valid trial.
        least_goodput: Least share of the offered messages that is accepted.

    Notes:
        Growth is only called so if it exceeds the share of the offered rate that goodput may lack.
    """
    offered, failed = _floats(seen.offered), _floats(seen.failed)
    # Backlogs are sampled once a second, and batches may be longer.
    floor_per_s = (1 - least_goodput) * float(offered.sum()) / max(len(seen.backlog), 1)
    if any(backlog_of(_floats(one), least_per_s=floor_per_s).growing for one in (seen.backlog, seen.undelivered)):
        return True
    return bool(failed.any()) and chance_of_meeting(failed, offered, 1 - least_goodput) <= RISK


def done_share(seen: Observation) -> float:
    """The share of the offered messages that was done: that neither failed nor joined a backlog.

    Args:
        seen: A valid trial.
    """
    waiting = sum(max(one[-1] - one[0], 0.0) for one in (seen.backlog, seen.undelivered) if one)
    return max(0.0, 1 - (sum(seen.failed) + waiting) / max(sum(seen.offered), 1))


@dataclass(frozen=True, slots=True)
class Look:
    """How a load is judged.

    Args:
        looks: Trials after which a load that is still open is undecided.
        least_goodput: See `is_overloaded`.
        confirming: Whether a verdict that was found already is looked at once more; it may spend all of the risk.
    """

    looks: int
    least_goodput: float
    confirming: bool = False


def judge_load(goal: Goal, place: int, seen: Sequence[Observation], look: Look) -> Evidence:
    """The verdict on a load.

    Args:
        goal: What is wanted.
        place: Which of `Observation.bad` is the goal's.
        seen: The valid trials at the load; at least one.
        look: How often may be looked, and what overload is.
    """
    offered = _floats([count for one in seen for count in one.offered])
    failed = _floats([count for one in seen for count in one.failed])
    bad = _floats([count for one in seen for count in one.bad[place]])
    overloaded = sum(is_overloaded(one, look.least_goodput) for one in seen)
    chance = chance_of_meeting(bad, offered, goal.allowed, burst=believed_burst(goal, seen))
    risk = RISK if look.confirming else spent_risk(min(len(seen), look.looks), look.looks)
    ratio = float(bad.sum()) / max(float(offered.sum()), 1.0)
    if overloaded > EXCEED_RATIO * len(seen):
        return Evidence(Bound.UPPER, 0.0, ratio, len(seen), overloaded, Criterion.BACKLOG)
    if chance >= 1 - risk:
        bound = Bound.LOWER
    elif chance <= risk:
        bound = Bound.UPPER
    else:
        # Too few messages to tell in the best case are no reason to give up: more will.
        enough = chance_of_meeting(np.zeros(bad.size), offered, goal.allowed) >= 1 - risk
        futile = enough and _futile(chance, len(seen), look.looks)
        bound = Bound.UNDECIDED if len(seen) >= look.looks or futile else Bound.OPEN
    criterion = None
    if bad.any():
        criterion = Criterion.LATENCY if 2 * failed.sum() < bad.sum() else Criterion.ERRORS
    return Evidence(bound, chance, ratio, len(seen), overloaded, criterion)


def _futile(chance: float, look: int, looks: int) -> bool:
    """Whether more looks, each at `LONGER` times as much, would hardly lead to a verdict."""
    expected = abs(float(ndtri(chance))) * math.sqrt((LONGER**looks - 1) / (LONGER**look - 1))
    return expected < FUTILE_SHARE * float(ndtri(1 - spent_risk(looks, looks)))
