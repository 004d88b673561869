"""Live figures of a run, for whoever shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from loadkit.measure.books import LiveTotals


@dataclass(frozen=True, slots=True)
class LiveWorkers:
    """The workers of a run at one moment.

    Args:
        alive: How many report.
        count: How many there were at the start.
    """

    alive: int
    count: int


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """A run at one moment.

    Args:
        totals: Counts since the start.
        duration_s: How long arrivals go on in all; None where a count of messages ends the run.
        messages: How many messages there will be, as far as that is known.
        stage: Name of the stage under way.
        response_p95_s: 95th percentile of the response time so far, or None where there are too few.
        cpu_ratio: CPU of the busiest process that sends, over the last second; 1 is one whole core.
        workers: The workers of a run over several, else None.
    """

    totals: LiveTotals
    duration_s: float | None
    messages: float | None
    stage: str
    response_p95_s: float | None
    cpu_ratio: float
    workers: LiveWorkers | None = None


class Progress(Protocol):
    """Shows live figures; called about once a second inside the load generator, so it must be quick."""

    def update(self, figures: LiveFigures) -> None:
        """Show the figures."""

    def note(self, text: str) -> None:
        """Tell of something that happened."""

    def draining(self, to_come: int) -> None:
        """Show how many accepted messages have not arrived yet; called after the load."""
