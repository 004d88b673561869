"""What the planner itself says to a setting of the what-if form."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

from loadkit.plan.planning import make_plan
from loadkit.plan.purchase import MIXES
from loadkit.plan.site import Order

if TYPE_CHECKING:
    from loadkit.plan.outcome import Plan
    from loadkit.plan.uncertain import Spread

Setting = dict[str, Any]


def settings_of(plan: Plan, count: int, seed: int) -> list[Setting]:
    """Settings of all kinds, by chance."""
    chance = Random(seed)
    settings = []
    for _ in range(count):
        tier = chance.randrange(len(plan.tiers))
        setting = {
            "tier": tier,
            "type": chance.choice(list(plan.site.types)),
            "rate_per_s": plan.tiers[tier].load.most_per_s * chance.uniform(0.3, 3),
            "headroom": chance.choice([0.4, 0.6, 0.7, 0.85]),
            "spares": chance.randrange(4),
            "zones": chance.randrange(1, 4),
            "message_bytes": plan.inputs["message_size"].mid * chance.uniform(0.2, 5),
            "retry": plan.inputs["retry"].mid * chance.uniform(0.1, 4),
            "mix": chance.choice(["", *MIXES]),
        }
        settings.append(setting)
    return settings


def replanned(plan: Plan, setting: Setting) -> dict[str, Any]:
    """What a page must say to a setting: the plan, made again with it."""
    tier, site = plan.tiers[setting["tier"]], plan.site
    tiers = {tier.name: replace(site.catalog.tiers[tier.name], rate_per_s=setting["rate_per_s"])}
    ranges = {
        name: plan.inputs[name].times(setting[key] / plan.inputs[name].mid)
        for name, key in (("message_size", "message_bytes"), ("retry", "retry"))
    }
    assumed = {name: setting[name] for name in ("headroom", "spares", "zones")} | ranges
    order = Order(
        tiers=(tier.name,),
        instance_types=(setting["type"],),
        cell_rate_per_s=site.order.cell_rate_per_s,
        draws=plan.draws.count,
        seed=plan.draws.seed,
    )
    again = make_plan(
        plan.measured,
        replace(site.catalog, tiers=tiers),
        tier.load,
        order=order,
        assumptions=plan.assumptions.model_copy(update=assumed),
    )
    choice = again.tiers[0].choices[0]
    ways = {mix.name: mix for mix in choice.mixes if mix.monthly is not None}
    way = ways.get(setting["mix"], choice.mixes[0])
    fleet = choice.fleet
    return {
        "needed": _ends(fleet.needed),
        "nodes": _ends(fleet.nodes),
        "cells": fleet.cells.count,
        "spares": fleet.spares,
        "limiting": fleet.limiting,
        "grade": choice.support.value,
        "single_number": choice.support.single_number,
        "promised": choice.availability.promised,
        "mix": way.name,
        "base_nodes": way.base_nodes,
        "availability": choice.availability.together,
        "monthly": _ends(way.monthly),
        "parts": {name: _ends(part) for name, part in choice.parts.items() if name != "compute"},
    }


def _ends(spread: Spread | None) -> list[float]:
    assert spread is not None
    return [spread.p10, spread.p50, spread.p90]
