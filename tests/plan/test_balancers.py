"""Capacity units of load balancers, with the known answers of the public list."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.priced import balancer

from loadkit.analysis.refusal import RefusedError
from loadkit.plan.balancers import binding, lines, monthly_cost, units
from loadkit.plan.bill import Bill

NLB = balancer()


def test_known_answers() -> None:
    assert units(100_000, 0, 0, NLB) == 125
    assert units(100_000, 0, 100_000 * 50 * 1024 * 3600, NLB) == pytest.approx(18_432)
    assert units(0, 1_000_000, 0, NLB) == 10


@pytest.mark.parametrize(
    ("demand", "name"),
    [((8000, 0, 0), "new connections"), ((8000, 2_000_000, 0), "open connections"), ((8000, 0, 1e11), "bytes")],
)
def test_the_largest_demand_counts_and_is_named(demand: tuple[float, float, float], name: str) -> None:
    assert binding(*demand, NLB) == name


def test_demands_of_draws_and_hours_go_together() -> None:
    rates = np.array([[800.0, 1600.0], [0.0, 8000.0]])
    assert units(rates, np.array([[100_000.0], [100_000.0]]), 0, NLB).tolist() == [[1, 2], [1, 10]]


@settings(max_examples=30)
@given(*[st.tuples(st.floats(0, 1e6), st.floats(0, 1e6))] * 3)
def test_more_of_anything_never_takes_fewer_units(
    new: tuple[float, float], concurrent: tuple[float, float], moved: tuple[float, float]
) -> None:
    assert units(min(new), min(concurrent), min(moved), NLB) <= units(max(new), max(concurrent), max(moved), NLB)


def test_the_cost_of_a_month_by_hand() -> None:
    """18,432 units at 0.036 are 663.55 an hour."""
    used = np.full(168, 18_432.0)
    cost = 2 * 730 * 0.147 + 730 * 18_432 * 0.036
    assert monthly_cost(NLB, used, instances=2) == pytest.approx(cost)
    assert float(Bill(lines(NLB, used, instances=2), "CNY").total) == pytest.approx(cost, abs=0.01)
    assert cost / 730 - 2 * 0.147 == pytest.approx(663.55, abs=0.005)
    assert monthly_cost(NLB, np.stack([used, 0 * used])).tolist()[1] == pytest.approx(730 * 0.147)


def test_units_without_a_price_are_refused() -> None:
    with pytest.raises(RefusedError, match="no price for a capacity unit of nlb"):
        monthly_cost(balancer(unit=None), np.ones(3))
