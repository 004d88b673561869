"""What all choices of a plan share: the order, what was measured, what is uncertain, what is bought beside nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadkit.analysis.refusal import RefusedError
from loadkit.errors import UsageError
from loadkit.plan.assumptions import DEFAULT_SIZE, Assumptions
from loadkit.plan.catalog import Catalog, InstanceType
from loadkit.plan.costing import Connections, Shopping, Traffic, shopping_list, traffic_of
from loadkit.plan.hourly import HourlyLoad
from loadkit.plan.measured import Measured
from loadkit.plan.transferring import node_time_of
from loadkit.plan.uncertain import Cases, Draws, Floats, Range
from loadkit.scenario.findings import suggest

Hours = npt.NDArray[np.intp]

DEFAULT_DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be planned.

    Args:
        tiers: Names of tiers in the catalogue; ``all`` stands for every one.
        rate_per_s: A peak to plan for beside them; None for none.
        instance_types: Types to choose from; all of the catalogue if empty.
        cell_rate_per_s: Tiers above it are built as cells that carry as much; None for no cells.
        budget: Money for a month; None for none.
        draws: How many draws; at least 10.
        seed: They repeat exactly.
    """

    tiers: Sequence[str] = ()
    rate_per_s: float | None = None
    instance_types: Sequence[str] = ()
    cell_rate_per_s: float | None = None
    budget: float | None = None
    draws: int = DEFAULT_DRAWS
    seed: int = 1


@dataclass(frozen=True, slots=True)
class TierLoad:
    """A tier, or a rate that was asked for.

    Args:
        name: The tier's name, or the rate.
        load: Its load by the hour.
        promised: Availability that it promises; None where it promises none.
    """

    name: str
    load: HourlyLoad
    promised: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """What all tiers and types of a plan share; arrays have the median case first, shape (1 + draws,).

    Args:
        measured: What was measured of nodes.
        types: Types to choose from, by name.
        catalog: What can be bought.
        shopping: What is bought beside the nodes.
        order: What is to be planned.
        assumptions: What is assumed.
        cases: The median case and the draws.
        ranges: What is uncertain and the same for all choices, by name.
        inputs: The same in every case.
        messages_per_connection: Messages in a connection.
    """

    measured: tuple[Measured, ...]
    types: Mapping[str, InstanceType]
    catalog: Catalog
    shopping: Shopping
    order: Order
    assumptions: Assumptions
    cases: Cases
    ranges: dict[str, Range]
    inputs: dict[str, Floats]
    messages_per_connection: float

    @classmethod
    def of(
        cls,
        measured: tuple[Measured, ...],
        catalog: Catalog,
        load: HourlyLoad | None,
        order: Order,
        assumptions: Assumptions,
    ) -> Site:
        """Put together what all tiers and types share.

        Raises:
            RefusedError: If the catalogue lacks what the plan takes.
            UsageError: If a type is not in the catalogue.
        """
        size = assumptions.message_size or (None if load is None else load.message_bytes) or DEFAULT_SIZE
        ranges = {
            "demand": assumptions.demand,
            "message_size": size,
            "retry": assumptions.retry,
            "idle": assumptions.idle,
            "box_loss": assumptions.box_loss,
        }
        cases = Cases(Draws(order.draws, order.seed))
        in_each = assumptions.messages_per_connection or (None if load is None else load.messages_per_connection)
        return cls(
            measured=measured,
            types=_types(catalog, order.instance_types),
            catalog=catalog,
            shopping=shopping_list(assumptions, catalog),
            order=order,
            assumptions=assumptions,
            cases=cases,
            ranges=ranges,
            inputs={name: cases.of(name, value) for name, value in ranges.items()},
            messages_per_connection=in_each or 1.0,
        )

    def connections(self, measured: Measured) -> Connections:
        """How messages come: a connection is open for its messages, and idle beside them."""
        time, _ = node_time_of(measured, self.assumptions)
        work_s = 0.0 if time is None else self.messages_per_connection * self.cases.of("node_time", time)
        return Connections(self.messages_per_connection, self.inputs["idle"] + work_s)

    def traffic(self, load: HourlyLoad) -> Traffic:
        """What passes in a month of a load."""
        return traffic_of(
            self.inputs["demand"] * float(load.mean_per_s.mean()),
            self.inputs["message_size"],
            self.inputs["retry"],
            self.connections(self.measured[0]),
            self.shopping.balancer,
        )

    def peaks(self, load: HourlyLoad) -> tuple[Floats, Hours]:
        """Messages a second that must be carried, those sent again included.

        Returns:
            Each level that hours have, shape (cases, levels), and the level of each hour, shape (hours,).
        """
        levels, hours = np.unique(load.peak_per_s, return_inverse=True)
        factor = self.inputs["demand"] * (1 + self.inputs["retry"])
        return factor[:, np.newaxis] * levels, hours


def _types(catalog: Catalog, names: Sequence[str]) -> dict[str, InstanceType]:
    unknown = [name for name in names if name not in catalog.instance_types]
    if unknown:
        raise UsageError(
            f"the catalogue has no instance type {', '.join(unknown)}", hint=suggest(unknown[0], catalog.instance_types)
        )
    if not catalog.instance_types:
        raise RefusedError(
            "the catalogue has no instance type to choose from", hint="loadkit catalog import reads price lists"
        )
    return {name: catalog.instance_types[name] for name in names} if names else dict(catalog.instance_types)
