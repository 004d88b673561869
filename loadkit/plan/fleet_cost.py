"""What the servers of a policy cost in a month in which a campaign is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from loadkit.analysis.refusal import RefusedError
from loadkit.analysis.results import Estimate
from loadkit.plan.bill import Bill
from loadkit.plan.charging import HOURS_PER_MONTH
from loadkit.plan.fluid import HOUR_S, Course
from loadkit.plan.purchase import MIXES, cheapest_base, lines, node_hours_cost, why_not

if TYPE_CHECKING:
    from loadkit.plan.catalog import InstanceType
    from loadkit.plan.policies import Policy

HOURLY = "hourly"
COMPARED = (HOURLY, "monthly base", "yearly base")
"""Mixes without a spot market, which may take servers back in the very hour of a peak."""


@dataclass(frozen=True, slots=True)
class MonthCost:
    """A month of one policy, bought in one way.

    Args:
        policy: Its name.
        mix: How servers are bought, one of `COMPARED`.
        bill: The bill with a node as estimated.
        cost: Its total, and what it may be where autoscaling depends on what a node can do.
    """

    policy: str
    mix: str
    bill: Bill
    cost: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; money as text, exact to the hundredth."""
        return {
            "policy": self.policy,
            "mix": self.mix,
            "currency": self.bill.currency,
            "total": str(self.bill.total),
            "low": round(self.cost.low, 2),
            "high": round(self.cost.high, 2),
            "indicative": self.bill.indicative,
            "lines": [
                {
                    "SkuId": line.sku_id,
                    "ChargeDescription": line.charge_description,
                    "PricingQuantity": str(line.pricing_quantity),
                    "PricingUnit": line.pricing_unit,
                    "ListUnitPrice": str(line.list_unit_price),
                    "EffectiveCost": str(line.effective_cost),
                    "BillingCurrency": line.billing_currency,
                    "PricingCategory": line.pricing_category,
                    "x_Grade": line.grade.value,
                    "x_Source": line.source,
                }
                for line in self.bill.lines
            ],
        }


def month_of(policy: Policy, course: Course) -> npt.NDArray[np.int64]:
    """Servers that are paid for in each hour of a month.

    Args:
        policy: What the fleet follows when there is no campaign.
        course: What happens in the campaign; what is there in any part of an hour is paid for in all of it.

    Returns:
        Shape (hours,): the campaign's hours, and quiet ones up to a month where it is shorter.
    """
    hours = (np.arange(len(course.nodes)) * course.load.step_s // HOUR_S).astype(np.int64)
    starts = np.flatnonzero(np.diff(hours, prepend=-1))
    campaign = np.ceil(np.maximum.reduceat(course.nodes, starts)).astype(np.int64)
    quiet = max(0, HOURS_PER_MONTH - len(campaign))
    return np.concatenate((campaign, np.resize(policy.quiet_day, quiet)))


def month_costs(policy: Policy, courses: Sequence[Course], instance: InstanceType) -> tuple[MonthCost, ...]:
    """What a policy costs, in each way of buying that the catalogue has prices for.

    Args:
        policy: The policy.
        courses: What happens with a node as estimated, as weak as its interval allows, and as strong.
        instance: The type of a node.

    Raises:
        RefusedError: If none has.
    """
    months = [month_of(policy, course) for course in courses]
    found = []
    for name in COMPARED:
        mix = MIXES[name]
        if why_not(instance, mix):
            continue
        base = cheapest_base(instance, months[0], mix)
        charged = lines(instance, months[0], mix, base_nodes=base)
        totals = [float(node_hours_cost(instance, month, mix, base_nodes=base)) for month in months]
        bill = Bill(charged, charged[0].billing_currency)
        found.append(MonthCost(policy.name, name, bill, Estimate("cost", totals[0], min(totals), max(totals))))
    if not found:
        raise RefusedError(
            why_not(instance, MIXES[HOURLY]), hint="import its prices with loadkit catalog import, or name another type"
        )
    return tuple(found)


def cheapest(costs: Sequence[MonthCost], policy: str) -> MonthCost | None:
    """The cheapest way to buy what a policy needs; None where none has a price."""
    return min((one for one in costs if one.policy == policy), key=lambda one: one.bill.total, default=None)
