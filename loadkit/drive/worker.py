"""A worker: gets a share of a run from its master, sends it, and reports to the master every second."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event
from gevent.queue import Empty, Queue
from locust.runners import WorkerRunner

from loadkit import __version__
from loadkit.drive import messages as say
from loadkit.drive.clocks import unix_offset_s
from loadkit.drive.engine import Engine, new_environment, plan_of
from loadkit.drive.events import BulkStats
from loadkit.drive.messages import Job, Ping, Pong, Start, Trouble, pack, unpack
from loadkit.drive.observer import Observer
from loadkit.errors import ExitCode, LoadkitError, ScenarioError, TargetError
from loadkit.measure.records import OutcomeTable
from loadkit.measure.reporter import Reporter
from loadkit.scenario.guardrails import format_host_port, parse_target_url
from loadkit.scenario.load import parse_scenario
from loadkit.scenario.sharing import Share

if TYPE_CHECKING:
    from loadkit.drive.control import Control
    from loadkit.measure.worker_report import WorkerReport
    from loadkit.scenario.schema import Scenario

_POLL_S = 0.05
_RESEND_AFTER_S = 2.0
_HURRY_AFTER_S = 3.0
_QUIT_DEADLINE_S = 5.0


class MasterLostError(LoadkitError):
    """The master did not answer any more, so the worker stopped."""

    exit_code = ExitCode.INVALID


@dataclass(frozen=True, slots=True)
class Worked:
    """What a worker did.

    Args:
        run_id: The run's id.
        index: The worker's number.
        count: How many workers there were.
        reports: How many reports the master acknowledged.
    """

    run_id: str
    index: int
    count: int
    reports: int


def work(host: str, port: int, note: Callable[[str], object]) -> Worked:
    """Do a worker's part of one run.

    Args:
        host: Where the master is.
        port: The port that it listens on.
        note: Told what goes on.

    Raises:
        LoadkitError: If the master can't be reached, turns the worker away or is lost, or the worker can't do its part.
    """
    return _Worker(host, port, note).run()


class Reports:
    """Reports on their way to the master, kept until it has acknowledged them.

    Args:
        send: Sends a report's plain values.
    """

    def __init__(self, send: Callable[[dict[str, Any]], object]) -> None:
        self._send = send
        self._waiting: deque[tuple[int, dict[str, Any]]] = deque()
        self._sent_s = 0.0
        self.acknowledged = 0

    @property
    def empty(self) -> bool:
        """Whether the master has everything."""
        return not self._waiting

    def put(self, report: WorkerReport) -> None:
        """Send a new report."""
        data = report.to_wire()
        if not self._waiting:
            self._sent_s = perf_counter()
        self._waiting.append((report.number, data))
        self._send(data)

    def acknowledge(self, number: int) -> None:
        """Forget what the master has counted."""
        self.acknowledged = max(self.acknowledged, number)
        while self._waiting and self._waiting[0][0] <= number:
            self._waiting.popleft()
            self._sent_s = perf_counter()

    def insist(self) -> None:
        """Send again what has waited for too long."""
        if self._waiting and perf_counter() - self._sent_s > _RESEND_AFTER_S:
            self._sent_s = perf_counter()
            for _, data in self._waiting:
                self._send(data)


class _Worker:
    """The course of a worker, from its hello to its last report."""

    def __init__(self, host: str, port: int, note: Callable[[str], object]) -> None:
        self._note = note
        self._master = format_host_port(host, port)
        self._environment = new_environment()
        self._environment.stats = BulkStats(use_response_times_cache=False)
        self._inbox: Queue[Job | Start] = Queue()
        self._ended: LoadkitError | None = None
        self._heard = Event()
        self._pong: Pong | None = None
        self._control: Control | None = None
        self._reports = Reports(self._send_report)
        self._silent_s = 0.0
        note(f"looking for the master at {self._master}")
        try:
            self._runner = self._environment.runner = WorkerRunner(self._environment, host, port)
        except ConnectionError:
            raise TargetError(
                f"no master answers at {self._master}", hint="start it first: loadkit run SCENARIO --master"
            ) from None
        except SystemExit:  # how Locust ends when it is interrupted here
            raise KeyboardInterrupt from None
        for kind, listener in (
            (say.PING, self._on_ping),
            (say.REFUSED, self._on_refused),
            (say.JOB, self._on_job),
            (say.START, self._on_start),
            (say.STOP, self._on_stop),
        ):
            self._runner.register_message(kind, listener)

    def run(self) -> Worked:
        handlers = [gevent.signal_handler(number, self._interrupt) for number in (signal.SIGINT, signal.SIGTERM)]
        watch = gevent.spawn(self._watch)
        try:
            self._greet()
            job = self._receive(Job)
            scenario, engine = self._make_ready(job)
            self._send(say.READY, {})
            self._drive(engine, scenario, job, self._receive(Start))
            return Worked(job.run_id, job.index, job.count, self._reports.acknowledged)
        finally:
            watch.kill()
            for handler in handlers:
                handler.cancel()
            self._runner.quit()

    def _greet(self) -> None:
        hello = pack(say.this_process(__version__, os.getpid()))
        while not self._heard.is_set():
            self._send(say.HELLO, hello)
            self._heard.wait(say.PING_INTERVAL_S)
            self._check()
        self._note(f"waiting for the run of the master at {self._master}")

    def _receive(self, kind: type[Any]) -> Any:
        """The next job or start."""
        while True:
            self._check()
            try:
                received = self._inbox.get(timeout=_POLL_S)
            except Empty:
                continue
            assert isinstance(received, kind)
            return received

    def _check(self) -> None:
        if self._ended is not None:
            raise self._ended

    def _make_ready(self, job: Job) -> tuple[Scenario, Engine]:
        try:
            scenario = parse_scenario(job.scenario, file="the master's scenario")
            target, share = parse_target_url(job.target), Share(job.index, job.count)
            return scenario, Engine(self._environment, scenario, target, stretch=job.stretch, share=share)
        except (LoadkitError, OSError) as error:
            self._send(say.FAILED, pack(_trouble(error)))
            raise

    def _drive(self, engine: Engine, scenario: Scenario, job: Job, start: Start) -> None:
        # The start by this machine's clock, so that what it says of its own steps holds.
        own_epoch_unix_s = start.epoch_unix_s + start.ahead_s
        epoch_s = own_epoch_unix_s - unix_offset_s()
        plan = plan_of(scenario, job.run_id, started_at=start.epoch_unix_s, stretch=job.stretch)
        outcomes = OutcomeTable()
        reporter = Reporter(plan, outcomes, self._reports.put)
        observer = Observer(epoch_s, own_epoch_unix_s, reporter.keep_sample, worker=job.index)

        def each_second(_: float, stall_s: float) -> bool:
            observer.sample(stall_s)
            self._reports.insist()
            return False

        self._control = control = engine.control(plan, epoch_s, outcomes, reporter, observer, each_second)
        self._note(f"sending share {job.index + 1} of {job.count} to {job.target}")
        self._runner.spawn_users({user.__name__: 1 for user in self._environment.user_classes})
        control.done.wait()
        self._check()
        if control.error is not None:
            self._send(say.FAILED, pack(_trouble(control.error)))
            raise control.error
        self._hand_over()

    def _hand_over(self) -> None:
        """Wait until the master has the last report and says that this worker may go."""
        while not self._reports.empty:
            gevent.sleep(_POLL_S)
            self._reports.insist()
            self._check()
        self._runner.greenlet.join(timeout=_QUIT_DEADLINE_S)
        self._note(f"done: the master has all {self._reports.acknowledged} reports")

    def _watch(self) -> None:
        """Notice that the master is gone; time in which this process stood still itself doesn't count."""
        while True:
            gevent.sleep(say.PING_INTERVAL_S)
            self._silent_s += say.PING_INTERVAL_S
            if self._silent_s < say.MASTER_SILENCE_S or not self._heard.is_set():
                continue
            self._ended = MasterLostError(
                f"the master at {self._master} did not answer for {self._silent_s:.0f}s; nothing more is sent",
                hint="what was reported until then is in the master's run folder",
            )
            in_a_hurry = self._silent_s >= say.MASTER_SILENCE_S + _HURRY_AFTER_S
            if self._control is not None and (in_a_hurry or not self._control.interrupted):
                self._control.interrupt()

    # --- what the master says; called in a greenlet of Locust's ---

    def _on_ping(self, *, msg: Any, **_: Any) -> None:
        ping: Ping = unpack(Ping, msg.data)
        self._hear()
        self._pong = Pong(ping.at, time.time(), 0.0)
        self._reports.acknowledge(ping.number)
        if self._control is None:
            self._send(say.PONG, self._take_pong())

    def _on_refused(self, *, msg: Any, **_: Any) -> None:
        trouble: Trouble = unpack(Trouble, msg.data)
        self._hear()
        self._ended = LoadkitError(trouble.message, hint=trouble.hint)
        self._ended.exit_code = ExitCode(trouble.exit_code)

    def _on_job(self, *, msg: Any, **_: Any) -> None:
        self._hear()
        self._inbox.put(unpack(Job, msg.data))

    def _on_start(self, *, msg: Any, **_: Any) -> None:
        self._hear()
        self._inbox.put(unpack(Start, msg.data))

    def _on_stop(self, **_: Any) -> None:
        self._hear()
        if self._control is not None:
            self._control.interrupt()

    def _hear(self) -> None:
        self._silent_s = 0.0
        self._heard.set()

    # --- inside ---

    def _interrupt(self) -> None:
        """Someone wants this worker alone to end: the master must know that its share stays undone."""
        if self._control is None:
            self._ended = LoadkitError("interrupted before the start")
            self._ended.exit_code = ExitCode.INTERRUPTED
            trouble = Trouble("it was interrupted", "", int(ExitCode.INTERRUPTED))
        else:
            trouble = Trouble("it was interrupted on its own machine", "", int(ExitCode.INTERRUPTED))
            self._control.interrupt()
        self._send(say.FAILED, pack(trouble))

    def _take_pong(self) -> dict[str, Any] | None:
        pong, self._pong = self._pong, None
        return None if pong is None else pack(Pong(pong.pinged, pong.received, time.time()))

    def _send_report(self, data: dict[str, Any]) -> None:
        self._send(say.REPORT, {"report": data, "pong": self._take_pong()})

    def _send(self, kind: str, data: dict[str, Any] | None) -> None:
        self._runner.send_message(kind, data)


def _trouble(error: BaseException) -> Trouble:
    lines = tuple(str(problem) for problem in error.problems) if isinstance(error, ScenarioError) else ()
    if isinstance(error, LoadkitError):
        return Trouble(str(error), error.hint, int(error.exit_code), lines)
    return Trouble(f"{type(error).__name__}: {error}", "", int(ExitCode.BUG))
