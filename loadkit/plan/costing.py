"""What a fleet costs in a month: nodes, disks, load balancers, traffic and storage, in every case and as a bill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from loadkit.analysis.refusal import RefusedError
from loadkit.plan import balancers, egress, purchase, retention
from loadkit.plan.bill import Bill, CostLine
from loadkit.plan.charging import DAYS_PER_MONTH, line, quantity, units_per_byte
from loadkit.plan.uncertain import Cases, Floats, Range
from loadkit.plan.volumes import SMTP_OVER_TLS, Overhead, mail_bytes

if TYPE_CHECKING:
    from loadkit.plan.assumptions import Assumptions
    from loadkit.plan.catalog import Catalog, Disk, InstanceType, LoadBalancer, StorageClass, Transfer
    from loadkit.plan.prices import Price
    from loadkit.plan.sizing import Ints

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Shopping:
    """What is bought beside the nodes.

    Args:
        disk: Of each node; None for none.
        balancer: Before the nodes; None for none.
        transfer: Way to pay for traffic to the internet; None for none.
        storage: Class for logs and mail; None for none.
    """

    disk: Disk | None
    balancer: LoadBalancer | None
    transfer: Transfer | None
    storage: StorageClass | None


def shopping_list(assumptions: Assumptions, catalog: Catalog) -> Shopping:
    """What the assumptions name, from the catalogue.

    Raises:
        RefusedError: If the catalogue has no such thing.
    """
    return Shopping(
        _named("disk", assumptions.disk, catalog.disks),
        _named("balancer", assumptions.balancer, catalog.load_balancers),
        _named("transfer_price", assumptions.transfer_price, catalog.transfers),
        _named("storage", assumptions.storage, catalog.storage_classes),
    )


@dataclass(frozen=True, slots=True)
class Traffic:
    """What passes in a month, in every case; each of shape (cases,).

    Args:
        messages: Messages.
        message_bytes: Mean size of a message.
        wire_bytes: What is moved, repetitions and overhead included.
        balancer_units: Capacity units of load balancers on average, all together; 0 without one.
    """

    messages: Floats
    message_bytes: Floats
    wire_bytes: Floats
    balancer_units: Floats


@dataclass(frozen=True, slots=True)
class Connections:
    """How messages come in connections.

    Args:
        messages: In each.
        open_s: How long each is open, shape (cases,).
    """

    messages: float
    open_s: Floats

    @property
    def overhead(self) -> Overhead:
        """What a message takes on the wire beside itself."""
        return Overhead(SMTP_OVER_TLS.dialogue_bytes, SMTP_OVER_TLS.connection_bytes, self.messages)


def traffic_of(
    rate_per_s: Floats,
    size_bytes: Floats,
    retry: Floats,
    connections: Connections,
    balancer: LoadBalancer | None,
) -> Traffic:
    """What a month's mail amounts to.

    Args:
        rate_per_s: Mean rate over all hours, shape (cases,).
        size_bytes: Mean size of a message, shape (cases,).
        retry: Share that is sent a second time, shape (cases,).
        connections: How messages come.
        balancer: What a capacity unit is.

    Notes:
        All three demands on a load balancer grow with the rate, so that its units over a month are those of the mean
        rate.
    """
    volume = mail_bytes(rate_per_s[:, np.newaxis], size_bytes, retry_factor=1 + retry, overhead=connections.overhead)
    units = np.zeros_like(rate_per_s)
    if balancer is not None:
        opened = rate_per_s * (1 + retry) / connections.messages
        hourly_bytes = 3600 * rate_per_s * (1 + retry) * connections.overhead.wire_bytes(size_bytes)
        units = balancers.units(opened, opened * connections.open_s, hourly_bytes, balancer)
    return Traffic(volume.messages, size_bytes, volume.wire_bytes, units)


def price_factors(instance: InstanceType, shopping: Shopping, cases: Cases) -> dict[str, Floats]:
    """How far each price may be off, by its grade, in every case; by what is bought."""
    bought: dict[str, tuple[str, Price]] = {}
    if instance.hourly is not None:
        bought["compute"] = (instance.name, instance.hourly)
    if shopping.balancer is not None:
        bought["balancer"] = (shopping.balancer.name, shopping.balancer.instance)
    for part, item in (("disk", shopping.disk), ("egress", shopping.transfer), ("storage", shopping.storage)):
        if item is not None:
            bought[part] = (item.name, item.price)
    return {
        part: cases.of(f"price:{name}", Range(1 - price.grade.spread, 1.0, 1 + price.grade.spread))
        for part, (name, price) in bought.items()
    }


@dataclass(frozen=True, slots=True)
class Purchase:
    """A way to buy nodes, with what it costs.

    Args:
        name: Of the mix.
        mix: The mix.
        base_nodes: Nodes paid for at all hours.
        cost: Of a month, shape (cases,).
    """

    name: str
    mix: purchase.PurchaseMix
    base_nodes: int
    cost: Floats


def purchases_of(
    instance: InstanceType, nodes: Ints, factor: Floats | float
) -> tuple[tuple[Purchase, ...], dict[str, str]]:
    """Every way to buy nodes, the one with the least mean cost first, and why others are none.

    Args:
        instance: Their type.
        nodes: Needed in each hour, shape (cases, hours).
        factor: On its prices, shape (cases,) or ().
    """
    lacking = {name: purchase.why_not(instance, mix) for name, mix in purchase.MIXES.items()}
    found = []
    for name, mix in purchase.MIXES.items():
        if lacking[name]:
            continue
        base = purchase.cheapest_base(instance, nodes, mix) if mix.base != "hourly" else int(nodes.min())
        cost = purchase.node_hours_cost(instance, nodes, mix, base_nodes=base) * factor
        found.append(Purchase(name, mix, base, cost))
    ranked = tuple(sorted(found, key=lambda one: float(one.cost.mean())))
    return ranked, {name: why for name, why in lacking.items() if why}


def other_costs(
    nodes: Floats, traffic: Traffic, shopping: Shopping, assumptions: Assumptions, cells: int
) -> dict[str, Floats]:
    """What a month costs at list prices beside the nodes, by what is bought; each of shape (cases,).

    Args:
        nodes: Nodes on average over the month, shape (cases,).
        traffic: What passes.
        shopping: What is bought.
        assumptions: What is assumed of it.
        cells: Fleets, each behind a load balancer of its own.

    Raises:
        RefusedError: If a price that it takes is not in the catalogue.
    """
    costs: dict[str, Floats] = {}
    if (disk := shopping.disk) is not None:
        units = nodes * _disk_bytes(disk, assumptions) * units_per_byte(disk.price)
        costs["disk"] = units * float(disk.price.amount)
    if (balancer := shopping.balancer) is not None:
        costs["balancer"] = balancers.monthly_cost(balancer, traffic.balancer_units[:, np.newaxis], instances=cells)
    if (transfer := shopping.transfer) is not None:
        costs["egress"] = egress.traffic_cost(transfer, traffic.wire_bytes * assumptions.egress)
    if (storage := shopping.storage) is not None:
        costs["storage"] = _kept(traffic.messages, traffic.message_bytes, storage, assumptions).cost
    return costs


def median_bill(
    instance: InstanceType,
    nodes: Ints,
    traffic: Traffic,
    shopping: Shopping,
    *,
    bought: Purchase,
    assumptions: Assumptions,
    cells: int,
) -> Bill:
    """The bill of the case in which every input is its median.

    Args:
        instance: Type of the nodes.
        nodes: Needed in each hour of that case, shape (hours,).
        traffic: What passes; case 0 counts.
        shopping: What is bought beside.
        bought: How nodes are bought.
        assumptions: What is assumed.
        cells: Fleets.
    """
    # By the hour it makes no difference what is called the base: what this case needs at all hours is.
    base_nodes = int(nodes.min()) if bought.mix.base == "hourly" else bought.base_nodes
    parts = [purchase.lines(instance, nodes, bought.mix, base_nodes=base_nodes)]
    if shopping.disk is not None:
        parts.append((_disk_line(shopping.disk, float(nodes.mean()), assumptions),))
    if shopping.balancer is not None:
        parts.append(balancers.lines(shopping.balancer, traffic.balancer_units[:1], instances=cells))
    if shopping.transfer is not None:
        parts.append(egress.traffic_lines(shopping.transfer, float(traffic.wire_bytes[0]) * assumptions.egress))
    if shopping.storage is not None:
        messages, size = float(traffic.messages[0]), float(traffic.message_bytes[0])
        parts.append(_kept(messages, size, shopping.storage, assumptions).lines)
    lines = reduce(add, parts)
    return Bill(lines, lines[0].billing_currency)


def _kept(
    messages: Floats | float, size_bytes: Floats | float, storage: StorageClass, assumptions: Assumptions
) -> retention.StoragePlan:
    kinds = retention.mail_kinds(messages / DAYS_PER_MONTH, size_bytes, stored_share=assumptions.kept_mail)
    return retention.storage_plan(kinds, retention.Tiering(storage))


def _disk_bytes(disk: Disk, assumptions: Assumptions) -> float:
    return max(float(disk.min_bytes), assumptions.disk_size.mid)


def _disk_line(disk: Disk, nodes: float, assumptions: Assumptions) -> CostLine:
    return line(
        disk.price,
        quantity(nodes * _disk_bytes(disk, assumptions) * units_per_byte(disk.price)),
        sku_id=disk.name,
        category="Storage",
        service="Block storage",
        description="disks of the nodes",
    )


def _named(key: str, name: str, items: Mapping[str, Item]) -> Item | None:
    if not name:
        return None
    if name not in items:
        known = ", ".join(items) or "none"
        raise RefusedError(
            f"the catalogue has no {name!r}, which {key} asks for; it has {known}",
            hint=f"--assume {key}=NAME names another, --assume {key}= leaves it out",
        )
    return items[name]
