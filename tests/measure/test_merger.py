"""Reports of workers, merged: the books of one run, whatever was lost, repeated or late on the way."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.recording import PLAN, messages, sample, set_up

from loadkit.measure.merger import Merger
from loadkit.measure.recorder import Recorder
from loadkit.measure.records import Batch, OutcomeTable, Tx
from loadkit.measure.reporter import Reporter
from loadkit.measure.statistics import OutcomeCount
from loadkit.measure.timeline import COUNTERS, KEYS, LATENCIES, TimelineRows
from loadkit.measure.worker_report import SparseCounts, WorkerReport
from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase

REFUSED = Outcome(OutcomeClass.PERMANENT, Phase.RCPT, 550, "5.1.1")
SECONDS = 12
RATE = 60


class Rows:
    """A writer that keeps the timeline."""

    def __init__(self) -> None:
        self.rows: list[TimelineRows] = []

    def append_timeline(self, rows: TimelineRows) -> None:
        self.rows.append(rows)

    def append_histogram(self, *_: object) -> None:
        """Not looked at."""

    def write_outcomes(self, outcomes: tuple[OutcomeCount, ...]) -> None:
        """Not looked at."""

    def summed(self) -> dict[tuple[int, int, int], dict[str, float]]:
        """The rows by key: counters added up, and the only known value of everything else."""
        table: dict[tuple[int, int, int], dict[str, float]] = {}
        for rows in self.rows:
            for place in range(rows["second"].size):
                row = table.setdefault(tuple(int(rows[name][place]) for name in KEYS), {})  # type: ignore[arg-type]
                for name, column in rows.items():
                    value = float(column[place])
                    if name in COUNTERS:
                        row[name] = row.get(name, 0) + value
                    elif name not in KEYS and not np.isnan(value):
                        assert name not in row, "a second has its gauges and latencies once"
                        row[name] = value
        return table


def batches(outcomes: OutcomeTable) -> list[Batch]:
    """A second each; latencies are all over the place, and every seventh message is refused."""
    refused, random_s = outcomes.intern(REFUSED), np.random.default_rng(1)
    made = []
    for second in range(SECONDS):
        batch = messages(second, RATE, first=RATE * second)
        rows = batch.transactions
        rows[:, Tx.STARTED] = rows[:, Tx.INTENDED] + random_s.exponential(0.01, RATE)
        rows[:, Tx.COMPLETED] = rows[:, Tx.STARTED] + random_s.exponential(0.3, RATE)
        rows[::7, Tx.OUTCOME] = refused
        made.append(batch)
    return made


def share_of(batch: Batch, index: int, count: int) -> Batch:
    """A worker's part of a batch, its messages numbered anew."""
    own = batch.transactions[:, Tx.SEQ] % count == index
    rows = batch.transactions[own].copy()
    rows[:, Tx.SEQ] //= count
    return replace(batch, transactions=rows, offered=batch.offered[own])


def local() -> tuple[Recorder, Rows]:
    outcomes, written = OutcomeTable(), Rows()
    recorder = Recorder(PLAN, outcomes, written)
    for second, batch in enumerate(batches(outcomes)):
        recorder.add(batch)
        recorder.add(set_up())
        recorder.flush(second + 1.0)
    recorder.finish(SECONDS + 3.0)
    return recorder, written


def reports_of(index: int, count: int) -> list[WorkerReport]:
    """What a worker says of its part, as it comes out of the connection."""
    outcomes, reports = OutcomeTable(), []
    # Workers meet outcomes in an order of their own.
    for number in range(index):
        outcomes.intern(Outcome(OutcomeClass.TRANSIENT, Phase.MAIL, 450 + number))
    reporter = Reporter(PLAN, outcomes, lambda report: reports.append(through_the_wire(report)))
    for second, batch in enumerate(batches(outcomes)):
        reporter.add(share_of(batch, index, count))
        if index == second % count:
            reporter.add(set_up())
        reporter.keep_sample(sample(second + 1.0))
        reporter.flush(second + 1.0)
    reporter.finish(SECONDS + 3.0)
    return reports


def through_the_wire(report: WorkerReport) -> WorkerReport:
    packed = msgpack.loads(msgpack.dumps(report.to_wire()), raw=False, strict_map_key=False)
    return WorkerReport.from_wire(packed)


def check_same(merger: Merger, written: Rows, recorder: Recorder, expected: Rows) -> None:
    ours, theirs = merger.statistics(), recorder.statistics()
    assert set(ours.histograms) == set(theirs.histograms)
    for series, histogram in theirs.histograms.items():
        assert ours.histograms[series].encode() == histogram.encode(), series
    for counter in COUNTERS:
        assert np.array_equal(ours.counters.by_arrival[counter], theirs.counters.by_arrival[counter])
    for counter, sums in theirs.counters.within_stage.items():
        assert np.array_equal(ours.counters.within_stage[counter], sums)
    assert np.array_equal(ours.counters.accepted_per_second, theirs.counters.accepted_per_second)
    assert sorted(map(str, merger.outcome_counts())) == sorted(map(str, recorder.outcome_counts()))
    assert merger.last_accepted_s == recorder.last_accepted_s
    assert sum(bitmap.count for bitmap in merger.accepted_by_sender.values()) == recorder.accepted.count
    merged, single = written.summed(), expected.summed()
    assert merged.keys() == single.keys()
    for key, row in single.items():
        for name in COUNTERS:
            assert merged[key][name] == row[name], (key, name)
        for name in LATENCIES:
            known = pytest.approx(row.get(name, np.nan), rel=1e-3, abs=1e-6, nan_ok=True)
            assert merged[key].get(name, np.nan) == known, (key, name)


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 16])
def test_the_books_are_those_of_one_process(workers: int) -> None:
    recorder, expected = local()
    written = Rows()
    merger = Merger(PLAN, workers, written)
    every = [reports_of(index, workers) for index in range(workers)]
    for second in range(SECONDS + 1):
        for index, reports in enumerate(every):
            assert merger.add(index, reports[second])
        merger.flush(range(workers))
    merger.finish(SECONDS + 3.0)
    check_same(merger, written, recorder, expected)
    assert all(worker.ended_s == SECONDS + 3.0 for worker in merger.workers)
    connections = [row["connections"] for row in written.summed().values() if "connections" in row]
    assert set(connections) == {3.0 * workers}  # each worker has three


@settings(max_examples=25, deadline=None)
@given(st.integers(min_value=0, max_value=2**32))
def test_what_is_lost_repeated_and_late_changes_nothing(seed: int) -> None:
    """Workers send again whatever is not acknowledged, as a bad connection delivers it, in any order."""
    chance = random.Random(seed)
    recorder, expected = local()
    written, workers = Rows(), 3
    merger = Merger(PLAN, workers, written)
    every = [reports_of(index, workers) for index in range(workers)]
    sent = [1] * workers
    while any(worker.number < SECONDS + 1 for worker in merger.workers):
        index = chance.randrange(workers)
        sent[index] = min(sent[index] + 1, SECONDS + 1)
        on_the_way = every[index][max(0, merger.workers[index].number - 2) : sent[index]]
        for report in chance.sample(on_the_way, k=len(on_the_way)):
            if chance.random() < 0.7:
                before = merger.workers[index].number
                assert merger.add(index, report) == (report.number == before + 1)
        merger.flush([one for one in range(workers) if chance.random() < 0.8])
    merger.finish(SECONDS + 3.0)
    ours, theirs = merger.statistics(), recorder.statistics()
    for series, histogram in theirs.histograms.items():
        assert ours.histograms[series].encode() == histogram.encode(), series
    merged, single = written.summed(), expected.summed()
    assert {key: [row[name] for name in COUNTERS] for key, row in merged.items()} == {
        key: [row[name] for name in COUNTERS] for key, row in single.items()
    }


def test_seconds_wait_for_the_awaited_workers_alone() -> None:
    written = Rows()
    merger = Merger(PLAN, 2, written)
    first, second = reports_of(0, 2), reports_of(1, 2)
    for report in first[:5]:
        merger.add(0, report)
    merger.add(1, second[0])
    merger.flush([0, 1])
    assert max(key[0] for key in written.summed()) == 0  # the second one has told of no more
    merger.flush([0])  # the other one is silent
    assert max(key[0] for key in written.summed()) == 4
    before = {key: row for key, row in written.summed().items() if key[0] < 5}
    for report in second[1:5]:
        merger.add(1, report)
    merger.flush([0, 1])
    after = written.summed()
    assert sum(row["offered"] for row in after.values()) == 5 * RATE
    for key, row in before.items():
        assert after[key].get("response_p50_s") == row.get("response_p50_s")


def test_what_a_worker_offered_and_accepted_is_kept_apart() -> None:
    merger = Merger(PLAN, 2)
    for report in reports_of(0, 2)[:6]:
        merger.add(0, report)
    assert merger.workers[0].offered.tolist() == [RATE, 2 * RATE]  # two seconds of warm-up, then four
    assert merger.workers[1].offered.tolist() == [0, 0]
    assert merger.accepted_by_sender[0].count == sum(report.accepted.size for report in reports_of(0, 2)[:6])
    assert merger.totals([0]).connections == 3
    assert merger.totals([]).connections == 0


def test_a_report_has_no_numbers_that_the_connection_does_not_take() -> None:
    """numpy's scalars are none of msgpack's types, and only some of json's."""
    for report in reports_of(0, 2):
        data = report.to_wire()
        plain = {key: value for key, value in data.items() if key not in ("accepted", "unanswered")}
        json.dumps(plain, default=lambda value: value.hex() if type(value) is bytes else 1 / 0)
        assert {type(data["accepted"]), type(data["unanswered"])} == {bytes}
        back = WorkerReport.from_wire(data)
        assert back.samples == report.samples
        assert back.outcomes.outcomes == report.outcomes.outcomes
        assert back.outcomes.counts.tolist() == report.outcomes.counts.tolist()


def test_counts_survive_the_wire() -> None:
    numbers, indexes = np.array([5, 0, 5, 5, 900_000]), np.array([3, 23_551, 3, 2, 0])
    counts = SparseCounts.of_values(numbers, indexes)
    back = SparseCounts.from_wire(counts.to_wire())
    assert back.numbers.tolist() == [0, 5, 5, 900_000]
    assert back.indexes.tolist() == [23_551, 2, 3, 0]
    assert back.counts.tolist() == [1, 1, 2, 1]
    assert sum(map(len, counts.to_wire())) == 3 * 8 + 4 * 6


@pytest.mark.parametrize("place", range(4))
def test_damaged_counts_are_refused(place: int) -> None:
    packed = SparseCounts.of_values(np.array([1, 2]), np.array([1, 2])).to_wire()
    packed[place] = packed[place][:-1] + b"\xff" if place == 2 else packed[place][: len(packed[place]) // 2]
    with pytest.raises(ValueError, match=r"counts|index|shape"):
        SparseCounts.from_wire(packed)
