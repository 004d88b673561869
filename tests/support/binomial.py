"""Exact bounds for counts of random draws, so that a test with a fixed seed has no tolerance of taste."""

from __future__ import annotations

import numpy as np


def binomial_bounds(trials: int, share: float, miss: float = 1e-6) -> tuple[int, int]:
    """The narrowest range of successes outside of which either side has at most the probability `miss`.

    Args:
        trials: How many draws.
        share: Probability of success in each, between 0 and 1, both excluded.
        miss: Probability of each tail.
    """
    log_factorials = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, trials + 1)))))
    successes = np.arange(trials + 1)
    log_ways = log_factorials[-1] - log_factorials - log_factorials[::-1]
    chances = np.exp(log_ways + successes * np.log(share) + (trials - successes) * np.log1p(-share))
    lowest = int(np.searchsorted(np.cumsum(chances), miss, side="right"))
    highest = trials - int(np.searchsorted(np.cumsum(chances[::-1]), miss, side="right"))
    return lowest, highest
