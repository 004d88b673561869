"""What a fit of latency against rate found, to read, to ask and to write."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from loadkit.analysis.hockey_stick import RateRuns, latency_at, rate_within
from loadkit.analysis.least_squares import Floats
from loadkit.analysis.results import Estimate, finite, shown

_GRID = 40


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LatencyBand:
    """A quantile of latency at rates.

    Args:
        rate: Shape (n,).
        estimate: Seconds; NaN at and above the capacity.
        low: Lower ends of where the quantile is, at each rate by itself; NaN where the estimate is.
        high: Upper ends; infinite where capacity may be below the rate.
    """

    rate: Floats
    estimate: Floats
    low: Floats
    high: Floats

    def __repr__(self) -> str:
        rows = zip(self.rate, self.estimate, self.low, self.high, strict=True)
        lines = [f"{shown(rate):>9} {shown(at):>9} s   {shown(low)} to {shown(high)} s" for rate, at, low, high in rows]
        return "\n".join([f"{'rate':>9} {'latency':>9}     interval", *lines])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is infinite or none is null."""
        return {name: [finite(value) for value in getattr(self, name)] for name in ("rate", "estimate", "low", "high")}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LatencyFit:
    """Curves of latency quantiles against rate.

    Args:
        capacity: The rate at which all quantiles grow without end; its upper end is infinite where the trials show no
            bend.
        bend: The exponent, which is 1 for queues with one server.
        floors: By quantile, the latency without load in seconds.
        slopes: By quantile, what load adds to it: latency is floor + slope rho / (1 - rho)^bend.
        scatter: Standard deviation of trials around the curves, as a share.
        warnings: What to know before the result is used.
        next_trial: The rate of the trial that would tell most, and why.
        level: Level of all intervals.
        measured: Lowest and highest rate of the trials.
        trial_count: How many trials there are.
        run_count: How many runs they are of.
    """

    capacity: Estimate
    bend: Estimate
    floors: dict[float, Estimate]
    slopes: dict[float, Estimate]
    scatter: float
    warnings: tuple[str, ...]
    next_trial: tuple[float, str]
    level: float
    measured: tuple[float, float]
    trial_count: int
    run_count: int
    _parameters: Floats = field(repr=False)
    _draws: Floats = field(repr=False)
    _runs: RateRuns = field(repr=False)

    @property
    def observed(self) -> tuple[Floats, Floats]:
        """Rates of the trials, and their latencies in seconds, shape (n, quantiles)."""
        return self._runs.rate, self._runs.unit * np.exp(self._runs.log_latency)

    @property
    def quantiles(self) -> tuple[float, ...]:
        """The quantiles, the smallest first."""
        return tuple(self.floors)

    def latency(self, quantile: float, rate: float) -> float | None:
        """A quantile at a rate.

        Args:
            quantile: One of `quantiles`.
            rate: Per second, not negative.

        Returns:
            Seconds, or None at and above the capacity.
        """
        return finite(float(self.band(quantile, rate).estimate[0]))

    def band(self, quantile: float, rate: npt.ArrayLike) -> LatencyBand:
        """A quantile at rates, with its interval by the bootstrap."""
        index = self.quantiles.index(quantile)
        rates = np.atleast_1d(np.asarray(rate, dtype=np.float64))
        top = self.measured[1]
        estimate = self._runs.unit * latency_at(self._parameters[None], rates, top)[0, :, index]
        drawn = self._runs.unit * latency_at(self._draws, rates, top)[:, :, index]
        # A draw whose capacity is below the rate has no latency there, which is to say more than any.
        drawn = np.where(np.isnan(drawn), np.inf, drawn)
        low, high = np.quantile(drawn, [(1 - self.level) / 2, (1 + self.level) / 2], axis=0, method="nearest")
        none = np.isnan(estimate)
        return LatencyBand(rates, estimate, np.where(none, np.nan, low), np.where(none, np.nan, high))

    def rate_within(self, quantile: float, limit_s: float) -> Estimate | None:
        """The largest rate at which a quantile is within a limit.

        Args:
            quantile: One of `quantiles`.
            limit_s: Seconds.

        Returns:
            The rate with its interval; None where even an idle system is slower.
        """
        index = self.quantiles.index(quantile)
        rates = rate_within(
            np.vstack([self._parameters, self._draws]), index, limit_s / self._runs.unit, self.measured[1]
        )
        if rates[0] <= 0:
            return None
        low, high = np.quantile(rates[1:], [(1 - self.level) / 2, (1 + self.level) / 2])
        return Estimate(f"rate with {_named(quantile)} within {limit_s:g} s", float(rates[0]), float(low), float(high))

    def __repr__(self) -> str:
        lines = [
            "R = s + c rho / (1 - rho)^theta, rho = rate / C",
            f"  {self.capacity!r}  {self.bend!r}",
            *(
                f"  {_named(quantile)}: s {shown(floor.value)} s, c {shown(self.slopes[quantile].value)} s"
                for quantile, floor in self.floors.items()
            ),
            f"  {self.trial_count} trials, scatter {self.scatter:.1%}; intervals at {self.level:.0%}",
            *(f"  warning: {one}" for one in self.warnings),
            f"  next: a trial at rate {shown(self.next_trial[0])}: {self.next_trial[1]}",
        ]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, with the curves on a grid."""
        return {
            "capacity": self.capacity.to_dict(),
            "theta": self.bend.to_dict(),
            "quantiles": {
                _named(quantile): {
                    "floor_s": self.floors[quantile].to_dict(),
                    "slope_s": self.slopes[quantile].to_dict(),
                    "band": self.band(quantile, self.grid()).to_dict(),
                }
                for quantile in self.quantiles
            },
            "scatter": self.scatter,
            "warnings": list(self.warnings),
            "next_trial": {"rate": self.next_trial[0], "reason": self.next_trial[1]},
            "level": self.level,
            "measured": list(self.measured),
            "trials": self.trial_count,
            "runs": self.run_count,
        }

    def grid(self) -> Floats:
        """Rates to draw the curves at: from the lowest measured to near the capacity, at most 1.2 times the highest."""
        low, high = self.measured
        return np.linspace(low, min(0.995 * self.capacity.value, 1.2 * high), _GRID)


def _named(quantile: float) -> str:
    return f"p{100 * quantile:g}"
