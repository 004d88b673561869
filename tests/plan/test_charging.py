"""A line of a bill is a quantity at a price, rounded once."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.priced import price

from loadkit.analysis.refusal import RefusedError
from loadkit.plan.bill import Bill
from loadkit.plan.charging import line, quantity, units_per_byte
from loadkit.plan.prices import Grade


def test_a_line_carries_its_price_and_rounds_its_cost() -> None:
    charged = line(
        price("0.0021", "GiB-Hours", grade=Grade.THIRD_PARTY),
        Decimal(14600),
        sku_id="essd-pl1",
        category="Storage",
        service="Disk",
        description="spool",
    )
    assert (charged.list_cost, charged.effective_cost, charged.billed_cost) == (Decimal("30.66"),) * 3
    assert (charged.list_unit_price, charged.pricing_unit, charged.grade) == (Decimal("0.0021"), "GiB-Hours", "C")
    assert (charged.pricing_category, charged.charge_category) == ("Standard", "Usage")


def test_a_reduced_price_shows_beside_the_list_price() -> None:
    charged = line(
        price("1.354"),
        Decimal(100),
        sku_id="x",
        category="Compute",
        service="Servers",
        description="spot",
        effective_unit_price=Decimal("0.1354"),
    )
    assert (charged.list_cost, charged.effective_cost) == (Decimal("135.40"), Decimal("13.54"))


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.decimals("0", "1000", places=6),
            st.floats(0, 1e6, allow_nan=False),
        ),
        max_size=12,
    )
)
def test_a_total_is_the_sum_of_its_lines_to_the_fen(bought: list[tuple[Decimal, float]]) -> None:
    lines = tuple(
        line(
            price(str(amount)),
            quantity(hours),
            sku_id="x",
            category="Compute",
            service="Servers",
            description="",
        )
        for amount, hours in bought
    )
    total = Bill(lines, "CNY").total
    assert int(total * 100) == sum(int(one.effective_cost * 100) for one in lines)
    for one in lines:
        assert abs(one.effective_cost - one.pricing_quantity * one.list_unit_price) <= Decimal("0.005")


@pytest.mark.parametrize(
    ("unit", "units_of_a_tebibyte"),
    [("GB", 1099.511627776), ("GiB-Months", 1024), ("GiB-Hours", 1024 * 730), ("GB-Months", 1099.511627776)],
)
def test_bytes_become_units_of_a_price(unit: str, units_of_a_tebibyte: float) -> None:
    assert units_per_byte(price("1", unit)) * 2**40 == pytest.approx(units_of_a_tebibyte)


@pytest.mark.parametrize("unit", ["Hours", "Mbps-Months", "GB-Weeks"])
def test_a_price_for_something_else_is_refused(unit: str) -> None:
    with pytest.raises(RefusedError, match=f"per {unit} says nothing about bytes"):
        units_per_byte(price("1", unit))
