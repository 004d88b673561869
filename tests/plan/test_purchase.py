"""Servers are bought as a base and a peak, and the base is as large as it pays."""

from __future__ import annotations

import time
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.priced import instance

from loadkit.analysis.refusal import RefusedError
from loadkit.plan.bill import Bill
from loadkit.plan.catalog import InstanceType
from loadkit.plan.catalog_load import load_catalog
from loadkit.plan.purchase import (
    MIXES,
    PurchaseMix,
    break_even,
    cheapest_base,
    lines,
    node_hours_cost,
    reclaim_risk,
    why_not,
)

COMPLETE = instance(yearly="65.17", spot=0.1)
WEEKS = st.lists(st.integers(0, 60), min_size=1, max_size=40).map(lambda nodes: np.array(nodes, dtype=np.int64))
MIX = st.sampled_from(list(MIXES.values()))


def week(*parts: tuple[int, int]) -> NDArray[np.int64]:
    """Servers for a number of hours, one after the other."""
    return np.repeat([nodes for nodes, _ in parts], [hours for _, hours in parts])


def test_break_even_of_the_printed_prices() -> None:
    compute = break_even(COMPLETE)
    assert compute.monthly == pytest.approx(0.718, abs=5e-4)
    assert compute.yearly == pytest.approx(0.610, abs=5e-4)
    economy = break_even(instance(hourly="0.0838", monthly="38.54", yearly="32.76"))
    assert economy.monthly == pytest.approx(0.630, abs=5e-4)
    assert economy.yearly == pytest.approx(0.536, abs=5e-4)
    assert compute.why == ""


@pytest.mark.parametrize(
    ("catalog", "name", "monthly", "yearly"),
    [
        ("alibaba-intl", "ecs.c9i.xlarge", 0.718, 0.610),
        ("alibaba-intl", "ecs.e-c1m2.xlarge", 0.630, 0.536),
        ("alibaba-cn", "ecs.c8i.xlarge", 0.718, 0.610),  # subscriptions derived by the ratios of the first
    ],
)
def test_break_even_of_the_catalogues(catalog: str, name: str, monthly: float, yearly: float) -> None:
    found = break_even(load_catalog([catalog]).instance_types[name])
    assert found.monthly == pytest.approx(monthly, abs=5e-4)
    assert found.yearly == pytest.approx(yearly, abs=5e-4)


def test_break_even_says_which_price_lacks() -> None:
    found = break_even(instance(yearly=None))
    assert (found.monthly is not None, found.yearly) == (True, None)
    assert found.why == "ecs.c9i.xlarge has no yearly price"
    assert break_even(instance(hourly=None)).why == "ecs.c9i.xlarge has no hourly and no yearly price"


@pytest.mark.parametrize(("hours", "base"), [(100, 2), (102, 2), (103, 10), (168, 10)])
def test_what_is_needed_longer_than_the_break_even_share_is_subscribed_to(hours: int, base: int) -> None:
    """0.610 of 168 hours are 102.5 hours."""
    nodes = week((10, hours), (2, 168 - hours))
    assert cheapest_base(COMPLETE, nodes, MIXES["yearly base"]) == base


@pytest.mark.parametrize(
    ("mix", "cost"),
    [
        # 4 servers always, 6 more for half the hours.
        ("hourly", 4 * 730 * 0.1463 + 6 * 365 * 0.1463),
        ("monthly base", 4 * 76.67 + 6 * 365 * 0.1463),
        ("yearly base", 4 * 65.17 + 6 * 365 * 0.1463),
        ("yearly base, spot peak", 4 * 65.17 + 6 * 365 * 0.1463 * 0.55),
    ],
)
def test_the_cost_of_a_month_by_hand(mix: str, cost: float) -> None:
    nodes = week((10, 84), (4, 84))
    bought = lines(COMPLETE, nodes, MIXES[mix])
    assert cheapest_base(COMPLETE, nodes, MIXES[mix]) == 4
    assert float(Bill(bought, "USD").total) == pytest.approx(cost, abs=0.011)
    assert node_hours_cost(COMPLETE, nodes, MIXES[mix], base_nodes=4) == pytest.approx(cost)


def test_the_lines_of_a_mix_name_how_they_are_paid() -> None:
    base, peak, spot = lines(COMPLETE, week((10, 84), (4, 84)), MIXES["yearly base, spot peak"])
    assert [one.pricing_category for one in (base, peak, spot)] == ["Committed", "Standard", "Dynamic"]
    assert [one.pricing_quantity for one in (base, peak, spot)] == [4, 1095, 1095]
    assert base.charge_category == "Purchase"
    assert spot.effective_cost == Decimal("16.02")
    assert spot.list_cost == Decimal("160.20")


@settings(max_examples=50)
@given(WEEKS, MIX)
def test_no_other_base_is_cheaper(nodes: NDArray[np.int64], mix: PurchaseMix) -> None:
    chosen = node_hours_cost(COMPLETE, nodes, mix, base_nodes=cheapest_base(COMPLETE, nodes, mix))
    others = [node_hours_cost(COMPLETE, nodes, mix, base_nodes=base) for base in range(nodes.min(), nodes.max() + 1)]
    assert chosen <= min(others) * (1 + 1e-12) + 1e-9


@settings(max_examples=50)
@given(WEEKS, st.data(), MIX)
def test_more_servers_never_cost_less(nodes: NDArray[np.int64], data: st.DataObject, mix: PurchaseMix) -> None:
    further = data.draw(st.lists(st.integers(0, 5), min_size=len(nodes), max_size=len(nodes)))
    more = nodes + np.array(further, dtype=np.int64)
    costs = [node_hours_cost(COMPLETE, one, mix, base_nodes=cheapest_base(COMPLETE, one, mix)) for one in (nodes, more)]
    assert costs[1] >= costs[0] * (1 - 1e-12)


@settings(max_examples=50)
@given(WEEKS, MIX)
def test_lines_add_up_to_the_cost(nodes: NDArray[np.int64], mix: PurchaseMix) -> None:
    bought = lines(COMPLETE, nodes, mix)
    cost = node_hours_cost(COMPLETE, nodes, mix, base_nodes=cheapest_base(COMPLETE, nodes, mix))
    assert float(Bill(bought, "USD").total) == pytest.approx(float(cost), abs=0.005 * 3 + 1e-4)


def test_draws_are_priced_one_by_one() -> None:
    nodes = np.array([week((10, 84), (4, 84)), week((12, 84), (4, 84))])
    costs = node_hours_cost(COMPLETE, nodes, MIXES["hourly"], base_nodes=4)
    assert costs.shape == (2,)
    assert costs[1] - costs[0] == pytest.approx(2 * 365 * 0.1463)
    each = node_hours_cost(COMPLETE, nodes, MIXES["yearly base"], base_nodes=np.array([4, 5]))
    assert each[1] == pytest.approx(5 * 65.17 + 7 * 365 * 0.1463)


def test_a_thousand_draws_of_a_week_take_milliseconds() -> None:
    nodes = np.random.default_rng(7).integers(2, 60, (1000, 168))
    started = time.process_time()
    for mix in MIXES.values():
        node_hours_cost(COMPLETE, nodes, mix, base_nodes=cheapest_base(COMPLETE, nodes, mix))
    assert time.process_time() - started < 0.25


@pytest.mark.parametrize(
    ("bought", "mix", "reason"),
    [
        (instance(), "yearly base", "ecs.c9i.xlarge has no yearly price in this catalogue"),
        (instance(hourly=None), "hourly", "ecs.c9i.xlarge has no hourly price in this catalogue"),
        (instance(), "yearly base, spot peak", "has no yearly price and no spot factor"),
    ],
)
def test_what_has_no_price_is_refused(bought: InstanceType, mix: str, reason: str) -> None:
    assert reason in why_not(bought, MIXES[mix])
    with pytest.raises(RefusedError, match=reason) as refused:
        node_hours_cost(bought, week((2, 3)), MIXES[mix], base_nodes=2)
    assert "loadkit catalog import" in refused.value.hint


def test_what_can_be_bought_has_no_reason_against_it() -> None:
    assert [why_not(COMPLETE, mix) for mix in MIXES.values()] == [""] * 4


def test_what_the_spot_market_can_take_back_is_said() -> None:
    nodes = week((10, 84), (4, 84))
    risk = reclaim_risk(nodes, MIXES["yearly base, spot peak"], base_nodes=4)
    assert risk.nodes == 3
    assert risk.share == pytest.approx(0.3)
    assert str(risk).startswith("up to 3 spot servers, 30% of the fleet in its busiest hour, can be reclaimed")
    assert str(reclaim_risk(nodes, MIXES["hourly"], base_nodes=4)) == "no spot servers, nothing to be reclaimed"


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_a_share(share: float) -> None:
    with pytest.raises(ValueError, match="is not from 0 to 1"):
        PurchaseMix("hourly", share)
