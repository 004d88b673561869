"""Fleets that never change: closed forms, conservation, and what more nodes do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fleet_cases import course_of_case
from support.simulated_fleet import simulate

from loadkit.analysis.queueing import mmc_response_mean
from loadkit.plan.fluid import Course, Fixed, Load, Node, course_of
from loadkit.scenario.curve import Curve

NODE = Node(100.0, 0.05)
rates = st.lists(st.floats(0, 1000), min_size=3, max_size=40)


def course(rates_per_s: list[float], nodes: float = 1, node: Node = NODE) -> Course:
    return course_of(Load(np.array(rates_per_s) * 60.0, 60.0), node, Fixed(nodes))


def test_overload_and_drain_are_the_closed_forms() -> None:
    # 10 minutes at 160/s against 100/s, then 40/s: (160 - 100) 600 = 36,000, drained in 36,000 / 60 = 600 s.
    after = course([160.0] * 10 + [40.0] * 30)

    assert after.fluid[9] == pytest.approx(36_000)
    assert after.drain_s[9] == pytest.approx(600)
    assert after.longest_drain_s == pytest.approx(19 * 60)  # and at the 20th minute's end nothing waits
    assert after.backlog[9] == pytest.approx(36_000 - 60 * 30, rel=0.01)  # its mean over the last of these minutes
    # The last who come then find 36,000 before them: 360 s.
    assert after.delay_s(0.999) == pytest.approx(360 + 0.05, rel=0.02)


def test_what_does_not_drain_is_said() -> None:
    endless = course([160.0] * 10)

    assert math.isinf(endless.longest_drain_s)
    assert np.isinf(endless.drain_s).all()
    assert course([50.0] * 10).longest_drain_s == 0


def test_delays_are_those_of_a_fleet_that_grows() -> None:
    class Growing:
        def nodes_for(self, step: int, busy: float) -> tuple[float, float]:  # noqa: ARG002
            return (1.0, 1.0) if step < 10 else (10.0, 10.0)

    grown = course_of(Load(np.array([200.0] * 10 + [0.0] * 10) * 60, 60.0), NODE, Growing())

    # Who comes 30 s before the end finds 57,000 waiting: one node serves 3,000 of them, then ten serve 54,000 in 54 s.
    assert grown.late(80.0)[9] > 0.5
    assert grown.late(88.0)[9] < 0.5


def test_messages_that_come_again_are_counted() -> None:
    load = Load.of(Curve.hold(10.0, 7200.0), retry=0.05)

    assert load.step_s == 60
    assert load.arrivals.sum() == pytest.approx(72_000 * 1.05)
    assert Load.of(Curve.hold(10.0, 60.0)).step_s == 1


def test_the_mean_below_saturation_is_that_of_theory() -> None:
    node = Node(200.0, 0.02)
    steady = course([720.0] * 60, nodes=4, node=node)

    wait_s = mmc_response_mean(16, 720.0, 0.02) - 0.02
    assert steady.backlog[-1] == pytest.approx(720 * wait_s, rel=1e-4)
    assert steady.delay_s(0.5) >= 0.02


def test_a_service_time_beyond_the_limit_makes_all_late() -> None:
    assert course([10.0] * 5).late(0.04).tolist() == [1.0] * 5
    assert course([10.0] * 5).worst_late_share(0.04) == pytest.approx(1)


def test_the_worst_hour_counts_and_not_the_whole() -> None:
    day = course([50.0] * 600 + [150.0] * 60 + [10.0] * 780)

    whole = (day.late(30.0) * day.load.arrivals).sum() / day.load.arrivals.sum()
    assert day.worst_late_share(30.0) > 0.98
    assert whole < 0.5


def test_delays_of_each_minute_are_those_of_its_queue() -> None:
    after = course([160.0] * 10 + [40.0] * 30)

    # In the middle of the tenth minute 34,200 wait, for 342 s; and nobody waits after the twentieth.
    assert after.delays_s(0.5)[9] == pytest.approx(342 + 0.05, rel=0.01)
    assert (after.delays_s(0.99)[25:] < 0.1).all()
    assert (after.delays_s(0.99) >= after.delays_s(0.5)).all()
    stopped = course_of(after.load, NODE, Fixed(0))
    assert np.isinf(stopped.delays_s(0.5)).all()


@settings(max_examples=40)
@given(rates, st.integers(1, 9))
def test_what_comes_is_served_or_waits(rates_per_s: list[float], nodes: int) -> None:
    some = course(rates_per_s, nodes)

    np.testing.assert_allclose(some.served.sum() + some.fluid[-1], some.load.arrivals.sum(), rtol=1e-9, atol=1e-6)
    assert (some.served >= -1e-6).all()
    assert (some.served <= nodes * 100 * 60 + 1e-6).all()


@settings(max_examples=40)
@given(rates, st.integers(1, 8), st.floats(1, 600))
def test_more_nodes_never_make_more_wait(rates_per_s: list[float], nodes: int, limit_s: float) -> None:
    few, many = course(rates_per_s, nodes), course(rates_per_s, nodes + 1)

    assert (many.fluid <= few.fluid + 1e-6).all()
    assert (many.backlog <= few.backlog * 1.01 + 0.01).all()
    assert many.worst_late_share(limit_s) <= few.worst_late_share(limit_s) + 1e-3


@pytest.mark.parametrize("seed", [1, 3])
def test_a_simulation_agrees(seed: int) -> None:
    forecast = course_of_case(seed)
    seen = simulate(forecast, 1)

    assert forecast.backlog.mean() == pytest.approx(seen.backlog.mean(), rel=0.1)
    assert forecast.delay_s(0.95) == pytest.approx(np.quantile(seen.waits_s, 0.95), rel=0.1, abs=1)


def test_an_overload_and_its_drain_are_the_closed_forms_in_a_simulation_too() -> None:
    load = Load(np.array([30.0] * 10 + [10.0] * 15) * 60, 60.0)
    forecast = course_of(load, Node(10.0, 0.2), Fixed(2))
    seen = simulate(forecast, 3).backlog

    # 10/s too many for 600 s; then 10/s too few for 600 s more. The tenth minute's mean is that of 5,400 and 6,000.
    assert forecast.fluid[9] == pytest.approx(6000)
    assert forecast.drain_s[9] == pytest.approx(600)
    assert seen[9] == pytest.approx(5700, rel=0.1)
    assert seen[14] == pytest.approx(2700, rel=0.25)
    assert seen[23:].max() < 50


def test_the_simulation_is_that_of_known_queues() -> None:
    # M/M/2 at 80 %: 2.844 wait (Erlang C 0.7111 times 4).
    steady = course_of(Load(np.full(60, 16 * 60.0), 60.0), Node(10.0, 0.1), Fixed(2))
    seen = simulate(steady, 5)

    assert seen.backlog.mean() == pytest.approx(2.844, rel=0.2)
    assert seen.served == pytest.approx(seen.arrived, abs=50)
