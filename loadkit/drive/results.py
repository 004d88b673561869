"""From what was recorded to the run folder: live figures, thresholds that end a run, delivery and summary."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from loadkit.drive.drain import Drain
from loadkit.drive.live import LiveFigures, LiveWorkers
from loadkit.drive.standstill import Standstill
from loadkit.drive.watch import LiveRun
from loadkit.errors import LoadkitError
from loadkit.measure.delivery import Delivery, follow_delivery
from loadkit.measure.reconciliation import reconcile
from loadkit.measure.run_writer import RunFacts, RunWriter
from loadkit.measure.summary import summarize, validity_of
from loadkit.measure.target import TargetSummary, summarize_target
from loadkit.measure.validity import GeneratorSample, Validity, exit_code_of
from loadkit.scenario.load import dump_effective
from loadkit.scenario.thresholds import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from locust.env import Environment

    from loadkit.drive.drain import Drained, LedgerSource
    from loadkit.drive.live import Progress
    from loadkit.drive.watch import Watcher
    from loadkit.measure.bitmap import SequenceBitmap
    from loadkit.measure.books import LiveTotals
    from loadkit.measure.records import RunPlan
    from loadkit.measure.statistics import OutcomeCount, RunStatistics
    from loadkit.measure.target import Observed
    from loadkit.measure.workers import WorkerRecord
    from loadkit.scenario.guardrails import TargetAddress
    from loadkit.scenario.schema import Scenario
    from loadkit.scenario.steering import Steering


class TargetObserver(Protocol):
    """Observes the target's host, without holding up the run."""

    def finish(self, started_at: float) -> Observed:
        """End it; gives what was seen since the run's start, which is Unix time."""


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
        watchers: Others that watch the run.
        steering: Multiplies the rate of an open loop, or None where nobody may.
        observer: Observes the target's host, or None.
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
    watchers: tuple[Watcher, ...] = ()
    steering: Steering | None = None
    observer: TargetObserver | None = None

    def writer(self, plan: RunPlan) -> RunWriter:
        """A new run folder."""
        return RunWriter(
            self.results_dir,
            RunFacts(
                plan=plan,
                scenario=self.scenario.name,
                target=str(self.target),
                seed=self.scenario.seed,
                command=self.command,
                thresholds=self.scenario.threshold_list(),
                source_text=self.source_text,
                effective_text=dump_effective(self.scenario),
                preflight=self.preflight,
            ),
        )


class Record(Protocol):
    """What happened in a run: a recorder of this process, or a merger of workers' reports."""

    last_accepted_s: float | None

    @property
    def accepted_by_sender(self) -> Mapping[int, SequenceBitmap]:
        """Numbers of the messages that the target took responsibility for."""

    @property
    def unanswered_by_sender(self) -> Mapping[int, SequenceBitmap]:
        """Numbers of the messages whose content was sent and whose final reply never came."""

    def statistics(self) -> RunStatistics:
        """Histograms and counters."""

    def outcome_counts(self) -> tuple[OutcomeCount, ...]:
        """How transactions and session set-ups ended."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended.

    Args:
        duration_s: Seconds from the start to the last transaction's end.
        interrupts: How often someone asked it to stop so far.
        terminated: Whether that was by SIGTERM so far.
        workers: The workers of a run over several.
    """

    duration_s: float
    interrupts: Callable[[], int]
    terminated: Callable[[], bool]
    workers: Sequence[WorkerRecord] = ()


class Results:
    """Judges a run while it goes on and writes it when it is over.

    Args:
        request: What is run.
        plan: Its stages and kinds.
        record: What happened.
        writer: Its folder.
    """

    def __init__(self, request: RunRequest, plan: RunPlan, record: Record, writer: RunWriter) -> None:
        self._request = request
        self._plan = plan
        self._record = record
        self._writer = writer
        self._thresholds = request.scenario.threshold_list()
        self._standstill = Standstill()
        self._samples: list[GeneratorSample] = []
        self._cpu_ratio = 0.0

    @contextmanager
    def watched(
        self, totals: Callable[[], LiveTotals], stop: Callable[[], None], environment: Environment | None = None
    ) -> Iterator[None]:
        """Let those that want to watch the run do so for as long as the block lasts.

        Args:
            totals: Gives counts since the start.
            stop: Ends the run in good order.
            environment: Locust's, where this process sends.
        """
        watchers = self._request.watchers
        run = LiveRun(
            plan=self._plan,
            environment=environment,
            totals=totals,
            statistics=self._record.statistics,
            judge=lambda: self._judge_so_far(max(totals().at_s, 0.0)),
            cpu_ratio=lambda: self._cpu_ratio,
            stop=stop,
        )
        try:
            for watcher in watchers:
                watcher.begin(run)
            yield
        finally:
            for watcher in watchers:
                watcher.end()

    def _judge_so_far(self, now_s: float) -> Validity:
        outcomes, samples = self._record.outcome_counts(), self._samples
        return validity_of(self._record.statistics(), outcomes, samples, self._thresholds, duration_s=now_s)

    def keep_samples(self, *samples: GeneratorSample) -> None:
        """Take samples of what drives the load."""
        if samples:
            self._samples += samples
            self._writer.append_generator(*samples)

    def look(self, now_s: float, totals: LiveTotals, cpu_ratio: float, workers: LiveWorkers | None = None) -> bool:
        """Show live figures; true if a threshold says that the run must end."""
        self._cpu_ratio = cpu_ratio
        statistics = self._record.statistics()
        if self._request.progress is not None:
            self._request.progress.update(self._figures(now_s, totals, cpu_ratio, workers, statistics))
            if told := self._standstill.look(totals):
                self._request.progress.note(told)
        return any(
            evaluate(threshold, statistics).passed is False
            for threshold in self._thresholds
            if threshold.abort_on_fail and now_s >= threshold.delay_s
        )

    def _figures(
        self,
        now_s: float,
        totals: LiveTotals,
        cpu_ratio: float,
        workers: LiveWorkers | None,
        statistics: RunStatistics,
    ) -> LiveFigures:
        end_s = self._plan.stages[-1].end_s
        return LiveFigures(
            totals=totals,
            duration_s=end_s if math.isfinite(end_s) else None,
            messages=self._request.scenario.load.messages,
            stage=next((stage.name for stage in self._plan.stages if now_s < stage.end_s), "drain"),
            response_p95_s=statistics.value("transaction_duration", {}, "p", 0.95),
            cpu_ratio=cpu_ratio,
            workers=workers,
        )

    def finish(self, ending: Ending) -> Path:
        """Wait for what was accepted, judge the run and write its folder; gives the folder."""
        delivery, unread = self._delivery(ending)
        if ending.workers:
            self._writer.write_workers(ending.workers)
        target = self._target(ending.duration_s)
        summary = summarize(
            self._record.statistics(),
            self._record.outcome_counts(),
            self._samples,
            self._thresholds,
            duration_s=ending.duration_s,
            interrupted=ending.interrupts() > 0,
            delivery=delivery,
            unread=unread,
            workers=ending.workers,
            target=target,
        )
        exit_code = exit_code_of(summary.verdict, terminated=ending.terminated())
        return self._writer.finish(summary, int(exit_code), time.time(), delivery)

    def _target(self, duration_s: float) -> TargetSummary | None:
        """What was seen of the target's host, kept in the run folder too."""
        if self._request.observer is None:
            return None
        observed = self._request.observer.finish(self._plan.started_at)
        self._writer.write_target(observed)
        return summarize_target(observed, self._plan, duration_s)

    def _delivery(self, ending: Ending) -> tuple[Delivery | None, str]:
        """What became of what was accepted, or why that can't be told."""
        source, record = self._request.ledger_source, self._record
        if source is None or self._request.scenario.sessions.stop_after != "dot":
            return None, ""
        drained = self._drain(source, ending)
        if drained.ledger is None:
            return None, f"the far end could not be asked what arrived: {drained.trouble or 'it did not answer'}"
        course, series = follow_delivery(
            self._plan,
            record.statistics().counters.accepted_per_second,
            drained.ledger,
            drained=drained.complete,
            last_accepted_s=record.last_accepted_s,
            duration_s=ending.duration_s,
        )
        counts = reconcile(
            record.accepted_by_sender,
            drained.ledger,
            unanswered=record.unanswered_by_sender,
            silenced=frozenset(worker.index for worker in ending.workers if worker.lost),
        )
        return Delivery(counts, course, drained.ledger.end_to_end, series, self._by_channels(source)), ""

    def _by_channels(self, source: LedgerSource) -> dict[str, int]:
        """Different messages that arrived by other channels than SMTP, by kind; those that sinks know of."""
        if not self._plan.routes:
            return {}
        try:
            found = source.fetch_channels(self._plan.run_id)
        except LoadkitError:
            return {}
        return {kind: ledger.distinct for kind, ledger in found.items()}

    def _drain(self, source: LedgerSource, ending: Ending) -> Drained:
        progress = self._request.progress
        # What ended the load in good order does not end the wait; the next interrupt does, as a second one did before.
        patience = min(ending.interrupts(), 1)
        return Drain(
            source,
            self._plan.run_id,
            self._record.accepted_by_sender,
            deadline_s=self._request.scenario.delivery.drain_s,
            stop=lambda: ending.interrupts() > patience,
            show=(lambda _: None) if progress is None else progress.draining,
        ).wait()
