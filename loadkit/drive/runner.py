"""Runs: a scenario, a target and a folder for the results; from the first connection to the verdict on disk."""

from __future__ import annotations

import math
import resource
import secrets
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import gevent
from locust.env import Environment
from locust.event import Events

from loadkit.drive.build import build_policy, build_wiring
from loadkit.drive.clocks import unix_offset_s
from loadkit.drive.composer import ClosedLoop, Composer, scheduled_arrivals
from loadkit.drive.control import Control, Course
from loadkit.drive.drain import Drain
from loadkit.drive.events import BulkStats, EventFeed, RequestHook
from loadkit.drive.journal import Journal
from loadkit.drive.live import LiveFigures
from loadkit.drive.network import resolve
from loadkit.drive.observer import Observer
from loadkit.drive.pacer import Pacer
from loadkit.drive.sender import Sender
from loadkit.drive.users import ScenarioUser
from loadkit.measure.delivery import Delivery, follow_delivery
from loadkit.measure.reconciliation import reconcile
from loadkit.measure.recorder import Recorder
from loadkit.measure.records import OutcomeTable, RunPlan, Stage
from loadkit.measure.statistics import RunStatistics
from loadkit.measure.store import RunFacts, RunWriter
from loadkit.measure.summary import summarize
from loadkit.measure.validity import GeneratorSample, exit_code_of
from loadkit.scenario.arrivals import Schedule, stage_spans
from loadkit.scenario.load import dump_effective
from loadkit.scenario.mix import Mix
from loadkit.scenario.thresholds import evaluate

if TYPE_CHECKING:
    from loadkit.drive.drain import Drained, LedgerSource
    from loadkit.drive.live import Progress
    from loadkit.scenario.guardrails import TargetAddress
    from loadkit.scenario.schema import Load, Scenario

# Time for Locust to start its user, so that the first arrivals are not late.
_LEAD_S = 0.25


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What to run.

    Args:
        scenario: What to send and when.
        source_text: The scenario as written, for the run folder.
        target: Where to; already checked against the allowed ones.
        results_dir: Where the run folder is made.
        command: The command line that repeats the run.
        stretch: Factor on all durations; below 1 the run is compressed.
        ledger_source: Knows what arrives, or None where the far end is not ours.
        progress: Shows live figures, or None.
        preflight: What was found at the target before; None where nobody looked.
    """

    scenario: Scenario
    source_text: str
    target: TargetAddress
    results_dir: Path
    command: tuple[str, ...]
    stretch: float = 1.0
    ledger_source: LedgerSource | None = None
    progress: Progress | None = None
    preflight: tuple[dict[str, str], ...] | None = None


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
        scenario, target = request.scenario, request.target
        self._request = request
        self._thresholds = scenario.threshold_list()
        self._mix = Mix(scenario)
        wiring, policy = build_wiring(scenario, target), build_policy(scenario)
        addresses = resolve(target.host, target.port)
        _raise_descriptor_limit()
        self._epoch_s, epoch_unix_s = _start_times(whole_second=request.ledger_source is not None)
        self._plan = _plan(request, self._mix.kinds, epoch_unix_s)
        outcomes = OutcomeTable()
        self._writer = RunWriter(request.results_dir, self._facts())
        self._recorder = Recorder(self._plan, outcomes, self._writer)
        self._samples: list[GeneratorSample] = []
        self._observer = Observer(self._epoch_s, epoch_unix_s, self._keep_sample)
        composer = Composer(self._mix, self._plan.run_id, 0, epoch_unix_s=epoch_unix_s, epoch_s=self._epoch_s)
        journal = Journal(outcomes)
        self._closed_loop = _closed_loop(scenario.load, self._mix, self._plan)
        sender = Sender(
            wiring, addresses, policy, composer, journal, epoch_s=self._epoch_s, closed_loop=self._closed_loop
        )
        self._environment = Environment(events=Events())
        self._environment.events.request = hook = RequestHook()
        self._environment.stats = stats = BulkStats()
        self._control = Control(
            Course(
                epoch_s=self._epoch_s,
                arrivals_end_s=self._plan.stages[-1].end_s,
                grace_s=scenario.load.grace_s,
                quit_s=scenario.sessions.timeouts.quit_s,
            ),
            sender,
            self._pacer(sender),
            journal,
            self._recorder,
            EventFeed(hook, stats, self._mix.kinds, outcomes, epoch_unix_s),
            self._observer,
            self._each_second,
        )
        self._terminated = False

    def run(self) -> Path:
        user = type("ScenarioUser", (ScenarioUser,), {"control": self._control})
        self._environment.user_classes = [user]
        runner = self._environment.create_local_runner()
        handlers = [
            gevent.signal_handler(signal.SIGINT, self._control.interrupt),
            gevent.signal_handler(signal.SIGTERM, self._terminate),
        ]
        try:
            runner.start(1, spawn_rate=1)
            self._control.done.wait()
            runner.quit()
            if self._control.error is not None:
                raise self._control.error
            return self._finish(*self._delivery())
        finally:
            for handler in handlers:
                handler.cancel()
            runner.quit()

    def _finish(self, delivery: Delivery | None, unread: str) -> Path:
        summary = summarize(
            self._recorder.statistics(),
            self._recorder.outcome_counts(),
            self._samples,
            self._thresholds,
            duration_s=self._control.ended_s,
            interrupted=self._control.interrupted,
            delivery=delivery,
            unread=unread,
        )
        exit_code = exit_code_of(summary.verdict, terminated=self._terminated)
        return self._writer.finish(summary, int(exit_code), time.time(), delivery)

    def _delivery(self) -> tuple[Delivery | None, str]:
        """Wait for what was accepted; what became of it, or why that can't be told."""
        source, recorder = self._request.ledger_source, self._recorder
        if source is None or self._request.scenario.sessions.stop_after != "dot":
            return None, ""
        drained = self._drain(source)
        if drained.ledger is None:
            return None, f"the far end could not be asked what arrived: {drained.trouble or 'it did not answer'}"
        course, series = follow_delivery(
            self._plan,
            recorder.statistics().counters.accepted_per_second,
            drained.ledger,
            drained=drained.complete,
            last_accepted_s=recorder.last_accepted_s,
            duration_s=self._control.ended_s,
        )
        counts = reconcile({0: recorder.accepted}, drained.ledger, unanswered={0: recorder.unanswered})
        return Delivery(counts, course, drained.ledger.end_to_end, series), ""

    def _drain(self, source: LedgerSource) -> Drained:
        control, progress = self._control, self._request.progress
        # What ended the load in good order does not end the wait; the next interrupt does, as a second one did before.
        patience = min(control.interrupts, 1)
        return Drain(
            source,
            self._plan.run_id,
            self._recorder.accepted,
            deadline_s=self._request.scenario.delivery.drain_s,
            stop=lambda: control.interrupts > patience,
            show=(lambda _: None) if progress is None else progress.draining,
        ).wait()

    def _pacer(self, sender: Sender) -> Pacer | None:
        load = self._request.scenario.load
        if not load.open_loop:
            return None
        schedule = Schedule(load, self._request.scenario.seed, stretch=self._request.stretch)
        return Pacer(scheduled_arrivals(schedule, self._mix), sender.release, self._epoch_s)

    def _facts(self) -> RunFacts:
        request = self._request
        return RunFacts(
            plan=self._plan,
            scenario=request.scenario.name,
            target=str(request.target),
            seed=request.scenario.seed,
            command=request.command,
            thresholds=self._thresholds,
            source_text=request.source_text,
            effective_text=dump_effective(request.scenario),
            preflight=request.preflight,
        )

    def _terminate(self) -> None:
        self._terminated = True
        self._control.interrupt()

    def _keep_sample(self, sample: GeneratorSample) -> None:
        self._samples.append(sample)
        self._writer.append_generator(sample)

    def _each_second(self, now_s: float, stall_s: float) -> bool:
        sample = self._observer.sample(stall_s)
        statistics = self._recorder.statistics()
        if self._request.progress is not None:
            self._request.progress.update(self._figures(now_s, sample, statistics))
        return any(
            evaluate(threshold, statistics).passed is False
            for threshold in self._thresholds
            if threshold.abort_on_fail and now_s >= threshold.delay_s
        )

    def _figures(self, now_s: float, sample: GeneratorSample, statistics: RunStatistics) -> LiveFigures:
        load, end_s = self._request.scenario.load, self._plan.stages[-1].end_s
        stage = next((stage.name for stage in self._plan.stages if now_s < stage.end_s), "drain")
        return LiveFigures(
            totals=self._recorder.totals(),
            duration_s=end_s if math.isfinite(end_s) else None,
            messages=load.messages,
            stage=stage,
            response_p95_s=statistics.value("transaction_duration", {}, "p", 0.95),
            cpu_ratio=sample.cpu_ratio,
        )


def _start_times(*, whole_second: bool) -> tuple[float, float]:
    """When the run starts, on the monotonic clock and in Unix time.

    Args:
        whole_second: Whether it must be a whole Unix second, as sinks count deliveries: then both ends count alike.
    """
    offset_s = unix_offset_s()
    start_unix_s = perf_counter() + offset_s + _LEAD_S
    if whole_second:
        start_unix_s = float(math.ceil(start_unix_s))
    return start_unix_s - offset_s, start_unix_s


def _plan(request: RunRequest, kinds: tuple[str, ...], started_at: float) -> RunPlan:
    load = request.scenario.load
    spans = stage_spans(load, stretch=request.stretch)
    stages = tuple(Stage(span.name, span.start_s, span.end_s, span.measured) for span in spans)
    return RunPlan(secrets.token_hex(6), kinds, stages, load.open_loop, started_at)


def _closed_loop(load: Load, mix: Mix, plan: RunPlan) -> ClosedLoop | None:
    if load.open_loop:
        return None
    warm_up_s = plan.stages[0].end_s if len(plan.stages) > 1 else 0.0
    return ClosedLoop(mix, warm_up_s, load.messages)


def _raise_descriptor_limit() -> None:
    """Let this process open as many connections as the system permits it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
