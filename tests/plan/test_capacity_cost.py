"""What a million messages cost by capacity and price: its example runs, and what is refused stays refused."""

from __future__ import annotations

import doctest
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.analysis import Bracket, Capacities, compare_capacities
from loadkit.analysis.change import Outcome
from loadkit.plan import capacity_cost
from loadkit.plan.capacity_cost import HourPrice, with_costs
from loadkit.plan.prices import Grade, Price

GOAL = "success >= 99%"
RATES = st.floats(1, 1e5)
GRADES = st.sampled_from(Grade)


def hour(amount: str, grade: Grade = Grade.OFFICIAL) -> HourPrice:
    return HourPrice("a", "node", Price(Decimal(amount), "CNY", "Hours", "cn", date(2026, 11, 1), "offer", grade))


def searched(name: str, *lowers_per_s: float | None) -> Capacities:
    return Capacities(name, {GOAL: tuple(None if low is None else Bracket(low, 1.05 * low) for low in lowers_per_s)})


def test_its_example_runs() -> None:
    assert doctest.testmod(capacity_cost).failed == 0


def test_three_searches_of_each_scatter_as_their_capacities_do() -> None:
    comparison = compare_capacities(searched("a", 400, 410, 395), searched("b", 500, 490, 512))
    capacity, cost = with_costs(comparison, hour("1"), hour("1")).changes
    assert (cost.ratio, cost.low, cost.high) == pytest.approx((1 / capacity.ratio, 1 / capacity.high, 1 / capacity.low))
    assert (capacity.outcome, cost.outcome) == (Outcome.BETTER, Outcome.BETTER)
    assert cost.baseline == pytest.approx(1e6 / 3600 / capacity.baseline)


@pytest.mark.parametrize("candidate", [searched("b", 500, 490), searched("b", None)], ids=["two", "open"])
def test_what_is_no_ground_for_a_capacity_is_none_for_a_cost(candidate: Capacities) -> None:
    capacity, cost = with_costs(compare_capacities(searched("a", 400), candidate), hour("1"), hour("2")).changes
    assert cost.refused == capacity.refused != ""
    assert cost.outcome is Outcome.UNDECIDED
    assert cost.units_needed == capacity.units_needed


@given(RATES, RATES, GRADES, GRADES)
def test_worse_grades_only_widen(mine: float, theirs: float, first: Grade, second: Grade) -> None:
    comparison = compare_capacities(searched("a", mine), searched("b", theirs))
    sure = with_costs(comparison, hour("1.5"), hour("1.2")).changes[1]
    graded = with_costs(comparison, hour("1.5", first), hour("1.2", second)).changes[1]
    assert graded.ratio == sure.ratio
    assert graded.low <= sure.low <= sure.ratio <= sure.high <= graded.high


def test_a_price_is_plain_json() -> None:
    assert hour("0.60").to_dict() == {
        "side": "a",
        "instance_type": "node",
        "amount": "0.6",
        "currency": "CNY",
        "unit": "Hours",
        "region": "cn",
        "as_of": "2026-11-01",
        "source": "offer",
        "grade": "A",
        "suspect": "",
    }
