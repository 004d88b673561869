"""The recorder: what a row counts as, what is kept apart, and that a long run takes no more memory than a short one."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from support.recording import GAUGES, PLAN, messages, set_up

from loadkit.measure.histogram import Histogram
from loadkit.measure.recorder import Recorder
from loadkit.measure.records import MAX_OUTCOMES, Batch, Event, Gauges, Note, OutcomeTable, RunPlan, Stage, Tx
from loadkit.measure.statistics import RETRY, SESSION_END, Metric, OutcomeCount, Series
from loadkit.measure.timeline import KEYS, TimelineRows
from loadkit.smtp.dialogue import STOPPED
from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase

REFUSED = Outcome(OutcomeClass.PERMANENT, Phase.RCPT, 550, "5.1.1")
TIMED_OUT = Outcome(OutcomeClass.TIMEOUT, Phase.DOT, reason="timeout")


class Written:
    """A writer that remembers."""

    def __init__(self) -> None:
        self.rows: list[TimelineRows] = []
        self.histograms: list[tuple[Series, float, float, int]] = []
        self.outcomes: list[tuple[OutcomeCount, ...]] = []

    def append_timeline(self, rows: TimelineRows) -> None:
        self.rows.append(rows)

    def append_histogram(self, series: Series, start_s: float, length_s: float, histogram: Histogram) -> None:
        self.histograms.append((series, start_s, length_s, histogram.total))

    def write_outcomes(self, outcomes: tuple[OutcomeCount, ...]) -> None:
        self.outcomes.append(outcomes)


def recorder_of(*outcomes: Outcome) -> tuple[Recorder, list[int]]:
    table = OutcomeTable()
    return Recorder(PLAN, table), [table.intern(outcome) for outcome in outcomes]


def total(recorder: Recorder, metric: Metric) -> int:
    return recorder.statistics().histogram(metric).total


def note(event: Event, outcome: int, count: int, *, carried: float = math.nan) -> Batch:
    """So many events of a kind."""
    row = np.empty((count, len(Note)))
    row[:, [Note.EVENT, Note.OUTCOME, Note.MESSAGES]] = (event, outcome, carried)
    return Batch(GAUGES, notes=row)


def test_other_attempts_and_sessions_that_the_server_ended_are_counted_apart() -> None:
    greylisted = Outcome(OutcomeClass.TRANSIENT, Phase.RCPT, 451, "4.7.1", "greylisted")
    closed = Outcome(OutcomeClass.CONNECTION, Phase.MAIL, reason="closed")
    recorder, (refused, ended) = recorder_of(greylisted, closed)
    recorder.add(note(Event.RETRY, refused, 3))
    recorder.add(note(Event.SESSION_END, ended, 2, carried=25.0))
    again = messages(3, 2)
    again.transactions[:, Tx.ATTEMPTS] = (1, 2)
    recorder.add(again)
    accepted = Outcome(OutcomeClass.ACCEPTED, Phase.DOT, 250)
    assert [one for one in recorder.outcome_counts() if not one.stage] == [
        OutcomeCount("", SESSION_END, closed, 2),
        OutcomeCount("", RETRY, accepted, 1),
        OutcomeCount("", RETRY, greylisted, 3),
    ]
    carried = recorder.statistics().histogram(Metric.CLOSED_AFTER)
    assert (carried.total, round(carried.max_s * 1e6)) == (2, 25)
    assert recorder.totals().setups == 0


def test_what_a_reply_refused_is_timed_apart() -> None:
    recorder, (refused, timed_out) = recorder_of(REFUSED, TIMED_OUT)
    recorder.add(messages(3, 10))
    recorder.add(messages(3, 4, outcome=refused))
    recorder.add(messages(3, 2, outcome=timed_out))
    unsent = messages(3, 1, outcome=refused)
    unsent.transactions[:, Tx.MAIL] = np.nan
    recorder.add(unsent)
    times = recorder.statistics().histogram(Metric.REFUSED_SERVICE_TIME)
    assert times.total == 4
    assert times.mean_s == pytest.approx(0.02, rel=1e-2)


def test_a_transaction_is_timed_from_each_of_its_moments() -> None:
    recorder, _ = recorder_of()
    recorder.add(messages(3, 100))
    statistics = recorder.statistics()
    expected = {
        Metric.RESPONSE_TIME: 0.03,
        Metric.SERVICE_TIME: 0.02,
        Metric.WAIT: 0.01,
        Metric.SCHEDULE_LAG: 0.0,
        Metric.MAIL: 0.005,
    }
    for metric, seconds in expected.items():
        histogram = statistics.histogram(metric)
        assert histogram.total == 100, metric
        assert histogram.quantile_s(0.5) == pytest.approx(seconds, rel=1e-3, abs=2e-6), metric


def test_what_did_not_happen_is_not_timed() -> None:
    recorder, (timed_out,) = recorder_of(TIMED_OUT)
    batch = messages(3, 10, outcome=timed_out)
    batch.transactions[:, [Tx.RELEASED, Tx.STARTED, Tx.MAIL]] = np.nan
    recorder.add(batch)
    assert {metric: total(recorder, metric) for metric in Metric if total(recorder, metric)} == {
        Metric.RESPONSE_TIME: 10,
        Metric.FAILED_RESPONSE_TIME: 10,
    }


def test_failed_response_times_are_kept_twice() -> None:
    recorder, (refused,) = recorder_of(REFUSED)
    recorder.add(messages(3, 10))
    recorder.add(messages(4, 4, outcome=refused))
    assert (total(recorder, Metric.RESPONSE_TIME), total(recorder, Metric.FAILED_RESPONSE_TIME)) == (14, 4)


def test_warm_up_is_recorded_and_enters_no_answer() -> None:
    recorder, _ = recorder_of()
    recorder.add(messages(0, 10))
    recorder.add(messages(3, 6))
    recorder.flush(4.0)
    statistics = recorder.statistics()
    assert statistics.histograms[Series(Metric.RESPONSE_TIME, "warm-up", "note")].total == 5
    assert statistics.histogram(Metric.RESPONSE_TIME).total == 6
    assert statistics.histogram(Metric.RESPONSE_TIME, stage="warm-up").total == 0
    assert statistics.count("completed") == 6
    assert recorder.totals().completed == 16


def test_set_ups_are_timed_by_phase_and_belong_to_no_stage() -> None:
    recorder, (refused,) = recorder_of(Outcome(OutcomeClass.TRANSIENT, Phase.BANNER, 421))
    recorder.add(set_up(connect_s=0.004))
    recorder.add(set_up(outcome=refused))
    assert total(recorder, Metric.CONNECT) == 2
    assert total(recorder, Metric.TLS) == 0
    assert recorder.statistics().histogram(Metric.CONNECT).max_s == pytest.approx(0.004, rel=1e-3)
    assert (recorder.totals().setups, recorder.totals().setups_failed) == (2, 1)
    assert [(one.stage, one.outcome.kind, one.count) for one in recorder.outcome_counts()] == [
        ("", OutcomeClass.ACCEPTED, 1),
        ("", OutcomeClass.TRANSIENT, 1),
    ]


def test_only_what_was_accepted_is_in_the_ledger() -> None:
    """A message that went no further than told succeeded and was not handed over."""
    stopped = Outcome(OutcomeClass.ACCEPTED, Phase.RCPT, reason=STOPPED)
    partly = Outcome(OutcomeClass.ACCEPTED, Phase.DOT, 250, reason="partly_refused")
    recorder, numbers = recorder_of(stopped, REFUSED, TIMED_OUT, partly)
    for position, number in enumerate((0, *numbers)):
        recorder.add(messages(3, 10, first=10 * position, outcome=number))
    assert list(recorder.accepted.ranges()) == [(0, 9), (40, 49)]
    assert list(recorder.unanswered.ranges()) == [(30, 39)]


@pytest.mark.parametrize(
    ("outcome", "unanswered"),
    [
        (Outcome(OutcomeClass.CONNECTION, Phase.DOT, reason="reset"), True),
        (Outcome(OutcomeClass.CLIENT, Phase.DOT, reason="run_ended"), True),
        (Outcome(OutcomeClass.TRANSIENT, Phase.DOT, 451), False),
        (Outcome(OutcomeClass.CONNECTION, Phase.DATA, reason="reset"), False),
    ],
    ids=str,
)
def test_a_message_is_unanswered_when_its_content_went_and_no_reply_came(outcome: Outcome, unanswered: bool) -> None:
    recorder, (number,) = recorder_of(outcome)
    recorder.add(messages(3, 5, outcome=number))
    assert recorder.unanswered.count == (5 if unanswered else 0)
    assert recorder.accepted.count == 0


def test_live_totals() -> None:
    recorder, (refused, timed_out) = recorder_of(REFUSED, TIMED_OUT)
    recorder.add(messages(2, 10))
    recorder.add(messages(3, 4, outcome=refused))
    last = messages(3, 3, outcome=timed_out)
    recorder.add(replace(last, gauges=Gauges(4.0, 7, 5, 2), shed=last.offered[:2]))
    recorder.flush(4.0)
    totals = recorder.totals()
    assert (totals.offered, totals.started, totals.completed, totals.accepted, totals.shed) == (17, 24, 17, 10, 2)
    assert (totals.at_s, totals.in_flight, totals.connections, totals.queued) == (4.0, 7, 5, 2)
    assert {kind: count for kind, count in totals.failed.items() if count} == {
        OutcomeClass.PERMANENT: 4,
        OutcomeClass.TIMEOUT: 3,
    }


def test_everything_recorded_is_written_exactly_once() -> None:
    written, table = Written(), OutcomeTable()
    recorder = Recorder(PLAN, table, written)
    for second in range(25):
        recorder.add(messages(second, 40))
        recorder.flush(second + 1.0)
    recorder.finish(25.5)
    assert sum(int(rows["completed"].sum()) for rows in written.rows) == 1000
    totals: dict[Metric, int] = {}
    for series, _, _, count in written.histograms:
        totals[series.metric] = totals.get(series.metric, 0) + count
    assert totals[Metric.RESPONSE_TIME] == totals[Metric.MAIL] == 1000
    assert sorted({(start, length) for _, start, length, _ in written.histograms}) == [(0, 10), (10, 10), (20, 5.5)]
    assert written.outcomes[-1] == recorder.outcome_counts()
    assert sum(one.count for one in written.outcomes[-1]) == 1000


def test_a_second_is_written_when_it_is_over() -> None:
    written = Written()
    recorder = Recorder(PLAN, OutcomeTable(), written)
    recorder.add(messages(3, 10))
    recorder.flush(3.99)
    assert max(rows["second"].max() for rows in written.rows) == 2
    recorder.flush(4.01)
    assert {name: written.rows[-1][name].tolist() for name in (*KEYS, "completed")} == {
        "second": [3, 3],
        "stage": [1, 1],
        "kind": [0, 1],
        "completed": [5, 5],
    }


def test_batches_without_rows_are_taken() -> None:
    recorder, _ = recorder_of()
    recorder.add(Batch(GAUGES))
    recorder.flush(1.0)
    recorder.finish(1.0)
    assert recorder.totals().completed == 0
    assert recorder.outcome_counts() == ()


def test_memory_does_not_grow_with_the_length_of_the_run() -> None:
    """Only the ledger may, by a bit for each message."""
    plan = RunPlan("abcdefgh", ("note", "ad"), (Stage("hold", 0.0, 1e6),), open_loop=True, started_at=0.0)
    recorder = Recorder(plan, OutcomeTable())

    def run(seconds: range) -> int:
        for second in seconds:
            batch = messages(second, 20, first=20 * second)
            batch.transactions[:, Tx.STAGE] = batch.offered[:, -1] = 0
            recorder.add(batch)
            recorder.flush(second + 1.0)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        after_thirty_seconds = run(range(30))
        after_ten_minutes = run(range(30, 600))
    finally:
        tracemalloc.stop()
    assert recorder.totals().completed == 12_000
    assert after_ten_minutes - after_thirty_seconds < 20_000


def test_outcomes_that_a_server_invents_are_all_counted_in_a_bounded_table() -> None:
    table = OutcomeTable()
    recorder = Recorder(PLAN, table)
    for code in range(1000):
        invented = Outcome(OutcomeClass.PERMANENT, Phase.RCPT, 500 + code % 100, f"5.{code}.1")
        recorder.add(messages(3, 2, outcome=table.intern(invented)))
    assert len(table) == MAX_OUTCOMES + 1
    counts = recorder.outcome_counts()
    assert sum(one.count for one in counts) == 2000
    other = [one for one in counts if one.outcome.reason == "other"]
    assert sum(one.count for one in other) == 2 * (1000 - (MAX_OUTCOMES - 1))
