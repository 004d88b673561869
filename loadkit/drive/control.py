"""The course of a run: arrivals, drain, goodbye; and at every tick the events, the records and the live figures."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

import gevent
from gevent.event import Event

if TYPE_CHECKING:
    from loadkit.drive.events import EventFeed
    from loadkit.drive.journal import Journal
    from loadkit.drive.observer import Observer
    from loadkit.drive.outlets import Outlets
    from loadkit.drive.pacer import Pacer
    from loadkit.drive.sender import Sender
    from loadkit.measure.records import Batch

# Long enough to make batches, short enough that no batch holds up arrivals by more than a millisecond.
TICK_S = 0.05
_SECOND_S = 1.0
# Young objects are nearly all freed by reference count; the default makes the collector run for each 700.
_GC_THRESHOLDS = (50_000, 20, 100)


class KeepsRecords(Protocol):
    """A recorder: of a whole run, or of a worker's share."""

    def add(self, batch: Batch) -> None:
        """Take what happened since the last batch."""

    def flush(self, now_s: float) -> None:
        """Complete the seconds that are over."""

    def finish(self, now_s: float) -> None:
        """Complete everything."""


@dataclass(frozen=True, slots=True)
class Course:
    """When a run's parts end.

    Args:
        epoch_s: The clock's reading at the run's start.
        arrivals_end_s: Seconds since the start after which a closed loop takes no more; infinite if a count bounds it.
        grace_s: How long what is under way may go on after the last arrival.
        quit_s: How long sessions may take to say goodbye.
    """

    epoch_s: float
    arrivals_end_s: float
    grace_s: float
    quit_s: float


class Control:
    """Takes a sender through a run.

    Args:
        course: When the parts end.
        sender: The sender, or all of them as one.
        pacer: The pacer of an open loop, or None.
        journal: The sender's journal.
        recorder: Where records go.
        events: Tells Locust.
        observer: Watches how late the pacer is.
        each_second: Called about once a second with the seconds since the start and the longest stall of the event
            loop in it; a true result ends the run.
    """

    def __init__(  # noqa: PLR0917 - the parts of a run, put together in one place
        self,
        course: Course,
        sender: Sender | Outlets,
        pacer: Pacer | None,
        journal: Journal,
        recorder: KeepsRecords,
        events: EventFeed,
        observer: Observer,
        each_second: Callable[[float, float], bool],
    ) -> None:
        self._course = course
        self._sender = sender
        self._pacer = pacer
        self._journal = journal
        self._recorder = recorder
        self._events = events
        self._observer = observer
        self._each_second = each_second
        self.interrupts = 0
        self._next_second_s = _SECOND_S
        self._stall_s = 0.0
        self._aborted = False
        self.done = Event()
        self.error: BaseException | None = None
        self.ended_s = math.inf
        """Seconds since the start at which the last transaction ended."""

    @property
    def interrupted(self) -> bool:
        """Whether someone asked the run to stop early."""
        return self.interrupts > 0

    def interrupt(self) -> None:
        """Stop in good order; called again, stop now."""
        self.interrupts += 1

    def run(self) -> None:
        """Run to the end; to be called in a greenlet. An error is kept in `error`."""
        thresholds = gc.get_threshold()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)
        self._observer.start()
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001 - Locust would log it and begin again
            self.error = error
        finally:
            self._observer.stop()
            gc.set_threshold(*thresholds)
            gc.unfreeze()
            self.done.set()

    def _run(self) -> None:
        course, sender = self._course, self._sender
        gevent.sleep(max(0.0, course.epoch_s - perf_counter()))
        if self._pacer is not None:
            self._pacer.start()
        self._until(self._arrivals_over)
        if self._pacer is not None:
            self._pacer.stop()
        sender.stop()
        self._until(lambda: not sender.outstanding or self.interrupts > 1, course.grace_s)
        sender.abort_work(perf_counter())
        self.ended_s = self._now_s()
        sender.quit(perf_counter())
        self._until(lambda: not sender.connections or self.interrupts > 1, course.quit_s)
        sender.abort_sessions(perf_counter())
        self._record()
        self._recorder.finish(self.ended_s)

    def _arrivals_over(self) -> bool:
        if self.interrupts or self._aborted or self._now_s() >= self._course.arrivals_end_s:
            return True
        return self._pacer.exhausted if self._pacer is not None else self._sender.exhausted

    def _until(self, over: Callable[[], bool], limit_s: float = float("inf")) -> None:
        deadline = perf_counter() + limit_s
        while not over() and perf_counter() < deadline:
            wanted = perf_counter() + TICK_S
            gevent.sleep(TICK_S)
            self._tick(perf_counter() - wanted)

    def _tick(self, late_s: float) -> None:
        self._stall_s = max(self._stall_s, late_s)
        self._sender.sweep(perf_counter())
        self._record()
        now_s = self._now_s()
        if now_s >= self._next_second_s:
            self._next_second_s = max(self._next_second_s + _SECOND_S, now_s)
            # While sessions say goodbye nothing is sent, which must not lower the rates.
            self._recorder.flush(min(now_s, self.ended_s))
            stall_s, self._stall_s = self._stall_s, 0.0
            self._aborted = self._each_second(now_s, stall_s) or self._aborted

    def _record(self) -> None:
        batch = self._journal.take(self._sender.gauges())
        self._recorder.add(batch)
        self._events.feed(batch)
        self._observer.see(batch)

    def _now_s(self) -> float:
        return perf_counter() - self._course.epoch_s
