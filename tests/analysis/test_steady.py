"""Warm-up, backlog, batch means and design effects: known answers, and intervals that hold as often as they say."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from loadkit.analysis.steady import (
    backlog_of,
    batch_means,
    design_effect,
    lag_one_correlation,
    warm_up_of,
)

Floats = npt.NDArray[np.float64]


def remembering(random: np.random.Generator, count: int, memory: float) -> Floats:
    """Noise of which each value keeps a share of the one before it."""
    values = random.standard_normal(count + 200)
    for index in range(1, values.size):
        values[index] += memory * values[index - 1]
    return values[200:]


def mser_by_brute_force(values: Floats) -> tuple[int, bool]:
    means = values[: values.size // 5 * 5].reshape(-1, 5).mean(axis=1)
    n = means.size
    errors = [float(((means[d:] - means[d:].mean()) ** 2).sum()) / (n - d) ** 2 for d in range(n // 2 + 1)]
    removed = errors.index(min(errors))
    return removed * 5, removed < n // 2


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_mser_is_its_formula(seed: int, shift: float) -> None:
    random = np.random.default_rng(seed)
    values = shift + 8 * np.exp(-np.arange(203) / 15) * (seed % 3) + random.standard_normal(203)
    found = warm_up_of(values)

    assert (found.removed, found.steady) == mser_by_brute_force(values)
    assert found.values == 203


def test_a_transient_of_known_length_is_removed() -> None:
    random = np.random.default_rng(1)
    removed = [
        warm_up_of(np.concatenate((random.normal(6, 1, 50), random.normal(0, 1, 450)))).removed for _ in range(100)
    ]
    assert min(removed) >= 50
    assert np.median(removed) <= 60


def test_what_never_settles_is_not_steady() -> None:
    assert not warm_up_of(np.arange(200.0)).steady
    assert warm_up_of(np.full(200, 3.3)) == warm_up_of(np.zeros(200))
    assert warm_up_of(np.zeros(200)).removed == 0
    with pytest.raises(ValueError, match="at least 20"):
        warm_up_of(np.arange(19.0))


def test_linear_growth_ends_near_twice_its_mean_and_a_steady_queue_at_its_mean() -> None:
    growing, steady = backlog_of(3 * np.arange(1000.0)), backlog_of(np.full(1000, 40.0))

    assert growing.end_to_mean == pytest.approx(1.9, abs=0.01)
    assert growing.growing
    assert growing.slope_per_s == pytest.approx(3.0)
    assert steady.end_to_mean == 1
    assert not steady.growing


def test_growth_within_what_is_allowed_is_none() -> None:
    assert not backlog_of(3 * np.arange(60.0), least_per_s=3.5).growing
    assert backlog_of(3 * np.arange(60.0), least_per_s=2.5).growing


def test_a_short_or_empty_backlog_claims_nothing() -> None:
    short = backlog_of(np.arange(5.0))
    assert math.isnan(short.low_per_s)
    assert not short.growing
    assert backlog_of(np.zeros(0)).end_to_mean == 1


def test_a_steady_queue_is_seldom_called_growing() -> None:
    random = np.random.default_rng(2)
    assert sum(backlog_of(remembering(random, 60, 0.8)).growing for _ in range(300)) <= 300 * 0.06


def test_batch_means_of_independent_values_are_the_usual_interval() -> None:
    values = np.random.default_rng(3).normal(10, 2, 40)
    while lag_one_correlation(values) >= 0.2:
        values = np.random.default_rng(4).permutation(values)
    found = batch_means(values)
    usual = stats.t.interval(0.95, 39, loc=values.mean(), scale=stats.sem(values))

    assert (found.low, found.high) == pytest.approx(usual)
    assert (found.batches, found.batch_size, found.sound) == (40, 1, True)


def test_correlated_values_get_larger_batches_and_an_interval_that_holds() -> None:
    random = np.random.default_rng(5)
    found = [batch_means(remembering(random, 2000, 0.7)) for _ in range(300)]

    # A correlation of 20 to 39 values that is 0 in truth exceeds 0.2 in one of ten.
    assert sum(one.sound for one in found) >= 0.85 * len(found)
    assert min(one.batch_size for one in found) > 1
    assert min(one.batches for one in found) >= 20
    held = sum(one.low <= 0 <= one.high for one in found) / len(found)
    assert held == pytest.approx(0.93, abs=0.04)


def test_too_few_values_are_refused_or_said_not_to_be_sound() -> None:
    with pytest.raises(ValueError, match="at least 20"):
        batch_means(np.arange(19.0))
    assert not batch_means(np.arange(30.0)).sound


def test_independent_events_have_no_design_effect() -> None:
    random = np.random.default_rng(6)
    effects = [
        design_effect(random.binomial(100, 0.05, 200).astype(float), np.full(200, 100.0)).effect for _ in range(100)
    ]
    assert np.mean(effects) == pytest.approx(1.04, abs=0.05)


def test_events_that_come_in_tens_are_worth_a_tenth() -> None:
    random = np.random.default_rng(7)
    bad = 10 * random.binomial(100, 0.02, 400).astype(np.float64)
    found = design_effect(bad, np.full(400, 1000.0))

    assert found.effect == pytest.approx(10, rel=0.2)
    assert found.effective_events == pytest.approx(40_000, rel=0.25)
    assert found.to_dict()["effective_events"] == found.effective_events


def test_bursts_over_several_seconds_are_joined() -> None:
    """Bursts that go on for four seconds are four times as heavy as their seconds look."""
    random = np.random.default_rng(8)
    bad = np.repeat(20.0 * random.binomial(1, 0.2, 200), 4)
    alone = design_effect(random.permutation(bad), np.full(800, 100.0)).effect

    assert design_effect(bad, np.full(800, 100.0)).effect > 2 * alone


def test_nothing_bad_or_all_bad_says_nothing_of_bursts() -> None:
    total = np.full(30, 10.0)
    assert design_effect(np.zeros(30), total).effect == 1
    assert design_effect(total, total).effect == 1
    assert design_effect(np.zeros(0), np.zeros(0)).effect == 1


def test_results_can_be_read() -> None:
    assert repr(backlog_of(np.full(20, 4.0))) == "<Backlog: not growing, +0/s, end 1.00 of the mean>"
    assert backlog_of(np.full(20, 4.0)).to_dict()["end_to_mean"] == 1
    assert warm_up_of(np.zeros(40)).to_dict() == {"values": 40, "removed": 0, "steady": True}
    assert repr(batch_means(np.arange(30.0))).endswith("TOO FEW VALUES>")
    assert batch_means(np.arange(30.0)).to_dict()["batches"] == 30
