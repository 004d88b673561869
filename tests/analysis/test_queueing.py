"""Known answers of queueing systems, against closed forms, sums and a station in virtual time."""

from __future__ import annotations

import math
import random

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.analysis.queueing import (
    erlang_b,
    erlang_c,
    mg1_response_mean,
    mm1_response_quantile,
    mmc_response_mean,
    mmc_response_quantile,
)
from sinks.behaviour.station import StationQueue


@given(servers=st.integers(1, 60), share=st.floats(0.01, 0.99))
def test_erlang_c_is_its_sum(servers: int, share: float) -> None:
    offered = servers * share
    terms = [offered**k / math.factorial(k) for k in range(servers)]
    last = offered**servers / math.factorial(servers) / (1 - share)
    assert erlang_c(servers, offered) == pytest.approx(last / (sum(terms) + last), rel=1e-9)


def test_published_values() -> None:
    assert erlang_b(10, 5.0) == pytest.approx(0.018385, abs=1e-6)
    assert erlang_c(1, 0.8) == pytest.approx(0.8)
    assert erlang_c(3, 2.0) == pytest.approx(4 / 9)


def test_many_servers_do_not_overflow() -> None:
    assert 0 < erlang_c(100_000, 99_900) < 1


@given(share=st.floats(0.01, 0.99), quantile=st.floats(0.01, 0.9999))
def test_one_server_is_exponential(share: float, quantile: float) -> None:
    rate, service = share / 0.01, 0.01
    closed = service / (1 - share) * math.log(1 / (1 - quantile))
    assert mm1_response_quantile(rate, service, quantile) == pytest.approx(closed, rel=1e-9)
    assert mmc_response_quantile(1, rate, service, quantile) == pytest.approx(closed, rel=1e-6)


def times_of(servers: int, rate: float, service: random.Random, *, constant: bool = False) -> npt.NDArray[np.float64]:
    """Response times of a station in virtual time, the first left out."""
    draw = (lambda: 0.01) if constant else (lambda: service.expovariate(100))
    station, now, times = StationQueue(servers, draw), 0.0, []
    for _ in range(40_000):
        now += service.expovariate(rate)
        time = station.serve(now)
        assert time is not None
        times.append(time)
    return np.array(times[5_000:])


@pytest.mark.parametrize(("servers", "rate"), [(1, 50.0), (2, 110.0), (4, 240.0)], ids=["one", "two", "four"])
def test_a_simulated_station_agrees(servers: int, rate: float) -> None:
    times = times_of(servers, rate, random.Random(1))
    assert times.mean() == pytest.approx(mmc_response_mean(servers, rate, 0.01), rel=0.06)
    for quantile in (0.5, 0.95, 0.99):
        known = mmc_response_quantile(servers, rate, 0.01, quantile)
        assert np.quantile(times, quantile) == pytest.approx(known, rel=0.1)


def test_constant_service_waits_half_as_long() -> None:
    times = times_of(1, 70.0, random.Random(2), constant=True)
    assert times.mean() == pytest.approx(mg1_response_mean(70.0, 0.01, 0.0), rel=0.05)
    assert mg1_response_mean(70.0, 0.01, 1.0) == pytest.approx(mmc_response_mean(1, 70.0, 0.01))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: erlang_c(2, 2.0),
        lambda: erlang_c(0, 0.0),
        lambda: mm1_response_quantile(100, 0.01, 0.5),
        lambda: mg1_response_mean(120, 0.01, 1.0),
        lambda: mmc_response_quantile(2, 10, 0.01, 1.0),
        lambda: erlang_b(-1, 1.0),
    ],
    ids=["full", "no-server", "saturated", "overloaded", "quantile", "negative"],
)
def test_what_has_no_answer_is_an_error(wrong: object) -> None:
    assert callable(wrong)
    with pytest.raises(ValueError, match=r"queue|server|quantile|negative"):
        wrong()
