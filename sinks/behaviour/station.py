"""A queueing station in virtual time: it says when work that arrives now will be done, and needs no clock."""

from __future__ import annotations

from heapq import heapify, heappop, heappush, heapreplace
from typing import TYPE_CHECKING

from sinks.behaviour.policy import MAX_STATION_QUEUE

if TYPE_CHECKING:
    from collections.abc import Callable


class StationQueue:
    """Servers that take work in its order of arrival; each does one thing at a time, the rest waits.

    Args:
        servers: How many; None for as many as there is work, so that nothing waits.
        service_s: Draws the time that a service takes by itself.
        contention: Share of the work that can't be done side by side, a.
        coherency: Cost of keeping any two pieces of work in step, b.
        room: Work that may wait.

    Notes:
        Work that arrives at t at a station of c servers begins at max(t, the earliest of the times at which the
        servers are done with what came before), and ends a service later (Kiefer and Wolfowitz, 1955, "On the theory
        of queues with many servers"). With N pieces of work there, its own included, the service takes
        1 + a (N - 1) + b N (N - 1) times as long: N clients that each wait for their answer before they ask again are
        then served at the rate g N / (1 + a (N - 1) + b N (N - 1)), the universal scalability law (Gunther, 1993),
        where g is the rate of one client alone.
    """

    def __init__(
        self,
        servers: int | None,
        service_s: Callable[[], float],
        *,
        contention: float = 0.0,
        coherency: float = 0.0,
        room: int = MAX_STATION_QUEUE,
    ) -> None:
        self._service_s = service_s
        self._contention = contention
        self._coherency = coherency
        self._free_at = [0.0] * (servers or 0)
        heapify(self._free_at)
        self._departures: list[float] = []
        self._most_inside = room + (servers or 0)

    def serve(self, now: float, slower: float = 1.0) -> float | None:
        """Take a piece of work.

        Args:
            now: When it arrives; times never go back.
            slower: How many times as long its service takes.

        Returns:
            Seconds until it is done, or None where the queue is full and it is sent away.
        """
        departures = self._departures
        while departures and departures[0] <= now:
            heappop(departures)
        others = len(departures)
        if others >= self._most_inside:
            return None
        service_s = self._service_s() * slower * (1.0 + others * (self._contention + self._coherency * (others + 1)))
        begin = now
        if self._free_at:
            begin = max(now, self._free_at[0])
            heapreplace(self._free_at, begin + service_s)
        heappush(departures, begin + service_s)
        return begin + service_s - now
