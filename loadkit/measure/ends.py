"""How messages and sessions ended, added up for a summary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loadkit.measure.records import RunPlan
    from loadkit.measure.statistics import OutcomeCount


@dataclass(frozen=True, slots=True)
class OutcomeLine:
    """How many ended in one way.

    Args:
        kind: Class of the outcome.
        phase: Phase it ended in.
        code: Reply code, or 0.
        enhanced: Enhanced status code, or empty.
        reason: Short reason, or empty.
        count: How many.
    """

    kind: str
    phase: str
    code: int
    enhanced: str
    reason: str
    count: int


def outcome_lines(counts: Iterable[OutcomeCount]) -> tuple[OutcomeLine, ...]:
    """Counts added up over stages and kinds, the most frequent first."""
    sums: dict[tuple[str, str, int, str, str], int] = {}
    for one in counts:
        outcome = one.outcome
        key = (outcome.kind.value, outcome.phase.value, outcome.code, outcome.enhanced, outcome.reason)
        sums[key] = sums.get(key, 0) + one.count
    ordered = sorted(sums.items(), key=lambda item: -item[1])
    return tuple(OutcomeLine(*key, count) for key, count in ordered)


def is_measured(plan: RunPlan, name: str) -> bool:
    """Whether a stage of this name is no warm-up."""
    return any(stage.measured for stage in plan.stages if stage.name == name)
