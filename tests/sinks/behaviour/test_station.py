"""The station against closed forms, in virtual time."""

from __future__ import annotations

import heapq
import math
from itertools import accumulate
from random import Random
from statistics import NormalDist
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.behaviour.delays import sampler
from sinks.behaviour.policy import Delay
from sinks.behaviour.station import StationQueue

if TYPE_CHECKING:
    from collections.abc import Callable

# Standard errors of the mean wait are then about 1 %; 6 % for 16 servers at half load, where one in a hundred waits.
ARRIVALS = 1_500_000


def times(plain: object, seed: int) -> Callable[[], float]:
    return sampler(Delay.model_validate(plain), Random(seed))


def mean_wait_s(servers: int, rate_per_s: float, service_s: Callable[[], float]) -> float:
    """The mean time between arrival and begin of service with Poisson arrivals."""
    served: list[float] = []

    def noted() -> float:
        served.append(service_s())
        return served[-1]

    station, source, now, total = StationQueue(servers, noted), Random(11), 0.0, 0.0
    for _ in range(ARRIVALS):
        now += source.expovariate(rate_per_s)
        time_s = station.serve(now)
        assert time_s is not None
        total += time_s
    return (total - sum(served)) / ARRIVALS


def erlang_c_wait_s(servers: int, load: float) -> float:
    """Mean wait of M/M/c with a mean service of 1 s (Erlang, 1917); the blocking probability by its recursion."""
    blocked = 1.0
    for busy in range(1, servers + 1):
        blocked = load * blocked / (busy + load * blocked)
    waiting = blocked / (1 - load / servers * (1 - blocked))
    return waiting / (servers - load)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("servers", "utilisation"),
    [
        (4, 0.5),
        (16, 0.8),
        *(pytest.param(*one, marks=pytest.mark.long) for one in ((1, 0.5), (1, 0.8), (4, 0.8), (16, 0.5))),
    ],
)
def test_the_mean_wait_of_many_servers_is_erlangs(servers: int, utilisation: float) -> None:
    load = servers * utilisation

    wait_s = mean_wait_s(servers, load, times({"exponential": {"mean": "1s"}}, seed=1))

    assert wait_s == pytest.approx(erlang_c_wait_s(servers, load), rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("service", "sigma"),
    [
        ("1s", 0.0),
        # The maximum is seven standard deviations of the logarithm away: as good as none.
        ({"lognormal": {"median": "1s", "p95": "2s", "max": "20s"}}, math.log(2) / NormalDist().inv_cdf(0.95)),
    ],
)
def test_the_mean_wait_of_one_server_is_pollaczeks_and_khinchines(service: object, sigma: float) -> None:
    """W = r E[S^2] / (2 (1 - r E[S])); E[S^n] of a log-normal time with a median of 1 is exp(n^2 sigma^2 / 2)."""
    mean, second_moment, rate_per_s = math.exp(sigma**2 / 2), math.exp(2 * sigma**2), 0.5

    wait_s = mean_wait_s(1, rate_per_s, times(service, seed=2))

    assert wait_s == pytest.approx(rate_per_s * second_moment / (2 * (1 - rate_per_s * mean)), rel=0.03)


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 12)), min_size=1, max_size=25),
)
def test_work_begins_as_soon_as_fewer_than_all_servers_are_busy(servers: int, work: list[tuple[int, int]]) -> None:
    """Whole numbers of seconds, so that equal times are equal: the definition of the queue, moment by moment."""
    arrivals = list(accumulate(pause for pause, _ in work))
    services = iter([float(service) for _, service in work])
    station = StationQueue(servers, lambda: next(services))
    spans: list[tuple[int, int]] = []
    for arrival, (_, service) in zip(arrivals, work, strict=True):
        begin = max(arrival, spans[-1][0] if spans else 0)
        while sum(begun <= begin < end for begun, end in spans) >= servers:
            begin += 1
        spans.append((begin, begin + service))

    assert [station.serve(float(now)) for now in arrivals] == [
        end - arrival for arrival, (_, end) in zip(arrivals, spans, strict=True)
    ]


@pytest.mark.parametrize("clients", [1, 10, 44, 100])
def test_a_closed_loop_gets_what_the_universal_scalability_law_says(clients: int) -> None:
    contention, coherency, alone_per_s = 0.02, 0.0005, 100.0
    station = StationQueue(
        None, times({"exponential": {"mean": "10ms"}}, seed=3), contention=contention, coherency=coherency
    )
    done, now = 0, 0.0
    returns = [0.0] * clients
    while done < 60_000:
        now = heapq.heappop(returns)
        time_s = station.serve(now)
        assert time_s is not None
        heapq.heappush(returns, now + time_s)
        done += 1

    expected_per_s = alone_per_s * clients / (1 + contention * (clients - 1) + coherency * clients * (clients - 1))
    assert done / now == pytest.approx(expected_per_s, rel=0.03)


def test_one_server_works_in_order_of_arrival() -> None:
    station = StationQueue(1, lambda: 1.0)

    assert [station.serve(now) for now in (0.0, 0.25, 0.5, 10.0)] == [1.0, 1.75, 2.5, 1.0]


def test_two_servers_work_side_by_side() -> None:
    station = StationQueue(2, lambda: 1.0)

    assert [station.serve(now) for now in (0.0, 0.0, 0.0, 0.0)] == [1.0, 1.0, 2.0, 2.0]


def test_beyond_its_queue_work_is_sent_away_and_leaves_no_trace() -> None:
    station = StationQueue(1, lambda: 1.0, room=2)

    assert [station.serve(0.0) for _ in range(5)] == [1.0, 2.0, 3.0, None, None]
    assert station.serve(1.0) == 3.0


def test_work_that_is_done_makes_room_at_that_moment() -> None:
    station = StationQueue(1, lambda: 1.0, room=0)

    assert [station.serve(now) for now in (0.0, 0.999, 1.0)] == [1.0, None, 1.0]


def test_a_slower_station_takes_longer() -> None:
    assert StationQueue(1, lambda: 0.5).serve(0.0, slower=4.0) == 2.0


def test_the_slowdown_counts_what_is_there() -> None:
    station = StationQueue(None, lambda: 1.0, contention=0.5, coherency=0.25)

    # 1; then 1 + 0.5 + 0.25 x 2; then 1 + 0.5 x 2 + 0.25 x 6
    assert [station.serve(0.0) for _ in range(3)] == [1.0, 2.0, 3.5]
