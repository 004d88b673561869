"""Bills: lines of cost in the columns of FOCUS, which always add up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from loadkit.plan.prices import Grade

FEN = Decimal("0.01")
MOST_INDICATIVE_SHARE = Decimal("0.20")
"""A larger share of a total from prices of grade C or D makes it indicative."""


def rounded(amount: Decimal) -> Decimal:
    """An amount of money to the hundredth, halves up."""
    return amount.quantize(FEN, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class CostLine:
    """A line of a bill; attributes are the columns of FOCUS 1.2 in snake case.

    Args:
        service_category: Such as ``Compute``, ``Storage``, ``Networking``, ``Security``.
        service_name: What it is, such as ``Elastic Compute Service``.
        sku_id: The catalogue's name for what is bought, such as ``ecs.c8i.xlarge``.
        charge_description: What it is for, in words.
        pricing_quantity: How many units.
        pricing_unit: The price's unit.
        list_unit_price: The list price of a unit.
        list_cost: Quantity at list price, to the hundredth.
        effective_cost: What it comes to after what the purchase commits to, to the hundredth.
        billed_cost: What the bill says, to the hundredth; the same in a month of a plan.
        billing_currency: ISO 4217 code.
        charge_category: ``Usage`` or ``Purchase``.
        pricing_category: ``Standard`` by the hour, ``Committed`` by subscription, ``Dynamic`` for spot.
        region_id: Region.
        grade: Of the price it rests on.
        source: Of the price it rests on.
        as_of: Of the price it rests on.
    """

    service_category: str
    service_name: str
    sku_id: str
    charge_description: str
    pricing_quantity: Decimal
    pricing_unit: str
    list_unit_price: Decimal
    list_cost: Decimal
    effective_cost: Decimal
    billed_cost: Decimal
    billing_currency: str
    charge_category: str
    pricing_category: str
    region_id: str
    grade: Grade
    source: str
    as_of: date | None


@dataclass(frozen=True, slots=True)
class Bill:
    """Lines in one currency.

    Args:
        lines: The lines.
        currency: ISO 4217 code of all of them.

    Raises:
        ValueError: If a line is in another currency.
    """

    lines: tuple[CostLine, ...]
    currency: str

    def __post_init__(self) -> None:
        others = {line.billing_currency for line in self.lines} - {self.currency}
        if others:
            raise ValueError(f"lines in {', '.join(sorted(others))} on a bill in {self.currency}")

    @property
    def total(self) -> Decimal:
        """The sum of what all lines come to."""
        return sum((line.effective_cost for line in self.lines), Decimal(0))

    @property
    def indicative_share(self) -> Decimal:
        """Share of the total that rests on prices of grade C or D."""
        doubtful = sum((line.effective_cost for line in self.lines if line.grade.indicative), Decimal(0))
        return doubtful / self.total if self.total else Decimal(0)

    @property
    def indicative(self) -> bool:
        """Whether too much of the total rests on prices of grade C or D to be more than indicative."""
        return self.indicative_share > MOST_INDICATIVE_SHARE
