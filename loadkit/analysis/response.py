"""Response time at a throughput, from a curve of throughput against concurrency and Little's law."""

from __future__ import annotations

import math

import numpy as np

from loadkit.analysis.curves import AMDAHL, CAPPED, LINEAR, POWER, Curve
from loadkit.analysis.least_squares import Floats


def usl_response_time(scale: float, contention: float, coherency: float, throughput: float) -> float | None:
    """The exact response time of the universal scalability law at a throughput.

    Args:
        scale: g, the throughput of one client.
        contention: a.
        coherency: b.
        throughput: X, in the unit of g.

    Returns:
        Seconds, if throughput is per second; None above the most throughput.

    Raises:
        ValueError: If the throughput is not above zero.

    Notes:
        Little's law N = X R put into X = g N / (1 + a (N - 1) + b N (N - 1)) gives
        b X^2 R^2 + (a X - b X - g) R + (1 - a) = 0; its smaller root is the rising side of the curve. Without b, as the
        formula is often printed, the time at the most throughput comes out at half of what it is.

    Examples:
        >>> usl_response_time(100.0, 0.02, 0.0, 1000.0)
        0.01225
        >>> usl_response_time(100.0, 0.02, 0.0005, 2000.0) is None
        True
    """
    if not throughput > 0:
        raise ValueError("throughput must be above zero")
    square, linear = coherency * throughput**2, scale - (contention - coherency) * throughput
    rest = linear**2 - 4 * square * (1 - contention)
    # At the top itself both roots are one, and rounding must not lose it.
    if linear <= 0 or rest < -1e-12 * linear**2:
        return None
    # The sum stands below the line: the usual form takes a difference of two that are nearly alike.
    return 2 * (1 - contention) / (linear + math.sqrt(max(rest, 0.0)))


def time_at_throughput(curve: Curve, parameters: Floats, throughput: float) -> float | None:
    """The response time of any candidate at a throughput.

    Args:
        curve: The curve.
        parameters: As it keeps them, shape (p,).
        throughput: The throughput.

    Returns:
        Seconds, if throughput is per second; None above the most throughput.

    Raises:
        ValueError: If the throughput is not above zero.
    """
    values = [float(value) for value in curve.values(parameters)]
    if curve is LINEAR:
        return usl_response_time(values[0], 0.0, 0.0, throughput)
    if curve is CAPPED:
        return usl_response_time(values[0], 0.0, 0.0, throughput) if throughput <= values[1] else None
    if curve is POWER:
        return _power(values[0], values[1], throughput)
    contention, coherency = (values[1], 0.0) if curve is AMDAHL else (values[1], values[2])
    return usl_response_time(values[0], contention, coherency, throughput)


def _power(scale: float, exponent: float, throughput: float) -> float | None:
    if not throughput > 0:
        raise ValueError("throughput must be above zero")
    if exponent == 0:
        return 1 / throughput if throughput <= scale else None
    with np.errstate(over="ignore"):
        return float(np.exp(np.log(throughput / scale) / exponent - np.log(throughput)))
