"""The recorder: takes batches from the load generator's loop and keeps histograms, counters and what was accepted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from loadkit.measure.batches import BatchReader
from loadkit.measure.bitmap import SequenceBitmap
from loadkit.measure.books import INTERVAL_S, Books, LiveTotals, RecordWriter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadkit.measure.batches import Integers
    from loadkit.measure.records import Batch, OutcomeTable, RunPlan
    from loadkit.measure.statistics import OutcomeCount, RunStatistics


class Recorder(BatchReader):
    """Keeps what happened in a run, in memory that grows by a bit for each message and eight bytes for each second.

    Args:
        plan: Stages and kinds that the rows' numbers refer to.
        outcomes: The outcomes that the rows' numbers refer to; may grow meanwhile.
        writer: Where timeline rows and interval histograms go, or None to keep totals only.

    Attributes:
        accepted: Sequence numbers of messages that the target took responsibility for.
        unanswered: Sequence numbers whose content was sent and whose final reply never came.
    """

    def __init__(self, plan: RunPlan, outcomes: OutcomeTable, writer: RecordWriter | None = None) -> None:
        self._books = Books(plan, outcomes, writer)
        super().__init__(plan, self._books.outcomes, self._books.histograms.record)
        self.accepted = SequenceBitmap()
        self.unanswered = SequenceBitmap()

    @property
    def accepted_by_sender(self) -> Mapping[int, SequenceBitmap]:
        """What was accepted, by number of the sender: of the only one."""
        return {0: self.accepted}

    @property
    def unanswered_by_sender(self) -> Mapping[int, SequenceBitmap]:
        """What was not answered, by number of the sender."""
        return {0: self.unanswered}

    def add(self, batch: Batch) -> None:
        """Take what happened since the last batch."""
        super().add(batch)
        self._books.histograms.settle_one()

    def _mark(self, accepted: Integers, unanswered: Integers) -> None:
        self.accepted.mark_many(accepted)
        self.unanswered.mark_many(unanswered)

    def flush(self, now_s: float) -> None:
        """Complete the seconds that are over: write their timeline rows and, every ten seconds, begin a new interval.

        Args:
            now_s: Seconds since the run's start; all batches up to it have been added.
        """
        self._take_rows(math.floor(now_s), now_s)
        if now_s - self._books.histograms.start_s >= INTERVAL_S:
            self._books.close_interval(now_s)

    def finish(self, now_s: float) -> None:
        """Write everything that is still pending, the begun second included.

        Args:
            now_s: Seconds since the run's start.
        """
        self._take_rows(math.floor(now_s) + 1, now_s)
        self._books.close_interval(now_s)
        self._books.histograms.settle_all()

    def _take_rows(self, before_second: int, now_s: float) -> None:
        self._books.add_rows(self._timeline.take(before_second, self._gauges), complete_s=now_s)

    def outcome_counts(self) -> tuple[OutcomeCount, ...]:
        """How transactions and session set-ups ended, up to now."""
        return self._books.outcomes.listed()

    def totals(self) -> LiveTotals:
        """Counts for a live display."""
        return self._books.totals(self._gauges)

    def statistics(self) -> RunStatistics:
        """A live view on everything recorded: counts as of the last flush, histograms as of the last batch."""
        return self._books.statistics()
