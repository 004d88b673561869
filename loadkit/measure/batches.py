"""From batches of rows to values of series, timeline, outcomes and message numbers: what every recorder does first."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from loadkit.measure.histogram import counts_index, to_us
from loadkit.measure.outcome_counts import ACCEPTED, RETRIES, SESSION_ENDS, SETUPS, OutcomeCounts
from loadkit.measure.records import SETUP_PHASE_COLUMNS, Event, Gauges, Note, Setup, Tx
from loadkit.measure.statistics import SESSION_METRICS, SETUP_METRICS, TRANSACTION_METRICS, Metric
from loadkit.measure.timeline import TimelineBuilder

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadkit.measure.records import Batch, Rows, RunPlan

Integers = npt.NDArray[np.int64]


class BatchReader(ABC):
    """Takes batches from the load generator's loop; what is kept of them is up to the subclass.

    Args:
        plan: Stages and kinds that the rows' numbers refer to.
        outcomes: Counts outcomes.
        record: Takes numbers of series and `counts_index` of as many values.

    Attributes:
        last_accepted_s: Seconds from the run's start to the last reply that accepted mail; None without any.
    """

    def __init__(self, plan: RunPlan, outcomes: OutcomeCounts, record: Callable[[Integers, Integers], object]) -> None:
        cells = len(plan.stages) * len(plan.kinds)
        self._kinds = len(plan.kinds)
        self._first_numbers = np.arange(len(TRANSACTION_METRICS), dtype=np.int64)[:, None] * cells
        self._setup_numbers = np.arange(len(SETUP_METRICS), dtype=np.int64) + len(TRANSACTION_METRICS) * cells
        self._closed_after = len(TRANSACTION_METRICS) * cells + SESSION_METRICS.index(Metric.CLOSED_AFTER)
        self._is_mail = plan.is_mail()
        self._outcomes = outcomes
        self._record = record
        self._timeline = TimelineBuilder(plan)
        self._gauges = Gauges(0.0, 0, 0, 0)
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
        if len(batch.notes):
            self._add_notes(batch.notes)

    def _add_transactions(self, columns: Rows) -> None:
        cells = (columns[Tx.STAGE] * self._kinds + columns[Tx.KIND]).astype(np.int64)
        outcomes = columns[Tx.OUTCOME].astype(np.int64)
        classes = self._outcomes.classes[outcomes]
        accepted = classes == ACCEPTED
        self._record_known(_durations(columns, accepted, self._outcomes.refused[outcomes]), self._first_numbers + cells)
        self._timeline.add_transactions(columns, cells, classes)
        self._outcomes.count(cells, outcomes)
        again = accepted & (columns[Tx.ATTEMPTS] > 1)
        if again.any():
            self._outcomes.count(RETRIES, outcomes[again])
        unanswered = self._outcomes.unanswered[outcomes]
        if self._is_mail is not None:  # what follows is about the ledger
            mail = self._is_mail[columns[Tx.KIND].astype(np.int64)]
            accepted, unanswered = accepted & mail, unanswered & mail
        if accepted.any():
            last_s = float(columns[Tx.COMPLETED][accepted].max())
            self.last_accepted_s = last_s if self.last_accepted_s is None else max(self.last_accepted_s, last_s)
        seqs = columns[Tx.SEQ].astype(np.int64)
        self._mark(seqs[accepted & ~self._outcomes.stopped[outcomes]], seqs[unanswered])

    @abstractmethod
    def _mark(self, accepted: Integers, unanswered: Integers) -> None:
        """Note numbers of messages that the target took responsibility for, and of those whose reply never came."""

    def _add_setups(self, rows: Rows) -> None:
        self._record_known(
            rows[:, list(SETUP_PHASE_COLUMNS.values())],
            np.broadcast_to(self._setup_numbers, (len(rows), len(SETUP_METRICS))),
        )
        self._outcomes.count(SETUPS, rows[:, Setup.OUTCOME].astype(np.int64))

    def _add_notes(self, rows: Rows) -> None:
        outcomes = rows[:, Note.OUTCOME].astype(np.int64)
        ended = rows[:, Note.EVENT] == Event.SESSION_END
        self._outcomes.count(RETRIES, outcomes[~ended])
        self._outcomes.count(SESSION_ENDS, outcomes[ended])
        messages = rows[ended, Note.MESSAGES].astype(np.int64)
        self._record(np.full(messages.size, self._closed_after), counts_index(messages))

    def _record_known(self, durations_s: Rows, numbers: Integers) -> None:
        known = ~np.isnan(durations_s)
        self._record(numbers[known], counts_index(to_us(durations_s[known])))


def _durations(columns: Rows, accepted: npt.NDArray[np.bool_], refused: npt.NDArray[np.bool_]) -> Rows:
    """Seconds, in the order of `TRANSACTION_METRICS`; NaN where there is none."""
    response = columns[Tx.COMPLETED] - columns[Tx.INTENDED]
    service = columns[Tx.COMPLETED] - columns[Tx.STARTED]
    return np.stack(
        (
            response,
            service,
            columns[Tx.RELEASED] - columns[Tx.INTENDED],
            columns[Tx.STARTED] - columns[Tx.RELEASED],
            np.where(accepted, np.nan, response),
            np.where(refused & ~np.isnan(columns[Tx.MAIL]), service, np.nan),
            columns[Tx.MAIL],
            columns[Tx.RCPT],
            columns[Tx.DATA],
            columns[Tx.DOT],
        )
    )
