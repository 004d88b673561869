"""How far a plan goes beyond what was measured: four axes, a grade on each, and how much wider it makes the answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SMALLEST_WIDENING = 0.15
"""Deviation of the logarithm for each doubling beyond what was measured, at least: curves fitted without their top were
wrong by 7 to 24 % at twice the range that they were fitted to."""


class Support(StrEnum):
    """How far a number is supported, from the best to the worst."""

    MEASURED = "measured"
    SUPPORTED = "supported"
    MODELLED = "modelled"
    RANGE_ONLY = "range only"
    UNSUPPORTED = "unsupported"

    @property
    def single_number(self) -> bool:
        """Whether a single number may be said; else a range, what it assumes, and the experiment that would tell."""
        return self not in (Support.RANGE_ONLY, Support.UNSUPPORTED)

    @property
    def rank(self) -> int:
        """Place from the best, 0."""
        return list(Support).index(self)


_LIMITS = ((1.0, Support.MEASURED), (1.5, Support.SUPPORTED), (3.0, Support.MODELLED), (10.0, Support.RANGE_ONLY))


def support_of(extent: float | None) -> Support:
    """The grade of an extrapolation.

    Args:
        extent: What is wanted over the largest that was measured; None where nothing was.

    Examples:
        >>> support_of(2.0)
        <Support.MODELLED: 'modelled'>
    """
    if extent is None:
        return Support.UNSUPPORTED
    # Ratios of floats that ought to be at a limit may be a rounding error above it.
    return next((grade for limit, grade in _LIMITS if extent <= limit * (1 + 1e-9)), Support.UNSUPPORTED)


@dataclass(frozen=True, slots=True)
class Widening:
    """How an error grows with the distance from what was measured.

    Args:
        base: Standard deviation of the logarithm just beyond what was measured.
        per_doubling: What each doubling adds; at least 0.15.
    """

    base: float = 0.05
    per_doubling: float = SMALLEST_WIDENING

    def sd_log(self, extent: float | None) -> float:
        """Standard deviation of the logarithm: s0 + s1 log2 E beyond what was measured, else 0.

        Args:
            extent: What is wanted over what was measured; None where a stated prior takes its place.
        """
        if extent is None or extent <= 1:
            return 0.0
        return self.base + self.per_doubling * math.log2(extent)


@dataclass(frozen=True, slots=True)
class Axis:
    """How far a plan goes on one axis.

    Args:
        name: ``concurrency``, ``cores``, ``boxes``, ``rate``, or ``routing`` where there are cells.
        unit: Of both values.
        wanted: What the plan needs; None where that follows from something that nobody knows.
        measured: The largest that was measured; None where none was.
        extent: How many times what was measured; None where nothing was.
        sd_log: Standard deviation of the logarithm that it adds.
        prior: What stands in for a measurement; empty where there is one.
        experiment: What to measure next to do better; empty where it was measured.
    """

    name: str
    unit: str
    wanted: float | None
    measured: float | None
    extent: float | None
    sd_log: float
    prior: str
    experiment: str

    @property
    def support(self) -> Support:
        """Its grade."""
        return support_of(self.extent)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "name": self.name,
            "unit": self.unit,
            "wanted": self.wanted,
            "measured": self.measured,
            "extent": self.extent,
            "grade": self.support.value,
            "sd_log": self.sd_log,
            "prior": self.prior,
            "experiment": self.experiment,
        }


def worst(axes: tuple[Axis, ...]) -> Support:
    """The grade of the whole: that of the worst axis."""
    return max((axis.support for axis in axes), key=lambda support: support.rank)


def joint_sd_log(axes: tuple[Axis, ...]) -> float:
    """Standard deviation of the logarithm of what a node carries, all axes together.

    Notes:
        Errors on different axes are taken for independent, but for boxes and rate, which are one step into the unknown:
        more rate is what more boxes are for. The larger of the two counts.
    """
    by_name = {axis.name: axis.sd_log for axis in axes}
    outward = max(by_name.pop("boxes", 0.0), by_name.pop("rate", 0.0))
    return math.hypot(outward, *by_name.values())
