"""Capacity and money: from a measured curve and a campaign to tiers, fleets and the cost of a month.

The public names load their modules on first use, so that ``import loadkit.plan`` stays cheap.

Planning
    `read_measured` (a ladder as what it says of a node), `load_catalog`, `hourly_load` or `steady_load`,
    `load_assumptions`, and `make_plan`, which takes them and an `Order` and gives a `Plan`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadkit.plan.assumptions import Assumptions, load_assumptions
    from loadkit.plan.catalog_load import load_catalog
    from loadkit.plan.hourly import HourlyLoad, hourly_load, steady_load
    from loadkit.plan.measured import Measured, Node, measured_of, read_measured
    from loadkit.plan.outcome import Choice, Plan, TierPlan
    from loadkit.plan.planning import make_plan
    from loadkit.plan.site import Order
    from loadkit.plan.uncertain import Range, Spread

_HOMES = {
    "Assumptions": "assumptions",
    "Choice": "outcome",
    "HourlyLoad": "hourly",
    "Measured": "measured",
    "Node": "measured",
    "Order": "site",
    "Plan": "outcome",
    "Range": "uncertain",
    "Spread": "uncertain",
    "TierPlan": "outcome",
    "hourly_load": "hourly",
    "load_assumptions": "assumptions",
    "load_catalog": "catalog_load",
    "make_plan": "planning",
    "measured_of": "measured",
    "read_measured": "measured",
    "steady_load": "hourly",
}

__all__ = [
    "Assumptions",
    "Choice",
    "HourlyLoad",
    "Measured",
    "Node",
    "Order",
    "Plan",
    "Range",
    "Spread",
    "TierPlan",
    "hourly_load",
    "load_assumptions",
    "load_catalog",
    "make_plan",
    "measured_of",
    "read_measured",
    "steady_load",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
