"""Those that watch a run while it goes on: what they may ask of it, and readings taken without holding it up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

import gevent
from gevent.lock import RLock

from loadkit.measure.metrics import Reading, counts_by_kind, merged_histograms

if TYPE_CHECKING:
    from locust.env import Environment

    from loadkit.measure.books import LiveTotals
    from loadkit.measure.records import RunPlan
    from loadkit.measure.statistics import RunStatistics
    from loadkit.measure.validity import Validity

FRESH_S = 1.0
"""How long a reading is given to whoever asks next."""
# Work on a reading goes on for so long at a time, and then the load has its turn.
_WORK_S = 0.0005
_REST_S = 0.001


@dataclass(frozen=True, slots=True)
class LiveRun:
    """What may be asked of a run that goes on.

    Args:
        plan: Its stages and kinds.
        environment: Locust's, with its runner; None where workers send.
        totals: Counts since the start.
        statistics: A live view on everything recorded.
        judge: Says whether the run may be believed so far.
        cpu_ratio: CPU of the generator over the last second.
        stop: Ends the run in good order.
    """

    plan: RunPlan
    environment: Environment | None
    totals: Callable[[], LiveTotals]
    statistics: Callable[[], RunStatistics]
    judge: Callable[[], Validity]
    cpu_ratio: Callable[[], float]
    stop: Callable[[], None]


class Watcher(Protocol):
    """Watches one run."""

    def begin(self, run: LiveRun) -> None:
        """The run begins."""

    def end(self) -> None:
        """The run is over, and its results are written."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A run as it was when someone asked.

    Args:
        reading: What monitoring is told.
        validity: Whether the run may be believed so far.
    """

    reading: Reading
    validity: Validity


class Readings:
    """Takes readings of a run, one a second at most, whoever asks.

    Args:
        run: The run.

    Notes:
        The work is done by the asker's greenlet in pieces of half a millisecond. A thread would be no better: it would
        hold the interpreter for five at a time.
    """

    def __init__(self, run: LiveRun) -> None:
        self._run = run
        self._lock = RLock()
        self._taken: Taken | None = None
        self._at = 0.0
        self._rested = 0.0
        self._started = 0

    def take(self, fresh_s: float = FRESH_S) -> Taken:
        """The run as it is now, or was not long ago; to be called in a greenlet.

        Args:
            fresh_s: How old it may be.
        """
        with self._lock:
            if self._taken is None or perf_counter() - self._at >= fresh_s:
                self._taken = self._now()
                self._at = perf_counter()
            return self._taken

    def _now(self) -> Taken:
        run = self._run
        totals = run.totals()
        # What is in flight is known sooner than what ended; a counter must not go back for that.
        self._started = max(self._started, totals.started)
        self._rested = perf_counter()
        counts = counts_by_kind(run.statistics())
        latencies = merged_histograms(run.statistics(), self.breathe)
        validity = run.judge()
        totals = replace(totals, started=self._started)
        return Taken(Reading(totals, counts, latencies, run.cpu_ratio(), validity.valid), validity)

    def breathe(self) -> None:
        """Let the load have its turn, if it waited for long enough."""
        if perf_counter() - self._rested >= _WORK_S:
            gevent.sleep(_REST_S)
            self._rested = perf_counter()
