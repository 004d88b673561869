"""Comparisons: against scipy, by simulation, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from loadkit.analysis.change import (
    DIRECTIONS,
    Better,
    Bracket,
    Outcome,
    Sample,
    compare_brackets,
    compare_quantiles,
    compare_runs,
    judge_ratio,
)
from loadkit.measure.statistics import PHASE_METRICS

VALUES = np.arange(1.0, 401.0)


def batches(
    random: np.random.Generator, median: float, *, units: int = 20, each: int = 1000, scatter: float = 0.05
) -> Sample:
    """Log-normal durations in whole steps; batches differ among each other by a share."""
    medians = median * np.exp(scatter * random.standard_normal(units))
    drawn = [np.clip(random.lognormal(math.log(one), 0.3, each), 1, 400).astype(int) for one in medians]
    counts: npt.NDArray[np.int64] = np.array([np.bincount(one - 1, minlength=400) for one in drawn])
    return Sample(counts)


def test_a_ratio_of_runs_is_welchs_interval_on_logarithms() -> None:
    ours, theirs = [510.0, 470.0, 495.0, 530.0], [400.0, 410.0, 395.0]
    found = compare_runs("capacity", theirs, ours)
    wanted = stats.ttest_ind(np.log(ours), np.log(theirs), equal_var=False).confidence_interval(0.95)

    assert (found.low, found.high) == pytest.approx((math.exp(wanted.low), math.exp(wanted.high)))
    assert found.ratio == pytest.approx(stats.gmean(ours) / stats.gmean(theirs))
    assert found.outcome is Outcome.BETTER


def test_better_has_one_direction_for_each_metric() -> None:
    assert {metric for metric, way in DIRECTIONS.items() if way is Better.LOWER} == {
        "response_time",
        "service_time",
        "end_to_end_time",
        "backlog",
        "cost_per_million",
        *(metric.value for metric in PHASE_METRICS.values()),
    }
    for metric, way in DIRECTIONS.items():
        more = Outcome.BETTER if way is Better.HIGHER else Outcome.WORSE
        assert judge_ratio(metric, 1.1, 1.2, 1.3) is more
        assert judge_ratio(metric, 1 / 1.3, 1 / 1.2, 1 / 1.1) is not more


@pytest.mark.parametrize(
    ("low", "ratio", "high", "outcome"),
    [
        (1.01, 1.03, 1.045, Outcome.SAME),  # significant, and a trifle
        (1.01, 1.04, 1.07, Outcome.UNDECIDED),  # significant, and may be a trifle
        (1.01, 1.06, 1.11, Outcome.BETTER),
        (0.99, 1.06, 1.13, Outcome.UNDECIDED),
        (0.0, 0.5, 0.9, Outcome.WORSE),
    ],
)
def test_significance_and_weight_are_both_asked(low: float, ratio: float, high: float, outcome: Outcome) -> None:
    assert judge_ratio("capacity", low, ratio, high) is outcome


def test_few_runs_are_refused_with_how_many_would_do() -> None:
    found = compare_runs("capacity", [400.0, 410.0], [500.0, 505.0])
    assert (found.outcome, found.units_needed) == (Outcome.UNDECIDED, 3)
    assert "no scatter" in found.refused
    assert found.to_dict()["low"] is None


def test_an_undecided_comparison_says_how_many_runs_would_do_and_they_do() -> None:
    random = np.random.default_rng(1)
    few = compare_runs("capacity", random.normal(400, 40, 4).tolist(), random.normal(400, 40, 4).tolist())
    assert few.outcome is Outcome.UNDECIDED
    assert few.units_needed is not None
    assert few.units_needed > 4
    more = 2 * few.units_needed
    again = compare_runs("capacity", random.normal(400, 40, more).tolist(), random.normal(400, 40, more).tolist())
    assert again.outcome is Outcome.SAME


def test_equal_runs_have_a_ratio_without_doubt() -> None:
    found = compare_runs("capacity", [400.0] * 3, [500.0] * 3)
    assert (found.low, found.ratio, found.high) == pytest.approx((1.25, 1.25, 1.25))


def test_brackets_bound_their_ratio() -> None:
    found = compare_brackets(Bracket(100, 105), Bracket(100, 105))
    assert (found.low, found.high) == pytest.approx((100 / 105, 1.05))
    assert found.outcome is Outcome.UNDECIDED
    assert compare_brackets(Bracket(100, 105), Bracket(80, 84)).outcome is Outcome.WORSE
    assert compare_brackets(Bracket(100, 103), Bracket(101, 104), floor=0.1).outcome is Outcome.SAME


def test_quantile_intervals_hold_the_true_ratio() -> None:
    """By simulation: batches differ more than their messages, which resampling messages would not see."""
    random = np.random.default_rng(2)
    held = {"p50": 0, "p99": 0}
    for number in range(16):
        found = compare_quantiles("response_time", VALUES, batches(random, 60), batches(random, 66), seed=number)
        for one in found:
            if one.figure in held:
                held[one.figure] += one.low <= 1.1 <= one.high
    # 16 trials of 95 %: 13 or more with a chance of 99.3 %.
    assert held["p50"] >= 13
    assert held["p99"] >= 13


def test_shifts_are_seen_and_named_by_direction() -> None:
    random = np.random.default_rng(3)
    baseline, slower = batches(random, 60), batches(random, 80)
    found = {one.figure: one for one in compare_quantiles("response_time", VALUES, baseline, slower)}
    back = {one.figure: one for one in compare_quantiles("response_time", VALUES, slower, baseline)}

    assert list(found) == ["p50", "p95", "p99", "p99.9"]
    for figure in ("p50", "p95", "p99"):
        assert (found[figure].outcome, back[figure].outcome) == (Outcome.WORSE, Outcome.BETTER)
        assert found[figure].ratio == pytest.approx(80 / 60, rel=0.06)
        assert found[figure].ratio == pytest.approx(1 / back[figure].ratio)


def test_a_sample_too_small_for_a_quantile_is_refused_for_that_one_alone() -> None:
    random = np.random.default_rng(4)
    small = [batches(random, 60, units=10, each=100, scatter=0.0) for _ in range(2)]
    found = {one.figure: one for one in compare_quantiles("response_time", VALUES, *small)}

    assert not found["p99"].refused
    assert found["p99.9"].refused
    # 2,995 values are 29.95 batches of 100.
    assert found["p99.9"].units_needed == 30
    assert "p99.9: undecided, too few values" in repr(found["p99.9"])


def test_two_batches_show_no_scatter() -> None:
    random = np.random.default_rng(5)
    found = compare_quantiles("response_time", VALUES, batches(random, 60, units=2), batches(random, 60))
    assert all(one.outcome is Outcome.UNDECIDED and "no scatter" in one.refused for one in found)


def test_the_same_seed_gives_the_same_interval() -> None:
    random = np.random.default_rng(6)
    sides = batches(random, 60), batches(random, 60)
    assert compare_quantiles("response_time", VALUES, *sides, seed=3) == compare_quantiles(
        "response_time", VALUES, *sides, seed=3
    )


def test_times_of_0_have_no_ratio() -> None:
    values = np.array([0.0, 1.0, 2.0])
    none, some = (Sample(np.array([row] * 10)) for row in ([900, 50, 50], [0, 500, 500]))

    median, *_ = compare_quantiles("response_time", values, some, none)

    assert (median.outcome, median.refused) == (Outcome.UNDECIDED, "times of 0 have no ratio")
