"""A campaign against fleets: which survive it, how many nodes it takes, when they must be ordered, what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from loadkit.analysis.results import Estimate
from loadkit.plan.bill import CostLine
from loadkit.plan.catalog import InstanceType
from loadkit.plan.charging import HOURS_PER_MONTH
from loadkit.plan.fleet_cost import MonthCost, month_costs
from loadkit.plan.policies import Autoscaling, Policy
from loadkit.plan.prospect import Prospect, Setting, prospect_of, tier_prospect
from loadkit.plan.scale_out import ScaleOut, enough_nodes, scale_out
from loadkit.scenario.quantities import exact_ratio
from loadkit.units import format_duration

_ALONE = "a fleet of {}"


@dataclass(frozen=True, eq=False)
class FleetForecast:
    """All that is said of a load and fleets.

    Args:
        setting: What all fleets are held against.
        prospects: What comes of each policy.
        tiers: What comes of a service that takes a tier's rate, whatever stands behind it.
        enough: Fewest nodes of a fleet that never changes with which the goal holds.
        scale_outs: When more nodes must be ordered.
        costs: What a month of each policy costs; empty where no type of server is named.
    """

    setting: Setting
    prospects: tuple[Prospect, ...]
    tiers: tuple[Prospect, ...]
    enough: Estimate
    scale_outs: tuple[ScaleOut, ...]
    costs: tuple[MonthCost, ...] = ()

    @property
    def rests_on(self) -> tuple[str, ...]:
        """What it rests on, in words."""
        return tuple(_rests_on(self))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        load = self.setting.load
        return {
            "goal": self.setting.goal.to_dict(),
            "capacity_per_s": self.setting.capacity.to_dict(),
            "service_time_s": self.setting.service_time_s,
            "load": {
                "duration_s": load.duration_s,
                "step_s": load.step_s,
                "messages": float(load.arrivals.sum()),
                "peak_s": load.peak_s,
                "rates_per_s": np.round(load.rates_per_s, 6).tolist(),
            },
            "policies": [one.to_dict() for one in self.prospects],
            "tiers": [one.to_dict() for one in self.tiers],
            "enough_nodes": self.enough.to_dict(),
            "scale_outs": [one.to_dict() for one in self.scale_outs],
            "costs": [one.to_dict() for one in self.costs],
            "rests_on": list(self.rests_on),
        }


def _rests_on(forecast: FleetForecast) -> Iterator[str]:
    setting = forecast.setting
    node = setting.nodes[0]
    yield f"Capacity of a node: {setting.basis}."
    if setting.capacity.low == setting.capacity.high:
        yield "Without an interval of it, what is said here is no more certain than that number."
    yield (
        f"A node takes {format_duration(setting.service_time_s)} for a message without waiting, so that it serves "
        f"{node.sessions:,} at once; service times are exponential and arrivals Poisson."
    )
    retried = f"{exact_ratio(setting.retry)} of all messages come a second time" if setting.retry else "none"
    yield f"Retries: {retried}; what comes again does so in the same minute."
    policies = [one.policy for one in forecast.prospects if one.policy is not None]
    if any(one.autoscaling for one in policies):
        yield "A node's CPU is taken to be as busy as its share of what it can serve."
    if any(one.autoscaling or one.night or one.ahead for one in policies):
        yield "Nodes are paid for from their order on, serve after start_up, and get their full share after warm_up."
    if forecast.costs:
        yield (
            f"Costs are those of servers alone, in a month of {HOURS_PER_MONTH} hours: the campaign, and quiet hours "
            "where it is shorter; a server is paid for by the hour begun."
        )
        for price in sorted({f"{line.sku_id}, grade {line.grade}: {line.source}" for line in _lines(forecast)}):
            yield f"Price of {price}."


def _lines(forecast: FleetForecast) -> Iterator[CostLine]:
    for one in forecast.costs:
        yield from one.bill.lines


def look_ahead(
    setting: Setting,
    nodes: int,
    policies: Sequence[Policy] = (),
    *,
    tiers: Mapping[str, float] | None = None,
    instance: InstanceType | None = None,
) -> FleetForecast:
    """Hold fleets against a load.

    Args:
        setting: The load, what a node can do, and what is to hold.
        nodes: Nodes of a fleet that never changes.
        policies: What to compare; without any, that fleet and one that grows with its load to as many as are enough.
        tiers: Messages per second that services take, by their name.
        instance: Type of a node, for the cost; None where it is not asked for.

    Raises:
        RefusedError: If no number of nodes is enough.
    """
    enough = enough_nodes(setting)
    most = round(enough.high)
    if not policies:
        policies = (
            Policy("fixed", nodes),
            Policy("elastic", nodes, autoscaling=Autoscaling(max(nodes, most))),
        )
    if not any(one == Policy(one.name, most, one.start_up_s, one.warm_up_s) for one in policies):
        policies = (*policies, Policy("enough", most))
    prospects = tuple(prospect_of(setting, policy) for policy in policies)
    costs = [month_costs(one.policy, one.courses, instance) for one in prospects if one.policy and instance]
    return FleetForecast(
        setting,
        prospects,
        tuple(tier_prospect(setting, name, rate) for name, rate in (tiers or {}).items()),
        enough,
        tuple(scale_out(setting, policy, most) for policy in policies if policy.ahead)
        or (scale_out(setting, replace(policies[0], name=_ALONE.format(policies[0].nodes), autoscaling=None), most),),
        tuple(one for several in costs for one in several),
    )
