"""Prices: an amount with everything that is needed to trust it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from enum import StrEnum

_SHOWN = Context(prec=8)


class Grade(StrEnum):
    """How far a price can be trusted, by where it comes from."""

    OFFICIAL = "A"
    EXAMPLE = "B"
    THIRD_PARTY = "C"
    DERIVED = "D"

    @property
    def spread(self) -> float:
        """How far off the price may be, relative, either way."""
        return {"A": 0.0, "B": 0.03, "C": 0.15, "D": 0.25}[self.value]

    @property
    def indicative(self) -> bool:
        """Whether a total that rests on such prices is indicative only."""
        return self in (Grade.THIRD_PARTY, Grade.DERIVED)


@dataclass(frozen=True, slots=True)
class Price:
    """What one unit costs.

    Args:
        amount: Exact, in the currency's main unit.
        currency: ISO 4217 code.
        unit: What is priced, in the words of FOCUS: ``Hours``, ``Months``, ``GiB-Hours``, ``GiB-Months``,
            ``GB-Months``, ``GB``, ``LCU-Hours``, ``Mbps-Months``, ``1000 Messages``, ``10000 Requests``.
        region: Region that it holds in, such as ``cn-hangzhou``; ``cn`` for the mainland where no more is known.
        as_of: Day of the price; None if it is undated.
        source: Where it was read.
        grade: How far it can be trusted.
        suspect: Why it is doubted; empty unless it is.
    """

    amount: Decimal
    currency: str
    unit: str
    region: str
    as_of: date | None
    source: str
    grade: Grade
    suspect: str = ""

    @property
    def shown(self) -> str:
        """The amount for people: without zeros at its end, and a share of a pack to eight digits."""
        return f"{self.amount.normalize(_SHOWN):f}"
