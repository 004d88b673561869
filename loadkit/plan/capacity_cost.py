"""What a million messages cost on each of two instance types, from what each can carry and what an hour of it costs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from loadkit.analysis.change import Change, Outcome, judge_ratio
from loadkit.analysis.comparison import Comparison
from loadkit.errors import UsageError
from loadkit.plan.catalog import Catalog
from loadkit.plan.prices import Price
from loadkit.scenario.findings import suggest

METRIC = "cost_per_million"
_PER_HOUR = 1e6 / 3600
"""Hours that one message per second takes for a million of them."""


@dataclass(frozen=True, slots=True)
class HourPrice:
    """What an hour of a side's instance costs.

    Args:
        side: What the side is called.
        instance_type: Such as ``ecs.c8i.large``.
        price: The hourly price.
    """

    side: str
    instance_type: str
    price: Price

    def to_dict(self) -> dict[str, Any]:
        """The price as plain JSON values."""
        as_of = self.price.as_of and self.price.as_of.isoformat()
        return {
            "side": self.side,
            "instance_type": self.instance_type,
            **dataclasses.asdict(self.price),
            "amount": self.price.shown,
            "as_of": as_of,
            "grade": self.price.grade.value,
        }


def hour_price(catalog: Catalog, side: str, instance_type: str) -> HourPrice:
    """Look the hourly price of an instance type up.

    Raises:
        UsageError: If the catalogue has no such type, or no hourly price of it.
    """
    found = catalog.instance_types.get(instance_type)
    if found is None:
        hint = suggest(instance_type, catalog.instance_types)
        raise UsageError(f"the catalogue {catalog.name} has no instance type {instance_type!r}", hint=hint)
    if found.hourly is None:
        raise UsageError(f"the catalogue {catalog.name} has no hourly price of {instance_type}")
    return HourPrice(side, instance_type, found.hourly)


def with_costs(comparison: Comparison, baseline: HourPrice, candidate: HourPrice) -> Comparison:
    """A comparison of capacities, and what a million messages cost at each objective.

    Args:
        comparison: Of searches.
        baseline: An hour of the instance that the baseline was searched on.
        candidate: An hour of the candidate's.

    Examples:
        >>> from decimal import Decimal
        >>> from loadkit.analysis import Bracket, Capacities, compare_capacities
        >>> from loadkit.plan.prices import Grade
        >>> small, large = (Capacities(name, {"p(99) < 1s": (one,)}) for name, one in (
        ...     ("small", Bracket(400, 420)), ("large", Bracket(700, 735))))
        >>> hours = [HourPrice(name, name, Price(Decimal(amount), "CNY", "Hours", "cn", None, "offer", Grade.OFFICIAL))
        ...     for name, amount in (("small", "0.60"), ("large", "1.20"))]
        >>> with_costs(compare_capacities(small, large), *hours)
        large beside the baseline small, by 1 and 1 searches
          <Change of capacity p(99) < 1s: better, +75.0% [+66.7%, +83.7%]>
          <Change of cost_per_million p(99) < 1s: worse, +14.3% [+8.8%, +20.0%]>
    """
    costs = tuple(_cost(one, baseline.price, candidate.price) for one in comparison.changes if one.metric == "capacity")
    return dataclasses.replace(comparison, changes=(*comparison.changes, *costs))


def _cost(capacity: Change, baseline: Price, candidate: Price) -> Change:
    """The change of the cost of a million messages, on one instance at its capacity all the time.

    Notes:
        The ratio is that of the prices over that of the capacities; its interval is that of the capacities turned
        round, widened by how far off each price may be.
    """
    mine, theirs = float(candidate.amount), float(baseline.amount)
    ratio = mine / theirs / capacity.ratio
    cheapest = (1 - candidate.grade.spread) / (1 + baseline.grade.spread)
    dearest = (1 + candidate.grade.spread) / (1 - baseline.grade.spread)
    low, high = mine / theirs / capacity.high * cheapest, mine / theirs / capacity.low * dearest
    outcome = capacity.outcome if capacity.refused else judge_ratio(METRIC, low, ratio, high)
    return dataclasses.replace(
        capacity,
        metric=METRIC,
        baseline=theirs * _PER_HOUR / capacity.baseline,
        candidate=mine * _PER_HOUR / capacity.candidate,
        ratio=ratio,
        low=low,
        high=high,
        outcome=outcome,
        units_needed=capacity.units_needed if outcome is Outcome.UNDECIDED else None,
    )
