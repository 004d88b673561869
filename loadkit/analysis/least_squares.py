"""Least squares within bounds for many small problems at once: starts, points of a profile, draws of a bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]

Residuals = Callable[[Floats, Integers], Floats]
"""From parameters, shape (m, p), and the numbers of the m problems that they belong to, to residuals, shape (m, n)."""

_STEP = 1e-7
_FIRST_DAMPING, _MOST_DAMPING = 1e-3, 1e12
_EASED, _HARDENED = 0.1, 10.0
_SMALL_STEP = 1e-11
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Box:
    """Where parameters may be.

    Args:
        lower: Smallest values, shape (p,).
        upper: Largest values.
        scale: A typical size of each, for differences.
    """

    lower: Floats
    upper: Floats
    scale: Floats

    def without(self, index: int) -> Box:
        """The box of all parameters but one."""
        return Box(*(np.delete(side, index) for side in (self.lower, self.upper, self.scale)))


@dataclass(frozen=True, slots=True)
class Minimum:
    """Where each of m problems ended.

    Args:
        parameters: Shape (m, p).
        cost: Sums of squared residuals, shape (m,).
    """

    parameters: Floats
    cost: Floats

    def best(self) -> tuple[Floats, float]:
        """Parameters and cost of the smallest, for problems that differ in their start alone."""
        winner = int(np.argmin(self.cost))
        return self.parameters[winner], float(self.cost[winner])


def minimise(residuals: Residuals, start: Floats, box: Box, *, rounds: int = 100, small_gain: float = 1e-12) -> Minimum:
    """Find a local minimum of the sum of squares from each start.

    Args:
        residuals: The problems.
        start: One start for each problem, shape (m, p).
        box: Bounds.
        rounds: Steps after which a problem that still moves is left where it is.
        small_gain: Share of the sum of squares that a step must gain to be followed by another.

    Notes:
        Levenberg and Marquardt with the damping in the scale of each parameter (Marquardt, 1963), and projection: what
        stands at a bound and would leave it is held. Problems that have settled take no part in later rounds.
    """
    at = np.clip(start, box.lower, box.upper)
    moving = np.arange(len(at))
    missed = residuals(at, moving)
    cost = costs(missed)
    damping = np.full(len(at), _FIRST_DAMPING)
    for _ in range(rounds):
        if not moving.size:
            break
        here = at[moving]
        slopes = _slopes(residuals, here, missed[moving], moving, box)
        trial = np.clip(here + _step(slopes, here, missed[moving], damping[moving], box), box.lower, box.upper)
        found = residuals(trial, moving)
        gain = cost[moving] - costs(found)
        better = gain > 0
        improved = moving[better]
        at[improved], missed[improved] = trial[better], found[better]
        cost[improved] -= gain[better]
        damping[moving] *= np.where(better, _EASED, _HARDENED)
        still = (np.abs(trial - here) <= _SMALL_STEP * np.maximum(np.abs(here), box.scale)).all(axis=1)
        settled = (better & (gain <= small_gain * cost[moving])) | still | (damping[moving] > _MOST_DAMPING)
        moving = moving[~settled]
    return Minimum(at, costs(missed))


def jacobian(residuals: Residuals, at: Floats, box: Box) -> Floats:
    """Derivatives of the residuals of one problem, shape (n, p), by differences that stay within the bounds.

    Args:
        residuals: The problem.
        at: Where, shape (p,).
        box: Bounds.
    """
    first = np.zeros(1, dtype=np.intp)
    one: Floats = _slopes(residuals, at[None], residuals(at[None], first), first, box)[0]
    return one


def _slopes(residuals: Residuals, at: Floats, missed: Floats, numbers: Integers, box: Box) -> Floats:
    """Derivatives, shape (m, n, p); all differences in one call, since calls cost more than numbers here."""
    count, width = at.shape
    steps: Floats = _STEP * np.maximum(np.abs(at), box.scale)
    steps = np.where(at + steps > box.upper, -steps, steps)
    moved = np.repeat(at[:, None, :], width, axis=1)
    axes = np.arange(width)
    moved[:, axes, axes] += steps
    differences: Floats = residuals(moved.reshape(-1, width), np.repeat(numbers, width)).reshape(count, width, -1)
    differences -= missed[:, None, :]
    differences /= steps[:, :, None]
    return np.asarray(differences.transpose(0, 2, 1), dtype=np.float64)


def _step(slopes: Floats, at: Floats, missed: Floats, damping: Floats, box: Box) -> Floats:
    turned = slopes.transpose(0, 2, 1)
    curvature = turned @ slopes
    gradient = (turned @ missed[:, :, None])[:, :, 0]
    held = ((at <= box.lower) & (gradient > 0)) | ((at >= box.upper) & (gradient < 0))
    gradient[held] = 0.0
    curvature *= ~(held[:, :, None] | held[:, None, :])
    diagonal = np.einsum("mii->mi", curvature)
    diagonal += damping[:, None] * diagonal + np.where(diagonal <= _TINY, 1.0, 0.0)
    return np.asarray(-np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0], dtype=np.float64)


def costs(residuals: Floats) -> Floats:
    """Sums of squares of residuals, shape (m,)."""
    sums: Floats = np.einsum("mn,mn->m", residuals, residuals)
    return sums
