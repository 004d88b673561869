"""Runs in this process: a scenario, a target and a folder for the results, from the first connection to the verdict."""

from __future__ import annotations

import secrets
import signal
from pathlib import Path

import gevent

from loadkit.drive.engine import LEAD_S, Engine, new_environment, plan_of, start_times
from loadkit.drive.observer import Observer
from loadkit.drive.results import Ending, Results, RunRequest
from loadkit.measure.recorder import Recorder
from loadkit.measure.records import OutcomeTable


def run(request: RunRequest) -> Path:
    """Run a scenario against a target and write its folder.

    SIGINT and SIGTERM end the run in good order, a second one at once; the results are written either way.

    Args:
        request: What to run.

    Returns:
        The run folder, with verdict and exit code in its ``run.json``.

    Raises:
        LoadkitError: If nothing could be sent: the target has no address, a credential is missing.
    """
    return _Runner(request).run()


class _Runner:
    """The parts of one run, put together."""

    def __init__(self, request: RunRequest) -> None:
        scenario = request.scenario
        self._environment = new_environment()
        engine = Engine(self._environment, scenario, request.target, stretch=request.stretch, steering=request.steering)
        epoch_s, epoch_unix_s = start_times(LEAD_S, whole_second=request.ledger_source is not None)
        plan = plan_of(scenario, secrets.token_hex(6), started_at=epoch_unix_s, stretch=request.stretch)
        outcomes = OutcomeTable()
        writer = request.writer(plan)
        self._recorder = Recorder(plan, outcomes, writer)
        self._results = Results(request, plan, self._recorder, writer)
        self._observer = Observer(epoch_s, epoch_unix_s, self._results.keep_samples)
        self._control = engine.control(plan, epoch_s, outcomes, self._recorder, self._observer, self._each_second)
        self._terminated = False

    def run(self) -> Path:
        control = self._control
        runner = self._environment.create_local_runner()
        handlers = [
            gevent.signal_handler(signal.SIGINT, control.interrupt),
            gevent.signal_handler(signal.SIGTERM, self._terminate),
        ]
        try:
            with self._results.watched(self._recorder.totals, control.interrupt, self._environment):
                runner.start(1, spawn_rate=1)
                control.done.wait()
                runner.quit()
                if control.error is not None:
                    raise control.error
                ending = Ending(control.ended_s, lambda: control.interrupts, lambda: self._terminated)
                return self._results.finish(ending)
        finally:
            for handler in handlers:
                handler.cancel()
            runner.quit()

    def _terminate(self) -> None:
        self._terminated = True
        self._control.interrupt()

    def _each_second(self, now_s: float, stall_s: float) -> bool:
        sample = self._observer.sample(stall_s)
        return self._results.look(now_s, self._recorder.totals(), sample.cpu_ratio)
