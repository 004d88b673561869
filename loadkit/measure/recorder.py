"""The recorder: takes batches from the load generator's loop and keeps histograms, counters and what was accepted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from loadkit.measure.bitmap import SequenceBitmap
from loadkit.measure.histogram import counts_index, to_us
from loadkit.measure.intervals import HistogramWriter, IntervalHistograms
from loadkit.measure.records import MAX_OUTCOMES, SETUP_PHASE_COLUMNS, Gauges, Setup, Tx
from loadkit.measure.statistics import SETUP_METRICS, TRANSACTION_METRICS, OutcomeCount, RunStatistics, Series
from loadkit.measure.timeline import CLASSES, FAILED, Counters, TimelineBuilder, TimelineRows
from loadkit.smtp.dialogue import STOPPED
from loadkit.smtp.outcome import OutcomeClass, Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadkit.measure.records import Batch, OutcomeTable, Rows, RunPlan

Integers = npt.NDArray[np.int64]

INTERVAL_S = 10.0

# The table adds one outcome per class and phase after it is full.
_OUTCOMES = MAX_OUTCOMES + len(OutcomeClass) * len(Phase)


class RecordWriter(HistogramWriter, Protocol):
    """Where the recorder puts what must survive a crash; `store.RunWriter` is one."""

    def append_timeline(self, rows: TimelineRows) -> None:
        """Keep timeline rows."""

    def write_outcomes(self, outcomes: tuple[OutcomeCount, ...]) -> None:
        """Replace the counts of outcomes so far."""


@dataclass(frozen=True, slots=True)
class LiveTotals:
    """Counts since the run's start, warm-up included, for a live display; at most one flush old.

    Args:
        at_s: Seconds since the run's start.
        offered: Arrivals whose intended time came.
        started: Transactions started.
        completed: Transactions ended, failed ones included.
        accepted: Transactions that the target took responsibility for.
        shed: Arrivals given up because the queue was full.
        failed: Transactions that ended otherwise, by class.
        in_flight: Transactions started and not completed.
        connections: Open connections.
        queued: Arrivals waiting for a session.
        setups: Session set-ups ended.
        setups_failed: Those of them that failed.
    """

    at_s: float
    offered: int
    started: int
    completed: int
    accepted: int
    shed: int
    failed: Mapping[OutcomeClass, int]
    in_flight: int
    connections: int
    queued: int
    setups: int
    setups_failed: int


class Recorder:
    """Keeps what happened in a run, in memory that grows by a bit for each message and eight bytes for each second.

    Args:
        plan: Stages and kinds that the rows' numbers refer to.
        outcomes: The outcomes that the rows' numbers refer to; may grow meanwhile.
        writer: Where timeline rows and interval histograms go, or None to keep totals only.

    Attributes:
        accepted: Sequence numbers of messages that the target took responsibility for.
        unanswered: Sequence numbers whose content was sent and whose final reply never came.
        last_accepted_s: Seconds from the run's start to the last accepting reply; None without any.
    """

    def __init__(self, plan: RunPlan, outcomes: OutcomeTable, writer: RecordWriter | None = None) -> None:
        self._plan = plan
        self._writer = writer
        self._cells = len(plan.stages) * len(plan.kinds)
        self._first_numbers = np.arange(len(TRANSACTION_METRICS), dtype=np.int64)[:, None] * self._cells
        self._setup_numbers = np.arange(len(SETUP_METRICS), dtype=np.int64) + len(TRANSACTION_METRICS) * self._cells
        self._histograms = IntervalHistograms(_all_series(plan), writer)
        self._timeline = TimelineBuilder(plan)
        self._counters = Counters(plan)
        self._outcomes = _OutcomeCounts(outcomes, self._cells)
        self._gauges = Gauges(0.0, 0, 0, 0)
        self.accepted = SequenceBitmap()
        self.unanswered = SequenceBitmap()
        self.last_accepted_s: float | None = None

    def add(self, batch: Batch) -> None:
        """Take what happened since the last batch.

        Runs in the load generator's loop: 0.35 ms for a batch of 250 transactions, of which 0.2 ms for the first.
        """
        self._gauges = batch.gauges
        self._outcomes.learn()
        if len(batch.transactions):
            self._add_transactions(np.ascontiguousarray(batch.transactions.T))
        if len(batch.setups):
            self._add_setups(batch.setups)
        if len(batch.offered):
            self._timeline.add_arrivals("offered", batch.offered)
        if len(batch.shed):
            self._timeline.add_arrivals("shed", batch.shed)
        self._histograms.settle_one()

    def _add_transactions(self, columns: Rows) -> None:
        cells = (columns[Tx.STAGE] * len(self._plan.kinds) + columns[Tx.KIND]).astype(np.int64)
        outcomes = columns[Tx.OUTCOME].astype(np.int64)
        classes = self._outcomes.classes[outcomes]
        accepted = classes == _ACCEPTED
        self._record(_durations(columns, accepted), self._first_numbers + cells)
        self._timeline.add_transactions(columns, cells, classes)
        self._outcomes.count(cells, outcomes)
        if accepted.any():
            last_s = float(columns[Tx.COMPLETED][accepted].max())
            self.last_accepted_s = last_s if self.last_accepted_s is None else max(self.last_accepted_s, last_s)
        seqs = columns[Tx.SEQ].astype(np.int64)
        self.accepted.mark_many(seqs[accepted & ~self._outcomes.stopped[outcomes]])
        self.unanswered.mark_many(seqs[self._outcomes.unanswered[outcomes]])

    def _add_setups(self, rows: Rows) -> None:
        self._record(
            rows[:, list(SETUP_PHASE_COLUMNS.values())],
            np.broadcast_to(self._setup_numbers, (len(rows), len(SETUP_METRICS))),
        )
        self._outcomes.count_setups(rows[:, Setup.OUTCOME].astype(np.int64))

    def _record(self, durations_s: Rows, numbers: Integers) -> None:
        known = ~np.isnan(durations_s)
        self._histograms.record(numbers[known], counts_index(to_us(durations_s[known])))

    def flush(self, now_s: float) -> None:
        """Complete the seconds that are over: write their timeline rows and, every ten seconds, begin a new interval.

        Args:
            now_s: Seconds since the run's start; all batches up to it have been added.
        """
        self._take_rows(math.floor(now_s), now_s)
        if now_s - self._histograms.start_s >= INTERVAL_S:
            self._close_interval(now_s)

    def finish(self, now_s: float) -> None:
        """Write everything that is still pending, the begun second included.

        Args:
            now_s: Seconds since the run's start.
        """
        self._take_rows(math.floor(now_s) + 1, now_s)
        self._close_interval(now_s)
        self._histograms.settle_all()

    def _take_rows(self, before_second: int, now_s: float) -> None:
        rows = self._timeline.take(before_second, self._gauges)
        self._counters.add(rows, complete_s=now_s)
        if self._writer and rows["second"].size:
            self._writer.append_timeline(rows)

    def _close_interval(self, now_s: float) -> None:
        self._histograms.close(now_s)
        if self._writer:
            self._writer.write_outcomes(self.outcome_counts())

    def outcome_counts(self) -> tuple[OutcomeCount, ...]:
        """How transactions and session set-ups ended, up to now."""
        return self._outcomes.listed(self._plan)

    def totals(self) -> LiveTotals:
        """Counts for a live display."""
        sums = {counter: int(values.sum()) for counter, values in self._counters.by_arrival.items()}
        setups, setups_failed = self._outcomes.setup_totals()
        return LiveTotals(
            at_s=self._gauges.at_s,
            offered=sums["offered"],
            started=sums["completed"] + self._gauges.in_flight,
            completed=sums["completed"],
            accepted=sums["accepted"],
            shed=sums["shed"],
            failed={kind: sums[counter] for kind, counter in FAILED.items()},
            in_flight=self._gauges.in_flight,
            connections=self._gauges.connections,
            queued=self._gauges.queued,
            setups=setups,
            setups_failed=setups_failed,
        )

    def statistics(self) -> RunStatistics:
        """A live view on everything recorded: counts as of the last flush, histograms as of the last batch."""
        return RunStatistics(self._plan, self._histograms, self._counters)


_ACCEPTED = CLASSES.index(OutcomeClass.ACCEPTED)


def _durations(columns: Rows, accepted: npt.NDArray[np.bool_]) -> Rows:
    """Seconds, in the order of `TRANSACTION_METRICS`; NaN where there is none."""
    response = columns[Tx.COMPLETED] - columns[Tx.INTENDED]
    return np.stack(
        (
            response,
            columns[Tx.COMPLETED] - columns[Tx.STARTED],
            columns[Tx.RELEASED] - columns[Tx.INTENDED],
            columns[Tx.STARTED] - columns[Tx.RELEASED],
            np.where(accepted, np.nan, response),
            columns[Tx.MAIL],
            columns[Tx.RCPT],
            columns[Tx.DATA],
            columns[Tx.DOT],
        )
    )


def _all_series(plan: RunPlan) -> tuple[Series, ...]:
    timed = (
        Series(metric, stage.name, kind)
        for metric in TRANSACTION_METRICS
        for stage in plan.stages
        for kind in plan.kinds
    )
    return (*timed, *(Series(metric) for metric in SETUP_METRICS))


class _OutcomeCounts:
    """Counts per outcome, and what the numbers of outcomes mean as arrays."""

    def __init__(self, outcomes: OutcomeTable, cells: int) -> None:
        self._table = outcomes
        self._known = 0
        self._transactions = np.zeros((cells, _OUTCOMES), dtype=np.int64)
        self._setups = np.zeros(_OUTCOMES, dtype=np.int64)
        self.classes = np.zeros(_OUTCOMES, dtype=np.int64)
        self.unanswered = np.zeros(_OUTCOMES, dtype=np.bool_)
        self.stopped = np.zeros(_OUTCOMES, dtype=np.bool_)

    def learn(self) -> None:
        """Look at the outcomes that are new in the table."""
        for number in range(self._known, len(self._table)):
            outcome = self._table[number]
            self.classes[number] = CLASSES.index(outcome.kind)
            self.stopped[number] = outcome.reason == STOPPED
            self.unanswered[number] = outcome.phase is Phase.DOT and not outcome.code and not outcome.accepted
        self._known = len(self._table)

    def count(self, cells: Integers, outcomes: Integers) -> None:
        np.add.at(self._transactions, (cells, outcomes), 1)

    def count_setups(self, outcomes: Integers) -> None:
        np.add.at(self._setups, outcomes, 1)

    def setup_totals(self) -> tuple[int, int]:
        """Set-ups ended and set-ups failed."""
        total = int(self._setups.sum())
        return total, total - int(self._setups[self.classes == _ACCEPTED].sum())

    def listed(self, plan: RunPlan) -> tuple[OutcomeCount, ...]:
        names = [(stage.name, kind) for stage in plan.stages for kind in plan.kinds]
        transactions = tuple(
            OutcomeCount(*names[cell], self._table[number], int(self._transactions[cell, number]))
            for cell, number in np.argwhere(self._transactions).tolist()
        )
        setups = tuple(
            OutcomeCount("", "", self._table[number], int(self._setups[number]))
            for number in np.flatnonzero(self._setups).tolist()
        )
        return transactions + setups
