"""Charging: a price times a quantity is a line of a bill; and what a month, a gigabyte and an hour are."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from loadkit.analysis.refusal import RefusedError
from loadkit.plan.bill import CostLine, rounded

if TYPE_CHECKING:
    from loadkit.plan.prices import Price

HOURS_PER_MONTH = 730
"""A month of every bill: a year of 8,760 hours in twelve parts."""
DAYS_PER_MONTH = HOURS_PER_MONTH / 24
BYTES_PER_PRICED_UNIT = {"GB": 10**9, "GiB": 2**30, "TB": 10**12, "TiB": 2**40}
_QUANTITY_STEP = Decimal("0.0001")


def quantity(amount: float) -> Decimal:
    """An amount as it stands on a bill: to four decimals, so that whoever multiplies it gets the bill's cost."""
    return Decimal(amount).quantize(_QUANTITY_STEP)


def line(
    price: Price,
    quantity: Decimal,
    *,
    sku_id: str,
    category: str,
    service: str,
    description: str,
    pricing_category: str = "Standard",
    charge_category: str = "Usage",
    effective_unit_price: Decimal | None = None,
) -> CostLine:
    """Charge a quantity.

    Args:
        price: List price of a unit.
        quantity: Units in a month.
        sku_id: The catalogue's name for what is bought.
        category: Service category, such as ``Compute``.
        service: What it is.
        description: What it is for.
        pricing_category: ``Standard``, ``Committed`` or ``Dynamic``.
        charge_category: ``Usage`` or ``Purchase``.
        effective_unit_price: What a unit really comes to; None where that is the list price.

    Returns:
        The line, each cost rounded once.
    """
    unit_price = price.amount if effective_unit_price is None else effective_unit_price
    cost = rounded(quantity * unit_price)
    return CostLine(
        service_category=category,
        service_name=service,
        sku_id=sku_id,
        charge_description=description,
        pricing_quantity=quantity,
        pricing_unit=price.unit,
        list_unit_price=price.amount,
        list_cost=rounded(quantity * price.amount),
        effective_cost=cost,
        billed_cost=cost,
        billing_currency=price.currency,
        charge_category=charge_category,
        pricing_category=pricing_category,
        region_id=price.region,
        grade=price.grade,
        source=price.source,
        as_of=price.as_of,
    )


def units_per_byte(price: Price) -> float:
    """How many of a price's units a byte is that is moved once, or is there for a whole month.

    Args:
        price: Priced per ``GB`` or ``GiB``, as such or by ``-Hours`` or ``-Months``.

    Returns:
        Units a month for one byte.

    Raises:
        RefusedError: If the price is for something else.
    """
    size, _, time = price.unit.partition("-")
    times = {"": 1, "Months": 1, "Hours": HOURS_PER_MONTH}
    if size not in BYTES_PER_PRICED_UNIT or time not in times:
        raise RefusedError(
            f"a price per {price.unit} says nothing about bytes",
            hint="give a price per GB, GiB, GB-Months or GiB-Hours in the catalogue",
        )
    return times[time] / BYTES_PER_PRICED_UNIT[size]
