"""Steering: the factor multiplies the rate from where it is set, and the stages keep their times."""

from __future__ import annotations

import math
from itertools import takewhile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.arrivals import ARRIVALS

from loadkit.errors import UsageError
from loadkit.scenario.arrivals import Schedule
from loadkit.scenario.stages import Load
from loadkit.scenario.steering import Steering, steered_times


def load(arrivals: Any = "even", *stages: tuple[str, str, str]) -> Load:
    drawn = stages or (("10/s", "10/s", "100s"),)
    return Load.model_validate(
        {
            "arrivals": arrivals,
            "stages": [
                {"name": f"s{number}", "from": start, "to": end, "duration": duration}
                for number, (start, end, duration) in enumerate(drawn)
            ],
        }
    )


def schedule_for(load: Load, seed: int) -> Schedule:
    return Schedule(load.timetable, load.arrivals, seed)


def times(schedule: Schedule, steering: Steering) -> list[float]:
    return [time_s for time_s, _ in steered_times(schedule, steering)]


def test_an_untouched_factor_gives_the_schedule() -> None:
    schedule = schedule_for(load("even", ("0/s", "50/s", "20s"), ("50/s", "50/s", "100s")), 7)
    plain = np.concatenate(list(schedule.blocks()))
    steered = list(steered_times(schedule, Steering()))
    assert np.allclose([time_s for time_s, _ in steered], plain, rtol=0, atol=1e-9)
    assert [stage for _, stage in steered] == schedule.stage_of(plain).tolist()


@pytest.mark.parametrize("arrivals", ARRIVALS, ids=str)
def test_an_untouched_factor_gives_the_schedule_of_all_arrivals(arrivals: Any) -> None:
    schedule = schedule_for(load(arrivals), 7)
    assert np.allclose(times(schedule, Steering()), np.concatenate(list(schedule.blocks())), rtol=0, atol=1e-9)


def test_bursts_stay_bursts_at_the_new_rate() -> None:
    """Four times the rate of gamma renewals: counts of a second keep their dispersion, at four times the mean."""
    steering = Steering()
    steering.set(4.0, 0.0)
    schedule = schedule_for(load({"gamma": {"dispersion": 4}}, ("100/s", "100/s", "1000s")), 3)
    counts = np.histogram(times(schedule, steering), bins=1000, range=(0, 1000))[0]
    assert counts.mean() == pytest.approx(400, abs=5 * math.sqrt(4 * 400 / 1000))
    assert counts.var() / counts.mean() == pytest.approx(4, rel=5 * math.sqrt(2 / 1000))


@pytest.mark.parametrize(("factor", "gap_s"), [(2.0, 0.05), (0.5, 0.2), (100.0, 0.001)])
def test_a_factor_multiplies_the_rate_at_once(factor: float, gap_s: float) -> None:
    steering = Steering()
    found = []
    for time_s, _ in steered_times(schedule_for(load(), 1), steering):
        found.append(time_s)
        if len(found) == 100:
            steering.set(factor, time_s)
    gaps = np.diff(found)
    assert np.allclose(gaps[:99], 0.1)
    assert np.allclose(gaps[99:], gap_s)
    assert found[-1] == pytest.approx(100.0, abs=gap_s)
    ((at_s, changed),) = steering.changes
    assert at_s == pytest.approx(9.95)
    assert changed == factor


def test_a_factor_before_the_start_holds_from_the_first() -> None:
    steering = Steering()
    steering.set(0.1, 0.0)
    assert times(schedule_for(load(), 1), steering) == pytest.approx([0.5 + number for number in range(100)])


@given(st.lists(st.floats(0.01, 20.0), min_size=1, max_size=8), st.integers(0, 99), st.sampled_from(ARRIVALS))
def test_times_ascend_within_the_stages_whatever_is_set(factors: list[float], seed: int, arrivals: Any) -> None:
    schedule = schedule_for(load(arrivals, ("0/s", "20/s", "5s"), ("20/s", "5/s", "10s")), seed)
    steering = Steering()
    last_s = 0.0
    wanted = iter(factors)
    for number, (time_s, stage) in enumerate(steered_times(schedule, steering)):
        assert last_s <= time_s <= 15.0
        assert stage == (0 if time_s < 5.0 else 1)
        last_s = time_s
        if number % 7 == 3:
            steering.set(next(wanted, 1.0), time_s)


def test_poisson_arrivals_stay_poisson_at_the_new_rate() -> None:
    steering = Steering()
    steering.set(4.0, 0.0)
    count = len(times(schedule_for(load("poisson", ("100/s", "100/s", "100s")), 3), steering))
    assert abs(count - 40_000) < 5 * math.sqrt(40_000)


def test_the_same_changes_give_the_same_times() -> None:
    def steered() -> list[float]:
        steering = Steering()
        found = []
        for time_s in takewhile(lambda one: one < 50, (one for one, _ in steered_times(schedule, steering))):
            found.append(time_s)
            steering.set(1.0 + len(found) % 3, time_s)
        return found

    schedule = schedule_for(load("poisson"), 5)
    assert steered() == steered()


@pytest.mark.parametrize("factor", [0.0, -1.0, math.nan, math.inf, 101.0])
def test_a_factor_out_of_bounds_is_refused_and_changes_nothing(factor: float) -> None:
    steering = Steering()
    with pytest.raises(UsageError, match=r"from 0\.01 to 100"):
        steering.set(factor, 1.0)
    assert (steering.factor, steering.changes) == (1.0, [])


def test_setting_the_same_again_is_no_change() -> None:
    steering = Steering()
    steering.set(2.0, 1.0)
    steering.set(2.0, 2.0)
    assert steering.changes == [(1.0, 2.0)]
