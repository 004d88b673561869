"""Regret: what a choice costs above the best one of each draw, and so which choice to take before it is known."""

from __future__ import annotations

import numpy as np

from loadkit.plan.uncertain import Floats


def expected_regrets(costs: Floats) -> Floats:
    """Mean regret of each choice.

    Args:
        costs: Of a month, shape (choices, draws); what can't be had is infinite.

    Returns:
        Shape (choices,).

    Notes:
        In each draw the regret of a choice is its cost less that of the best choice (Savage, 1951). Draws are shared,
        so that a choice is not better by luck. The least mean regret is that of the least mean cost; beside it the
        regret says what a wrong choice would cost.

    Examples:
        >>> expected_regrets(np.array([[10.0, 30.0], [20.0, 20.0]]))
        array([5., 5.])
    """
    regrets: Floats = (costs - costs.min(axis=0)).mean(axis=1)
    return regrets


def chances_to_be_best(costs: Floats) -> Floats:
    """Share of draws in which each choice is the cheapest; the first of equal ones counts.

    Args:
        costs: Of a month, shape (choices, draws).

    Returns:
        Shape (choices,).
    """
    shares: Floats = np.bincount(costs.argmin(axis=0), minlength=len(costs)) / costs.shape[1]
    return shares
