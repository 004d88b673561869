"""A target that takes nothing any more, noticed while the run goes on and long before its timeouts say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadkit.units import format_duration

if TYPE_CHECKING:
    from loadkit.measure.books import LiveTotals

TOLD_AFTER_S = 2.5
"""Without an accepted message for so long, though some were to be sent, a standstill is told."""
TOLD_AGAIN_AFTER_S = 10.0
"""A target that needs longer than `TOLD_AFTER_S` for each message must not fill a screen."""


class Standstill:
    """Watches the counts of a run for a time in which nothing was accepted."""

    def __init__(self) -> None:
        self._accepted = self._failed = 0
        self._moved_s = 0.0
        self._told_s: float | None = None
        self._next_s = 0.0

    def look(self, totals: LiveTotals) -> str | None:
        """What is to be told as of now, if anything; to be called about once a second.

        Args:
            totals: Counts since the run's start.
        """
        failed = sum(totals.failed.values())
        moved = totals.accepted != self._accepted
        if moved or (failed == self._failed and not totals.in_flight and not totals.queued):
            stood_s, self._moved_s = totals.at_s - self._moved_s, totals.at_s
            self._accepted, self._failed = totals.accepted, failed
            told_s, self._told_s = self._told_s, None
            return None if told_s is None or not moved else f"messages are accepted again, after {_whole(stood_s)}"
        stood_s = totals.at_s - self._moved_s
        if self._told_s is not None or stood_s < TOLD_AFTER_S or totals.at_s < self._next_s:
            return None
        self._told_s, self._next_s = totals.at_s, totals.at_s + TOLD_AGAIN_AFTER_S
        return (
            f"no message was accepted for {_whole(stood_s)}: {totals.in_flight:,} under way, "
            f"{totals.queued:,} waiting, {failed - self._failed:,} failed"
        )


def _whole(seconds: float) -> str:
    return format_duration(round(seconds))
