"""A whole plan from a small measurement that took no time to make, for whoever shows plans or computes them again."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from loadkit.plan.assumptions import Assumptions, load_assumptions
from loadkit.plan.catalog import Catalog
from loadkit.plan.catalog_load import load_catalog
from loadkit.plan.hourly import HourlyLoad, hourly_load
from loadkit.plan.measured import Measured, Node
from loadkit.plan.outcome import Plan
from loadkit.plan.planning import make_plan
from loadkit.plan.site import Order
from loadkit.plan.uncertain import Range
from loadkit.scenario.load import load_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"
TYPES = ("ecs.c8i.large", "ecs.c8i.xlarge", "ecs.g8i.large")

MEASURED = Measured(
    capacity_per_s=Range(140.0, 150.0, 160.0),
    basis="p(99) < 500ms is met at 140/s and missed at 160/s, from 12 trials",
    rate_per_s=140.0,
    sessions=48.0,
    node_time_s=0.1,
    node_time_basis="the median response time at 140/s",
    node=Node("ecs.c8i.large"),
    boxes=1,
    trials=12,
    next_experiment="narrow the search between 140/s and 160/s",
)
"""A small ladder, as on a laptop."""

LARGE = replace(
    MEASURED, capacity_per_s=Range(1800.0, 2000.0, 2200.0), rate_per_s=3600.0, sessions=400.0, boxes=4, node_time_s=0.05
)
"""Four boxes at once, of which each carried 900/s."""


@lru_cache
def catalog() -> Catalog:
    """The catalogues that are shipped."""
    return load_catalog()


@lru_cache
def month() -> HourlyLoad:
    """A month by the hour."""
    return hourly_load(load_scenario(SCENARIOS / "mixed_month.yaml"))


def whole_plan(
    measured: Measured = MEASURED,
    *,
    order: Order | None = None,
    assume: tuple[str, ...] = (),
    load: HourlyLoad | None = None,
) -> Plan:
    """A plan of all tiers for three types.

    Args:
        measured: What was measured.
        order: What is planned; all tiers by 200 draws if None.
        assume: Assumptions such as ``headroom=0.6``.
        load: The load; a month by the hour if None.
    """
    order = order or Order(tiers=("all",), instance_types=TYPES, draws=200)
    return make_plan(measured, catalog(), load or month(), order=order, assumptions=assumed(*assume))


def assumed(*assume: str) -> Assumptions:
    """Assumptions with some of them chosen."""
    return load_assumptions(given=assume)
