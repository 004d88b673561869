from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support.arrivals import ARRIVALS

from loadkit.scenario.arrivals import Schedule, schedule_of
from loadkit.scenario.curve import Floats
from loadkit.scenario.load import load_scenario, parse_scenario
from loadkit.scenario.schema import Load
from loadkit.scenario.timetable import StageSpan

# A rate of 0 invites a division by it, of which numpy only warns.
pytestmark = pytest.mark.filterwarnings("error")

BUNDLED = Path(__file__).parents[2] / "scenarios"


def load_of(**block: Any) -> Load:
    scenario = {"scenario": "x", "load": block, "messages": {"note": {}}}
    return parse_scenario(yaml.safe_dump(scenario)).load


def schedule(load: Load, seed: int, *, stretch: float = 1.0) -> Schedule:
    return Schedule(load.timetable.stretched(stretch), load.arrivals, seed)


def hold(rate: str, duration: str, **more: Any) -> dict[str, Any]:
    return {"name": f"hold-{rate.partition('/')[0].replace('.', '-')}", "rate": rate, "duration": duration, **more}


def all_times(schedule: Schedule, max_block: int = 4096) -> Floats:
    return np.concatenate([np.empty(0), *schedule.blocks(max_block)])


def area_until(load: Load, time_s: float) -> float:
    """The integral of the rate from 0, by plain arithmetic on each stage."""
    area, start_s = 0.0, 0.0
    for stage, curve in zip(load.stages, load.curves, strict=True):
        first, last = float(curve.levels[0]), curve.final_per_s
        inside_s = min(max(time_s - start_s, 0.0), stage.length_s)
        rate_here = first + (last - first) * inside_s / stage.length_s
        area += (first + rate_here) / 2 * inside_s
        start_s += stage.length_s
    return area


rates = st.floats(min_value=0, max_value=300).map(lambda rate: f"{rate:.3f}/s")
durations = st.floats(min_value=0.05, max_value=4).map(lambda seconds: f"{seconds:.3f}s")
stages = st.one_of(
    st.fixed_dictionaries({"rate": rates, "duration": durations}),
    st.fixed_dictionaries({"from": rates, "to": rates, "duration": durations}),
    st.fixed_dictionaries({"to": rates, "duration": durations}),
)


@st.composite
def curves(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Random rate curves that begin with a hold of a few arrivals."""
    drawn = [{"rate": "10/s", "duration": "1s"}, *draw(st.lists(stages, max_size=5))]
    return [{"name": f"s{index}", **stage} for index, stage in enumerate(drawn)]


def test_a_hold_at_10_per_second_for_1_s_gives_10_even_arrivals() -> None:
    plan = schedule(load_of(arrivals="even", stages=[hold("10/s", "1s")]), seed=1)

    assert all_times(plan).tolist() == pytest.approx([0.05 + index / 10 for index in range(10)])
    assert plan.expected_arrivals == 10
    assert plan.duration_s == 1
    assert plan.peak_per_s == 10


def test_even_arrivals_on_a_ramp_from_zero_follow_the_square_root() -> None:
    # r(t) = 2 t, so L(t) = t^2, and the arrival with L = k + 1/2 comes at its root.
    stage = {"name": "rise", "from": "0/s", "to": "20/s", "duration": "10s"}

    times = all_times(schedule(load_of(arrivals="even", stages=[stage]), seed=1))

    assert times.tolist() == pytest.approx([math.sqrt(index + 0.5) for index in range(100)])


def test_even_arrivals_on_a_ramp_to_zero_are_its_mirror_image() -> None:
    rise = {"name": "rise", "from": "0/s", "to": "20/s", "duration": "10s"}
    fall = {"name": "fall", "from": "20/s", "to": "0/s", "duration": "10s"}

    rising = all_times(schedule(load_of(arrivals="even", stages=[rise]), seed=1))
    falling = all_times(schedule(load_of(arrivals="even", stages=[fall]), seed=1))

    assert falling.tolist() == pytest.approx((10 - rising[::-1]).tolist(), abs=1e-6)


def test_a_lone_to_ramps_from_the_end_of_the_stage_before() -> None:
    load = load_of(stages=[hold("50/s", "1s"), {"name": "rise", "to": "150/s", "duration": "2s"}])

    assert [curve.rate_at(np.array([0.0, curve.duration_s])).tolist() for curve in load.curves] == [[50, 50], [50, 150]]
    assert schedule(load, seed=1).expected_arrivals == 50 + 200


def test_nothing_arrives_in_a_pause() -> None:
    load = load_of(arrivals="even", stages=[hold("10/s", "1s"), hold("0/s", "5s"), hold("20/s", "1s")])
    plan = schedule(load, seed=1)
    times = all_times(plan)

    assert np.count_nonzero(times < 1) == 10
    assert np.count_nonzero((times >= 1) & (times < 6)) == 0
    assert np.count_nonzero(times >= 6) == 20
    assert np.bincount(plan.stage_of(times), minlength=3).tolist() == [10, 0, 20]


@given(curve=curves())
@settings(max_examples=40, deadline=None)
def test_even_arrivals_track_the_integral_of_the_rate(curve: list[dict[str, Any]]) -> None:
    load = load_of(arrivals="even", stages=curve)
    times = all_times(schedule(load, seed=1))

    assert abs(len(times) - area_until(load, math.inf)) <= 0.5 + 1e-5
    for index in range(0, len(times), 17):
        assert area_until(load, times[index]) == pytest.approx(index + 0.5, abs=1e-4)


@given(curve=curves(), arrivals=st.sampled_from(ARRIVALS), seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_times_ascend_within_the_run_and_fall_into_their_stage(
    curve: list[dict[str, Any]], arrivals: Any, seed: int
) -> None:
    plan = schedule(load_of(arrivals=arrivals, stages=curve), seed)
    times = all_times(plan)
    spans = plan.stages

    assert np.all(np.diff(times) >= 0)
    assert times.size == 0 or (times[0] >= 0 and times[-1] <= plan.duration_s)
    for time_s, stage in zip(times.tolist(), plan.stage_of(times).tolist(), strict=True):
        assert spans[stage].start_s <= time_s
        assert time_s < spans[stage].end_s or stage == len(spans) - 1


@given(arrivals=st.sampled_from(ARRIVALS), first=st.integers(1, 300), second=st.integers(1, 300))
@settings(max_examples=20, deadline=None)
def test_the_size_of_blocks_changes_nothing(arrivals: Any, first: int, second: int) -> None:
    wave = {"sine": {"mean": "40/s", "amplitude": "40/s", "period": "2s"}}
    stages = [{"name": "wave", "shape": wave, "duration": "3s"}, {"name": "fall", "to": "0/s", "duration": "3s"}]
    load = load_of(arrivals=arrivals, stages=stages)

    one = all_times(schedule(load, seed=5), first)
    other = all_times(schedule(load, seed=5), second)

    assert np.array_equal(one, other)
    assert all(block.size <= first for block in schedule(load, seed=5).blocks(first))


def test_the_seed_decides_poisson_arrivals() -> None:
    load = load_of(stages=[hold("100/s", "5s")])

    first, again, other = (all_times(schedule(load, seed)) for seed in (1, 1, 2))

    assert np.array_equal(first, again)
    assert not np.array_equal(first[:50], other[:50])


def test_poisson_counts_have_mean_and_variance_of_the_integral() -> None:
    # 2,000 windows with 50 expected arrivals each, at two rates: a Poisson count's mean and variance are equal.
    # Standard error of the mean 50^0.5 / 2000^0.5 = 0.16, of the dispersion (2 / 1999)^0.5 = 0.032: four of each.
    load = load_of(stages=[hold("1000/s", "50s"), hold("100/s", "500s")])
    times = all_times(schedule(load, seed=3))
    fast, _ = np.histogram(times, bins=1000, range=(0, 50))
    slow, _ = np.histogram(times, bins=1000, range=(50, 550))
    counts = np.concatenate((fast, slow))

    assert counts.mean() == pytest.approx(50, abs=0.64)
    assert counts.var(ddof=1) / counts.mean() == pytest.approx(1, abs=0.13)


def test_poisson_gaps_at_a_steady_rate_are_exponential() -> None:
    # Kolmogorov-Smirnov distance to 1 - exp(-200 t): below 1.95 / sqrt(n) with probability 0.999.
    times = all_times(schedule(load_of(stages=[hold("200/s", "100s")]), seed=4))
    gaps = np.sort(np.diff(times))
    expected = 1 - np.exp(-200 * gaps)
    steps = np.arange(1, gaps.size + 1) / gaps.size

    assert np.abs(steps - expected).max() < 1.95 / math.sqrt(gaps.size)


def test_poisson_arrivals_on_a_ramp_become_uniform_through_the_integral() -> None:
    # Time change: L(t_k) of the arrivals is a unit-rate Poisson process, so its positions are uniform.
    load = load_of(stages=[{"name": "rise", "from": "0/s", "to": "400/s", "duration": "50s"}])
    times = all_times(schedule(load, seed=6))
    positions = (times / 50) ** 2
    steps = np.arange(1, positions.size + 1) / positions.size

    assert positions.size == pytest.approx(10_000, abs=4 * 100)
    assert np.abs(steps - positions).max() < 1.95 / math.sqrt(positions.size)


def test_stretch_shortens_the_run_at_the_same_rates() -> None:
    load = load_of(arrivals="even", stages=[hold("10/s", "60s", measure=False), hold("40/s", "60s")])

    plan = schedule(load, seed=1, stretch=0.1)

    assert plan.stages == (StageSpan("hold-10", 0, 6, measured=False), StageSpan("hold-40", 6, 12, measured=True))
    assert plan.duration_s == 12
    assert plan.peak_per_s == 40
    assert len(all_times(plan)) == 60 + 240


def test_closed_loops_have_a_main_stage_and_perhaps_a_warm_up() -> None:
    both = load_of(executor="sessions", sessions=5, duration="30s", warm_up="5s")
    main = load_of(executor="sessions", sessions=5, duration="30s")
    counted = load_of(executor="shared_messages", sessions=5, messages=100)

    assert both.timetable.stages == (
        StageSpan("warm-up", 0, 5, measured=False),
        StageSpan("main", 5, 35, measured=True),
    )
    assert main.timetable.stages == (StageSpan("main", 0, 30, measured=True),)
    assert counted.timetable.stages == (StageSpan("main", 0, math.inf, measured=True),)


def test_a_huge_schedule_costs_no_memory() -> None:
    plan = schedule(load_of(stages=[hold("20000/s", "1d")]), seed=1)

    blocks = list(itertools.islice(plan.blocks(1000), 3))

    assert plan.expected_arrivals == 20_000 * 86_400
    assert [block.size for block in blocks] == [1000, 1000, 1000]
    assert blocks[-1][-1] == pytest.approx(3000 / 20_000, rel=0.1)


@given(curve=curves(), stretch=st.floats(0.01, 3))
@settings(max_examples=40, deadline=None)
def test_expected_arrivals_are_the_integral_of_the_rate(curve: list[dict[str, Any]], stretch: float) -> None:
    load = load_of(stages=curve)
    area = area_until(load, math.inf)

    assert schedule(load, seed=1).expected_arrivals == pytest.approx(area, rel=1e-12)
    assert schedule(load, seed=1, stretch=stretch).expected_arrivals == pytest.approx(area * stretch, rel=1e-12)


def test_pauses_at_both_ends_take_time_and_no_arrivals() -> None:
    load = load_of(
        arrivals="even",
        stages=[{"name": "before", "rate": "0/s", "duration": "2s"}, hold("10/s", "1s"), hold("0/s", "3s")],
    )
    plan = schedule(load, seed=1)

    assert all_times(plan).tolist() == pytest.approx([2.05 + index / 10 for index in range(10)])
    assert plan.duration_s == 6


def test_an_arrival_at_the_foot_of_a_ramp_from_zero_comes_at_its_start() -> None:
    # The hold has the area 1/2 of the first arrival; then r(t) = 2 t, so the others follow at the roots of 1, 2, ...
    load = load_of(
        arrivals="even",
        stages=[hold("1/s", "500ms"), {"name": "rise", "from": "0/s", "to": "20/s", "duration": "10s"}],
    )

    times = all_times(schedule(load, seed=1))

    assert times.tolist() == pytest.approx([0.5 + math.sqrt(index) for index in range(100)])


def test_a_time_at_a_border_belongs_to_the_later_stage_and_none_is_beyond_the_last() -> None:
    plan = schedule(load_of(stages=[hold("10/s", "1s"), hold("20/s", "2s")]), seed=1)

    assert plan.stage_of(np.array([0.0, 0.999, 1.0, 2.999, 3.0, 9.0])).tolist() == [0, 0, 1, 1, 1, 1]


def test_a_fraction_of_an_arrival_counts_when_it_is_above_one_half() -> None:
    counts = {
        duration: len(all_times(schedule(load_of(arrivals="even", stages=[hold("10/s", duration)]), seed=1)))
        for duration in ("1.04s", "1.05s", "1.06s")
    }

    assert counts == {"1.04s": 10, "1.05s": 10, "1.06s": 11}


def test_a_stretched_poisson_schedule_keeps_its_rate() -> None:
    # 10,000 expected arrivals with standard deviation 100: five of them on each side.
    load = load_of(stages=[hold("100/s", "1h")])

    times = all_times(schedule(load, seed=8, stretch=100 / 3600))

    assert times[-1] <= 100
    assert times.size == pytest.approx(10_000, abs=500)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        # Rate times seconds of each stage, by hand; a ramp has the mean of its ends.
        # And a decay what it has above its floor, times its time constant, times the part of it that is over.
        ("promotion", [4800, 19_200, 6600, 72_000, 40 * 2790 + 360 * 360 / math.log(2) * (1 - 2 ** (-2790 / 360))]),
        ("bounce_storm", [4500, 90_000, 4800]),
        ("steady", [1000, 12_000]),
        ("smoke", [100]),
    ],
)
def test_bundled_schedules_have_the_counts_worked_out_by_hand(name: str, counts: list[float]) -> None:
    scenario = load_scenario(BUNDLED / f"{name}.yaml")
    plan = schedule_of(scenario)
    drawn = sum(np.bincount(plan.stage_of(block), minlength=len(counts)) for block in plan.blocks())

    assert plan.expected_arrivals == pytest.approx(sum(counts), rel=1e-12)
    # Even arrivals are exact; Poisson ones lie within five standard deviations.
    spread = 0.0 if scenario.load.arrivals.even else 5.0
    assert np.all(np.abs(drawn - np.array(counts)) <= spread * np.sqrt(counts))


def test_arrivals_next_to_each_other_on_a_wave_do_not_change_places() -> None:
    """With these seeds some are so near each other that a rounding error would do it."""
    wave = {"sine": {"mean": "1000/s", "amplitude": "1000/s", "period": "3h"}}
    load = load_of(arrivals={"gamma": {"dispersion": 1000}}, stages=[{"name": "a", "duration": "1d", "shape": wave}])
    blocks = [
        block for seed in (9, 10, 12, 14, 15, 18) for block in itertools.islice(schedule(load, seed).blocks(16_384), 4)
    ]

    assert all(np.all(np.diff(block) >= 0) for block in blocks)
