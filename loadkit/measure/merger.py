"""The master's side of a run over several workers: their reports become the books of one run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from loadkit.measure.bitmap import SequenceBitmap
from loadkit.measure.books import INTERVAL_S, Books, LiveTotals, RecordWriter
from loadkit.measure.merged_rows import RowMerger
from loadkit.measure.records import Gauges, OutcomeTable
from loadkit.measure.timeline import COUNTERS, EVERY_SECOND, KEYS

if TYPE_CHECKING:
    from loadkit.measure.records import RunPlan
    from loadkit.measure.statistics import OutcomeCount, RunStatistics
    from loadkit.measure.worker_report import WorkerReport

# To write a histogram takes 0.6 ms: a hundredth of a core, however many there are.
_S_PER_HISTOGRAM = 0.06

_STAGE, _OFFERED = ((*KEYS, *COUNTERS).index(name) for name in ("stage", "offered"))


@dataclass(slots=True)
class WorkerBooks:
    """What is kept of one worker apart from the others.

    Args:
        offered: Arrivals that it took on, by stage.
        number: Number of the last report that was counted.
        complete_s: Seconds since the run's start that it told everything about.
        before_second: The first second that it may still tell about.
        gauges: Its state.
        accepted: Numbers of its messages that the target took responsibility for.
        unanswered: Numbers of its messages whose final reply never came.
        ended_s: Seconds from the run's start to its last transaction's end; None before its last report.
    """

    offered: npt.NDArray[np.int64]
    number: int = 0
    complete_s: float = 0.0
    before_second: int = 0
    gauges: Gauges = field(default_factory=lambda: Gauges(0.0, 0, 0, 0))
    accepted: SequenceBitmap = field(default_factory=SequenceBitmap)
    unanswered: SequenceBitmap = field(default_factory=SequenceBitmap)
    ended_s: float | None = None


class Merger:
    """Keeps what happened in a run over several workers; for the rest as `recorder.Recorder`.

    Args:
        plan: Stages and kinds that numbers in reports refer to.
        workers: How many workers there are; they are numbered from 0.
        writer: Where timeline rows and interval histograms go, or None to keep totals only.

    Attributes:
        last_accepted_s: Seconds from the run's start to the last accepting reply; None without any.
    """

    def __init__(self, plan: RunPlan, workers: int, writer: RecordWriter | None = None) -> None:
        self._books = Books(plan, OutcomeTable(), writer)
        self._rows = RowMerger(plan)
        self.workers = tuple(WorkerBooks(np.zeros(len(plan.stages), dtype=np.int64)) for _ in range(workers))
        self.last_accepted_s: float | None = None

    @property
    def accepted_by_sender(self) -> Mapping[int, SequenceBitmap]:
        """What was accepted, by worker."""
        return {index: worker.accepted for index, worker in enumerate(self.workers)}

    @property
    def unanswered_by_sender(self) -> Mapping[int, SequenceBitmap]:
        """What was not answered, by worker."""
        return {index: worker.unanswered for index, worker in enumerate(self.workers)}

    def add(self, index: int, report: WorkerReport) -> bool:
        """Count a report.

        Args:
            index: The worker.
            report: Its report.

        Returns:
            False where the report is known already, or one before it is missing; nothing is counted then.
        """
        worker = self.workers[index]
        if report.number != worker.number + 1:
            return False
        worker.number = report.number
        worker.complete_s, worker.before_second = report.complete_s, report.before_second
        worker.gauges, worker.ended_s = report.gauges, report.ended_s
        worker.accepted.mark_many(report.accepted)
        worker.unanswered.mark_many(report.unanswered)
        np.add.at(worker.offered, report.rows[_STAGE], report.rows[_OFFERED])
        counts = report.histograms
        self._books.histograms.record(counts.numbers, counts.indexes, counts.counts)
        self._books.outcomes.add(report.outcomes)
        self._rows.add(report)
        if report.last_accepted_s is not None:
            self.last_accepted_s = max(report.last_accepted_s, self.last_accepted_s or 0.0)
        return True

    def flush(self, awaited: Iterable[int]) -> None:
        """Complete the seconds that every worker has told about.

        Args:
            awaited: The workers to wait for; seconds that only the others have not told about are complete.
        """
        workers = [self.workers[index] for index in awaited]
        if not workers:
            return
        complete_s = min(worker.complete_s for worker in workers)
        self._take_rows(min(worker.before_second for worker in workers), complete_s)
        if complete_s - self._books.histograms.start_s >= max(
            INTERVAL_S, _S_PER_HISTOGRAM * len(self._books.histograms)
        ):
            self._books.close_interval(complete_s)
            self._books.histograms.settle_all()

    def finish(self, now_s: float) -> None:
        """Write everything that is still pending.

        Args:
            now_s: Seconds from the run's start to the last transaction's end.
        """
        self._take_rows(EVERY_SECOND, now_s)
        self._books.close_interval(now_s)
        self._books.histograms.settle_all()

    def _take_rows(self, before_second: int, now_s: float) -> None:
        self._books.add_rows(self._rows.take(before_second), complete_s=now_s)

    def outcome_counts(self) -> tuple[OutcomeCount, ...]:
        """How transactions and session set-ups ended, up to now."""
        return self._books.outcomes.listed()

    def gauges(self, living: Iterable[int]) -> Gauges:
        """The state of some workers together.

        Args:
            living: Those that still have one.
        """
        states = [self.workers[index].gauges for index in living]
        return Gauges(
            max((worker.complete_s for worker in self.workers), default=0.0),
            sum(one.in_flight for one in states),
            sum(one.connections for one in states),
            sum(one.queued for one in states),
        )

    def totals(self, living: Iterable[int]) -> LiveTotals:
        """Counts for a live display; the state is that of the living workers."""
        return self._books.totals(self.gauges(living))

    def statistics(self) -> RunStatistics:
        """A live view on everything counted: counters as of the last flush, histograms as of the last report."""
        return self._books.statistics()
