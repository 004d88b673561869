"""Queues near their capacity: exact where theory is, and steady from step to step."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import truncnorm

from loadkit.analysis.queueing import erlang_c, mg1_response_mean
from loadkit.plan.queue_moments import advance, settled_mean, waiting_probability, waiting_tail


def settled(rate: float, capacity: float, variation: float = 1.0) -> tuple[float, float]:
    """Mean and variance after a long time."""
    spread = rate + variation * min(rate, capacity)
    mean, variance, _ = advance(0.0, 0.0, drift=rate - capacity, spread=spread, duration_s=1e7)
    return mean, variance


def backlog(rate: float, capacity: float, servers: int, variation: float = 1.0) -> tuple[float, float]:
    """Messages that wait after a long time, and the probability that one does."""
    mean, _ = settled(rate, capacity, variation)
    rest = settled_mean(rate - capacity, rate * (1 + variation))
    (busy,) = waiting_probability(
        np.array([mean]),
        np.array([rest]),
        servers=np.array([float(servers)]),
        offered=np.array([rate * servers / capacity]),
    )
    return mean * busy, busy


@pytest.mark.parametrize(("servers", "load"), [(1, 0.3), (1, 0.95), (4, 0.8), (16, 0.9), (200, 0.99), (5000, 0.998)])
def test_a_settled_queue_of_exponential_services_is_that_of_erlang(servers: int, load: float) -> None:
    waiting, busy = backlog(load * 100.0, 100.0, servers)

    assert busy == pytest.approx(erlang_c(servers, load * servers), rel=1e-6)
    assert waiting == pytest.approx(busy * load / (1 - load), rel=1e-6)


@pytest.mark.parametrize("variation", [0.0, 0.5, 4.0])
def test_a_settled_queue_of_one_server_is_that_of_pollaczek_and_khinchine(variation: float) -> None:
    rate, service = 80.0, 0.01
    waiting, _ = backlog(rate, 1 / service, 1, variation)

    # By Little's law, waiting messages are the rate times what of the response time is not service.
    assert waiting == pytest.approx(rate * (mg1_response_mean(rate, service, variation) - service), rel=1e-6)


def test_a_queue_that_begins_empty_at_its_capacity_is_half_normal() -> None:
    mean, variance, _ = advance(0.0, 0.0, drift=0.0, spread=200.0, duration_s=900.0)

    # The reflected Brownian motion without drift: |N(0, 200 x 900)|.
    assert mean == pytest.approx(math.sqrt(2 / math.pi * 200 * 900), rel=1e-3)
    assert variance == pytest.approx((1 - 2 / math.pi) * 200 * 900, rel=1e-3)


def test_far_from_empty_it_is_the_fluid_with_the_variance_of_what_comes_and_goes() -> None:
    mean, variance, on_average = advance(5000.0, 100.0, drift=-20.0, spread=180.0, duration_s=60.0)

    assert (mean, variance, on_average) == pytest.approx((3800.0, 100 + 180 * 60, 4400.0))


@settings(max_examples=40)
@given(st.floats(1, 500), st.floats(1, 500), st.floats(0, 1e5), st.floats(0, 2))
def test_one_long_step_is_many_short_ones(rate: float, capacity: float, begun: float, variation: float) -> None:
    spread = rate + variation * min(rate, capacity)
    whole = advance(begun, begun, drift=rate - capacity, spread=spread, duration_s=600.0)
    mean, variance, area = begun, begun, 0.0
    for _ in range(20):
        mean, variance, on_average = advance(mean, variance, drift=rate - capacity, spread=spread, duration_s=30.0)
        area += on_average / 20

    assert mean == pytest.approx(whole[0], rel=0.05, abs=1)
    assert area == pytest.approx(whole[2], rel=0.05, abs=1)


@pytest.mark.parametrize("peak", [-5.0, -1.0, 0.0, 2.0, 8.0])
def test_the_tail_is_that_of_a_normal_distribution_cut_off_at_zero(peak: float) -> None:
    cut = truncnorm(-peak, np.inf, loc=peak * 7, scale=7)
    queues = np.array([0.0, 1.0, 5.0, 20.0, 60.0])
    mean, variance = np.full(5, cut.mean()), np.full(5, cut.var())

    np.testing.assert_allclose(waiting_tail(mean, variance, queues), cut.sf(queues), rtol=0.01, atol=1e-6)


def test_the_tail_of_a_settled_queue_is_exponential_and_that_of_a_narrow_one_a_step() -> None:
    mean, variance = np.array([3.0, 1000.0, 1000.0, 0.0]), np.array([9.0, 1.0, 1.0, 0.0])

    np.testing.assert_allclose(
        waiting_tail(mean, variance, np.array([6.0, 990.0, 1010.0, 0.0])), [math.exp(-2), 1.0, 0.0, 0.0], atol=1e-9
    )


def test_what_an_overload_has_left_waits_for_sure() -> None:
    busy = waiting_probability(
        np.array([1e6, 5000.0, 0.0, 0.5]),
        np.array([np.inf, 0.5, 0.0, 0.5]),
        servers=np.full(4, 10.0),
        offered=np.array([1e5, 3.0, 0.0, 3.0]),
    )

    # 3 of 10 servers are wanted: Erlang's C is 0.0012; of 5,000 messages a half has settled.
    np.testing.assert_allclose(busy, [1.0, 1 - 0.5 / 5000, 0.0, erlang_c(10, 3.0)], atol=1e-6)
