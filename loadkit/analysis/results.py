"""Values with intervals, as analysis gives them and people read them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from loadkit.analysis.least_squares import Floats


@dataclass(frozen=True, slots=True, repr=False)
class Estimate:
    """A value and its interval.

    Args:
        name: What it is.
        value: The estimate; infinite where there is none short of infinity.
        low: Lower end of the interval.
        high: Upper end; infinite where the data sets none.
    """

    name: str
    value: float
    low: float
    high: float

    def __repr__(self) -> str:
        return f"{self.name} {shown(self.value)} [{shown(self.low)}, {shown(self.high)}]"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is infinite is null."""
        return {"name": self.name} | {end: finite(getattr(self, end)) for end in ("value", "low", "high")}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Band:
    """A curve with what it is sure of, at some places.

    Args:
        at: The places, shape (n,).
        estimate: The curve.
        confidence: Lower and upper ends of where the curve is, shape (2, n); at each place by itself.
        prediction: Lower and upper ends of what one more run would show.
        envelope: The lowest and highest of all curves that the data allow.
    """

    at: Floats
    estimate: Floats
    confidence: Floats
    prediction: Floats
    envelope: Floats

    def __repr__(self) -> str:
        head = f"{'at':>9} {'estimate':>9}   {'confidence':<21} {'prediction':<21} envelope"
        ranges = zip(self.at, self.estimate, self.confidence.T, self.prediction.T, self.envelope.T, strict=True)
        return "\n".join(
            [head]
            + [
                f"{shown(at):>9} {shown(value):>9}   {_span(sure):<21} {_span(new):<21} {_span(others)}"
                for at, value, sure, new, others in ranges
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, a list for each column."""
        return {
            "at": self.at.tolist(),
            "estimate": self.estimate.tolist(),
            "confidence": self.confidence.tolist(),
            "prediction": self.prediction.tolist(),
            "envelope": self.envelope.tolist(),
        }


def shown(value: float) -> str:
    """A number for people, in four significant digits: ``1,884``, ``0.02773``, ``none`` for what is infinite."""
    if not math.isfinite(value):
        return "none"
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if magnitude >= 3:  # noqa: PLR2004 - from a thousand on whole numbers have four digits
        return f"{value:,.0f}"
    return f"{value:.{3 - magnitude}f}".rstrip("0").rstrip(".") if magnitude > -4 else f"{value:.3e}"  # noqa: PLR2004


def finite(value: float) -> float | None:
    """A number that JSON has, or None."""
    return float(value) if np.isfinite(value) else None


def _span(ends: Floats) -> str:
    return f"{shown(ends[0])} to {shown(ends[1])}"
