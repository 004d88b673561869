"""Availability of a fleet: enough nodes of many, what fails together, zones, and what the provider promises."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MINUTES_IN_30_DAYS = 30 * 24 * 60


def at_least(needed: int, nodes: int, availability: float) -> float:
    """The chance that enough of some nodes are up, if each fails by itself.

    Args:
        needed: How many must be up.
        nodes: How many there are.
        availability: Of each, in [0, 1].

    Raises:
        ValueError: If more are needed than there are, or the availability is no probability.

    Notes:
        A(k of n) = sum over i >= k of C(n, i) a^i (1 - a)^(n - i), which is the regularised incomplete beta function
        I_a(k, n - k + 1).

    Examples:
        >>> round(at_least(4, 6, 0.8), 5)
        0.90112
    """
    from scipy.special import betainc  # noqa: PLC0415 - a third of a second that only plans pay

    if not 0 <= needed <= nodes or not 0 <= availability <= 1:
        raise ValueError(f"{needed} of {nodes} nodes at {availability} can't be")
    return 1.0 if needed == 0 else float(betainc(needed, nodes - needed + 1, availability))


def at_least_together(needed: int, nodes: int, availability: float, common_cause: float) -> float:
    """The same where a share of what fails takes all nodes down at once.

    Args:
        needed: How many must be up.
        nodes: How many there are.
        availability: Of each, in [0, 1].
        common_cause: Share of a node's unavailability that all have in common, in [0, 1].

    Notes:
        With unavailability u and share c, A' = A(k, n; 1 - (1 - c) u) (1 - c u): the beta-factor model of common cause
        failures. However many nodes there are, A' stays below 1 - c u.
    """
    unavailable = 1 - availability
    return at_least(needed, nodes, 1 - (1 - common_cause) * unavailable) * (1 - common_cause * unavailable)


def in_series(availabilities: Mapping[str, float]) -> float:
    """Availability of parts that must all be up.

    Examples:
        >>> round(in_series({"instance": 0.99995, "load balancer": 0.99995, "network": 0.99995}), 5)
        0.99985
    """
    return math.prod(availabilities.values())


def downtime_minutes(availability: float) -> float:
    """Minutes of 30 days in which it is down.

    Examples:
        >>> round(downtime_minutes(0.9995), 2)
        21.6
    """
    return (1 - availability) * MINUTES_IN_30_DAYS


def percent(availability: float) -> str:
    """An availability for people: 99.95%, 99.985%."""
    return f"{availability * 100:.4f}".rstrip("0").rstrip(".") + "%"


@dataclass(frozen=True, slots=True)
class Availability:
    """What a fleet reaches, and what may be promised of it.

    Args:
        nodes: Of enough nodes, common cause included.
        ceiling: Product of what the provider promises of all parts in series; None where nothing is known.
        together: Of nodes and the other parts; the nodes' alone where nothing is known of others.
        promised: What the tier promises; None where nothing is promised.
        parts: What the provider promises, by part.
    """

    nodes: float
    ceiling: float | None
    together: float
    promised: float | None
    parts: dict[str, float]

    @property
    def met(self) -> bool | None:
        """Whether it reaches what is promised; None where nothing is."""
        return None if self.promised is None else self.together >= self.promised

    @property
    def backed(self) -> bool | None:
        """Whether the provider's promises alone can back what is promised; None where either is unknown."""
        return None if self.promised is None or self.ceiling is None else self.ceiling >= self.promised

    @property
    def words(self) -> str:
        """Whether the promise can be kept, in a sentence."""
        if self.promised is None:
            return f"{percent(self.together)} is expected; nothing is promised"
        said = f"{percent(self.together)} is expected, {percent(self.promised)} is promised"
        if self.ceiling is not None and self.backed is False:
            said += (
                f"; it can't be backed by the provider's promises alone, for {len(self.parts)} parts in series give "
                f"{percent(self.ceiling)}"
            )
        elif self.backed is None:
            said += "; what the provider promises is not in the catalogue"
        return said

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "nodes": self.nodes,
            "provider_ceiling": self.ceiling,
            "together": self.together,
            "promised": self.promised,
            "met": self.met,
            "backed_by_provider": self.backed,
            "downtime_minutes_in_30_days": downtime_minutes(self.together),
            "parts": self.parts,
            "words": self.words,
        }


def fleet_availability(
    needed: int, nodes: int, node: tuple[float, float], parts: Mapping[str, float], promised: float | None
) -> Availability:
    """Availability of a fleet behind the provider's other parts.

    Args:
        needed: Nodes that must be up.
        nodes: Nodes of the fleet.
        node: Availability of a node, and the share of its unavailability that all have in common.
        parts: What the provider promises, by part; ``instance`` is what nodes run on.
        promised: What the tier promises.
    """
    reached = at_least_together(needed, nodes, *node)
    others = {name: value for name, value in parts.items() if name != "instance"}
    return Availability(
        nodes=reached,
        ceiling=in_series(parts) if parts else None,
        together=reached * in_series(others),
        promised=promised,
        parts=dict(parts),
    )
