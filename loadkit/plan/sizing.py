"""How many nodes: from a rate and what a node carries, for every resource, and which of them sets the number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_ROUNDING = 1e-9


def nodes_needed(rate_per_s: npt.ArrayLike, usable_per_s: npt.ArrayLike, loss: npt.ArrayLike = 0.0) -> Ints:
    """Nodes that carry a rate.

    Args:
        rate_per_s: What comes, with what is sent again; any shape.
        usable_per_s: What one node may carry: its capacity times headroom.
        loss: How much each of many nodes loses, x; below 1.

    Returns:
        Whole numbers of the shape that the three have together; 1 where a node has nothing to do.

    Notes:
        n = ceil(r / (usable eta(n))) with eta(n) = n^-x: each of n nodes carries n^-x of what one alone does. The
        smallest n with n^(1 - x) >= r / usable is ceil((r / usable)^(1 / (1 - x))).

    Examples:
        >>> int(nodes_needed(2000, 140))
        15
        >>> int(nodes_needed(2000, 140, 0.02))
        16
    """
    rates, usable, losses = (np.asarray(one, dtype=np.float64) for one in (rate_per_s, usable_per_s, loss))
    alone: Floats = rates / usable
    nodes: Floats = np.ceil((alone if not losses.any() else alone ** (1 / (1 - losses))) * (1 - _ROUNDING))
    return np.maximum(nodes, 1).astype(np.int64)


def fleet_for(needed: Ints, spares: int, zones: int, fewest: int) -> Ints:
    """The fewest nodes that leave enough when spares fail, and when a zone is lost.

    Args:
        needed: Nodes that carry the load; any shape.
        spares: Further nodes that may fail.
        zones: Zones that nodes are spread over as evenly as can be; 1 if the loss of one need not be survived.
        fewest: No fleet is smaller.
    """
    nodes: Ints = np.maximum(needed + spares, fewest)
    if zones > 1:
        # The largest zone holds ceil(nodes / zones): floor(nodes (zones - 1) / zones) are left without it.
        nodes = np.maximum(nodes, -(-needed * zones // (zones - 1)))
    return nodes


@dataclass(frozen=True, slots=True)
class NodeLimits:
    """What one node may carry, in messages per second, by resource.

    Args:
        per_s: By resource, such as ``cpu``, ``network``, ``disk``, ``connections``: a number, or one for each draw.
    """

    per_s: Mapping[str, Floats]

    @property
    def usable_per_s(self) -> Floats:
        """What the scarcest resource allows."""
        every = np.broadcast_arrays(*self.per_s.values())
        smallest: Floats = np.min(every, axis=0)
        return smallest

    def limiting(self) -> str:
        """The resource that is the scarcest in most draws."""
        names = list(self.per_s)
        scarcest = np.argmin(np.broadcast_arrays(*self.per_s.values()), axis=0)
        return names[int(np.bincount(np.atleast_1d(scarcest).ravel(), minlength=len(names)).argmax())]

    def shares(self) -> dict[str, float]:
        """By resource, what of it is used when the scarcest is used up; the median over draws."""
        usable = self.usable_per_s
        return {name: float(np.median(usable / np.asarray(one))) for name, one in self.per_s.items()}


@dataclass(frozen=True, slots=True)
class NodeWork:
    """What a message takes of a node, beside its processor.

    Args:
        message_bytes: Bytes that pass its network one way, overhead included; shape (draws,).
        disk_operations: Operations of its disk.
        connection_s: Time for which a connection stays open; shape (draws,).
        messages_per_connection: Messages in a connection.
    """

    message_bytes: Floats
    disk_operations: float
    connection_s: Floats
    messages_per_connection: float


def node_limits(
    capacity_per_s: Floats,
    work: NodeWork,
    *,
    headroom: float,
    network_bits_per_s: float | None,
    disk_iops: float | None,
    max_connections: int | None,
) -> NodeLimits:
    """What a node may carry, by resource; what the catalogue does not know does not limit.

    Args:
        capacity_per_s: What its processor carries at most, as measured; shape (draws,).
        work: What a message takes.
        headroom: Share of every resource that may be used.
        network_bits_per_s: Its network.
        disk_iops: Its disk.
        max_connections: Connections that it may have open.
    """
    per_s = {"cpu": capacity_per_s * headroom}
    if network_bits_per_s is not None:
        per_s["network"] = headroom * network_bits_per_s / (8 * work.message_bytes)
    if disk_iops is not None and work.disk_operations > 0:
        per_s["disk"] = np.asarray(headroom * disk_iops / work.disk_operations)
    if max_connections is not None:
        per_s["connections"] = np.asarray(headroom * max_connections * work.messages_per_connection / work.connection_s)
    return NodeLimits(per_s)


@dataclass(frozen=True, slots=True)
class Cells:
    """A tier as several fleets of one size.

    Args:
        count: How many.
        rate_per_s: What each carries at the peak.
    """

    count: int
    rate_per_s: float


def cells_for(rate_per_s: float, cell_rate_per_s: float | None) -> Cells:
    """Cells that carry a rate; one where none are wanted.

    Args:
        rate_per_s: The peak of the whole.
        cell_rate_per_s: What a cell is measured to carry.
    """
    if cell_rate_per_s is None or rate_per_s <= cell_rate_per_s:
        return Cells(1, rate_per_s)
    count = int(np.ceil(rate_per_s / cell_rate_per_s * (1 - _ROUNDING)))
    return Cells(count, rate_per_s / count)
