"""Shares of a run: whatever the number of workers, the union of what they send is the scenario's schedule."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support.arrivals import ARRIVALS

from loadkit.errors import UsageError
from loadkit.scenario.load import parse_scenario
from loadkit.scenario.schema import Scenario
from loadkit.scenario.sharing import WHOLE, Share, Stripe, arrivals_of, check_enough_sessions, stripe_of

WORKERS = st.integers(min_value=1, max_value=16)


def shares(workers: int) -> list[Share]:
    return [Share(index, workers) for index in range(workers)]


def scenario_of(load: dict[str, Any], **sessions: Any) -> Scenario:
    return parse_scenario(
        yaml.safe_dump({"scenario": "x", "load": load, "messages": {"note": {}}, "sessions": sessions})
    )


@given(WORKERS, st.integers(min_value=0, max_value=10**9))
def test_parts_of_a_number_add_up_and_differ_by_one_at_most(workers: int, total: int) -> None:
    parts = [share.of(total) for share in shares(workers)]
    assert sum(parts) == total
    assert max(parts) - min(parts) <= 1


@given(WORKERS, st.lists(st.integers(), unique=True, min_size=1, max_size=40))
def test_parts_of_a_list_are_the_list(workers: int, items: list[int]) -> None:
    parts = [share.among(items) for share in shares(workers)]
    assert {item for part in parts for item in part} == set(items)
    assert all(parts)
    if workers <= len(items):
        assert sum(map(len, parts)) == len(items)


@given(
    WORKERS,
    st.one_of(st.none(), st.integers(min_value=16, max_value=100)),
    st.lists(st.integers(min_value=0, max_value=50), max_size=20),
)
def test_every_arrival_is_in_one_stripe_with_a_number_of_its_own(
    workers: int, sessions: int | None, blocks: list[int]
) -> None:
    """In blocks of any size, each worker numbers its arrivals 0, 1, 2 without a gap."""
    taken: list[int] = []
    for share in shares(workers):
        stripe, first = Stripe(share, sessions), 0
        numbers: list[int] = []
        own: list[int] = []
        for count in blocks:
            places = stripe.places(first, count)
            numbers += range(stripe.before(first), stripe.before(first) + len(places))
            own += (first + places).tolist()
            first += count
        assert own == sorted(own)
        assert numbers == list(range(len(own)))
        assert stripe.before(first) == len(own)
        taken += own
    assert sorted(taken) == list(range(sum(blocks)))


def test_arrivals_of_an_open_loop_go_to_the_workers_in_turn() -> None:
    assert [Stripe(share).places(0, 10).tolist() for share in shares(3)] == [[0, 3, 6, 9], [1, 4, 7], [2, 5, 8]]


def test_a_worker_with_more_sessions_gets_as_many_more_messages() -> None:
    """Five sessions on two workers: three and two, and so are the messages."""
    assert [Stripe(share, 5).before(1000) for share in shares(2)] == [600, 400]
    assert [share.of(5) for share in shares(2)] == [3, 2]


def test_one_worker_has_the_whole() -> None:
    scenario = scenario_of({"executor": "shared_messages", "sessions": 3, "messages": 5})
    assert WHOLE.of_scenario(scenario) is scenario
    assert Stripe(WHOLE).whole
    assert Stripe(WHOLE).places(7, 4).tolist() == [0, 1, 2, 3]


@given(WORKERS)
def test_limits_of_a_scenario_are_of_the_whole_run(workers: int) -> None:
    addresses = [f"127.0.0.{number}" for number in range(1, 21)]
    load = {"executor": "arrival_rate", "queue": 101, "stages": [{"name": "a", "rate": "10/s", "duration": "1s"}]}
    scenario = scenario_of(load, max=50, local_addresses=addresses)
    parts = [share.of_scenario(scenario) for share in shares(workers)]
    assert sum(part.sessions.max for part in parts) == 50
    assert sum(part.load.queue for part in parts) == 101
    assert sorted(address for part in parts for address in part.sessions.local_addresses) == sorted(addresses)
    assert {part.load.stages for part in parts} == {scenario.load.stages}


def test_sessions_of_a_closed_loop_are_shared_out() -> None:
    scenario = scenario_of({"executor": "shared_messages", "sessions": 7, "messages": 70}, max=9)
    parts = [share.of_scenario(scenario) for share in shares(4)]
    assert [part.load.sessions for part in parts] == [2, 2, 2, 1]
    assert [stripe_of(scenario, share).before(70) for share in shares(4)] == [20, 20, 20, 10]


@pytest.mark.parametrize(
    ("load", "hint"),
    [
        ({"executor": "shared_messages", "sessions": 3, "messages": 9}, "load.sessions"),
        ({"executor": "arrival_rate", "stages": [{"name": "a", "rate": "10/s", "duration": "1s"}]}, "sessions.max"),
    ],
)
def test_a_worker_without_a_session_is_refused(load: dict[str, Any], hint: str) -> None:
    scenario = scenario_of(load, max=3)
    check_enough_sessions(scenario, 3)
    with pytest.raises(UsageError, match="4 workers can't share 3 sessions") as refused:
        Share(0, 4).of_scenario(scenario)
    assert hint in refused.value.hint


@settings(max_examples=30, deadline=None)
@given(WORKERS, st.sampled_from(ARRIVALS), st.floats(min_value=0, max_value=4))
def test_arrivals_of_the_workers_add_up_to_those_of_the_measured_stages(
    workers: int, arrivals: Any, until_s: float
) -> None:
    stages = [
        {"name": "up", "from": "0/s", "to": "500/s", "duration": "1s", "measure": False},
        {"name": "wave", "shape": {"sine": {"mean": "500/s", "amplitude": "400/s", "period": "1s"}}, "duration": "2s"},
    ]
    scenario = scenario_of({"executor": "arrival_rate", "arrivals": arrivals, "stages": stages})
    for end_s in (math.inf, until_s):
        whole = arrivals_of(scenario, WHOLE, stretch=1.0, until_s=end_s)
        parts = [arrivals_of(scenario, share, stretch=1.0, until_s=end_s) for share in shares(workers)]
        assert whole == sum(part for part in parts if part is not None)
    if arrivals == "even":
        assert arrivals_of(scenario, WHOLE, stretch=1.0, until_s=math.inf) == 1000
        assert arrivals_of(scenario, WHOLE, stretch=1.0, until_s=2.0) == 500


def test_a_closed_loop_without_a_number_of_messages_has_no_arrivals_beforehand() -> None:
    scenario = scenario_of({"executor": "sessions", "sessions": 3, "duration": "1s"})
    assert arrivals_of(scenario, WHOLE, stretch=1.0, until_s=math.inf) is None
    assert np.array_equal(stripe_of(scenario, Share(1, 2)).places(0, 6), [1, 4])
