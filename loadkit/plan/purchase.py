"""Buying servers: the base load by subscription, the peak by the hour, part of the peak from the spot market."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from loadkit.analysis.refusal import RefusedError
from loadkit.plan.charging import HOURS_PER_MONTH, line, quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from loadkit.plan.bill import CostLine
    from loadkit.plan.catalog import InstanceType
    from loadkit.plan.prices import Price

Base = Literal["hourly", "monthly", "yearly"]
SPOT_SHARE = 0.5
"""Of the peak in the bundled mix with spot servers; an assumption: half the peak stays if the market takes all back."""

_SERVICE = ("Compute", "Elastic Compute Service")


@dataclass(frozen=True, slots=True)
class PurchaseMix:
    """How servers are bought.

    Args:
        base: How the base load is: by the hour, by subscription for a month, or for a year.
        spot_share: Share of the hours above the base load that is bought on the spot market.

    Raises:
        ValueError: If the share is not from 0 to 1.
    """

    base: Base
    spot_share: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.spot_share <= 1:
            raise ValueError(f"a share of {self.spot_share} is not from 0 to 1")


MIXES = {
    "hourly": PurchaseMix("hourly"),
    "monthly base": PurchaseMix("monthly"),
    "yearly base": PurchaseMix("yearly"),
    "yearly base, spot peak": PurchaseMix("yearly", SPOT_SHARE),
}


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Share of the hours of a month above which a subscription is cheaper than paying by the hour.

    Args:
        monthly: For a subscription by the month; above 1 it never is; None where a price lacks.
        yearly: The same for a year.
        why: What lacks, in words; empty where nothing does.
    """

    monthly: float | None
    yearly: float | None
    why: str


@dataclass(frozen=True, slots=True)
class ReclaimRisk:
    """What is lost if the spot market takes all its servers back in the busiest hour.

    Args:
        nodes: Spot servers in that hour, of which a part of one counts as one.
        share: Of all servers in that hour.
    """

    nodes: int
    share: float

    def __str__(self) -> str:
        if not self.nodes:
            return "no spot servers, nothing to be reclaimed"
        return (
            f"up to {self.nodes} spot servers, {self.share:.0%} of the fleet in its busiest hour, can be reclaimed at "
            "minutes' notice and all at once; their price floats"
        )


def break_even(instance: InstanceType) -> BreakEven:
    """The share of hours above which a subscription pays.

    Notes:
        u = price of a month / (730 x price of an hour). A server that is needed less than that is cheaper by the hour.
    """
    lacking = [name for name in ("hourly", "monthly", "yearly") if getattr(instance, name) is None]
    hour = instance.hourly

    def share(month: Price | None) -> float | None:
        return None if hour is None or month is None else float(month.amount / (HOURS_PER_MONTH * hour.amount))

    why = f"{instance.name} has no {' and no '.join(lacking)} price" if lacking else ""
    return BreakEven(share(instance.monthly), share(instance.yearly), why)


def why_not(instance: InstanceType, mix: PurchaseMix) -> str:
    """Why a server can't be bought so, in words; empty where it can."""
    lacking = [f"{name} price" for name in dict.fromkeys(("hourly", mix.base)) if getattr(instance, name) is None]
    lacking += ["spot factor"] if mix.spot_share and instance.spot_factor is None else []
    return f"{instance.name} has no {' and no '.join(lacking)} in this catalogue" if lacking else ""


def cheapest_base(instance: InstanceType, nodes_by_hour: NDArray[np.int64], mix: PurchaseMix) -> int:
    """How many servers to subscribe to before it is known which draw comes true.

    Args:
        instance: What is bought.
        nodes_by_hour: Servers needed, (..., hours).
        mix: How they are bought.

    Returns:
        The number with the least mean cost; at least those that every hour of every draw needs, for what is always
        needed is left to no market.

    Raises:
        RefusedError: If a price lacks.

    Notes:
        The k-th server pays as part of the base if it is needed in more than the break-even share u of the hours: the
        newsvendor's rule, by which the base is the (1 - u) quantile of the servers needed.
    """
    prices = _Prices.of(instance, mix)
    least = int(nodes_by_hour.min())
    share = prices.base_month / (HOURS_PER_MONTH * prices.peak_hour) if prices.peak_hour else 1.0
    hours = np.bincount(nodes_by_hour.ravel())[::-1].cumsum()[::-1]  # that need the k-th server, by k
    return max(least, int(np.count_nonzero(hours[1:] >= share * nodes_by_hour.size)))


def node_hours_cost(
    instance: InstanceType,
    nodes_by_hour: NDArray[np.int64],
    mix: PurchaseMix,
    *,
    base_nodes: int | NDArray[np.int64],
) -> NDArray[np.float64]:
    """What servers cost in a month.

    Args:
        instance: What is bought.
        nodes_by_hour: Servers needed, (..., hours); any number of hours stands for a month of 730.
        mix: How they are bought.
        base_nodes: Servers paid for in every hour, one number or (...,).

    Returns:
        Cost a month, (...,), in the currency of the prices.

    Raises:
        RefusedError: If a price lacks.
    """
    prices = _Prices.of(instance, mix)
    base, hours = np.asarray(base_nodes), nodes_by_hour.shape[-1]
    above = (np.maximum(nodes_by_hour, base[..., np.newaxis]).sum(axis=-1) - hours * base) / hours
    return np.asarray(base * prices.base_month + above * HOURS_PER_MONTH * prices.peak_hour)


def lines(
    instance: InstanceType, nodes_by_hour: NDArray[np.int64], mix: PurchaseMix, *, base_nodes: int | None = None
) -> tuple[CostLine, ...]:
    """The bill of a month's servers.

    Args:
        instance: What is bought.
        nodes_by_hour: Servers needed, (hours,).
        mix: How they are bought.
        base_nodes: Servers paid for in every hour; None for the cheapest number.

    Returns:
        A line for the base, the peak and the spot part of the peak, as far as there are any; their sum is
        `node_hours_cost` to the hundredth of each.

    Raises:
        RefusedError: If a price lacks.
    """
    base = cheapest_base(instance, nodes_by_hour, mix) if base_nodes is None else base_nodes
    above = float(np.maximum(nodes_by_hour - base, 0).mean()) * HOURS_PER_MONTH
    spot = quantity(above * mix.spot_share)
    return tuple(one for one in _lines(instance, mix, base, quantity(above) - spot, spot) if one.pricing_quantity)


def reclaim_risk(nodes_by_hour: NDArray[np.int64], mix: PurchaseMix, *, base_nodes: int) -> ReclaimRisk:
    """What the spot market can take back at worst.

    Args:
        nodes_by_hour: Servers needed, (..., hours).
        mix: How they are bought.
        base_nodes: Servers that are never from the spot market.
    """
    most = int(nodes_by_hour.max())
    spot = max(most - base_nodes, 0) * mix.spot_share
    return ReclaimRisk(int(np.ceil(spot)), spot / most if most else 0.0)


def _lines(instance: InstanceType, mix: PurchaseMix, base: int, peak: Decimal, spot: Decimal) -> Iterator[CostLine]:
    category, service = _SERVICE
    hour = _price(instance, "hourly")
    charge = partial(line, sku_id=instance.name, category=category, service=service)
    if mix.base == "hourly":
        yield charge(hour, Decimal(base * HOURS_PER_MONTH), description="base load, by the hour")
    else:
        yield charge(
            _price(instance, mix.base),
            Decimal(base),
            description=f"base load, {mix.base} subscription",
            pricing_category="Committed",
            charge_category="Purchase",
        )
    yield charge(hour, peak, description="above the base load, by the hour")
    if spot:
        yield charge(
            hour,
            spot,
            description="above the base load, from the spot market",
            pricing_category="Dynamic",
            effective_unit_price=hour.amount * Decimal(str(instance.spot_factor)),
        )


@dataclass(frozen=True, slots=True)
class _Prices:
    """A month of a server of the base load, and an hour of one above it."""

    base_month: float
    peak_hour: float

    @classmethod
    def of(cls, instance: InstanceType, mix: PurchaseMix) -> _Prices:
        reason = why_not(instance, mix)
        if reason:
            raise RefusedError(reason, hint="import its prices with loadkit catalog import, or choose another mix")
        hour = float(_price(instance, "hourly").amount)
        month = hour * HOURS_PER_MONTH if mix.base == "hourly" else float(_price(instance, mix.base).amount)
        factor = 1.0 if instance.spot_factor is None else instance.spot_factor
        return cls(month, hour * (1 - mix.spot_share * (1 - factor)))


def _price(instance: InstanceType, base: Base) -> Price:
    price: Price | None = getattr(instance, base)
    assert price is not None, "asked for by whoever checked that it is there"
    return price
