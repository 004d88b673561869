"""Intervals by profile likelihood: how far a quantity can go until the rest of the curve can't make up for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadkit.analysis.least_squares import Box, Floats, Integers, Residuals, costs, minimise

_FURTHEST = 60.0
"""Standard errors beyond which a side is called open."""
_WIDEST_LOG = 20.0
_COARSE, _FINE = 40, 20
_SMALL_GAIN = 1e-7


@dataclass(frozen=True, slots=True)
class Profile:
    """A problem seen along one of its parameters.

    Args:
        residuals: The problem.
        at: Its best parameters, shape (p,).
        box: Bounds.
        index: The parameter.
        error: Its standard error; NaN or infinite where that is not known.
    """

    residuals: Residuals
    at: Floats
    box: Box
    index: int
    error: float

    def cost_at(self, values: Floats) -> Floats:
        """The smallest sums of squares with the parameter held at values, shape (m,)."""
        width, index = len(self.at), self.index
        kept = [place for place in range(width) if place != index]

        def held(varied: Floats, numbers: Integers) -> Floats:
            whole = np.empty((len(numbers), width))
            whole[:, kept] = varied
            whole[:, index] = values[numbers]
            return self.residuals(whole, numbers)

        starts = np.tile(self.at[kept], (len(values), 1))
        if not kept:
            return costs(held(starts, np.arange(len(values))))
        return minimise(held, starts, self.box.without(index), small_gain=_SMALL_GAIN).cost

    def ends(self, limit: float) -> tuple[float | None, float | None]:
        """Where the sum of squares passes a limit, below and above.

        Args:
            limit: The largest sum of squares that is still believed.

        Returns:
            For each side the parameter there; its bound, where that is still believed; None where the side is open.
        """
        at = float(self.at[self.index])
        bounds = (float(self.box.lower[self.index]), float(self.box.upper[self.index]))
        reach = _FURTHEST * self.error if np.isfinite(self.error) and self.error > 0 else _WIDEST_LOG
        coarse = [
            at + np.concatenate([[0.0], min(abs(bound - at), reach) * np.geomspace(1e-3, 1.0, _COARSE)]) * direction
            for bound, direction in zip(bounds, (-1, 1), strict=True)
        ]
        brackets = [_bracket(side, found > limit) for side, found in self._with_costs(coarse)]
        fine = [np.linspace(*bracket, _FINE) for bracket in brackets if bracket]
        crossings = iter([_crossing(side, found, limit) for side, found in self._with_costs(fine)])
        low, high = (
            next(crossings) if bracket else (bound if abs(bound - at) <= reach else None)
            for bracket, bound in zip(brackets, bounds, strict=True)
        )
        return low, high

    def _with_costs(self, sides: list[Floats]) -> list[tuple[Floats, Floats]]:
        """Values of both sides with their costs, which are computed at once."""
        if not sides:
            return []
        found = self.cost_at(np.concatenate(sides))
        return list(zip(sides, np.split(found, len(sides)), strict=True))


def _bracket(values: Floats, beyond: npt.NDArray[np.bool_]) -> tuple[float, float] | None:
    """The step on the way out within which a limit is passed."""
    first = int(np.argmax(beyond))
    return (float(values[first - 1]), float(values[first])) if beyond[first] and first > 0 else None


def _crossing(values: Floats, found: Floats, limit: float) -> float:
    last = max(int(np.argmax(found > limit)), 1)
    share = (limit - found[last - 1]) / (found[last] - found[last - 1])
    return float(values[last - 1] + min(max(share, 0.0), 1.0) * (values[last] - values[last - 1]))
