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

_SETTLING = 8.0
"""Times of relaxation after which a queue is taken for settled."""

_NEAR = 1.2
"""Times its settled mean up to which a queue may settle so."""

_SOON = _SHORTEST = 1e-3
"""Part of the time left below which it makes no difference when something happens."""

_LEAST = 1e-300
"""Instead of zero, below a fraction."""

_SHARE = 0.25
"""Part of its mean square by which one step of the integration may change a queue."""


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
        if _SETTLING * rest <= -drift * left_s and mean <= max(_NEAR * rest, -drift * _SOON * left_s):
            return rest, rest * rest, (area + rest * left_s) / duration_s
        far_s = _far_from_empty_s(mean, variance, drift, spread, left_s)
        if far_s > 0:
            area += (mean + drift * far_s / 2) * far_s
            mean, variance, left_s = mean + drift * far_s, variance + spread * far_s, left_s - far_s
            continue
        square = mean * mean + variance
        pace = abs(drift) * math.sqrt(square) + spread
        length_s = min(left_s, max(_SHARE * square / pace, _SHORTEST * left_s)) if pace > 0 else left_s
        later, variance = _step(mean, variance, drift, spread, length_s)
        area += (mean + later) / 2 * length_s
        mean = later
        left_s = left_s - length_s if length_s < left_s else 0.0
    return mean, variance, area / duration_s


def _far_from_empty_s(mean: float, variance: float, drift: float, spread: float, left_s: float) -> float:
    """For how long hardly any path of the queue touches zero, so that its moments are exact."""
    if variance >= _FAR * mean * mean:
        return 0.0
    bound = math.sqrt((variance + spread * left_s) / _FAR)
    if mean + drift * left_s >= bound:
        return left_s
    return (mean - bound) / -drift if mean > bound else 0.0


def _step(mean: float, variance: float, drift: float, spread: float, length_s: float) -> tuple[float, float]:
    """A short step by Heun's method, as of `advance`."""
    density = density_at_zero(mean, variance)
    growth = 2 * drift * mean + spread * density
    guess = math.sqrt(max(mean * mean + length_s * growth, 0.0))
    guessed_density = density_at_zero(guess, min(variance + length_s * spread * (1 - density), guess * guess))
    growth = (growth + 2 * drift * guess + spread * guessed_density) / 2
    later = math.sqrt(max(mean * mean + length_s * growth, 0.0))
    density = (density + guessed_density) / 2
    # No queue that only its servers shorten varies more than a settled one.
    return later, min(variance + length_s * spread * (1 - density), later * later)


def density_at_zero(mean: float, variance: float) -> float:
    """How likely an empty queue is, times its mean: 1 for a settled queue, 0 for one far from empty."""
    square = mean * mean
    variation = variance / square if square > 0 else _HALF_NORMAL
    if variation >= 1:
        return 1.0
    place = variation * _CELLS
    cell = int(place)
    return _TABLE[cell] + (_TABLE[cell + 1] - _TABLE[cell]) * (place - cell)


def waiting_probability(mean: Floats, rest: Floats, *, servers: Floats, offered: Floats) -> Floats:
    """Probability that all servers are busy.

    Args:
        mean: Messages that wait, given that all are busy; shape (n,).
        rest: `settled_mean`; shape (n,).
        servers: How many; shape (n,).
        offered: Arrivals per second times seconds of service; shape (n,).

    Notes:
        Erlang's C for what of the queue has settled, and certainty for what an overload has left: 1 - (1 - C) x
        min(1, rest / mean). So it is exact for M/M/c that has settled, and 1 above the capacity.
    """
    within = np.isfinite(rest)
    work = np.where(within, np.minimum(offered, servers), 0.0)
    with np.errstate(divide="ignore", invalid="ignore", under="ignore"):
        logs = np.where(work > 0, servers * np.log(work) - work - gammaln(servers + 1), -np.inf)
        blocked = np.exp(logs) / gammaincc(servers + 1, work)  # Erlang's B, a Poisson probability over a sum of them
        busy = blocked / np.maximum(1 - work / servers * (1 - blocked), _LEAST)
        settled_part = np.where(mean > rest, rest / np.maximum(mean, _LEAST), 1.0)
    return np.where(within, 1 - (1 - np.minimum(busy, 1.0)) * settled_part, 1.0)


def waiting_tail(mean: Floats, variance: Floats, queue: Floats) -> Floats:
    """Probability that more messages wait than a given number, provided that all servers are busy.

    Args:
        mean: Shape (n,).
        variance: Shape (n,).
        queue: Messages; shape (n,).
    """
    variation = np.clip(variance / np.maximum(mean * mean, _LEAST), 0.0, 1.0)
    peaks = np.interp(variation, _VARIATIONS[::-1], _PEAKS[::-1])
    scale = mean / (peaks + np.exp(-peaks * peaks / 2 - math.log(2 * math.pi) / 2 - log_ndtr(peaks)))
    with np.errstate(all="ignore"):  # what is no number is not chosen below
        cut = np.exp(log_ndtr(peaks - queue / scale) - log_ndtr(peaks))
        exponential = np.exp(-queue / mean)
        normal = ndtr((mean - queue) / np.sqrt(variance))
    # A queue that varies as much as a settled one is exponential, and one that hardly varies is normal.
    tail = np.where(variation > _VARIATIONS[0], exponential, np.where(variation < _VARIATIONS[-1], normal, cut))
    return np.where(mean > 0, tail, 0.0)
