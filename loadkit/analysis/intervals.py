"""Intervals of a fitted curve's parameters and of its peak."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from loadkit.analysis.choosing import Fitted
from loadkit.analysis.least_squares import Box, Floats, jacobian
from loadkit.analysis.profile import Profile
from loadkit.analysis.results import Estimate
from loadkit.analysis.trials import Trials

_FAR_BEYOND = 12.0
"""Logarithm of how many times the highest concurrency is as good as infinite."""
_LARGEST_LOG = 100.0
_OVERFLOW = 700.0


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """What is believed of a fitted curve.

    Args:
        trials: The trials.
        fitted: The curve at its best.
        freedom: Degrees of freedom of the scatter within runs.
        level: Level of the intervals.
    """

    trials: Trials
    fitted: Fitted
    freedom: int
    level: float

    @property
    def scatter(self) -> float:
        """Standard deviation within runs, in the terms of the fit."""
        return math.sqrt(self.fitted.cost / self.freedom)

    def of_parameters(self) -> tuple[Estimate, ...]:
        """The parameters."""
        curve, at, box = self.fitted.curve, self.fitted.parameters, self.fitted.curve.box(self.trials.top)
        return tuple(
            _estimate(name, float(at[index]), self._ends(at, box, index), logarithmic=logarithmic)
            for index, (name, logarithmic) in enumerate(zip(curve.names, curve.logarithmic, strict=True))
        )

    def of_peak(self, name: str) -> Estimate | None:
        """``N_max`` or ``X_max``; None where the curve has none."""
        curve, parameters = self.fitted.curve, self.fitted.parameters
        view = curve.views.get(name)
        if view is None:
            return None
        far = math.log(self.trials.top) + _FAR_BEYOND
        lower, upper = np.array(view.lower), np.array(view.upper)
        # A peak at infinity is kept where the curve no longer feels it.
        at = np.clip(np.minimum(view.from_parameters(parameters), _LARGEST_LOG), lower, upper)
        at = np.where(at == _LARGEST_LOG, far, at)
        low, high = self._ends(at, Box(lower, upper, np.ones(len(at))), 0, view.to_parameters)
        value = float(at[0])
        if name == "N_max":
            value = float(np.log(curve.peak(parameters[None])[0][0]))
            high = None if high is None or not math.isfinite(value) or high > far else high
        return _estimate(name, value, (low, high), logarithmic=True)

    def _ends(
        self, at: Floats, box: Box, index: int, to_parameters: Callable[[Floats], Floats] | None = None
    ) -> tuple[float | None, float | None]:
        residuals = self.trials.residuals(self.fitted.curve, to_parameters)
        error, freedom = self._error(at, box, index, to_parameters)
        limit = _believed(self.fitted.cost, self.freedom, freedom, self.level)
        return Profile(residuals, at, box, index, error).ends(limit)

    def _error(
        self, at: Floats, box: Box, index: int, to_parameters: Callable[[Floats], Floats] | None
    ) -> tuple[float, float]:
        """Standard error, and the degrees of freedom that it is known with.

        Notes:
            The variance has a share w from within runs and a share 1 - w from between them, which are known with their
            own degrees of freedom, n and m - 1 for m runs: together 1 / (w^2 / n + (1 - w)^2 / (m - 1)) (Satterthwaite,
            1946).
        """

        def variance(trials: Trials) -> float:
            slopes = jacobian(trials.residuals(self.fitted.curve, to_parameters), at, box) * box.scale
            return float(np.linalg.pinv(slopes.T @ slopes)[index, index])

        whole = variance(self.trials)
        error = float(box.scale[index]) * self.scatter * math.sqrt(max(whole, 0.0))
        if self.trials.run_ratio == 0 or whole <= 0:
            return error, float(self.freedom)
        within = min(variance(self.trials.without_run_effect()) / whole, 1.0)
        return error, 1 / (within**2 / self.freedom + (1 - within) ** 2 / (self.trials.run_count - 1))


def _believed(cost: float, freedom: int, effective: float, level: float) -> float:
    """The largest sum of squares within the interval.

    Notes:
        The likelihood ratio in its form for normal errors of unknown variance: (S(x) - S) / (S / freedom) <= F(1,
        effective), exact for linear problems with one source of noise (Bates and Watts, 1988, section 6.1). A normal
        quantile in place of F would be too narrow for the few trials that a ladder has.
    """
    from scipy.stats import f  # noqa: PLC0415 - half a second that only fits pay

    return cost * (1 + float(f.ppf(level, 1, effective)) / freedom)


def _estimate(name: str, at: float, ends: Sequence[float | None], *, logarithmic: bool) -> Estimate:
    low, high = (missing if end is None else end for end, missing in zip(ends, (-math.inf, math.inf), strict=True))
    if logarithmic:
        at, low, high = (math.exp(value) if value < _OVERFLOW else math.inf for value in (at, low, high))
    return Estimate(name, at, low, high)
