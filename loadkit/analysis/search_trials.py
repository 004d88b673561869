"""The words of a search for capacity: its settings, the trials it asks for, and those that were made."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from loadkit.analysis.evidence import Observation
from loadkit.analysis.goals import Goal

STEPS_OF_WIDTH = 2
"""Steps on the grid of loads within the width that a bracket may have."""

TOLD_APART = 1.075
"""Where a load can't be told, one at this ratio to it may be: the share of slow messages grows fast with load."""


class Purpose(StrEnum):
    """Why a trial is made."""

    RAMP = "ramp"
    SEARCH = "search"
    CONFIRM = "confirm"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """What is searched, and how.

    Args:
        goals: What the rate must meet; at least one.
        start_per_s: The first rate, well under what is expected.
        trial_s: How long a trial is measured, in seconds; at least 10.
        width: Relative width at which the bracket of a goal is narrow enough.
        budget_s: Seconds that all trials together may take; infinite for no bound.
        looks: Trials at a load after which it is undecided; each is three times as long as the one before.
        confirm_trials: How many times as long as another a trial is that confirms a result.
        most_per_s: No load is above this.
        seed: Seeds of the trials follow from it.
    """

    goals: tuple[Goal, ...]
    start_per_s: float = 10.0
    trial_s: float = 10.0
    width: float = 0.05
    budget_s: float = math.inf
    looks: int = 2
    confirm_trials: int = 3
    most_per_s: float = math.inf
    seed: int = 1

    @property
    def ratio(self) -> float:
        """Ratio of neighbours on the grid of loads: two steps are as wide as a bracket may be."""
        return float((1 + self.width) ** (1 / STEPS_OF_WIDTH))

    @property
    def doubling(self) -> int:
        """Steps on the grid that are about twice the load."""
        return max(1, round(math.log(2) / math.log(self.ratio)))

    @property
    def apart(self) -> int:
        """Steps on the grid to the next load that may be told where one can't be, if it is near enough to be of use."""
        return min(max(1, round(math.log(TOLD_APART) / math.log(self.ratio))), STEPS_OF_WIDTH + 1)

    def rate_per_s(self, step: int) -> float:
        """The load at a step of the grid, in messages per second."""
        return float(f"{self.start_per_s * self.ratio**step:.6g}")

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain JSON values; no bound is None."""
        bounds = {"budget_s": self.budget_s, "most_per_s": self.most_per_s}
        return dataclasses.asdict(self) | {key: None if math.isinf(value) else value for key, value in bounds.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SearchSettings:
        """Read what `to_dict` made."""
        bounds = {key: math.inf if data[key] is None else data[key] for key in ("budget_s", "most_per_s")}
        return cls(**{**data, **bounds, "goals": tuple(Goal(**goal) for goal in data["goals"])})


@dataclass(frozen=True, slots=True)
class NextTrial:
    """A trial to be made.

    Args:
        number: Number of the trial, from 1.
        step: Place on the grid of loads; of the confirmed load for a check.
        rate_per_s: Messages per second.
        duration_s: How long it is measured, in seconds.
        purpose: Why.
        seed: Seed of the trial's arrivals and messages.
    """

    number: int
    step: int
    rate_per_s: float
    duration_s: float
    purpose: Purpose
    seed: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The search is over.

    Args:
        reason: Why, in words.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class DoneTrial:
    """A trial that was made.

    Args:
        trial: What was to be done.
        seen: What it saw.
        took_s: What it took of the budget, in seconds.
    """

    trial: NextTrial
    seen: Observation
    took_s: float

    def to_dict(self) -> dict[str, Any]:
        """The trial as plain JSON values."""
        return {**dataclasses.asdict(self.trial), "seen": self.seen.to_dict(), "took_s": self.took_s}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> DoneTrial:
        """Read what `to_dict` made."""
        planned = {one.name: data[one.name] for one in dataclasses.fields(NextTrial)}
        trial = NextTrial(**{**planned, "purpose": Purpose(data["purpose"])})
        return cls(trial, Observation.from_dict(data["seen"]), data["took_s"])
