"""Printed savings rest on assumptions, which are solved for and judged."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.plan.catalog_load import load_catalog
from loadkit.plan.cost_reading import read_cost_table
from loadkit.plan.levers import FORMULAS, Lever, LeverKind, Verdict, explain
from loadkit.plan.purchase import break_even

SCHOOL = Path(__file__).parents[2] / "examples" / "school_costs.yaml"
COMPUTE = (Decimal(8500), Decimal(6200))
STORAGE = (Decimal(1200), Decimal(950))
SECURITY = (Decimal(1800), Decimal(1350))


@pytest.mark.parametrize(
    ("lever", "amounts", "solved", "value"),
    [
        # 2,300 of 8,500 saved in 98 of 168 hours: 1 - (2300 / 8500) / (98 / 168).
        (Lever("elastic", 98 / 168, None), COMPUTE, "base_nodes", 0.53613),
        (Lever("elastic", None, 0.5), COMPUTE, "base_hours", 0.54118),
        (Lever("cold", None, 0.08 / 0.12), STORAGE, "cold_share", 0.625),
        (Lever("cold", 150 / 180, None), STORAGE, "price_ratio", 0.75),
        (Lever("by_use", None, 0.718), SECURITY, "used", 0.5385),
        (Lever("by_use", 0.5, None), SECURITY, "price_ratio", 0.66667),
    ],
)
def test_the_open_assumption_is_solved_for(
    lever: Lever, amounts: tuple[Decimal, Decimal], solved: str, value: float
) -> None:
    found = explain(lever, *amounts)
    assert found.solved == solved
    assert found.assumptions[solved] == pytest.approx(value, abs=1e-5)
    assert found.reproduced == amounts[1]
    assert found.verdict == "plausible"


@pytest.mark.parametrize(
    ("lever", "amounts", "verdict", "because"),
    [
        (Lever("elastic", 0.25, None), COMPUTE, "impossible", "base_nodes would have to be -8.2%"),
        (Lever("elastic", None, 1.0), COMPUTE, "impossible", "no base_hours gives what is printed"),
        (Lever("elastic", 1 / 3, None), COMPUTE, "plausible", "if there are at least 11 servers at the peak"),
        (Lever("elastic", 1 / 3, None, 8), COMPUTE, "doubtful", "the base is 1.5 of 8 servers, and 2 must stay"),
        (Lever("elastic", 1 / 3, None, 11), COMPUTE, "plausible", "the base is 2.1 of 11 servers"),
        (Lever("cold", None, 0.9), STORAGE, "impossible", "cold_share would have to be 208.3%"),
        (Lever("cold", None, 2 / 3, 180), STORAGE, "plausible", "of 180 days all but the first 67.5 are cold"),
        (Lever("cold", None, 0.79, 30), STORAGE, "doubtful", "of 30 days all but the first 0.2 are cold"),
        (Lever("by_use", None, 0.718), SECURITY, "plausible", "that is 12.9 hours a day"),
        (Lever("by_use", 0.9, None), SECURITY, "impossible", "price_ratio would have to be 120.0%"),
        (Lever("elastic", 0.5, None), (Decimal(100), Decimal(120)), "impossible", "base_nodes would have to be 140.0%"),
    ],
)
def test_what_is_solved_for_is_judged(
    lever: Lever, amounts: tuple[Decimal, Decimal], verdict: Verdict, because: str
) -> None:
    found = explain(lever, *amounts)
    assert found.verdict == verdict
    assert found.because.startswith(because)


@pytest.mark.parametrize(
    ("nodes", "verdict", "reproduced"), [(0.4588, "reproduced", "6199.90"), (0.5, "not reproduced", "6375.00")]
)
def test_what_is_stated_in_full_is_compared(nodes: float, verdict: Verdict, reproduced: str) -> None:
    found = explain(Lever("elastic", 0.5, nodes), *COMPUTE)
    assert (found.verdict, found.solved, str(found.reproduced)) == (verdict, "", reproduced)


@settings(max_examples=50)
@given(st.sampled_from(list(FORMULAS)), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_inverses_are_inverses(kind: LeverKind, first: float, second: float) -> None:
    formula = FORMULAS[kind]
    paid = formula.paid(first, second)
    assert formula.solve_first(paid, second) == pytest.approx(first, rel=1e-6)
    assert formula.solve_second(paid, first) == pytest.approx(second, rel=1e-6)


def test_one_assumption_must_be_stated() -> None:
    with pytest.raises(ValueError, match="one of the two assumptions must be stated"):
        Lever("cold", None, None)


def test_what_the_school_states_is_what_the_catalogue_says() -> None:
    catalog = load_catalog()
    levers = [item.lever for item in read_cost_table(SCHOOL).items]
    assert [lever.kind for lever in levers if lever] == ["elastic", "cold", "by_use"]
    elastic, cold, by_use = (lever for lever in levers if lever)
    assert elastic.first == pytest.approx((5 * 10 + 48) / 168, abs=1e-6)
    prices = [catalog.storage_classes[name].price.amount for name in ("ia-lrs", "standard-lrs")]
    assert cold.second == pytest.approx(float(prices[0] / prices[1]), abs=1e-6)
    servers = break_even(catalog.instance_types["ecs.c8i.xlarge"])
    assert by_use.second == pytest.approx(servers.monthly, abs=5e-4)
