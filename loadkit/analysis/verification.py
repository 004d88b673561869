"""Whether a rate holds what was promised: runs at the rate, one after the other, until that is decided."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from loadkit.analysis.evidence import EXCEED_RATIO, GOODPUT_LEAST, Observation, is_overloaded
from loadkit.analysis.goals import Goal
from loadkit.analysis.search_trials import NextTrial, Purpose
from loadkit.analysis.sla import LEVEL, SlaVerdict, Verification, requests_needed, verify_success_rate
from loadkit.analysis.steady import design_effect

LEAST_RUN_S = 30.0
"""A shorter run shows no trend of its backlog and has too few batches for a design effect."""
LOOKS = 4
"""So many runs at most are looked at; the risk of a wrong verdict is shared out among them (Bonferroni)."""
MOST_VOID = 2
LOOK_LEVEL = 1 - (1 - LEVEL) / LOOKS


class TierVerdict(StrEnum):
    """What all runs say of all promises together."""

    MET = "MET"
    NOT_MET = "NOT MET"
    INCONCLUSIVE = "INCONCLUSIVE"
    INVALID = "INVALID"


@dataclass(frozen=True, slots=True)
class Promise:
    """What is to be verified.

    Args:
        name: Of the tier, or of the rate.
        rate_per_s: Messages a second, held all the time.
        goals: What must hold at this rate; at least one.
    """

    name: str
    rate_per_s: float
    goals: tuple[Goal, ...]

    @property
    def least_s(self) -> float:
        """The shortest time in which all goals can be proved: that of runs without a bad message."""
        needed = max(requests_needed(1 - goal.allowed, level=LOOK_LEVEL) for goal in self.goals)
        return max(LEAST_RUN_S, math.ceil(_enough(needed) / self.rate_per_s))

    def to_dict(self) -> dict[str, Any]:
        """The promise as plain JSON values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the runs say of one goal.

    Args:
        goal: The goal; its messages are bad if they fail or take too long.
        proof: The exact judgement of the share of good messages.
    """

    goal: Goal
    proof: Verification

    def needed_s(self, rate_per_s: float) -> float:
        """How long runs would have to be in all to prove the goal if bad messages come as before; infinite if never."""
        needed = self.proof.needed_at_this_rate
        return math.inf if needed is None else _enough(needed) / rate_per_s


@dataclass(frozen=True, slots=True)
class Result:
    """What is known of a promise.

    Args:
        verdict: Of all goals.
        kept: By goal.
        messages: Messages in valid runs.
        measured_s: How long valid runs lasted.
        overloaded: Valid runs in which a backlog grew.
        runs: Valid runs.
        invalid: Why runs were void; empty if none was.
        needed_s: How long runs would have to be in all for a verdict; None where that is known to be reached, or
            where it never would be.
    """

    verdict: TierVerdict
    kept: tuple[Kept, ...]
    messages: int
    measured_s: float
    overloaded: int
    runs: int
    invalid: tuple[str, ...]
    needed_s: float | None

    def __repr__(self) -> str:
        return f"<{self.verdict.value} after {self.messages:,} messages in {self.runs} runs>"

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class DoneRun:
    """A run that was made.

    Args:
        trial: What was to be done.
        seen: What it saw.
    """

    trial: NextTrial
    seen: Observation

    def to_dict(self) -> dict[str, Any]:
        """The run as plain JSON values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class Verifying:
    """A verification as it stands: observations in, the next run or a verdict out.

    Args:
        promise: What is to be verified.
        budget_s: Seconds that may be measured in all.
        seed: Seeds of the runs follow from it.
        done: The runs so far.

    Notes:
        A goal is met if the lower bound of its share of good messages reaches what is promised, and not met if the
        upper bound stays below, each with an exact (Clopper-Pearson) bound of messages that are worth less by their
        design effect. Who looks after every run is wrong more often than who looks once, so every look has a part of
        the risk. A backlog that grows means that the rate is not held, whatever else is.

    Examples:
        >>> from loadkit.analysis.goals import parse_goal
        >>> verifying = Verifying(Promise("basic", 500, (parse_goal("success >= 99.9%"),)), budget_s=600)
        >>> trial = verifying.next_run()
        >>> trial.duration_s
        30.0
        >>> fine = Observation((500,) * 30, (0,) * 30, ((0,) * 30,), (5.0,) * 30)
        >>> verifying.with_run(trial, fine).result()
        <MET after 15,000 messages in 1 runs>
    """

    promise: Promise
    budget_s: float
    seed: int = 1
    done: tuple[DoneRun, ...] = ()

    def with_run(self, trial: NextTrial, seen: Observation) -> Verifying:
        """The verification after a run."""
        return dataclasses.replace(self, done=(*self.done, DoneRun(trial, seen)))

    @property
    def took_s(self) -> float:
        """Seconds measured so far, in void runs too."""
        return sum(one.trial.duration_s for one in self.done)

    def next_run(self) -> NextTrial | None:
        """The run to be made now; None once there is a verdict, or no time to reach one."""
        result = self.result()
        if result.verdict is not TierVerdict.INCONCLUSIVE or result.runs >= LOOKS:
            return None
        duration_s = self.promise.least_s
        if result.needed_s is not None:
            duration_s = max(duration_s, math.ceil(result.needed_s - result.measured_s))
        left_s = self.budget_s - self.took_s
        if left_s < LEAST_RUN_S or (result.runs == 0 and left_s < duration_s):
            return None
        number = len(self.done) + 1
        seed = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        lasts_s = float(min(duration_s, left_s))
        return NextTrial(number, 0, self.promise.rate_per_s, lasts_s, Purpose.CONFIRM, seed)

    def result(self) -> Result:
        """What is known so far."""
        valid = [one.seen for one in self.done if not one.seen.invalid]
        invalid = tuple(one.seen.invalid for one in self.done if one.seen.invalid)
        loosest = max((goal.allowed for goal in self.promise.goals if goal.limit_s is None), default=0.0)
        overloaded = sum(is_overloaded(one, min(GOODPUT_LEAST, 1 - loosest)) for one in valid)
        kept = tuple(_kept(goal, place, valid) for place, goal in enumerate(self.promise.goals)) if valid else ()
        if not valid and len(invalid) >= MOST_VOID:
            verdict = TierVerdict.INVALID
        elif valid and overloaded > EXCEED_RATIO * len(valid):
            verdict = TierVerdict.NOT_MET
        else:
            verdict = _together([one.proof.verdict for one in kept])
        return Result(
            verdict=verdict,
            kept=kept,
            messages=sum(sum(one.offered) for one in valid),
            measured_s=sum(one.trial.duration_s for one in self.done if not one.seen.invalid),
            overloaded=overloaded,
            runs=len(valid),
            invalid=invalid,
            needed_s=self._needed_s(kept) if verdict is TierVerdict.INCONCLUSIVE else None,
        )

    def _needed_s(self, kept: tuple[Kept, ...]) -> float | None:
        """The longest time that an open goal needs."""
        if not kept:
            return self.promise.least_s
        open_goals = [one for one in kept if one.proof.verdict is SlaVerdict.INCONCLUSIVE]
        needed_s = max((one.needed_s(self.promise.rate_per_s) for one in open_goals), default=math.inf)
        return needed_s if math.isfinite(needed_s) else None


def _enough(messages: int) -> float:
    """Messages to expect so that random arrivals hardly ever bring fewer than so many: three standard deviations."""
    return messages + 3 * math.sqrt(messages)


def _kept(goal: Goal, place: int, seen: list[Observation]) -> Kept:
    offered = np.array([count for one in seen for count in one.offered], dtype=np.float64)
    bad = np.array([count for one in seen for count in one.bad[place]], dtype=np.float64)
    proof = verify_success_rate(
        1 - goal.allowed,
        requests=int(offered.sum()),
        failures=int(bad.sum()),
        design_effect=design_effect(bad, offered).effect,
        level=LOOK_LEVEL,
    )
    return Kept(goal, proof)


def _together(verdicts: list[SlaVerdict]) -> TierVerdict:
    if SlaVerdict.NOT_MET in verdicts:
        return TierVerdict.NOT_MET
    return TierVerdict.MET if verdicts and set(verdicts) == {SlaVerdict.MET} else TierVerdict.INCONCLUSIVE
