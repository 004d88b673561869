"""Load balancers: capacity units from connections and bytes, of which the largest demand counts."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from loadkit.analysis.refusal import RefusedError
from loadkit.plan.charging import HOURS_PER_MONTH, line, quantity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from loadkit.plan.bill import CostLine
    from loadkit.plan.catalog import LoadBalancer
    from loadkit.plan.prices import Price

    Amounts = NDArray[np.float64]

DEMANDS = ("new connections", "open connections", "bytes")


def demands(
    new_connections_per_s: Amounts | float,
    concurrent: Amounts | float,
    bytes_per_hour: Amounts | float,
    balancer: LoadBalancer,
) -> Amounts:
    """Capacity units that each demand asks for alone, in the order of `DEMANDS`; (3, ...)."""
    return np.stack(
        np.broadcast_arrays(
            np.asarray(new_connections_per_s, dtype=np.float64) / balancer.unit_connections_per_s,
            np.asarray(concurrent, dtype=np.float64) / balancer.unit_concurrent,
            np.asarray(bytes_per_hour, dtype=np.float64) / balancer.unit_bytes_per_hour,
        )
    )


def units(
    new_connections_per_s: Amounts | float,
    concurrent: Amounts | float,
    bytes_per_hour: Amounts | float,
    balancer: LoadBalancer,
) -> Amounts:
    """Capacity units, of which the largest demand counts.

    Args:
        new_connections_per_s: New connections a second.
        concurrent: Open connections.
        bytes_per_hour: Bytes an hour, both directions.
        balancer: What a unit is.

    Returns:
        Units, of the shape that the demands have together.
    """
    most: Amounts = demands(new_connections_per_s, concurrent, bytes_per_hour, balancer).max(axis=0)
    return most


def binding(new_connections_per_s: float, concurrent: float, bytes_per_hour: float, balancer: LoadBalancer) -> str:
    """The demand that sets the units: one of `DEMANDS`."""
    return DEMANDS[int(demands(new_connections_per_s, concurrent, bytes_per_hour, balancer).argmax())]


def monthly_cost(balancer: LoadBalancer, units_by_hour: Amounts, *, instances: int = 1) -> Amounts:
    """What load balancers cost in a month.

    Args:
        balancer: What is bought.
        units_by_hour: Units, (..., hours); any number of hours stands for a month of 730.
        instances: How many there are.

    Returns:
        Cost a month, (...,).

    Raises:
        RefusedError: If units have no price.
    """
    existence = float(balancer.instance.amount) * HOURS_PER_MONTH * instances
    return np.asarray(existence + units_by_hour.mean(axis=-1) * HOURS_PER_MONTH * float(_unit_price(balancer).amount))


def lines(balancer: LoadBalancer, units_by_hour: Amounts, *, instances: int = 1) -> tuple[CostLine, ...]:
    """The bill of a month's load balancers.

    Args:
        balancer: What is bought.
        units_by_hour: Units, (hours,).
        instances: How many there are.

    Returns:
        A line for being there and one for the units.

    Raises:
        RefusedError: If units have no price.
    """
    charge = partial(line, sku_id=balancer.name, category="Networking", service="Load balancer")
    used = quantity(float(units_by_hour.mean()) * HOURS_PER_MONTH)
    return (
        charge(balancer.instance, Decimal(instances * HOURS_PER_MONTH), description="being there"),
        charge(_unit_price(balancer), used, description="capacity units"),
    )


def _unit_price(balancer: LoadBalancer) -> Price:
    if balancer.unit is None:
        raise RefusedError(
            f"the catalogue has no price for a capacity unit of {balancer.name}",
            hint="import one with loadkit catalog import",
        )
    return balancer.unit
