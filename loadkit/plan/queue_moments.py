"""How many messages wait where arrivals are random and rates change: mean and variance, carried from step to step."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaincc, gammaln, log_ndtr, ndtr

from loadkit.scenario.curve import Floats

_HALF_NORMAL = math.pi / 2 - 1
"""Squared coefficient of variation of a queue that begins empty at the very rate of its servers."""

_CELLS = 1024
_FAR = 0.05
"""Below this squared coefficient of variation hardly any path of the queue touches zero."""

_NEAR = 1.2
_SETTLING = 8.0
"""Times of relaxation after which a queue is taken for settled."""

_SHARE = 0.15
"""Largest part of the time in which drift alone would change the queue, that one step of the integration takes."""


def _shapes() -> tuple[Floats, Floats, Floats]:
    """Normal distributions cut off at zero, by where their peak is: peak over scale, squared variation, density."""
    peaks = np.linspace(-12.0, 38.0, 20_001)
    hazards = np.exp(-peaks * peaks / 2 - math.log(2 * math.pi) / 2 - log_ndtr(peaks))
    means = peaks + hazards
    return peaks, (1 - peaks * hazards - hazards**2) / means**2, hazards * means


_PEAKS, _VARIATIONS, _DENSITIES = _shapes()
_TABLE: list[float] = np.interp(
    np.linspace(0.0, 1.0, _CELLS + 1), np.append(_VARIATIONS[::-1], 1.0), np.append(_DENSITIES[::-1], 1.0)
).tolist()


def settled_mean(drift: float, spread: float) -> float:
    """Messages that wait after a long time, given that all servers are busy.

    Args:
        drift: Messages per second that come less those that all servers can serve.
        spread: Variance per second of what comes less what goes.

    Returns:
        The mean, which is the standard deviation too; infinite where the queue would grow without end.

    Notes:
        It is exponential with the mean rho / (1 - rho) x (1 + c^2) / 2: exact for M/M/c and for M/G/1, elsewhere the
        approximation of Allen and Cunneen.
    """
    return spread / (-2 * drift) if drift < 0 else math.inf


def advance(
    mean: float, variance: float, *, drift: float, spread: float, duration_s: float
) -> tuple[float, float, float]:
    """How many messages wait after a time in which rates stand still, given that all servers are busy.

    Args:
        mean: Messages that wait before.
        variance: Their variance.
        drift: Messages per second that come less those that all servers can serve.
        spread: Variance per second of what comes less what goes.
        duration_s: How long.

    Returns:
        Mean and variance at the end, and the mean over the time.

    Notes:
        A busy queue is a diffusion with drift a and variance s^2 that is reflected at zero, whose first two moments
        obey d(m^2)/dt = 2 a m + s^2 g and dv/dt = s^2 (1 - g), with g the density at zero times the mean. They are
        closed by taking the queue for a normal distribution cut off at zero, of which g is a function of v / m^2. This
        is exact for a settled queue (exponential, g = 1), for one that starts empty at the rate of its servers (half
        normal, g = 2 / pi), and far from empty (normal, g = 0), where m is the fluid queue.
    """
    rest = settled_mean(drift, spread)
    left_s, area = duration_s, 0.0
    while left_s > 0:
        if mean <= _NEAR * rest and variance <= 2 * rest * rest and _SETTLING * rest <= -drift * left_s:
            return rest, rest * rest, (area + rest * left_s) / duration_s
        end = mean + drift * left_s
        if variance < _FAR * mean * mean and end > 0 and variance + spread * left_s < _FAR * end * end:
            return end, variance + spread * left_s, (area + (mean + end) / 2 * left_s) / duration_s
        density = density_at_zero(mean, variance)
        length_s = left_s
        if drift:
            scale = max(math.sqrt(mean * mean + variance), spread / abs(drift))
            length_s = min(left_s, _SHARE * scale / abs(drift))
        later = math.sqrt(max(mean * mean + length_s * (2 * drift * mean + spread * density), 0.0))
        variance = max(variance + length_s * spread * (1 - density), 0.0)
        area += (mean + later) / 2 * length_s
        mean = later
        left_s = left_s - length_s if length_s < left_s else 0.0
    return mean, variance, area / duration_s


def density_at_zero(mean: float, variance: float) -> float:
    """How likely an empty queue is, times its mean: 1 for a settled queue, 0 for one far from empty."""
    variation = variance / (mean * mean) if mean > 0 else _HALF_NORMAL
    if variation >= 1:
        return variation
    place = variation * _CELLS
    cell = int(place)
    return _TABLE[cell] + (_TABLE[cell + 1] - _TABLE[cell]) * (place - cell)


def waiting_probability(
    mean: Floats, density: Floats, *, servers: Floats, offered: Floats, variation: float = 1.0
) -> Floats:
    """Probability that all servers are busy.

    Args:
        mean: Messages that wait, given that all are busy; shape (n,).
        density: `density_at_zero`; shape (n,).
        servers: How many; shape (n,).
        offered: Arrivals per second times seconds of service; shape (n,).
        variation: Squared coefficient of variation of service times.

    Notes:
        Below the number of servers the queue settles within a service time, so that the flow between one server idle
        and none balances: rho B (1 - p) = p f, with B Erlang's loss of one server less and f the density of an empty
        queue. Where the queue has settled this is Erlang's C.
    """
    fewer = servers - 1
    with np.errstate(divide="ignore", invalid="ignore", under="ignore"):
        logs = np.where(fewer > 0, fewer * np.log(offered) - offered - gammaln(fewer + 1), -offered)
        loss = np.exp(logs) / gammaincc(fewer + 1, offered)
    # Far above what servers can take, both are too small for a number, and their ratio is what is turned away.
    loss = np.where(np.isfinite(loss), loss, np.clip(1 - fewer / np.maximum(offered, 1e-300), 0.0, 1.0))
    loss = np.where(offered > 0, loss, (fewer == 0).astype(np.float64))
    down = offered / servers * loss
    empty = density / (1 + mean * 2 / (1 + variation))
    return np.where(down > 0, down / np.maximum(down + empty, 1e-300), 0.0)


def waiting_tail(mean: Floats, variance: Floats, queue: Floats) -> Floats:
    """Probability that more messages wait than a given number, provided that all servers are busy.

    Args:
        mean: Shape (n,).
        variance: Shape (n,).
        queue: Messages; shape (n,).
    """
    variation = np.clip(variance / np.maximum(mean, 1e-300) ** 2, 0.0, 1.0)
    peaks = np.interp(variation, _VARIATIONS[::-1], _PEAKS[::-1])
    scale = mean / (peaks + np.exp(-peaks * peaks / 2 - math.log(2 * math.pi) / 2 - log_ndtr(peaks)))
    with np.errstate(divide="ignore", invalid="ignore", under="ignore"):
        cut = np.exp(log_ndtr(peaks - queue / scale) - log_ndtr(peaks))
        exponential = np.exp(-queue / mean)
        normal = ndtr((mean - queue) / np.sqrt(variance))
    # A queue that varies as much as a settled one is exponential, and one that hardly varies is normal.
    tail = np.where(variation > _VARIATIONS[0], exponential, np.where(variation < _VARIATIONS[-1], normal, cut))
    return np.where(mean > 0, tail, 0.0)
