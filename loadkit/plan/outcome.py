"""What a plan found: for each tier every choice with its grade, nodes, availability and money, or why it is none."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from loadkit.plan.assumptions import Assumption, Assumptions
from loadkit.plan.availability import Availability
from loadkit.plan.bill import Bill, CostLine
from loadkit.plan.extrapolation import Axis, Support, worst
from loadkit.plan.hourly import HourlyLoad
from loadkit.plan.measured import Measured
from loadkit.plan.sizing import Cells
from loadkit.plan.uncertain import Draws, Floats, Range, Spread

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a choice was not taken.

    Args:
        constraint: What stood against it: ``price``, ``availability``, ``cost``, ``load balancer``, ...
        value: What it has of that; None where it has none.
        limit: What it would need; None where that is no number.
        unit: Of both.
        words: In a sentence.
    """

    constraint: str
    value: float | None
    limit: float | None
    unit: str
    words: str

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class Fleet:
    """The nodes of a choice.

    Args:
        needed: Nodes that carry the peak, in each cell.
        nodes: With spares and zones, all cells together.
        spares: Nodes beyond those needed, in each cell.
        zones: Zones that they are spread over.
        cells: Fleets of one size.
        limiting: The resource that sets the number.
        usable_per_s: What a node may carry, by resource; medians.
        shares: By resource, what of it is used when the scarcest is used up.
    """

    needed: Spread
    nodes: Spread
    spares: int
    zones: int
    cells: Cells
    limiting: str
    usable_per_s: dict[str, float]
    shares: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "needed": self.needed.to_dict(),
            "nodes": self.nodes.to_dict(),
            "spares": self.spares,
            "zones": self.zones,
            "cells": {"count": self.cells.count, "rate_per_s": self.cells.rate_per_s},
            "limiting": self.limiting,
            "usable_per_s": self.usable_per_s,
            "shares": self.shares,
        }


@dataclass(frozen=True, slots=True)
class MixCost:
    """A way to buy the nodes of a choice.

    Args:
        name: Such as ``monthly base``.
        monthly: Cost of the whole choice in a month; None where it can't be bought so.
        base_nodes: Nodes that are paid for at all hours.
        break_even: Share of hours above which the subscription pays; None where it has none or a price lacks.
        remark: What to know of it: why it can't be bought so, or what may be reclaimed.
    """

    name: str
    monthly: Spread | None
    base_nodes: int
    break_even: float | None
    remark: str

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "name": self.name,
            "monthly": self.monthly and self.monthly.to_dict(),
            "base_nodes": self.base_nodes,
            "break_even": self.break_even,
            "remark": self.remark,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """An instance type for a tier.

    Args:
        instance_type: Its name in the catalogue.
        axes: How far it goes beyond what was measured.
        capacity_per_s: What its processor carries at most, widened by how far that is from what was measured.
        transferred: By what factor and error the capacity of another type was taken over; empty if it was measured.
        fleet: Its nodes.
        availability: What it reaches.
        balancer_demand: What sets the load balancer's units; empty without one.
        mixes: Every way to buy it, the chosen one first.
        monthly: Cost of a month by the chosen one; None where it can't be priced.
        per_million: Cost of a million messages.
        parts: Cost of a month by what is bought: ``compute``, ``disk``, ``balancer``, ``egress``, ``storage``.
        bill: The month in which every input is its median.
        over_budget: Chance that a month costs more than the budget; None without one.
        drivers: Correlation of ranks of the cost with what is uncertain, the strongest first.
        expected_regret: Mean of what a month costs above the best choice of each draw.
        reason: Why it was not taken; None for the one that was.
        capacity_draws: Its processor's capacity in each draw, shape (draws,).
        monthly_draws: Cost of a month in each draw, shape (draws,); empty where it can't be priced.
    """

    instance_type: str
    axes: tuple[Axis, ...]
    capacity_per_s: Range
    transferred: str
    fleet: Fleet
    availability: Availability
    balancer_demand: str
    mixes: tuple[MixCost, ...]
    monthly: Spread | None
    per_million: Spread | None
    parts: dict[str, Spread]
    bill: Bill | None
    over_budget: float | None
    drivers: dict[str, float]
    expected_regret: float | None
    reason: Reason | None
    capacity_draws: Floats = field(repr=False, default_factory=lambda: np.empty(0))
    monthly_draws: Floats = field(repr=False, default_factory=lambda: np.empty(0))

    @property
    def support(self) -> Support:
        """The grade of the worst axis."""
        return worst(self.axes)

    @property
    def indicative(self) -> bool:
        """Whether too much of the cost rests on doubtful prices for more than an indication."""
        return self.bill is not None and self.bill.indicative

    @property
    def mix(self) -> str:
        """How it is bought; empty where it can't be priced."""
        return self.mixes[0].name if self.mixes and self.monthly is not None else ""

    @property
    def experiments(self) -> tuple[str, ...]:
        """What to measure next, for the worst axes first."""
        axes = sorted(self.axes, key=lambda axis: -axis.support.rank)
        return tuple(dict.fromkeys(axis.experiment for axis in axes if axis.experiment))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; money of the bill is text, exact to the hundredth."""
        return {
            "instance_type": self.instance_type,
            "grade": self.support.value,
            "single_number": self.support.single_number,
            "axes": [axis.to_dict() for axis in self.axes],
            "capacity_per_s": self.capacity_per_s.to_dict(),
            "transferred": self.transferred,
            "fleet": self.fleet.to_dict(),
            "availability": self.availability.to_dict(),
            "balancer_demand": self.balancer_demand,
            "mixes": [mix.to_dict() for mix in self.mixes],
            "mix": self.mix,
            "monthly": self.monthly and self.monthly.to_dict(),
            "per_million": self.per_million and self.per_million.to_dict(),
            "parts": {name: part.to_dict() for name, part in self.parts.items()},
            "bill": None if self.bill is None else _bill(self.bill),
            "over_budget": self.over_budget,
            "drivers": self.drivers,
            "expected_regret": self.expected_regret,
            "reason": self.reason and self.reason.to_dict(),
            "experiments": list(self.experiments),
        }


@dataclass(frozen=True, slots=True)
class Service:
    """A provider's own mail service, which would take the place of servers.

    Args:
        name: Its name in the catalogue.
        monthly: Cost of a month.
        per_million: Cost of a million messages.
        basis: What is billed, in words.
        reason: Why it was not taken; None where nothing stands against it.
    """

    name: str
    monthly: Spread
    per_million: Spread
    basis: str
    reason: Reason | None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "name": self.name,
            "monthly": self.monthly.to_dict(),
            "per_million": self.per_million.to_dict(),
            "basis": self.basis,
            "reason": self.reason and self.reason.to_dict(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class TierPlan:
    """A tier, or a rate that was asked for, and the choices for it.

    Args:
        name: The tier's name, or the rate.
        load: Its load by the hour.
        promised: Availability that it promises; None where it promises none.
        choices: The one that was taken first, then the others as they rank.
        services: The provider's own mail services.
    """

    name: str
    load: HourlyLoad
    promised: float | None
    choices: tuple[Choice, ...]
    services: tuple[Service, ...]

    @property
    def chosen(self) -> Choice | None:
        """The choice that was taken; None where none will do."""
        return next((choice for choice in self.choices if choice.reason is None), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        chosen = self.chosen
        return {
            "name": self.name,
            "rate_per_s": self.load.most_per_s,
            "promised_availability": self.promised,
            "load": self.load.to_dict(),
            "chosen": chosen and chosen.instance_type,
            "choices": [choice.to_dict() for choice in self.choices],
            "services": [service.to_dict() for service in self.services],
        }


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Tiers with their choices, and everything that they rest on.

    Args:
        tiers: The tiers.
        measured: What was measured of nodes; types that none of them is go by the first or by one of their family.
        assumptions: What is assumed.
        catalog: Name of the catalogue.
        currency: ISO 4217 code.
        region: Region of the prices.
        draws: The draws that all choices share; `Draws.deviates` gives those of an input by its name.
        inputs: What is uncertain and the same for all choices, by name.
        budget: Money for a month; None if none was given.
        remarks: What to know before it is used.
    """

    tiers: tuple[TierPlan, ...]
    measured: tuple[Measured, ...]
    assumptions: Assumptions
    catalog: str
    currency: str
    region: str
    draws: Draws
    inputs: dict[str, Range]
    budget: float | None
    remarks: tuple[str, ...]

    @property
    def stated(self) -> tuple[Assumption, ...]:
        """Every assumption as it is shown."""
        return tuple(self.assumptions.stated())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, as the schema of ``loadkit schema plan`` says."""
        return {
            "schema_version": SCHEMA_VERSION,
            "catalog": self.catalog,
            "currency": self.currency,
            "region": self.region,
            "measured": [one.to_dict() for one in self.measured],
            "assumptions": [one.to_dict() for one in self.stated],
            "inputs": {name: value.to_dict() for name, value in self.inputs.items()},
            "draws": self.draws.count,
            "seed": self.draws.seed,
            "budget": self.budget,
            "remarks": list(self.remarks),
            "tiers": [tier.to_dict() for tier in self.tiers],
        }


def _bill(bill: Bill) -> dict[str, Any]:
    return {
        "case": "every input at its median",
        "currency": bill.currency,
        "total": str(bill.total),
        "indicative": bill.indicative,
        "indicative_share": float(bill.indicative_share),
        "lines": [_line(line) for line in bill.lines],
    }


def _line(line: CostLine) -> dict[str, Any]:
    """A line under the column names of FOCUS."""
    values = dataclasses.asdict(line)
    named = {
        "".join(word.capitalize() for word in key.split("_")): str(value) if value is not None else None
        for key, value in values.items()
        if key not in ("grade", "source", "as_of")
    }
    as_of = None if line.as_of is None else line.as_of.isoformat()
    return named | {"x_Grade": line.grade.value, "x_Source": line.source, "x_AsOf": as_of}
