"""Delivery over time: the series, the backlog and its trend, the drain, and what thresholds ask."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from loadkit.measure.delivery import Delivery, DeliveryCourse, DeliverySeries, follow_delivery
from loadkit.measure.ledger import DeliveryLedger
from loadkit.measure.reconciliation import Reconciliation
from loadkit.measure.records import RunPlan, Stage
from loadkit.smtp.stamp import Stamp

STARTED_AT = 1_700_000_000.0
PLAN = RunPlan(
    "abcdefgh",
    ("note",),
    (Stage("warm-up", 0.0, 5.0, measured=False), Stage("hold", 5.0, 25.0)),
    open_loop=True,
    started_at=STARTED_AT,
)
RATE = 100
COUNTS = Reconciliation(2500, 2500, 0, (), 0, 0, 0, 0)


def arrived(at_s: list[float], *, late_s: float = 0.0) -> DeliveryLedger:
    """A ledger of messages that arrived at these seconds of the run."""
    ledger = DeliveryLedger("abcdefgh")
    for seq, second in enumerate(at_s):
        sent_us = int((STARTED_AT + second - late_s) * 1e6)
        stamp = Stamp("abcdefgh", 0, seq, "note", sent_us, sent_us, None)
        ledger.add(stamp, recipients=1, size_bytes=1, now=STARTED_AT + second)
    return ledger


def evenly(per_s: int, start_s: float, end_s: float) -> list[float]:
    return np.arange(start_s, end_s, 1 / per_s).tolist()


def follow(
    at_s: list[float], *, plan: RunPlan = PLAN, accepted: int = RATE, seconds: int = 25
) -> tuple[DeliveryCourse, DeliverySeries]:
    return follow_delivery(
        plan,
        np.full(seconds, accepted, dtype=np.int64),
        arrived(at_s),
        drained=True,
        last_accepted_s=seconds - 0.01,
        duration_s=float(seconds),
    )


def test_mail_that_arrives_as_it_is_accepted_leaves_no_backlog() -> None:
    course, series = follow(evenly(RATE, 0.0, 25.0))
    assert series.accepted.tolist() == series.delivered.tolist() == list(range(100, 2600, 100))
    assert series.backlog.tolist() == [0] * 25
    assert course.delivered_per_s == RATE
    assert (course.backlog.max, course.backlog.end, course.backlog.grows) == (0, 0, False)
    assert course.drain_s == pytest.approx(0.0, abs=0.01)


def test_a_relay_of_less_than_the_rate_has_a_backlog_that_grows_and_then_drains() -> None:
    """80 of 100 a second arrive for 25 s, and then the 500 that are left take 6.25 s."""
    course, series = follow(evenly(80, 0.0, 31.25))
    assert series.second.tolist() == list(range(32))
    assert series.backlog.tolist() == [*range(20, 520, 20), 420, 340, 260, 180, 100, 20, 0]
    assert course.delivered_per_s == 80
    assert (course.backlog.max, course.backlog.end) == (500, 500)
    assert course.backlog.slope_per_s == pytest.approx(20)
    assert course.backlog.slope_low_per_s == pytest.approx(20)
    assert course.backlog.grows
    assert course.drain_s == pytest.approx(6.25, abs=0.03)


def test_warm_up_counts_for_the_most_and_not_for_rate_and_trend() -> None:
    course, _ = follow([*[5.0] * 500, *evenly(RATE, 5.0, 25.0)])
    assert course.backlog.max == 500
    assert course.delivered_per_s == RATE + 500 / 20
    assert not course.backlog.grows


def test_a_rise_that_is_small_against_the_rate_is_not_called_growth() -> None:
    """Two hundredths of a message a second are certain here, and of no interest at 100/s."""
    ledger_times = evenly(RATE, 0.0, 25.0)
    course, _ = follow([time if index % 5000 else time + 20 for index, time in enumerate(ledger_times)])
    assert course.backlog.max == 1
    assert not course.backlog.grows


def test_few_seconds_have_no_trend() -> None:
    short = replace(PLAN, stages=(Stage("hold", 0.0, 4.0),))
    course, _ = follow(evenly(50, 0.0, 8.0), plan=short, seconds=4)
    assert (course.backlog.max, course.backlog.end) == (200, 200)
    assert (course.backlog.slope_per_s, course.backlog.slope_low_per_s, course.backlog.grows) == (None, None, False)


def test_seconds_without_acceptance_belong_to_the_stage() -> None:
    accepted = np.array([100] * 10, dtype=np.int64)
    ledger = arrived(evenly(100, 0.0, 10.0))
    course, series = follow_delivery(PLAN, accepted, ledger, drained=True, last_accepted_s=9.99, duration_s=25.0)
    assert series.second.size == 25
    assert course.delivered_per_s == 25


def test_a_start_between_whole_seconds_spreads_deliveries_evenly() -> None:
    course, series = follow(evenly(RATE, 0.0, 30.0), plan=replace(PLAN, started_at=STARTED_AT - 0.25))
    # Sinks count from the next whole second on: a quarter of a second later.
    assert series.delivered[:3].tolist() == [75, 175, 275]
    assert course.delivered_per_s == RATE


def test_what_a_sink_counted_before_it_acknowledged_is_no_negative_backlog() -> None:
    _, series = follow([0.5] * 150)
    assert (series.delivered[0], series.backlog[0], series.backlog[1]) == (150, 0, 50)


def test_nothing_accepted_and_nothing_arrived() -> None:
    course, series = follow_delivery(
        PLAN,
        np.zeros(0, dtype=np.int64),
        DeliveryLedger("abcdefgh"),
        drained=True,
        last_accepted_s=None,
        duration_s=0.0,
    )
    assert series.second.size == 0
    assert (course.drain_s, course.delivered_per_s, course.backlog.max) == (None, None, 0)


def test_it_reads_back_from_json() -> None:
    course, series = follow(evenly(80, 0.0, 31.25))
    lost = replace(COUNTS, lost=2, lost_ranges=((0, 5, 6),), corrupted=1)
    delivery = Delivery(lost, course, arrived([1.0, 2.0], late_s=0.5).end_to_end, series)
    read = Delivery.from_dict(json.loads(json.dumps(delivery.to_dict(), allow_nan=False)))
    assert (read.counts, read.course) == (lost, course)
    assert read.end_to_end == delivery.end_to_end
    assert read.end_to_end["note"].sent.mean_s == pytest.approx(0.5, rel=1e-3)


def test_a_ledger_of_the_version_before_has_the_counts() -> None:
    old = {name: getattr(COUNTS, name) for name in COUNTS.__slots__ if name != "corrupted"}
    assert Delivery.from_dict(old) == Delivery(COUNTS)


@pytest.mark.parametrize("change", [{"schema_version": 3}, {"course": {"backlog": {}}}, {"lost_ranges": None}])
def test_what_is_no_ledger_is_refused(change: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Delivery.from_dict(Delivery(COUNTS).to_dict() | change)


@pytest.mark.parametrize(
    ("metric", "tags", "statistic", "quantile", "expected"),
    [
        ("backlog", {}, "max", None, 500),
        ("backlog", {}, "end", None, 500),
        ("backlog", {}, "slope", None, 20),
        ("delivered", {}, "rate", None, 80),
        ("delivered", {}, "count", None, 2500),
        ("end_to_end_duration", {}, "max", None, 0.5),
        ("end_to_end_duration", {"kind": "note"}, "p", 0.5, 0.5),
        ("end_to_end_duration", {"kind": "ad"}, "max", None, None),
        ("end_to_end_duration", {}, "p", 0.999, None),
    ],
)
def test_what_thresholds_ask(
    metric: str, tags: dict[str, str], statistic: str, quantile: float | None, expected: float | None
) -> None:
    at_s = evenly(80, 0.0, 31.25)
    course, _ = follow(at_s)
    delivery = Delivery(COUNTS, course, arrived(at_s, late_s=0.5).end_to_end)
    value = delivery.value(metric, tags, statistic, quantile)
    assert value == (None if expected is None else pytest.approx(expected, rel=1e-3))


def test_counts_alone_have_no_course_to_ask_about() -> None:
    assert Delivery(COUNTS).value("backlog", {}, "max", None) is None
    assert Delivery(COUNTS).value("delivered", {}, "rate", None) is None
    assert Delivery(COUNTS).value("delivered", {}, "count", None) == 2500
