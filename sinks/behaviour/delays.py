"""Times drawn from the distributions of a profile."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from sinks.behaviour.policy import Delay

_Z95 = NormalDist().inv_cdf(0.95)


def sampler(delay: Delay, source: Random) -> Callable[[], float]:
    """A function that draws times.

    Args:
        delay: The distribution.
        source: Seeded source of randomness; a draw takes one variate, a constant none.

    Returns:
        The function; it returns seconds.
    """
    if delay.exponential is not None:
        mean_s, max_s = delay.exponential.mean_s, delay.exponential.max_s or math.inf
        return lambda: min(max_s, -mean_s * math.log(1.0 - source.random()))
    if delay.lognormal is not None:
        mu = math.log(delay.lognormal.median_s)
        sigma = math.log(delay.lognormal.p95_s / delay.lognormal.median_s) / _Z95
        # Capped before exp(), so that a wide distribution can't overflow.
        log_max = math.log(delay.lognormal.max_s)
        return lambda: math.exp(min(log_max, mu + sigma * source.gauss(0.0, 1.0)))
    if delay.pareto is not None:
        least_s, max_s, power = delay.pareto.least_s, delay.pareto.max_s, -1.0 / delay.pareto.shape
        longest = max_s / least_s
        # The least probability that still gives the maximum: beyond it the power could overflow.
        floor = longest ** (1.0 / power)
        return lambda: least_s * max(floor, 1.0 - source.random()) ** power
    constant_s = delay.constant_s or 0.0
    return lambda: constant_s
