"""A run's books: histograms, counters and outcomes, kept up to date by a recorder or from the reports of workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from loadkit.measure.intervals import HistogramWriter, IntervalHistograms
from loadkit.measure.outcome_counts import OutcomeCounts
from loadkit.measure.statistics import SESSION_METRICS, TRANSACTION_METRICS, OutcomeCount, RunStatistics, Series
from loadkit.measure.timeline import FAILED, Counters, TimelineRows
from loadkit.smtp.outcome import OutcomeClass

if TYPE_CHECKING:
    from loadkit.measure.records import Gauges, OutcomeTable, RunPlan

INTERVAL_S = 10.0


class RecordWriter(HistogramWriter, Protocol):
    """Where what must survive a crash is put; `store.RunWriter` is one."""

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


class Books:
    """Everything recorded of a run, in memory that doesn't grow with its length.

    Args:
        plan: Stages and kinds that numbers refer to.
        outcomes: The outcomes that numbers refer to; may grow meanwhile.
        writer: Where timeline rows, interval histograms and outcomes go, or None to keep totals only.
    """

    def __init__(self, plan: RunPlan, outcomes: OutcomeTable, writer: RecordWriter | None) -> None:
        self._plan = plan
        self._writer = writer
        self.histograms = IntervalHistograms(all_series(plan), writer)
        self.outcomes = OutcomeCounts(outcomes, plan)
        self._counters = Counters(plan)

    def add_rows(self, rows: TimelineRows, *, complete_s: float) -> None:
        """Add timeline rows; see `Counters.add`."""
        self._counters.add(rows, complete_s=complete_s)
        if self._writer and rows["second"].size:
            self._writer.append_timeline(rows)

    def close_interval(self, now_s: float) -> None:
        """End the histograms' open interval and begin the next.

        Args:
            now_s: Seconds since the run's start.
        """
        self.histograms.close(now_s)
        if self._writer:
            self._writer.write_outcomes(self.outcomes.listed())

    def totals(self, gauges: Gauges) -> LiveTotals:
        """Counts for a live display.

        Args:
            gauges: The state of what drives the load.
        """
        sums = {counter: int(values.sum()) for counter, values in self._counters.by_arrival.items()}
        setups, setups_failed = self.outcomes.setup_totals()
        return LiveTotals(
            at_s=gauges.at_s,
            offered=sums["offered"],
            started=sums["completed"] + gauges.in_flight,
            completed=sums["completed"],
            accepted=sums["accepted"],
            shed=sums["shed"],
            failed={kind: sums[counter] for kind, counter in FAILED.items()},
            in_flight=gauges.in_flight,
            connections=gauges.connections,
            queued=gauges.queued,
            setups=setups,
            setups_failed=setups_failed,
        )

    def statistics(self) -> RunStatistics:
        """A live view on everything recorded: counts as of the last flush, histograms as of the last batch."""
        return RunStatistics(self._plan, self.histograms, self._counters)


def all_series(plan: RunPlan) -> tuple[Series, ...]:
    """Every series of a run, in the order of their numbers: metric by metric the cells, then those of sessions."""
    timed = (
        Series(metric, stage.name, kind)
        for metric in TRANSACTION_METRICS
        for stage in plan.stages
        for kind in plan.kinds
    )
    return (*timed, *(Series(metric) for metric in SESSION_METRICS))
