"""One choice: an instance type for a tier, from what was measured to its nodes, its availability and its cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from loadkit.plan import balancers, purchase
from loadkit.plan.availability import Availability, fleet_availability
from loadkit.plan.costing import Purchase, median_bill, other_costs, price_factors, purchases_of
from loadkit.plan.extrapolation import Axis
from loadkit.plan.outcome import Choice, Fleet, MixCost, Reason, Service
from loadkit.plan.sizing import Cells, Ints, NodeLimits, NodeWork, cells_for, fleet_for, node_limits, nodes_needed
from loadkit.plan.transferring import Basis, Wanted, axes_of, basis_of, capacity_of
from loadkit.plan.uncertain import Floats, Range, Spread, rank_correlations, strongest

if TYPE_CHECKING:
    from loadkit.plan.catalog import InstanceType, MailService
    from loadkit.plan.costing import Traffic
    from loadkit.plan.site import Site, TierLoad

MOST_SPARES = 20
MOST_DRIVERS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Sized:
    """The nodes of a type for a tier.

    Args:
        basis: What the capacity rests on.
        axes: How far it goes beyond what was measured.
        capacity: What a processor carries at most, in every case.
        limits: What a node may carry, by resource.
        cells: Fleets of one size.
        needed: Nodes of a cell that carry each level of load, shape (cases, levels).
        nodes: Nodes in each hour with spares and zones, all cells together, shape (cases, hours).
        spares: Nodes of a cell beyond those needed.
        availability: What it reaches.
    """

    basis: Basis
    axes: tuple[Axis, ...]
    capacity: Floats
    limits: NodeLimits
    cells: Cells
    needed: Ints
    nodes: Ints
    spares: int
    availability: Availability


def choice_of(site: Site, tier: TierLoad, instance: InstanceType, traffic: Traffic) -> Choice:
    """An instance type for a tier; whether it is taken is for the ranking to say.

    Args:
        site: What all choices share.
        tier: What is to be carried.
        instance: The type.
        traffic: What passes in a month.
    """
    sized = size(site, tier, instance, traffic)
    bought, lacking = purchases_of(instance, sized.nodes, site.cases)
    common = _common(site, sized, instance, traffic)
    if not bought:
        return _unpriced(common, instance, lacking)
    cells = sized.cells.count
    others = other_costs(sized.nodes.mean(axis=1), traffic, site.shopping, site.assumptions, cells)
    factors = price_factors(site.shopping, site.cases)
    others = {name: cost * factors[name] for name, cost in others.items()}
    beside = sum(others.values(), np.zeros_like(sized.capacity))
    total = bought[0].cost + beside
    draws = total[1:]
    return Choice(
        **common,
        mixes=_mixes(instance, sized, bought, beside, lacking),
        monthly=Spread.of(draws),
        per_million=Spread.of(draws / traffic.messages[1:] * 1e6),
        parts={name: Spread.of(cost[1:]) for name, cost in {"compute": bought[0].cost, **others}.items()},
        bill=median_bill(
            instance,
            sized.nodes[0],
            traffic,
            site.shopping,
            bought=bought[0],
            assumptions=site.assumptions,
            cells=cells,
        ),
        over_budget=None if site.order.budget is None else float((draws > site.order.budget).mean()),
        drivers=_drivers(site, sized, {"compute": bought[0].factor, **factors}, draws),
        expected_regret=None,
        reason=None,
        monthly_draws=draws,
    )


def size(site: Site, tier: TierLoad, instance: InstanceType, traffic: Traffic) -> Sized:
    """The nodes of a type for a tier.

    Args:
        site: What all choices share.
        tier: What is to be carried.
        instance: The type.
        traffic: What passes in a month.
    """
    assumptions = site.assumptions
    basis = basis_of(instance, site.measured, site.catalog.instance_types)
    cells = cells_for(tier.load.most_per_s, site.order.cell_rate_per_s)
    levels, hours = site.peaks(tier.load)
    rates = levels / cells.count
    # How far it goes depends on the nodes, and these on nothing but medians, which widening leaves as they are.
    median = _limits(site, instance, traffic, capacity_of(basis, (), assumptions, site.cases)).usable_per_s[0]
    peak_per_s = float(rates[0].max())
    carrying = int(nodes_needed(peak_per_s, median, site.inputs["box_loss"][0]))
    axes = axes_of(basis, Wanted(peak_per_s, carrying, cells.count), assumptions)
    capacity = capacity_of(basis, axes, assumptions, site.cases)
    limits = _limits(site, instance, traffic, capacity)
    needed = nodes_needed(rates, limits.usable_per_s[:, np.newaxis], site.inputs["box_loss"][:, np.newaxis])
    spares, availability = _spares(site, tier, carrying)
    nodes = cells.count * fleet_for(needed, spares, assumptions.zones, assumptions.fewest_nodes)[:, hours]
    return Sized(basis, axes, capacity, limits, cells, needed, nodes, spares, availability)


def service_of(tier: TierLoad, service: MailService, traffic: Traffic) -> Service:
    """A provider's own mail service for a tier; it bills what it accepts, so that repetitions cost nothing."""
    each = tier.load.recipients_per_message if service.counted == "recipients" else 1.0
    cost = traffic.messages[1:] * each / 1000 * float(service.price.amount)
    basis = f"{each:.3g} recipients a message are billed" if service.counted == "recipients" else "messages are billed"
    reason = None
    if service.max_rate_per_s is not None and service.max_rate_per_s < tier.load.most_per_s:
        words = f"it takes {service.max_rate_per_s:,.3g}/s unless its limit is raised, of {tier.load.most_per_s:,.3g}/s"
        reason = Reason("rate", service.max_rate_per_s, tier.load.most_per_s, "/s", words)
    return Service(service.name, Spread.of(cost), Spread.of(cost / traffic.messages[1:] * 1e6), basis, reason)


def _limits(site: Site, instance: InstanceType, traffic: Traffic, capacity: Floats) -> NodeLimits:
    connections = site.connections(site.measured[0])
    work = NodeWork(
        connections.overhead.wire_bytes(traffic.message_bytes),
        site.assumptions.disk_operations,
        connections.open_s,
        connections.messages,
    )
    return node_limits(
        capacity,
        work,
        headroom=site.assumptions.headroom,
        network_bits_per_s=instance.network_bits_per_s,
        disk_iops=None if site.shopping.disk is None else site.shopping.disk.max_iops,
        max_connections=instance.max_connections,
    )


def _spares(site: Site, tier: TierLoad, needed: int) -> tuple[int, Availability]:
    """The fewest spares that keep the promise, or those assumed where none do."""
    assumptions = site.assumptions
    node = (assumptions.availability, assumptions.common_cause)

    def reached(spares: int) -> Availability:
        nodes = int(fleet_for(np.array(needed), spares, assumptions.zones, assumptions.fewest_nodes))
        return fleet_availability(needed, nodes, node, site.catalog.service_availability, tier.promised)

    for spares in range(assumptions.spares, max(assumptions.spares, MOST_SPARES) + 1):
        found = reached(spares)
        if found.met is not False:
            return spares, found
    return assumptions.spares, reached(assumptions.spares)


def _common(site: Site, sized: Sized, instance: InstanceType, traffic: Traffic) -> dict[str, Any]:
    """What a choice has whether it can be priced or not."""
    low, mid, high = np.quantile(sized.capacity[1:], (0.05, 0.5, 0.95))
    return {
        "instance_type": instance.name,
        "axes": sized.axes,
        "capacity_per_s": Range(float(low), float(mid), float(high)),
        "transferred": sized.basis.words(site.assumptions),
        "fleet": _fleet(site, sized),
        "availability": sized.availability,
        "balancer_demand": _balancer_demand(site, traffic),
        "capacity_draws": sized.capacity[1:],
    }


def _fleet(site: Site, sized: Sized) -> Fleet:
    return Fleet(
        needed=Spread.of(sized.needed[1:].max(axis=1)),
        nodes=Spread.of(sized.nodes[1:].max(axis=1)),
        spares=sized.spares,
        zones=site.assumptions.zones,
        cells=sized.cells,
        limiting=sized.limits.limiting(),
        usable_per_s={name: float(np.median(one)) for name, one in sized.limits.per_s.items()},
        shares=sized.limits.shares(),
    )


def _balancer_demand(site: Site, traffic: Traffic) -> str:
    """What sets the load balancer's units in the median case."""
    balancer = site.shopping.balancer
    if balancer is None:
        return ""
    connections = site.connections(site.measured[0])
    opened = 1.0 / connections.messages
    wire_bytes = float(connections.overhead.wire_bytes(traffic.message_bytes)[0])
    return balancers.binding(opened, opened * float(connections.open_s[0]), 3600 * wire_bytes, balancer)


def _mixes(
    instance: InstanceType, sized: Sized, bought: tuple[Purchase, ...], beside: Floats, lacking: dict[str, str]
) -> tuple[MixCost, ...]:
    even = purchase.break_even(instance)
    shares = {"hourly": None, "monthly": even.monthly, "yearly": even.yearly}
    found = [
        MixCost(
            one.name,
            Spread.of((one.cost + beside)[1:]),
            one.base_nodes,
            shares[one.mix.base],
            str(purchase.reclaim_risk(sized.nodes[0], one.mix, base_nodes=one.base_nodes))
            if one.mix.spot_share
            else "",
        )
        for one in bought
    ]
    return (*found, *(MixCost(name, None, 0, None, why) for name, why in lacking.items()))


def _unpriced(common: dict[str, Any], instance: InstanceType, lacking: dict[str, str]) -> Choice:
    words = f"{instance.name} has no price in this catalogue: loadkit catalog import reads price lists"
    return Choice(
        **common,
        mixes=tuple(MixCost(name, None, 0, None, why) for name, why in lacking.items()),
        monthly=None,
        per_million=None,
        parts={},
        bill=None,
        over_budget=None,
        drivers={},
        expected_regret=None,
        reason=Reason("price", None, None, "", words),
    )


def _drivers(site: Site, sized: Sized, factors: dict[str, Floats], draws: Floats) -> dict[str, float]:
    """What the spread of the cost goes with most."""
    inputs = site.inputs | {"capacity": sized.capacity}
    inputs = inputs | {f"price of {name}": factor for name, factor in factors.items()}
    found = rank_correlations(draws, {name: values[1:] for name, values in inputs.items()})
    return strongest(found, len(draws), MOST_DRIVERS)
