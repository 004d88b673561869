from __future__ import annotations

import math
from random import Random
from statistics import fmean

import pytest
from support.binomial import binomial_bounds

from sinks.behaviour.delays import sampler
from sinks.behaviour.policy import Delay

DRAWS = 50_000

EXPONENTIAL = {"exponential": {"mean": "10ms"}}
LOGNORMAL = {"lognormal": {"median": "100ms", "p95": "1s", "max": "1h"}}
PARETO = {"pareto": {"least": "10ms", "shape": 1.5, "max": "1h"}}


def draws(plain: object, count: int = DRAWS, seed: int = 1) -> list[float]:
    draw = sampler(Delay.model_validate(plain), Random(seed))
    return [draw() for _ in range(count)]


def test_a_constant_is_constant() -> None:
    assert draws("5ms", 3) == [0.005, 0.005, 0.005]


# Points of the distributions by their definitions: 1 - exp(-t / mean), the given quantiles, 1 - (least / t) ^ shape.
@pytest.mark.parametrize(
    ("plain", "below_s", "share"),
    [
        (EXPONENTIAL, 0.010, 1 - math.exp(-1)),
        (EXPONENTIAL, 0.030, 1 - math.exp(-3)),
        (LOGNORMAL, 0.1, 0.5),
        (LOGNORMAL, 1.0, 0.95),
        (PARETO, 0.020, 1 - 0.5**1.5),
        (PARETO, 0.100, 1 - 0.1**1.5),
    ],
)
def test_shares_below_known_points(plain: object, below_s: float, share: float) -> None:
    low, high = binomial_bounds(DRAWS, share)

    assert low <= sum(time_s <= below_s for time_s in draws(plain)) <= high


@pytest.mark.parametrize(
    "plain",
    [
        {"exponential": {"mean": "10ms", "max": "12ms"}},
        {"lognormal": {"median": "10ms", "p95": "11ms", "max": "12ms"}},
        {"pareto": {"least": "10ms", "shape": 0.001, "max": "12ms"}},
    ],
)
def test_the_maximum_is_reached_and_not_passed(plain: object) -> None:
    assert max(draws(plain, 10_000)) == pytest.approx(0.012, rel=1e-9)


def test_the_least_of_pareto_is_the_least() -> None:
    assert min(draws(PARETO)) >= 0.010


def test_the_mean_of_an_exponential_time() -> None:
    # Six standard errors of the mean: the standard deviation of an exponential time is its mean.
    assert fmean(draws(EXPONENTIAL)) == pytest.approx(0.010, abs=6 * 0.010 / math.sqrt(DRAWS))


@pytest.mark.parametrize("plain", [EXPONENTIAL, LOGNORMAL, PARETO])
def test_the_same_seed_draws_the_same_times(plain: object) -> None:
    assert draws(plain, 100, seed=3) == draws(plain, 100, seed=3)
    assert draws(plain, 100, seed=3) != draws(plain, 100, seed=4)
