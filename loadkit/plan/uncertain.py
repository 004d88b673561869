"""Uncertain inputs: three stated quantiles, and draws that all plans share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

QUANTILES = (0.05, 0.5, 0.95)
"""Which quantiles a range states."""

_TAIL_DEVIATES = 1.6448536269514722
"""Standard deviations from the median to the outer quantiles of a normal distribution."""


_CLEAR = 3.0
"""Standard deviations from which on a correlation is taken for more than chance."""


@dataclass(frozen=True, slots=True)
class Range:
    """A value that is not known exactly.

    Args:
        low: So low in one case of twenty, or lower.
        mid: Lower in half of all cases.
        high: So high in one case of twenty, or higher.

    Raises:
        ValueError: If they do not ascend, or one is not a finite number above zero where they differ.

    Notes:
        Between and beyond the stated values the logarithm is normal on either side of the median, with a deviation of
        its own (split normal): all three quantiles are exactly those that were stated, which a log-normal of two
        parameters can't give.

    Examples:
        >>> Range(1e3, 10e3, 100e3).quantile(0.95)
        100000.0
    """

    low: float
    mid: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.mid <= self.high or not math.isfinite(self.high):
            raise ValueError(f"{self.low:g}, {self.mid:g} and {self.high:g} do not ascend to a finite number")
        if not self.certain and self.low <= 0:
            raise ValueError(f"a range begins above zero, not at {self.low:g}")

    @classmethod
    def exactly(cls, value: float) -> Range:
        """A value that is known."""
        return cls(value, value, value)

    @property
    def certain(self) -> bool:
        """Whether it is one value."""
        return self.low == self.high

    def at(self, deviates: Floats) -> Floats:
        """The values at standard normal deviates, of the same shape: 0 is the median."""
        if self.certain:
            return np.full_like(deviates, self.mid)
        below, above = (math.log(self.mid / self.low), math.log(self.high / self.mid))
        values: Floats = self.mid * np.exp(deviates * np.where(deviates < 0, below, above) / _TAIL_DEVIATES)
        return values

    def quantile(self, probability: float) -> float:
        """The value that so much of it lies below."""
        from scipy.special import ndtri  # noqa: PLC0415 - plans that draw nothing need no scipy

        return float(self.at(np.array([ndtri(probability)]))[0])

    def widened(self, sd_log: float) -> Range:
        """The range with an independent error of the logarithm, given as its standard deviation."""
        if sd_log == 0:
            return self
        below, above = (
            math.hypot(distance, _TAIL_DEVIATES * sd_log)
            for distance in (
                (0.0, 0.0) if self.certain else (math.log(self.mid / self.low), math.log(self.high / self.mid))
            )
        )
        return Range(self.mid * math.exp(-below), self.mid, self.mid * math.exp(above))

    def times(self, factor: float) -> Range:
        """The range of so many times the value."""
        return Range(self.low * factor, self.mid * factor, self.high * factor)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"low": self.low, "mid": self.mid, "high": self.high}


@dataclass(frozen=True, slots=True)
class Draws:
    """Draws that every choice of a plan shares, so that choices differ by what they are and not by luck.

    Args:
        count: How many.
        seed: They repeat exactly.

    Notes:
        Each input has its own stream, named by the input: another input changes none of the others. Within a stream
        the draws lie in the middle of strata of equal chance, in an order by chance (a Latin hypercube; McKay, Beckman
        and Conover, 1979), so that stated quantiles come out as stated.
    """

    count: int
    seed: int

    def deviates(self, name: str) -> Floats:
        """Standard normal deviates of an input, shape (count,)."""
        from scipy.special import ndtri  # noqa: PLC0415 - plans that draw nothing need no scipy

        strata = (np.arange(self.count) + 0.5) / self.count
        generator = np.random.default_rng([self.seed, crc32(name.encode())])
        deviates: Floats = ndtri(generator.permutation(strata))
        return deviates

    def of(self, name: str, value: Range) -> Floats:
        """Draws of an input, shape (count,)."""
        return value.at(self.deviates(name)) if not value.certain else np.full(self.count, value.mid)


@dataclass(frozen=True, slots=True)
class Cases:
    """The median case and the draws, as one array: case 0 is that in which every input is its median.

    Args:
        draws: The draws.
    """

    draws: Draws

    def of(self, name: str, value: Range) -> Floats:
        """An input in every case, shape (1 + draws,)."""
        return np.concatenate(([value.mid], self.draws.of(name, value)))


@dataclass(frozen=True, slots=True)
class Spread:
    """Where an outcome lies.

    Args:
        p10: Lower in one case of ten.
        p50: Lower in half of all cases.
        p90: Higher in one case of ten.
    """

    p10: float
    p50: float
    p90: float

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Spread:
        """Of draws, by the nearest rank, so that whole numbers stay whole."""
        found = np.quantile(np.asarray(values, dtype=np.float64), (0.1, 0.5, 0.9), method="inverted_cdf")
        return cls(*(float(one) for one in found))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"p10": self.p10, "p50": self.p50, "p90": self.p90}


def rank_correlations(outcome: Floats, inputs: dict[str, Floats]) -> dict[str, float]:
    """How an outcome goes with each input that varies: Spearman's correlation of ranks.

    Args:
        outcome: Shape (count,).
        inputs: By name, shape (count,).
    """
    if np.ptp(outcome) == 0:
        return {}
    ranked = _ranks(outcome)
    return {
        name: float(np.corrcoef(ranked, _ranks(values))[0, 1]) for name, values in inputs.items() if np.ptp(values) > 0
    }


def _ranks(values: Floats) -> Floats:
    """Ranks, ties at their mean."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks


def strongest(correlations: dict[str, float], draws: int, most: int) -> dict[str, float]:
    """The inputs that an outcome goes with most, the strongest first; those that may be by chance left out.

    Args:
        correlations: By input.
        draws: How many draws they rest on.
        most: How many are kept.

    Notes:
        Without any connection a correlation of n ranks has the standard deviation 1 / sqrt(n - 1); three of them count
        as more than chance.
    """
    clear = {name: value for name, value in correlations.items() if abs(value) * math.sqrt(draws - 1) > _CLEAR}
    return {name: clear[name] for name in sorted(clear, key=lambda name: -abs(clear[name]))[:most]}
