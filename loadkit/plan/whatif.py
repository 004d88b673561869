"""Everything that a page needs to work a plan out again when somebody changes an input, as plain JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from loadkit.plan import purchase, volumes
from loadkit.plan.availability import in_series
from loadkit.plan.charging import DAYS_PER_MONTH, HOURS_PER_MONTH, units_per_byte
from loadkit.plan.choices import MOST_SPARES
from loadkit.plan.costing import Shopping, Traffic, other_costs
from loadkit.plan.retention import Tiering, mail_kinds, storage_plan
from loadkit.plan.transferring import Basis, basis_of, node_time_of
from loadkit.plan.uncertain import Draws, Range

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from loadkit.plan.assumptions import Assumptions
    from loadkit.plan.catalog import InstanceType, LoadBalancer, StorageClass, Transfer
    from loadkit.plan.measured import Measured
    from loadkit.plan.outcome import Plan, TierPlan
    from loadkit.plan.site import Site

_PROBED_BYTES = 1e6


def whatif_data(plan: Plan) -> dict[str, Any]:
    """What a plan was worked out from.

    Args:
        plan: The plan.

    Returns:
        Draws of all that is uncertain, loads, what was measured, prices, and what is assumed. An input's draws are
        ranks into the deviates that all inputs share, so that they are exact and short.
    """
    site, catalog = plan.site, plan.site.catalog
    types = [one for one in site.types.values() if _mixes(one)]
    bases = [basis_of(one, site.measured, catalog.instance_types) for one in types]
    others = {name: value for name, value in catalog.service_availability.items() if name != "instance"}
    return {
        "currency": plan.currency,
        "hours_per_month": HOURS_PER_MONTH,
        "deviates": np.sort(plan.draws.deviates("demand")).tolist(),
        "inputs": {name: _input(name, value, plan.draws) for name, value in _ranges(site, bases)},
        "tiers": [_tier(tier) for tier in plan.tiers],
        "measured": [_measured(one, plan.assumptions) for one in site.measured],
        "types": [_type(basis, site.measured) for basis in bases],
        "mixes": {name: {"base": mix.base, "spot_share": mix.spot_share} for name, mix in purchase.MIXES.items()},
        "other_parts": in_series(others),
        "most_spares": MOST_SPARES,
        "cell_rate_per_s": site.order.cell_rate_per_s,
        "wire": _wire(site.messages_per_connection),
        "bought": _shopping(site.shopping, plan.assumptions),
        "assumed": _assumed(plan.assumptions),
    }


def _mixes(instance: InstanceType) -> dict[str, float]:
    """How a type can be bought, with how far the price may be off: the worst grade of those that it takes counts."""
    return {
        name: max(price.grade.spread for price in (instance.hourly, getattr(instance, mix.base)) if price is not None)
        for name, mix in purchase.MIXES.items()
        if not purchase.why_not(instance, mix)
    }


def _ranges(site: Site, bases: Sequence[Basis]) -> Iterator[tuple[str, Range]]:
    """Every input that is drawn, by the name of its stream."""
    assumed = site.assumptions
    yield from site.ranges.items()
    time, _ = node_time_of(site.measured[0], assumed)
    yield "node_time", time or Range.exactly(0)
    yield "cores_exponent", assumed.cores_exponent
    yield "hardware", assumed.hardware
    # Its range follows from the axes of each setting; here are its draws alone, as of a deviation of 1.
    yield "extrapolation", Range.exactly(1).widened(1)
    for basis in bases:
        yield f"capacity:{basis.measured.node.instance_type}", basis.measured.capacity_per_s
        yield f"transfer:{basis.instance.family}", assumed.transfer
        yield _price_range(basis.instance.name, max(_mixes(basis.instance).values()))
    shopping = site.shopping
    for item in (shopping.disk, shopping.transfer, shopping.storage):
        if item is not None:
            yield _price_range(item.name, item.price.grade.spread)
    if shopping.balancer is not None:
        yield _price_range(shopping.balancer.name, shopping.balancer.instance.grade.spread)


def _price_range(name: str, spread: float) -> tuple[str, Range]:
    return f"price:{name}", Range(1 - spread, 1.0, 1 + spread)


def _input(name: str, value: Range, draws: Draws) -> dict[str, Any]:
    stated = value.to_dict()
    return stated if value.certain else stated | {"ranks": draws.deviates(name).argsort().argsort().tolist()}


def _tier(tier: TierPlan) -> dict[str, Any]:
    most_per_s = tier.load.most_per_s
    levels, hours = np.unique(tier.load.peak_per_s, return_counts=True)
    return {
        "name": tier.name,
        "rate_per_s": most_per_s,
        "mean_share": float(tier.load.mean_per_s.mean()) / most_per_s,
        "level_shares": (levels / most_per_s).tolist(),
        "level_hours": hours.tolist(),
        "promised": tier.promised,
        "type": tier.choices[0].instance_type,
    }


def _measured(measured: Measured, assumptions: Assumptions) -> dict[str, Any]:
    time, _ = node_time_of(measured, assumptions)
    return {
        "capacity": f"capacity:{measured.node.instance_type}",
        "node_time_s": None if time is None else time.mid,
        "sessions": measured.sessions,
        "boxes": measured.boxes,
        "rate_per_s": measured.rate_per_s,
    }


def _type(basis: Basis, measured: Sequence[Measured]) -> dict[str, Any]:
    instance = basis.instance
    prices = {name: getattr(instance, name) for name in ("hourly", "monthly", "yearly")}
    return {
        "name": instance.name,
        "network_bits_per_s": instance.network_bits_per_s,
        "max_connections": instance.max_connections,
        "prices": {name: None if price is None else float(price.amount) for name, price in prices.items()},
        "spot_factor": instance.spot_factor,
        "price": f"price:{instance.name}",
        "mix_spreads": _mixes(instance),
        "measured": next(place for place, one in enumerate(measured) if one is basis.measured),
        "cores": _cores(basis),
        "cores_extent": basis.extent,
    }


def _cores(basis: Basis) -> dict[str, Any] | None:
    """How its capacity follows from the measured one: which draws the ratio is multiplied by; None where it is that."""
    if basis.same_type:
        return None
    known = basis.vcpus is not None
    return {
        "vcpus": basis.instance.vcpus,
        "measured_vcpus": basis.vcpus,
        "hardware": not known,
        "transfer": f"transfer:{basis.instance.family}" if known and not basis.same_family else None,
    }


def _wire(messages_per_connection: float) -> dict[str, float]:
    return {
        "messages_per_connection": messages_per_connection,
        "dialogue_bytes": volumes.SMTP_OVER_TLS.dialogue_bytes,
        "connection_bytes": volumes.SMTP_OVER_TLS.connection_bytes,
        "record_bytes": volumes.TLS_RECORD_BYTES,
        "record_overhead_bytes": volumes.TLS_FRAME_BYTES,
        "segment_bytes": volumes.TCP_SEGMENT_BYTES,
        "segment_overhead_bytes": volumes.TCP_HEADER_BYTES,
    }


def _shopping(shopping: Shopping, assumptions: Assumptions) -> dict[str, Any]:
    """What is bought beside the nodes, each with its costs of a month by what they grow with; None for none."""
    disk, balancer, transfer, storage = shopping.disk, shopping.balancer, shopping.transfer, shopping.storage
    return {
        "disk": disk
        and {
            "price": f"price:{disk.name}",
            "per_node": _disk_cost(shopping, assumptions),
            "max_iops": disk.max_iops,
        },
        "balancer": balancer and _balancer(balancer),
        "egress": transfer and _transfer(transfer, assumptions),
        "storage": storage and _storage(storage, assumptions),
    }


def _disk_cost(shopping: Shopping, assumptions: Assumptions) -> float:
    nothing = np.zeros(1)
    one = Shopping(shopping.disk, None, None, None)
    return float(other_costs(np.ones(1), Traffic(nothing, nothing, nothing, nothing), one, assumptions, 1)["disk"][0])


def _balancer(balancer: LoadBalancer) -> dict[str, Any]:
    return {
        "price": f"price:{balancer.name}",
        "per_hour": float(balancer.instance.amount),
        "per_unit_hour": None if balancer.unit is None else float(balancer.unit.amount),
        "unit_connections_per_s": balancer.unit_connections_per_s,
        "unit_concurrent": balancer.unit_concurrent,
        "unit_bytes_per_hour": balancer.unit_bytes_per_hour,
    }


def _transfer(transfer: Transfer, assumptions: Assumptions) -> dict[str, Any]:
    return {
        "price": f"price:{transfer.name}",
        "per_byte": units_per_byte(transfer.price) * float(transfer.price.amount),
        "free_bytes": transfer.free_bytes,
        "share": assumptions.egress,
    }


def _storage(storage: StorageClass, assumptions: Assumptions) -> dict[str, Any]:
    """A message costs its logs; one that is stored also by its size and as an object."""

    def cost(share: float, size_bytes: float) -> float:
        kinds = mail_kinds(1 / DAYS_PER_MONTH, size_bytes, stored_share=share)
        return float(storage_plan(kinds, Tiering(storage)).cost)

    size_bytes = max(_PROBED_BYTES, float(storage.min_object_bytes))
    logs, stored = cost(0, size_bytes), cost(1, size_bytes)
    per_byte = (cost(1, 2 * size_bytes) - stored) / size_bytes
    return {
        "price": f"price:{storage.name}",
        "per_message": logs,
        "per_byte": per_byte,
        "per_object": stored - logs - size_bytes * per_byte,
        "min_object_bytes": storage.min_object_bytes,
        "share": assumptions.kept_mail,
    }


def _assumed(assumptions: Assumptions) -> dict[str, Any]:
    return {
        "headroom": assumptions.headroom,
        "spares": assumptions.spares,
        "zones": assumptions.zones,
        "fewest_nodes": assumptions.fewest_nodes,
        "availability": assumptions.availability,
        "common_cause": assumptions.common_cause,
        "disk_operations": assumptions.disk_operations,
        "measured_vcpus": assumptions.measured_vcpus,
        "widening": assumptions.widening,
        "widening_base": assumptions.widening_base,
    }
