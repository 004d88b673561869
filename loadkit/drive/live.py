"""Live figures of a run, for whoever shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from loadkit.measure.books import LiveTotals


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """A run at one moment.

    Args:
        totals: Counts since the start.
        duration_s: How long arrivals go on in all; None where a count of messages ends the run.
        messages: How many messages there will be, as far as that is known.
        stage: Name of the stage under way.
        response_p95_s: 95th percentile of the response time so far, or None where there are too few.
        cpu_ratio: CPU of this process over the last second; 1 is one whole core.
    """

    totals: LiveTotals
    duration_s: float | None
    messages: float | None
    stage: str
    response_p95_s: float | None
    cpu_ratio: float


class Progress(Protocol):
    """Shows live figures; called about once a second inside the load generator, so it must be quick."""

    def update(self, figures: LiveFigures) -> None:
        """Show the figures."""

    def draining(self, to_come: int) -> None:
        """Show how many accepted messages have not arrived yet; called after the load."""
