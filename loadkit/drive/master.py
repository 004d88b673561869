"""Runs over several workers: their reports become one run folder."""

from __future__ import annotations

import math
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import gevent
from locust.env import Environment
from locust.event import Events
from locust.exception import RPCError
from zmq.error import ZMQError

from loadkit import __version__
from loadkit.drive import messages as say
from loadkit.drive.crew import Crew, Member
from loadkit.drive.engine import plan_of, start_times
from loadkit.drive.messages import Hello, Job, Ping, Pong, Start, Trouble, pack, unpack
from loadkit.drive.processes import LocalWorker, local_workers
from loadkit.drive.results import RunRequest
from loadkit.drive.spread_run import SpreadRun
from loadkit.errors import ExitCode, LoadkitError, UsageError
from loadkit.measure.workers import CLOCK_APART_MOST_S
from loadkit.scenario.guardrails import format_host_port
from loadkit.scenario.limits import Guardrails
from loadkit.scenario.load import dump_effective
from loadkit.scenario.sharing import check_enough_sessions
from loadkit.units import format_duration

_LEAD_S = 0.5
_TICK_S = 0.05
_START_DEADLINE_S = 60.0
_READY_DEADLINE_S = 120.0
_CLOCK_READINGS = 4


@dataclass(frozen=True, slots=True)
class Spread:
    """Over which workers a run is spread.

    Args:
        workers: How many.
        local: Whether they are children of this process; else the run waits until they come.
        host: Address to listen on.
        port: Port to listen on; 0 for any.
        stop_on_loss: Whether the loss of one ends the run.
    """

    workers: int
    local: bool
    host: str = "127.0.0.1"
    port: int = 0
    stop_on_loss: bool = False


def run_spread(request: RunRequest, spread: Spread) -> Path:
    """Run a scenario over several workers and write its folder; signals act as in `loadkit.drive.runner.run`.

    Args:
        request: What to run.
        spread: Over which workers.

    Returns:
        The run folder, with verdict and exit code in its ``run.json``.

    Raises:
        LoadkitError: If nothing could be sent: a worker can't do its part, or the address to listen on is taken.
        KeyboardInterrupt: If the run is interrupted before its start.
    """
    check_enough_sessions(request.scenario, spread.workers)
    return _Master(request, spread).run()


class _Master:
    """The course of one run, from the first worker's hello to the verdict."""

    def __init__(self, request: RunRequest, spread: Spread) -> None:
        self._request = request
        self._spread = spread
        self._run_id = secrets.token_hex(6)
        self._crew = Crew(spread.workers, perf_counter)
        self._runner = _listen(spread)
        self._processes: tuple[LocalWorker, ...] = ()
        self._trouble: LoadkitError | None = None
        self._interrupted = False
        self._run: SpreadRun | None = None

    def run(self) -> Path:
        for kind, listener in (
            (say.HELLO, self._on_hello),
            (say.PONG, self._on_pong),
            (say.READY, self._on_ready),
            (say.FAILED, self._on_failed),
            (say.REPORT, self._on_report),
        ):
            self._runner.register_message(kind, listener)
        with _signals(self._interrupt, lambda: self._interrupt(terminated=True)), ExitStack() as stack:
            stack.callback(self._runner.quit)
            try:
                if self._spread.local:
                    port = self._runner.server.port
                    self._processes = stack.enter_context(local_workers(self._spread.host, port, self._spread.workers))
                self._gather()
                self._make_ready()
                self._run = self._start()
            except BaseException as error:
                self._dismiss(error)
                raise
            with self._run.watched():
                self._run.conduct()
                return self._run.finish()

    # --- before the start ---

    def _gather(self) -> None:
        """Wait until every worker has come."""
        told = -1
        deadline = perf_counter() + _START_DEADLINE_S if self._spread.local else math.inf
        for _ in self._while(lambda: len(self._crew) < self._spread.workers):
            if perf_counter() > deadline:
                raise LoadkitError(f"not all workers started within {format_duration(_START_DEADLINE_S)}")
            if not self._spread.local and len(self._crew) != told:
                told = len(self._crew)
                self._note(
                    f"waiting for workers at {self._spread.host}:{self._runner.server.port}: "
                    f"{told} of {self._spread.workers}"
                )

    def _make_ready(self) -> None:
        """Give the workers their jobs, and wait until each can start."""
        # Guardrails may name a file of this machine, and are kept here.
        scenario = dump_effective(self._request.scenario.model_copy(update={"guardrails": Guardrails()}))
        for member in self._crew:
            job = Job(
                scenario=scenario,
                target=str(self._request.target),
                stretch=self._request.stretch,
                run_id=self._run_id,
                index=member.index,
                count=self._spread.workers,
            )
            self._send(say.JOB, pack(job), member)
        deadline = perf_counter() + _READY_DEADLINE_S
        for _ in self._while(lambda: not all(member.ready for member in self._crew)):
            if perf_counter() > deadline:
                late = next(member for member in self._crew if not member.ready)
                raise LoadkitError(f"{late.who} was not ready within {format_duration(_READY_DEADLINE_S)}")
        for member in self._crew:
            assert member.best is not None  # it answered a ping before it could get ready
            if member.best.apart_s > CLOCK_APART_MOST_S:
                raise UsageError(
                    f"the clock of {member.who} is {format_duration(round(member.best.apart_s, 3))} off this one; "
                    "nothing was sent",
                    hint=f"set both by NTP: more than {format_duration(CLOCK_APART_MOST_S)} falsifies times",
                )

    def _while(self, waiting: Callable[[], bool]) -> Iterator[None]:
        """Go round while there is something to wait for, as long as nothing has gone wrong."""
        next_ping_s = perf_counter()
        while waiting():
            if self._interrupted:
                raise KeyboardInterrupt
            if self._trouble is not None:
                raise self._trouble
            for number, process in enumerate(self._processes):
                if ended := process.ended():
                    raise LoadkitError(f"worker {number} did not start: {ended}")
            if perf_counter() >= next_ping_s:
                next_ping_s += say.PING_INTERVAL_S
                for member in self._crew:
                    self._ping(member)
            yield
            gevent.sleep(_TICK_S)

    def _start(self) -> SpreadRun:
        request = self._request
        epoch_s, epoch_unix_s = start_times(_LEAD_S, whole_second=request.ledger_source is not None)
        run = SpreadRun(
            request,
            plan_of(
                request.scenario,
                self._run_id,
                started_at=epoch_unix_s,
                stretch=request.stretch,
            ),
            self._crew,
            self._send,
            epoch_s=epoch_s,
            stop_on_loss=self._spread.stop_on_loss,
        )
        for member in self._crew:
            member.heard_s = epoch_s
            # On this machine there is one clock, and a reading of the difference would only be noise.
            ahead_s = 0.0 if member.best is None or _is_here(member.hello) else member.best.ahead_s
            self._send(say.START, pack(Start(epoch_unix_s, ahead_s)), member)
        return run

    def _dismiss(self, error: BaseException) -> None:
        for member in self._crew:
            self._send(say.REFUSED, pack(Trouble(f"the master gave up: {error}", "", int(ExitCode.USAGE))), member)

    # --- what workers say; called in a greenlet of Locust's, which only logs errors ---

    def _on_hello(self, *, msg: Any, **_: Any) -> None:
        hello: Hello = unpack(Hello, msg.data)
        if self._crew.find(msg.node_id) is not None:
            return
        refusal = self._refusal(hello)
        if refusal is not None:
            self._runner.send_message(say.REFUSED, pack(refusal), msg.node_id)
            self._note(f"turned away the worker on {hello.name}: {refusal.message}")
            return
        process = next((one for one in self._processes if one.pid == hello.pid), None)
        self._ping(self._crew.join(msg.node_id, hello, process))

    def _refusal(self, hello: Hello) -> Trouble | None:
        """Why a worker can't take part."""
        if hello.version != __version__:
            message = f"the worker is of loadkit {hello.version}, the master of {__version__}"
            return Trouble(message, "install the same version on both", int(ExitCode.USAGE))
        if len(self._crew) == self._crew.size:
            begun = "has begun" if self._run is not None else "is about to begin"
            return Trouble(f"the run {begun} with its {self._crew.size} workers", "", int(ExitCode.USAGE))
        if self._request.target.loopback and not _is_here(hello):
            message = f"the target {self._request.target} would be another machine for each worker"
            self._trouble = UsageError(
                f"{message}: one is on {hello.name}", hint="name the target by an address that all reach"
            )
            return Trouble(message, "", int(ExitCode.USAGE))
        return None

    def _on_pong(self, *, msg: Any, **_: Any) -> None:
        member = self._crew.find(msg.node_id)
        if member is not None:
            member.compare(unpack(Pong, msg.data).compared(time.time()))
            if member.readings < _CLOCK_READINGS:
                self._ping(member)

    def _on_ready(self, *, msg: Any, **_: Any) -> None:
        member = self._crew.find(msg.node_id)
        if member is not None:
            member.ready = True

    def _on_failed(self, *, msg: Any, **_: Any) -> None:
        member = self._crew.find(msg.node_id)
        if member is None:
            return
        trouble: Trouble = unpack(Trouble, msg.data)
        if self._run is not None:
            member.stopped = True
            self._run.lose(member, trouble.message)
            return
        error = LoadkitError("; ".join((f"{member.who}: {trouble.message}", *trouble.lines)), hint=trouble.hint)
        error.exit_code = ExitCode(trouble.exit_code)
        self._trouble = error

    def _on_report(self, *, msg: Any, **_: Any) -> None:
        member = self._crew.find(msg.node_id)
        if member is not None and self._run is not None:
            self._run.take(member, msg.data)

    # --- inside ---

    def _ping(self, member: Member) -> None:
        self._send(say.PING, pack(Ping(time.time())), member)

    def _send(self, kind: str, data: dict[str, Any] | None, member: Member) -> None:
        # To a worker that is gone it does nothing.
        self._runner.send_message(kind, data, member.client_id)

    def _note(self, text: str) -> None:
        if self._request.progress is not None:
            self._request.progress.note(text)

    def _interrupt(self, *, terminated: bool = False) -> None:
        self._interrupted = True
        if self._run is not None:
            self._run.interrupt(terminated=terminated)


def _is_here(hello: Hello) -> bool:
    """Whether a worker is on this machine."""
    own = say.this_process(__version__, 0)
    return (hello.host, hello.boot) == (own.host, own.boot)


def _listen(spread: Spread) -> Any:
    """Locust's master, listening.

    Raises:
        UsageError: If it can't listen there.
    """
    hint = "choose another --master-port, or an address of this machine for --master-bind"
    try:
        return Environment(events=Events()).create_master_runner(spread.host, spread.port)
    except (RPCError, ZMQError, SystemExit) as error:  # the last is its way to say that the port is taken
        taken = isinstance(error, SystemExit) or "in use" in str(error)
        reason = "another program listens there" if taken else str(error)
        place = format_host_port(spread.host, spread.port)
        raise UsageError(f"can't listen on {place}: {reason}", hint=hint) from error


@contextmanager
def _signals(interrupt: Callable[[], None], terminate: Callable[[], None]) -> Iterator[None]:
    handlers = [gevent.signal_handler(signal.SIGINT, interrupt), gevent.signal_handler(signal.SIGTERM, terminate)]
    try:
        yield
    finally:
        for handler in handlers:
            handler.cancel()
