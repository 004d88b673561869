"""When the outages of a profile begin and end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinks.behaviour.policy import Outage


@dataclass(frozen=True, slots=True)
class Calendar:
    """Outages on the clock; of several at once the first in the profile holds.

    Args:
        outages: What the profile says.
        start: Monotonic time in seconds from which their times count.
    """

    outages: tuple[Outage, ...]
    start: float

    def under_way(self, now: float) -> Outage | None:
        """The outage at a time; its first moment belongs to it, its end does not."""
        for outage in self.outages:
            if any(begin <= now < end for begin, end in self._spans(outage, now)):
                return outage
        return None

    def next_change_s(self, now: float) -> float | None:
        """The first time after `now` at which an outage begins or ends; None if there is none."""
        moments = (moment for outage in self.outages for span in self._spans(outage, now) for moment in span)
        return min((moment for moment in moments if moment > now), default=None)

    def _spans(self, outage: Outage, now: float) -> Iterator[tuple[float, float]]:
        """Begin and end of the repetition at a time, or before it, and of the next."""
        first = self.start + outage.at_s
        if outage.every_s is None:
            yield first, first + outage.for_s
            return
        current = max(0, int((now - first) / outage.every_s))
        for number in (current, current + 1):
            begin = first + number * outage.every_s
            yield begin, begin + outage.for_s
