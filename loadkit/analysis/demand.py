"""Service demand: what a resource spends on each message, and which resource gives out first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from loadkit.analysis.least_squares import Floats
from loadkit.analysis.refusal import RefusedError
from loadkit.analysis.results import Estimate, finite, shown

FEWEST = 3
DEFAULT_LIMIT = 0.8


@dataclass(frozen=True, slots=True)
class ResourceDemand:
    """How the utilisation of a resource grows with throughput.

    Args:
        resource: Its name.
        background: Utilisation without load, a.
        demand: Utilisation per unit of throughput, D: seconds of the resource for each message.
        limit: Utilisation that it may reach, u*.
        cap: Throughput at which it reaches that; infinite where it does not feel the load.
        scatter: Standard deviation of observations around the line.
    """

    resource: str
    background: Estimate
    demand: Estimate
    limit: float
    cap: Estimate
    scatter: float

    def __repr__(self) -> str:
        return f"<{self.resource}: {self.background!r}, {self.demand!r}, {self.cap!r} at {self.limit:.0%}>"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is infinite is null."""
        return {
            "resource": self.resource,
            "background": self.background.to_dict(),
            "demand": self.demand.to_dict(),
            "limit": self.limit,
            "cap": self.cap.to_dict(),
            "scatter": self.scatter,
        }


@dataclass(frozen=True, slots=True, repr=False)
class DemandFit:
    """The resources of a node, that which gives out first at the head.

    Args:
        resources: By throughput cap, the smallest first.
        highest: The highest throughput that was measured.
        level: Level of the intervals.
    """

    resources: tuple[ResourceDemand, ...]
    highest: float
    level: float

    @property
    def bottleneck(self) -> ResourceDemand | None:
        """The resource that gives out first of those that surely feel the load; None where none does."""
        return next((one for one in self.resources if one.demand.low > 0), None)

    def __repr__(self) -> str:
        head = f"{'resource':<12} {'at rest':>8} {'demand':>10} {'limit':>6}  cap"
        rows = [
            f"{one.resource:<12} {one.background.value:>8.1%} {shown(one.demand.value):>10} {one.limit:>6.0%}  "
            f"{shown(one.cap.value)} [{shown(one.cap.low)}, {shown(one.cap.high)}]"
            for one in self.resources
        ]
        return "\n".join([head, *rows])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is infinite is null."""
        return {
            "resources": [one.to_dict() for one in self.resources],
            "bottleneck": self.bottleneck and self.bottleneck.resource,
            "cap": None if self.bottleneck is None else finite(self.bottleneck.cap.value),
            "highest_measured": self.highest,
            "level": self.level,
        }


def fit_demand(
    throughput: npt.ArrayLike,
    utilisation: Mapping[str, npt.ArrayLike],
    *,
    limits: Mapping[str, float] | None = None,
    level: float = 0.95,
) -> DemandFit:
    """Fit the utilisation law to resources of a node.

    Args:
        throughput: Messages per second in each trial, shape (n,).
        utilisation: By resource, its share of time or of capacity in use in each trial, from 0 to 1.
        limits: By resource, the utilisation that it may reach; others may reach 0.8.
        level: Level of the intervals.

    Raises:
        RefusedError: If there are too few trials, or all at one throughput.
        ValueError: If lengths differ or a limit is not above 0 and at most 1.

    Notes:
        U = a + D X by least squares: D is the service demand (Denning and Buzen, 1978), a what the resource does
        without load. The cap is (u* - a) / D, which is u* / D where the resource rests without load. Its interval is
        where the confidence band of the line crosses u* (Fieller, 1954), so it is open where a demand of zero can't be
        excluded.

    Examples:
        >>> fit_demand([100, 200, 300, 400], {"cpu": [0.12, 0.22, 0.31, 0.42], "disk": [0.05, 0.06, 0.07, 0.08]})
        resource      at rest     demand  limit  cap
        cpu              2.0%  9.900e-04    80%  787.9 [731.1, 859.1]
        disk             4.0%  1.000e-04    80%  7,600 [7,600, 7,600]
    """
    rates = np.asarray(throughput, dtype=np.float64)
    allowed = {name: (limits or {}).get(name, DEFAULT_LIMIT) for name in utilisation}
    used = {name: np.asarray(values, dtype=np.float64) for name, values in utilisation.items()}
    if not used or any(values.shape != rates.shape for values in used.values()):
        raise ValueError("there must be a resource, and as many utilisations of each as throughputs")
    if any(not 0 < limit <= 1 for limit in allowed.values()):
        raise ValueError("a limit of utilisation is above 0 and at most 1")
    if len(rates) < FEWEST or len(np.unique(rates)) < 2:  # noqa: PLR2004 - a line needs two places
        raise RefusedError(
            f"{len(rates)} trials at {len(np.unique(rates))} throughputs tell no demand: it takes {FEWEST} at 2",
            hint="measure utilisation at three or more throughputs, the highest at least twice the lowest",
        )
    found = [_fit(name, rates, values, (allowed[name], level)) for name, values in used.items()]
    return DemandFit(tuple(sorted(found, key=lambda one: one.cap.value)), float(rates.max()), level)


def _fit(name: str, rates: Floats, used: Floats, settings: tuple[float, float]) -> ResourceDemand:
    limit, level = settings
    middle, count = float(rates.mean()), len(rates)
    spread = float(((rates - middle) ** 2).sum())
    demand = float(((rates - middle) * used).sum()) / spread
    middle_used = float(used.mean())
    background = middle_used - demand * middle
    freedom = count - 2
    scatter = math.sqrt(float(((used - background - demand * rates) ** 2).sum()) / freedom)
    width = float(stdtrit(freedom, (1 + level) / 2)) * scatter
    return ResourceDemand(
        resource=name,
        background=_around("background", background, width * math.sqrt(1 / count + middle**2 / spread)),
        demand=_around("demand", demand, width / math.sqrt(spread)),
        limit=limit,
        cap=_cap(background, demand, limit, _Line(middle, spread, count, width)),
        scatter=scatter,
    )


@dataclass(frozen=True, slots=True)
class _Line:
    """Where a line was measured: mean, sum of squares around it, count, and the band's half width per unit of error."""

    middle: float
    spread: float
    count: int
    width: float


def _around(name: str, value: float, reach: float) -> Estimate:
    return Estimate(name, value, value - reach, value + reach)


def _cap(background: float, demand: float, limit: float, line: _Line) -> Estimate:
    """Where the line and its band reach the limit.

    Notes:
        With d = u* - U(mean) and y = X - mean the band's ends are where (d - D y)^2 = w^2 (1/n + y^2 / S).
    """
    missing = limit - background - demand * line.middle
    square = demand**2 - line.width**2 / line.spread
    rest = missing**2 - line.width**2 / line.count
    if demand <= 0:
        return Estimate("cap", math.inf, 0.0, math.inf)
    value = max(line.middle + missing / demand, 0.0)
    inside = (missing * demand) ** 2 - square * rest
    if square <= 0:  # a demand of zero is within the interval
        near = rest / (missing * demand + math.sqrt(inside)) if missing > 0 and inside >= 0 else -line.middle
        return Estimate("cap", value, max(line.middle + near, 0.0), math.inf)
    reach = math.sqrt(max(inside, 0.0))
    ends = sorted(line.middle + (missing * demand + sign * reach) / square for sign in (-1, 1))
    return Estimate("cap", value, max(ends[0], 0.0), max(ends[1], 0.0))
