"""Timeline rows: which second counts what, exact percentiles, and sums that tell throughput from backlog."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.measure.records import Gauges, RunPlan, Stage, Tx
from loadkit.measure.timeline import CLASSES, COUNTERS, Counters, TimelineBuilder, TimelineRows
from loadkit.smtp.outcome import OutcomeClass

PLAN = RunPlan(
    "abcdefgh",
    ("note", "ad"),
    (Stage("warm-up", 0.0, 2.0, measured=False), Stage("hold", 2.0, 5.0)),
    open_loop=True,
    started_at=0.0,
)
ACCEPTED = CLASSES.index(OutcomeClass.ACCEPTED)
TIMEOUT = CLASSES.index(OutcomeClass.TIMEOUT)


def add(
    builder: TimelineBuilder,
    *,
    intended: float,
    started: float,
    completed: float,
    stage: int = 1,
    kind: int = 0,
    outcome: int = ACCEPTED,
) -> None:
    columns = np.full((len(Tx), 1), np.nan)
    columns[[Tx.INTENDED, Tx.STARTED, Tx.COMPLETED, Tx.SIZE_BYTES], 0] = (intended, started, completed, 1000)
    builder.add_transactions(columns, np.array([stage * len(PLAN.kinds) + kind]), np.array([outcome]))


def row(rows: TimelineRows, second: int, stage: int = 1, kind: int = 0) -> dict[str, float]:
    (at,) = np.flatnonzero((rows["second"] == second) & (rows["stage"] == stage) & (rows["kind"] == kind)).tolist()
    return {name: float(column[at]) for name, column in rows.items()}


def test_each_counter_has_its_own_second() -> None:
    builder = TimelineBuilder(PLAN)
    builder.add_arrivals("offered", np.array([[2.9, 0, 1]]))
    builder.add_arrivals("shed", np.array([[2.1, 1, 1]]))
    add(builder, intended=2.9, started=3.1, completed=4.2)
    rows = builder.take(5, Gauges(5.0, 4, 3, 2))
    assert row(rows, 2)["offered"] == 1
    assert row(rows, 2, kind=1)["shed"] == 1
    assert (row(rows, 3)["started"], row(rows, 3)["completed"]) == (1, 0)
    done = row(rows, 4)
    assert (done["completed"], done["accepted"], done["accepted_bytes"]) == (1, 1, 1000)
    assert done["response_p50_s"] == pytest.approx(1.3)
    assert done["service_p50_s"] == pytest.approx(1.1)
    assert (done["in_flight"], done["connections"], done["queued"]) == (4, 3, 2)


def test_every_second_has_a_row_per_kind_even_when_nothing_happens() -> None:
    rows = TimelineBuilder(PLAN).take(4, Gauges(4.0, 7, 1, 0))
    places = list(zip(rows["second"].tolist(), rows["stage"].tolist(), rows["kind"].tolist(), strict=True))
    assert places == [(second, second // 2, kind) for second in range(4) for kind in range(2)]
    assert set(rows["in_flight"].tolist()) == {7.0}
    assert all(not rows[counter].any() for counter in COUNTERS)
    assert np.isnan(rows["response_p95_s"].astype(float)).all()


def test_the_second_that_is_not_over_stays_pending() -> None:
    builder = TimelineBuilder(PLAN)
    add(builder, intended=2.0, started=2.0, completed=3.5)
    assert builder.take(3, Gauges(3.0, 0, 0, 0))["completed"].sum() == 0
    assert builder.take(4, Gauges(4.0, 0, 0, 0))["completed"].sum() == 1


def test_a_late_end_adds_to_an_old_second_without_its_gauges() -> None:
    builder = TimelineBuilder(PLAN)
    builder.take(4, Gauges(4.0, 1, 1, 1))
    add(builder, intended=2.2, started=2.3, completed=4.4, outcome=TIMEOUT)
    rows = builder.take(5, Gauges(5.0, 0, 1, 0))
    old = row(rows, 2)
    assert (old["started"], old["completed"]) == (1, 0)
    assert np.isnan(old["in_flight"])
    assert row(rows, 4)["failed_timeout"] == 1


def test_what_never_started_has_no_service_time() -> None:
    builder = TimelineBuilder(PLAN)
    add(builder, intended=2.0, started=np.nan, completed=3.0, outcome=TIMEOUT)
    rows = builder.take(4, Gauges(4.0, 0, 0, 0))
    assert rows["started"].sum() == 0
    assert row(rows, 3)["response_p50_s"] == pytest.approx(1.0)
    assert np.isnan(row(rows, 3)["service_p50_s"])


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 0.9)), min_size=1, max_size=80))
def test_percentiles_are_nearest_rank_per_kind(values: list[tuple[int, float]]) -> None:
    builder = TimelineBuilder(PLAN)
    for kind, response_s in values:
        add(builder, intended=3.95 - response_s, started=3.95 - response_s, completed=3.95, kind=kind)
    rows = builder.take(4, Gauges(4.0, 0, 0, 0))
    for kind in {kind for kind, _ in values}:
        expected = [response_s for one, response_s in values if one == kind]
        for name, quantile in (("response_p50_s", 0.5), ("response_p95_s", 0.95), ("response_max_s", 1.0)):
            exact = np.quantile(expected, quantile, method="inverted_cdf")
            assert row(rows, 3, kind=kind)[name] == pytest.approx(exact, abs=2e-6)


def test_a_backlog_that_is_worked_off_later_is_no_throughput() -> None:
    builder, counters = TimelineBuilder(PLAN), Counters(PLAN)
    for number in range(60):
        at = 2.0 + number * 0.05
        builder.add_arrivals("offered", np.array([[at, 0, 1]]))
        add(builder, intended=at, started=2.0 + number * 0.1, completed=2.05 + number * 0.1)
    for second in range(1, 10):
        counters.add(builder.take(second, Gauges(second, 0, 0, 0)), second)
    assert counters.whole_seconds(1) == 3
    assert counters.by_arrival["completed"][1].tolist() == [60, 0]
    assert counters.within_stage["offered"][1].sum() == 60
    assert counters.within_stage["completed"][1].sum() == 30


def test_what_was_accepted_is_known_by_second_of_the_whole_run() -> None:
    builder, counters = TimelineBuilder(PLAN), Counters(PLAN)
    assert counters.accepted_per_second.tolist() == []
    for completed in (0.5, 2.1, 2.9):
        add(builder, intended=0.1, started=0.2, completed=completed)
    counters.add(builder.take(3, Gauges(3.0, 0, 0, 0)), 3.0)
    # Known late, when its second had been given already.
    add(builder, intended=0.1, started=0.2, completed=2.5)
    add(builder, intended=0.1, started=0.2, completed=700.5)
    counters.add(builder.take(701, Gauges(701.0, 0, 0, 0)), 701.0)
    assert counters.accepted_per_second.tolist() == [1, 0, 3, *[0] * 697, 1]


def test_a_second_that_was_cut_off_does_not_count_for_rates() -> None:
    builder, counters = TimelineBuilder(PLAN), Counters(PLAN)
    add(builder, intended=2.1, started=2.1, completed=2.2)
    add(builder, intended=3.1, started=3.1, completed=3.2)
    counters.add(builder.take(4, Gauges(3.5, 0, 0, 0)), 3.5)
    assert counters.whole_seconds(1) == 1
    assert counters.within_stage["completed"][1].sum() == 1
    assert counters.by_arrival["completed"][1].sum() == 2
