"""The forecast's mean backlog is that of a simulation which shares no formula with it."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest
from support.fleet_cases import CASES, course_of_case
from support.simulated_fleet import simulate

SURE = 0.015
"""Standard error of the simulations' mean, relative, from which on no more are made."""


FEWEST = 5
"""Simulations without which the standard error itself is not sure."""


def simulated_mean(seed: int, most: int) -> tuple[float, float]:
    """Mean backlog of so many simulations of a case that it is sure, and its relative standard error."""
    course = course_of_case(seed)
    means: list[float] = []
    for number in count():
        means.append(float(simulate(course, 1000 * seed + number).backlog.mean()))
        mean = float(np.mean(means))
        error = float(np.std(means, ddof=1)) / np.sqrt(len(means)) / mean if number >= FEWEST else np.inf
        if error < SURE or len(means) >= most:
            return mean, error
    raise AssertionError("unreachable")


@pytest.mark.long
@pytest.mark.parametrize("seed", CASES)
def test_mean_backlog_is_within_five_percent_of_the_simulation(seed: int) -> None:
    forecast = float(course_of_case(seed).backlog.mean())

    simulated, error = simulated_mean(seed, most=60)

    assert error < 0.02
    assert forecast == pytest.approx(simulated, rel=0.05)
