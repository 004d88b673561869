"""Availability: known answers, common cause, zones and the provider's ceiling."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.plan.availability import (
    at_least,
    at_least_together,
    downtime_minutes,
    fleet_availability,
    in_series,
)

PARTS = {"instance": 0.99995, "load_balancer": 0.99995, "network": 0.99995}


def test_four_of_six() -> None:
    assert at_least(4, 6, 0.8) == pytest.approx(0.90112, abs=1e-12)


@settings(max_examples=40)
@given(st.integers(0, 12), st.integers(0, 12), st.floats(0, 1))
def test_it_is_the_sum_of_binomial_terms(needed: int, more: int, availability: float) -> None:
    nodes = needed + more
    terms = (
        math.comb(nodes, up) * availability**up * (1 - availability) ** (nodes - up) for up in range(needed, nodes + 1)
    )
    assert at_least(needed, nodes, availability) == pytest.approx(sum(terms), abs=1e-9)


@pytest.mark.parametrize("arguments", [(3, 2, 0.9), (-1, 2, 0.9), (1, 2, 1.1)])
def test_what_cannot_be_is_refused(arguments: tuple[int, int, float]) -> None:
    with pytest.raises(ValueError, match="can't be"):
        at_least(*arguments)


def test_what_fails_together_bounds_any_number_of_nodes() -> None:
    assert at_least_together(4, 6, 0.8, 0.0) == at_least(4, 6, 0.8)
    assert at_least_together(4, 6, 0.8, 0.1) == pytest.approx(at_least(4, 6, 0.82) * 0.98)
    assert at_least_together(2, 500, 0.99, 0.1) == pytest.approx(0.999)
    assert at_least_together(3, 3, 0.99, 1.0) == pytest.approx(0.99)


def test_three_parts_at_99_995_cannot_back_99_99() -> None:
    assert in_series(PARTS) == pytest.approx(0.99985, abs=1e-7)
    found = fleet_availability(2, 4, (0.9999, 0.0), PARTS, 0.9999)
    assert found.ceiling == pytest.approx(0.99985, abs=1e-7)
    assert found.backed is False
    assert "can't be backed by the provider's promises alone, for 3 parts in series give 99.985%" in found.words
    assert fleet_availability(2, 4, (0.9999, 0.0), PARTS, 0.9995).backed is True


def test_nodes_and_the_other_parts_must_both_be_up() -> None:
    found = fleet_availability(4, 6, (0.8, 0.0), {"instance": 0.5, "load_balancer": 0.9}, 0.8)
    assert found.nodes == pytest.approx(0.90112)
    assert found.together == pytest.approx(0.90112 * 0.9)
    assert found.met is True
    assert fleet_availability(4, 6, (0.8, 0.0), {}, 0.95).met is False
    assert fleet_availability(4, 6, (0.8, 0.0), {}, 0.95).backed is None
    assert fleet_availability(4, 6, (0.8, 0.0), {}, None).met is None


@pytest.mark.parametrize(("availability", "minutes"), [(0.999, 43.2), (0.9995, 21.6), (0.9999, 4.32), (0.99985, 6.48)])
def test_downtime_in_thirty_days(availability: float, minutes: float) -> None:
    assert downtime_minutes(availability) == pytest.approx(minutes)
