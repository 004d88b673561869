"""What is kept, where, for how long, and what it costs."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.priced import storage

from loadkit.plan.bill import Bill
from loadkit.plan.charging import DAYS_PER_MONTH
from loadkit.plan.retention import (
    GOVERNMENT_DAYS,
    LOG_BYTES_PER_MESSAGE,
    RETENTION_DAYS,
    DataKind,
    Tiering,
    build_up,
    mail_kinds,
    savings,
    storage_plan,
)

HOT = storage("standard", "0.12")
COLD = storage("ia", "0.08", min_days=30, min_object=64 * 1024, retrieval="0.0325")
LARGE = 1e9
LOG = Path(__file__).parents[1] / "logs" / "fixtures" / "postfix.log"


def one(days: int, *, object_bytes: float = 1e6, bytes_per_day: float = LARGE) -> DataKind:
    return DataKind("mail", bytes_per_day, object_bytes, days)


def test_bytes_are_bytes_a_day_times_days() -> None:
    plan = storage_plan(mail_kinds(5_000_000, 50 * 1024), Tiering(HOT, COLD))
    stored = {kept.kind.name: float(kept.hot_bytes + kept.cold_bytes) for kept in plan.kept}
    assert stored == {
        "operation logs": 5e6 * 462 * 7,
        "access logs": 5e6 * 295 * 30,
        "security logs": 0,
        "user data": 5e6 * 51_200 * 180,
    }
    assert plan.cold_bytes == pytest.approx(5e6 * 51_200 * 150)
    assert plan.hot_bytes + plan.cold_bytes == pytest.approx(sum(stored.values()))


def test_governments_keep_everything_for_a_year() -> None:
    kinds = mail_kinds(1000, 1000, days=GOVERNMENT_DAYS, log_bytes={"security logs": 10})
    assert [(kind.name, kind.days) for kind in kinds] == [("security logs", 365), ("user data", 365)]
    assert dict(RETENTION_DAYS) == {"operation logs": 7, "access logs": 30, "security logs": 180, "user data": 180}


def test_log_bytes_are_those_of_a_message_in_a_log_of_postfix() -> None:
    lines = LOG.read_bytes().splitlines(keepends=True)[3:10]
    assert sum(map(len, lines)) == sum(LOG_BYTES_PER_MESSAGE.values())
    assert sum(len(line) for line in lines if b"/smtpd[" in line) == LOG_BYTES_PER_MESSAGE["access logs"]


@pytest.mark.parametrize(
    ("days", "tiering", "hot_gb", "cold_gb"),
    [
        (180, Tiering(HOT), 180, 0),
        (180, Tiering(HOT, COLD, 30), 30, 150),
        (7, Tiering(HOT, COLD, 30), 7, 0),
        (40, Tiering(HOT, COLD, 30), 30, 30),  # ten days there, thirty are billed
        (20, Tiering(COLD), 30, 0),  # the only class bills thirty days at least
    ],
)
def test_days_in_a_class_are_billed_with_its_minimum(
    days: int, tiering: Tiering, hot_gb: float, cold_gb: float
) -> None:
    (kept,) = storage_plan([one(days)], tiering).kept
    assert (float(kept.billed_hot_bytes), float(kept.billed_cold_bytes)) == (hot_gb * 1e9, cold_gb * 1e9)


def test_small_objects_are_billed_at_the_minimum_size() -> None:
    (kept,) = storage_plan([one(180, object_bytes=2048)], Tiering(HOT, COLD)).kept
    assert kept.billed_hot_bytes == 30e9
    assert kept.billed_cold_bytes == 32 * 150e9
    assert kept.cold_bytes == 150e9


def test_the_cost_of_a_month_by_hand() -> None:
    """1 GB a day in objects of 1 MB, 180 days, a tenth of the cold data read back."""
    hot = storage("standard", "0.12", requests="0.01")
    cold = storage("ia", "0.08", retrieval="0.0325", requests="0.1")
    plan = storage_plan([one(180)], Tiering(hot, cold, 30, 0.1))
    by_hand = [
        30 * 0.12,
        1000 * DAYS_PER_MONTH / 1e4 * 0.01,
        150 * 0.08,
        1000 * DAYS_PER_MONTH / 1e4 * 0.1,
        15 * 0.0325,
        15_000 / 1e4 * 0.1,
    ]
    assert [float(charge.cost) for charge in plan.charges] == pytest.approx(by_hand)
    assert float(Bill(plan.lines, "CNY").total) == pytest.approx(sum(by_hand), abs=0.03)
    assert plan.unknown == ()


def test_what_has_no_price_is_named() -> None:
    cold = storage("ia", "0.08")
    assert storage_plan([one(180)], Tiering(HOT, cold, 30, 0.1)).unknown == (
        "standard has no price for writing",
        "ia has no price for moving data to it",
        "ia has no price for reading back",
        "ia has no price for requests that read",
    )


def test_the_cold_class_saves_for_large_objects_and_costs_for_small_ones() -> None:
    large = savings([one(180)], Tiering(HOT, COLD))["mail"]
    small = savings([one(180, object_bytes=2048)], Tiering(HOT, COLD))["mail"]
    assert large == pytest.approx(150 * (0.12 - 0.08))
    assert small == pytest.approx(150 * (0.12 - 32 * 0.08))


def test_it_builds_up_month_by_month() -> None:
    """A month of 30.4 days: the first holds half of its days on average, and after 180 days as much goes as comes."""
    months = build_up([one(180)], Tiering(HOT, COLD, 30), 9)
    hot = [float(month.hot_bytes) / 1e9 for month in months]
    both = [float(month.hot_bytes + month.cold_bytes) / 1e9 for month in months]
    assert both[:5] == pytest.approx([DAYS_PER_MONTH * (n + 0.5) for n in range(5)])
    assert hot[1:] == pytest.approx([30.0] * 8)
    assert both[6:] == pytest.approx([180.0] * 3)
    steady = storage_plan([one(180)], Tiering(HOT, COLD, 30))
    assert months[-1].cost == pytest.approx(float(steady.cost))
    assert float(months[0].kept[0].moved) == pytest.approx(1000 * (DAYS_PER_MONTH - 30))


@settings(max_examples=40)
@given(
    st.integers(1, 400),
    st.integers(0, 60),
    st.floats(1, 1e12),
    st.floats(1e3, 1e8),
    st.floats(0, 1),
)
def test_a_month_of_the_build_up_never_costs_more_than_the_steady_one(
    days: int, cold_after: int, bytes_per_day: float, object_bytes: float, share: float
) -> None:
    kinds = [one(days, object_bytes=object_bytes, bytes_per_day=bytes_per_day)]
    tiering = Tiering(HOT, COLD, cold_after, share)
    costs = [float(month.cost) for month in build_up(kinds, tiering, 15)]
    assert all(later >= earlier * (1 - 1e-9) for earlier, later in pairwise(costs))
    assert costs[-1] == pytest.approx(float(storage_plan(kinds, tiering).cost), rel=1e-9)


def test_longer_retention_never_costs_less() -> None:
    costs = [float(storage_plan([one(days)], Tiering(HOT, COLD)).cost) for days in range(1, 400)]
    assert costs == sorted(costs)


def test_draws_go_through_together() -> None:
    rng = np.random.default_rng(3)
    messages, sizes = rng.lognormal(15, 1, 1000), rng.lognormal(9, 1, 1000)
    started = time.process_time()
    plan = storage_plan(mail_kinds(messages, sizes), Tiering(HOT, COLD, 30, 0.01))
    assert time.process_time() - started < 0.1
    assert plan.cost.shape == (1000,)
    single = storage_plan(mail_kinds(messages[7], sizes[7]), Tiering(HOT, COLD, 30, 0.01))
    assert plan.cost[7] == pytest.approx(float(single.cost))
