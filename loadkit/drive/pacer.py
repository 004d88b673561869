"""The pacer: releases every arrival at its intended time, and after a stall all that are due, each with its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

from gevent import get_hub

from loadkit.drive.composer import Arrival

# After a stall replies must be read between the releases, or the stall would seem longer than it was.
_RELEASES_PER_TICK = 256


class Pacer:
    """Walks an absolute schedule on a timer of the event loop.

    Args:
        arrivals: The schedule in order of intended times.
        release: Called with each arrival and the clock's reading when it was released; must not block.
        epoch_s: The clock's reading at the run's start.
    """

    def __init__(self, arrivals: Iterator[Arrival], release: Callable[[Arrival, float], None], epoch_s: float) -> None:
        self._arrivals = arrivals
        self._release = release
        self._epoch_s = epoch_s
        self._next = next(arrivals, None)
        self._timer: Any = None

    @property
    def exhausted(self) -> bool:
        """Whether no arrival is left."""
        return self._next is None

    def start(self) -> None:
        """Begin; the first arrival is released at its time, or at once if that has passed."""
        self._arm()

    def stop(self) -> None:
        """Release no more."""
        self._next = None
        self._disarm()

    def _arm(self) -> None:
        if self._next is not None:
            delay_s = self._epoch_s + self._next.intended_s - perf_counter()
            self._timer = get_hub().loop.timer(max(delay_s, 0.0))
            self._timer.start(self._tick, update=True)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None

    def _tick(self) -> None:
        self._disarm()
        epoch_s, release, arrivals = self._epoch_s, self._release, self._arrivals
        for _ in range(_RELEASES_PER_TICK):
            arrival = self._next
            if arrival is None:
                return
            now = perf_counter()
            if arrival.intended_s + epoch_s > now:
                break
            # Advance first: a release that stops the pacer must not be undone.
            self._next = next(arrivals, None)
            release(arrival, now)
        self._arm()
