"""``python -m benchmarks.costs``: freeze the costs of fixed cases anew, after a price or a rule was meant to change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from loadkit.plan import balancers, egress, purchase, volumes
from loadkit.plan.bill import Bill, CostLine
from loadkit.plan.catalog_load import load_catalog
from loadkit.plan.retention import Tiering, mail_kinds, storage_plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from loadkit.plan.catalog import Catalog

BASELINE = Path(__file__).parents[1] / "tests" / "plan" / "baselines" / "costs.json"
RENEW = "python -m benchmarks.costs"
TIERS = ("basic", "professional", "enterprise")
INSTANCE_TYPES = ("ecs.c8i.xlarge", "ecs.g8i.2xlarge")
MIXES = ("hourly", "monthly base", "yearly base")

# The inputs of the cases are fixed, not measured: only that costs stay the same is held.
RATE_PER_VCPU_S = 125.0
SIZE_BYTES = 10 * 1024
RETRY_FACTOR = 1.05
MESSAGES_PER_CONNECTION = 10
CONNECTION_S = 2.0
SPARE_NODES = 1

Costs = dict[str, dict[str, str]]


def week(peak_per_s: float) -> NDArray[np.float64]:
    """A rate by hour of the week from Monday: full from 8 to 20, a fifth at night, two fifths at weekends."""
    day = np.where((np.arange(24) >= 8) & (np.arange(24) < 20), 1.0, 0.2)
    return peak_per_s * np.concatenate([np.tile(day, 5), np.tile(0.4 * day, 2)])


def current() -> Costs:
    """The costs of all cases today, with one line for each part of the bill and the total, as exact decimals."""
    catalog = load_catalog()
    return {
        f"{tier}, {instance}, {mix}": _costs(Bill(tuple(_lines(catalog, tier, instance, mix)), catalog.currency))
        for tier in TIERS
        for instance in INSTANCE_TYPES
        for mix in MIXES
    }


def differences(frozen: Costs, now: Costs) -> list[str]:
    """What is no longer as it was, by case and part of the bill."""
    return [
        f"{case}: {part}: {frozen.get(case, {}).get(part, 'nothing')} -> {now.get(case, {}).get(part, 'nothing')}"
        for case in dict.fromkeys((*frozen, *now))
        for part in dict.fromkeys((*frozen.get(case, {}), *now.get(case, {})))
        if frozen.get(case, {}).get(part) != now.get(case, {}).get(part)
    ]


def _costs(bill: Bill) -> dict[str, str]:
    parts: dict[str, Decimal] = {}
    for line in bill.lines:
        name = f"{line.service_name}, {line.sku_id}, {line.pricing_category}"
        parts[name] = parts.get(name, Decimal(0)) + line.effective_cost
    return {name: str(cost) for name, cost in parts.items()} | {"total": str(bill.total)}


def _lines(catalog: Catalog, tier: str, instance: str, mix: str) -> Iterator[CostLine]:
    rates = week(catalog.tiers[tier].rate_per_s) * RETRY_FACTOR
    bought = catalog.instance_types[instance]
    nodes = np.ceil(rates / (RATE_PER_VCPU_S * bought.vcpus)).astype(np.int64) + SPARE_NODES
    yield from purchase.lines(bought, np.maximum(nodes, 2), purchase.MIXES[mix])
    overhead = volumes.SMTP_OVER_TLS
    volume = volumes.mail_bytes(week(catalog.tiers[tier].rate_per_s), SIZE_BYTES, retry_factor=RETRY_FACTOR)
    nlb = catalog.load_balancers["nlb"]
    connections = rates / MESSAGES_PER_CONNECTION
    moved = rates * overhead.wire_bytes(SIZE_BYTES) * 3600
    yield from balancers.lines(nlb, balancers.units(connections, connections * CONNECTION_S, moved, nlb))
    yield from egress.traffic_lines(catalog.transfers["traffic"], float(volume.wire_bytes))
    tiering = Tiering(catalog.storage_classes["standard-lrs"], catalog.storage_classes["ia-lrs"], 30, 0.01)
    kinds = mail_kinds(float(volume.messages) * 24 / 730, SIZE_BYTES, stored_share=0.01)
    yield from storage_plan(kinds, tiering).lines


def main() -> int:
    """Write the costs of today over those that were frozen, and say what changed."""
    frozen: Costs = json.loads(BASELINE.read_text()) if BASELINE.is_file() else {}
    now = current()
    BASELINE.write_text(json.dumps(now, indent=1) + "\n")
    print("\n".join(differences(frozen, now)) or "nothing changed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
