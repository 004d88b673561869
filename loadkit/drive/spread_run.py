"""A run over several workers from its start to its verdict, as the master sees it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import gevent

from loadkit.drive import messages as say
from loadkit.drive.crew import GIVEN_UP_AFTER_S, MISSED_AFTER_S
from loadkit.drive.live import LiveWorkers
from loadkit.drive.messages import Ping, Pong, pack, unpack
from loadkit.drive.results import Ending, Results, RunRequest
from loadkit.measure.merger import Merger
from loadkit.measure.timeline import measured_stages
from loadkit.measure.worker_report import WorkerReport
from loadkit.measure.workers import WorkerRecord
from loadkit.scenario.sharing import Share, arrivals_of

if TYPE_CHECKING:
    from loadkit.drive.crew import Crew, Member
    from loadkit.measure.records import RunPlan
    from loadkit.measure.validity import GeneratorSample

_TICK_S = 0.05
_SECOND_S = 1.0
_GIVE_UP_INTERRUPTS = 3

Send = Callable[[str, dict[str, Any] | None, "Member"], None]


class SpreadRun:
    """Counts what workers report, tells them what they need to know, and notes who is lost.

    Args:
        request: What is run.
        plan: Its stages and kinds.
        crew: The workers.
        send: Sends a worker a message.
        epoch_s: The clock's reading at the run's start.
        stop_on_loss: Whether the loss of a worker ends the run.
    """

    def __init__(
        self, request: RunRequest, plan: RunPlan, crew: Crew, send: Send, *, epoch_s: float, stop_on_loss: bool
    ) -> None:
        self._request = request
        self._plan = plan
        self._crew = crew
        self._send = send
        self._epoch_s = epoch_s
        self._stop_on_loss = stop_on_loss
        self._writer = request.writer(plan)
        self._merger = Merger(plan, crew.size, self._writer)
        self._results = Results(request, plan, self._merger, self._writer)
        self._samples: list[GeneratorSample] = []
        self._cpu_ratios = [0.0] * crew.size
        self._interrupts = 0
        self._terminated = False
        self._closed = False
        self._stopped_s = math.inf
        """When arrivals were stopped, in seconds since the run's start."""

    def interrupt(self, *, terminated: bool) -> None:
        """Stop in good order; called again, stop now; called a third time, wait for nobody."""
        self._terminated |= terminated
        self._interrupts += 1
        self._stop_all()

    def watched(self) -> AbstractContextManager[None]:
        """Let those that want to watch the run do so for as long as the block lasts."""
        return self._results.watched(
            lambda: self._merger.totals([member.index for member in self._crew.awaited()]),
            lambda: self.interrupt(terminated=False),
        )

    def conduct(self) -> None:
        """Go on until every worker has come to its end or is lost."""
        next_look_s = _SECOND_S
        while self._crew.underway():
            gevent.sleep(_TICK_S)
            for member in self._crew.newly_missed():
                self._note(
                    f"no report from {member.who} for {MISSED_AFTER_S:.0f}s: it stands still, or its connection does; "
                    f"it is given up after {GIVEN_UP_AFTER_S:.0f}s"
                )
            for member in self._crew.newly_lost():
                self._mourn(member)
            if self._stop_on_loss and self._crew.silent():
                self._stop_once()
            if self._interrupts >= _GIVE_UP_INTERRUPTS:
                for member in self._crew.underway():
                    self.lose(member, "it was not waited for")
            if self._now_s() >= next_look_s:
                next_look_s = max(next_look_s + _SECOND_S, self._now_s())
                self._look()

    def _look(self) -> None:
        awaited = self._crew.awaited()
        living = [member.index for member in awaited]
        for member in self._crew.underway():
            self._send(say.PING, self._ping(member), member)
        self._merger.flush(living)
        samples, self._samples = self._samples, []
        self._results.keep_samples(*samples)
        for sample in samples:
            self._cpu_ratios[sample.worker] = sample.cpu_ratio
        must_end = self._results.look(
            self._now_s(),
            self._merger.totals(living),
            max((self._cpu_ratios[index] for index in living), default=0.0),
            LiveWorkers(len(living), self._crew.size),
        )
        if must_end:
            self._stop_once()

    # --- what workers say ---

    def take(self, member: Member, data: dict[str, Any]) -> None:
        """Count a worker's report and acknowledge it."""
        member.hear(perf_counter())
        if member.missed and not member.lost:
            member.missed = False
            self._note(f"{member.who} reports again")
        if data["pong"] is not None:
            member.compare(unpack(Pong, data["pong"]).compared(time.time()))
        if not self._closed:
            self._count(member, data["report"])
        self._send(say.PING, self._ping(member), member)
        if member.done or self._closed:
            self._send(_QUIT, None, member)
        elif member.lost and not member.stopped:
            member.stopped = True
            self._send(say.STOP, None, member)

    def _count(self, member: Member, data: dict[str, Any]) -> None:
        try:
            report = WorkerReport.from_wire(data)
        except (KeyError, TypeError, ValueError) as error:
            self.lose(member, f"what it sent is no report: {error}")
            return
        if self._merger.add(member.index, report):
            self._samples += report.samples
            member.done = report.ended_s is not None

    def lose(self, member: Member, why: str) -> None:
        """Take a worker for lost."""
        if self._closed or member.done:
            return
        member.lost = why
        self._mourn(member)

    def _mourn(self, member: Member) -> None:
        if member.process is not None and not member.stopped:
            member.process.kill()  # so that it sends no more, should it stand still only
        self._note(f"lost {member.who}: {member.lost}")
        self._writer.write_workers(self._worker_records())
        if self._stop_on_loss:
            self._stop_once()

    # --- inside ---

    def _stop_once(self) -> None:
        if math.isinf(self._stopped_s):
            self._stop_all()

    def _stop_all(self) -> None:
        self._stopped_s = min(self._stopped_s, self._now_s())
        for member in self._crew.underway():
            member.stopped = True
            self._send(say.STOP, None, member)

    def _note(self, text: str) -> None:
        if self._request.progress is not None:
            self._request.progress.note(text)

    def _ping(self, member: Member) -> dict[str, Any]:
        return pack(Ping(time.time(), self._merger.workers[member.index].number))

    def _now_s(self) -> float:
        return perf_counter() - self._epoch_s

    def finish(self) -> Path:
        """Judge the run and write its folder; gives the folder."""
        self._closed = True
        workers = self._merger.workers
        duration_s = max(worker.complete_s if worker.ended_s is None else worker.ended_s for worker in workers)
        self._merger.finish(duration_s)
        self._results.keep_samples(*self._samples)
        return self._results.finish(
            Ending(duration_s, lambda: self._interrupts, lambda: self._terminated, self._worker_records())
        )

    def _worker_records(self) -> tuple[WorkerRecord, ...]:
        return tuple(self._worker_record(member) for member in self._crew)

    def _worker_record(self, member: Member) -> WorkerRecord:
        books = self._merger.workers[member.index]
        scheduled = None
        if member.lost:
            share = Share(member.index, self._crew.size)
            scheduled = arrivals_of(
                self._request.scenario, share, stretch=self._request.stretch, until_s=self._stopped_s
            )
        return WorkerRecord(
            index=member.index,
            name=member.hello.name,
            reports=books.number,
            reported_s=books.complete_s,
            lost=member.lost,
            silence_s=member.silence_s,
            scheduled=scheduled,
            offered=int(books.offered[list(measured_stages(self._plan.stages))].sum()),
            clock_ahead_s=member.worst.ahead_s,
            clock_error_s=member.worst.error_s,
        )


_QUIT = "quit"
"""Locust's own: its worker sends its last figures and ends."""
