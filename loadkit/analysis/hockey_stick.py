"""Curves of latency quantiles against rate, as functions that work on many sets of parameters at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadkit.analysis.least_squares import Box, Floats

LEAST_BEND, MOST_BEND = 0.5, 2.0

_NEAREST, _FURTHEST = math.log(1e-3), math.log(20.0)
"""How far capacity may be above the highest rate, as the logarithm of the excess."""


@dataclass(frozen=True, slots=True, eq=False)
class RateRuns:
    """Trials in the terms of the fit.

    Args:
        rate: Shape (n,).
        log_latency: Logarithm of latency over the unit, shape (n, quantiles).
        run: Number of the run of each, from 0.
        unit: The smallest latency, in seconds.
    """

    rate: Floats
    log_latency: Floats
    run: npt.NDArray[np.intp]
    unit: float

    @property
    def top(self) -> float:
        """The highest rate."""
        return float(self.rate.max())


def bounds(quantiles: int) -> Box:
    """Bounds of (log of capacity's excess, theta, steps of s, steps of c)."""
    steps = 2 * quantiles
    return Box(
        np.concatenate([[_NEAREST, LEAST_BEND], np.zeros(steps)]),
        np.concatenate([[_FURTHEST, MOST_BEND], np.full(steps, 1e9)]),
        np.ones(2 + steps),
    )


def capacity_of(parameters: Floats, top: float) -> Floats:
    """Capacities, shape (m,)."""
    capacities: Floats = top * (1 + np.exp(parameters[:, 0]))
    return capacities


def floors_and_slopes(parameters: Floats) -> tuple[Floats, Floats]:
    """Floors and slopes, shape (m, quantiles) each."""
    steps = parameters[:, 2:].reshape(len(parameters), 2, -1)
    levels = np.cumsum(steps, axis=2)
    return levels[:, 0], levels[:, 1]


def latency_at(parameters: Floats, rates: Floats, top: float) -> Floats:
    """Latency over the unit, shape (m, n, quantiles); NaN at and above the capacity."""
    load = rates / capacity_of(parameters, top)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        queue = np.where(load < 1, load * (1 - load) ** -parameters[:, 1:2], np.nan)
    floors, slopes = floors_and_slopes(parameters)
    return floors[:, None, :] + queue[:, :, None] * slopes[:, None, :]


def rate_within(parameters: Floats, index: int, limit: float, top: float) -> Floats:
    """The rate at which a quantile reaches a limit, shape (m,), by bisection; 0 where it is above it at rest."""
    capacities = capacity_of(parameters, top)
    floors, slopes = (values[:, index] for values in floors_and_slopes(parameters))
    low, high = np.zeros(len(parameters)), np.full(len(parameters), 1 - 1e-12)
    for _ in range(60):
        middle = (low + high) / 2
        within = floors + slopes * middle * (1 - middle) ** -parameters[:, 1] <= limit
        low, high = np.where(within, middle, low), np.where(within, high, middle)
    return np.where(floors <= limit, low, 0.0) * capacities
