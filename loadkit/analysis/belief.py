"""Where the capacity for a goal may be, given what all loads say together, and how much another load would tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from loadkit.analysis.evidence import Bound, Evidence

GUESS_STEPS = 7
"""How far from the guess the capacity is expected, give or take; the belief's tails are those of Cauchy."""
_SURE = 0.02
"""No load that is still open counts as surer than this."""


@dataclass(frozen=True, slots=True)
class Belief:
    """How much a trial at each load would tell of the capacity for a goal.

    Args:
        place: Number of the goal.
        bottom: The step at or above which the capacity is.
        top: The step below which it is.
        bits: What a trial would tell if it told for certain, for every step between; 0 where it would not tell.
    """

    place: int
    bottom: int
    top: int
    bits: tuple[float, ...]

    def __repr__(self) -> str:
        return f"<Belief: goal {self.place} between steps {self.bottom} and {self.top}>"

    def bits_at(self, step: int) -> float:
        """What a trial at a step would tell."""
        return self.bits[step - self.bottom - 1] if self.bottom < step < self.top else 0.0


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside the bounds of a goal.

    Args:
        seen: Evidence by step.
        guess: The step where the capacity is expected, or None.
        apart: A load so many steps from one that can't be told may be told.
    """

    seen: Mapping[int, Evidence]
    guess: int | None
    apart: int


def believe(place: int, bottom: int, top: int, known: Known) -> Belief:
    """What all loads between two bounds say together.

    Args:
        place: Number of the goal.
        bottom: The largest step that meets it, or one that is low enough.
        top: The smallest step that does not.
        known: What else is known.

    Notes:
        A load that meets the goal with the probability p puts p on the capacities above it and 1 - p on those below.
        What a trial tells at a load that the capacity exceeds with the probability q is at most the entropy
        -q log2 q - (1 - q) log2 (1 - q) (Shannon, 1948), which is largest at the median.
    """
    between = {step: one for step, one in known.seen.items() if bottom < step < top}
    cells, steps = np.arange(bottom, top) + 0.5, np.arange(bottom + 1, top)
    mass = np.ones(cells.size) if known.guess is None else 1 / (1 + ((cells - known.guess) / GUESS_STEPS) ** 2)
    for step, one in between.items():
        # Too few messages to show that so few are bad are no evidence against, if none was.
        chance = one.chance if one.bad_ratio else (1 + one.chance) / 2
        chance = min(max(chance, _SURE), 1 - _SURE)
        mass *= np.where(cells > step, chance, 1 - chance)
        if one.bound is Bound.UNDECIDED:
            # A load that can't be told is close to the capacity.
            mass /= 1 + np.abs(cells - step)
    above = np.clip(1 - np.cumsum(mass)[:-1] / mass.sum(), 1e-9, 1 - 1e-9)
    bits = -(above * np.log2(above) + (1 - above) * np.log2(1 - above))
    bits[[step - bottom - 1 for step, one in between.items() if one.bound is not Bound.OPEN]] = 0.0
    unclear = [step for step, one in between.items() if one.bound is Bound.UNDECIDED]
    if unclear:
        low, high = min(unclear), max(unclear)
        # A bound that is hardly further than that is as near as trials of this length get.
        lowest = low - known.apart if low - bottom > known.apart + 1 else bottom
        highest = high + known.apart if top - high > known.apart + 1 else top
        bits[(steps > lowest) & (steps < highest)] = 0.0
    return Belief(place, bottom, top, tuple(bits.tolist()))
