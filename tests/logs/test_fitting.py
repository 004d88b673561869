from __future__ import annotations

import numpy as np
import pytest

from loadkit.logs.fitting import LEAST_SIZE_BYTES, fit_sizes, fit_table, fit_tally, quantile
from loadkit.logs.gathering import Spread, Tally
from loadkit.scenario.distributions import Constant, Lognormal, Table
from loadkit.scenario.load import parse_scenario
from loadkit.scenario.quantities import MAX_SIZE_BYTES

RANDOM = np.random.default_rng(5)


def spread(values: np.ndarray) -> Spread:
    result = Spread()
    result.add(values.astype(np.int64))
    return result


def test_log_normal_sizes_are_found_again() -> None:
    truth = Lognormal(12_000, 60_000, 5_000_000)
    fit = fit_sizes(spread(truth.sample(RANDOM, 50_000)))
    assert fit is not None
    assert isinstance(fit.distribution, Lognormal)
    assert fit.distribution.median == pytest.approx(12_000, rel=0.02)
    assert fit.distribution.p95 == pytest.approx(60_000, rel=0.04)
    assert fit.gap < 0.02
    assert abs(fit.mean_error) < 0.05


def test_sizes_of_two_kinds_become_a_table_with_the_same_mean() -> None:
    values = np.concatenate((np.full(7000, 2000), RANDOM.integers(90_000, 110_000, 3000)))
    fit = fit_sizes(spread(values))
    assert fit is not None
    assert isinstance(fit.distribution, Table)
    assert fit.mean == pytest.approx(values.mean(), rel=1e-9)
    assert abs(fit.mean_error) < 0.001
    assert fit.gap <= 0.06
    drawn = fit.distribution.sample(RANDOM, 20_000)
    assert (drawn < 3000).mean() == pytest.approx(0.7, abs=0.02)


def test_the_stated_gap_is_that_of_drawn_sizes() -> None:
    values = RANDOM.uniform(1000, 50_000, 20_000)
    fit = fit_sizes(spread(values))
    assert fit is not None
    drawn = np.sort(fit.distribution.sample(RANDOM, 20_000))
    ends = np.union1d(values, drawn)
    seen = np.searchsorted(np.sort(values), ends, side="right") / len(values)
    ours = np.searchsorted(drawn, ends, side="right") / len(drawn)
    assert np.abs(seen - ours).max() == pytest.approx(fit.gap, abs=0.02)


def test_one_size_is_a_constant_and_too_large_ones_become_the_largest_possible() -> None:
    fit = fit_sizes(spread(np.full(10, 5000)))
    assert fit is not None
    assert (fit.distribution, fit.gap, fit.mean_error) == (Constant(5000), 0, 0)
    huge = fit_sizes(spread(np.array([MAX_SIZE_BYTES * 3])))
    assert huge is not None
    assert huge.distribution == Constant(MAX_SIZE_BYTES)


def test_sizes_below_what_headers_take_become_the_least() -> None:
    fit = fit_sizes(spread(np.array([100, 200, 2000, 2000])))
    assert fit is not None
    assert fit.distribution == Table((LEAST_SIZE_BYTES, 2000), (0.5, 0.5))
    assert fit.mean == 1075
    assert fit.mean_error == pytest.approx(1256 / 1075 - 1)
    text = "scenario: x\nload: {stages: [{name: a, rate: 1/s, duration: 1m}]}\nmessages: {m: {size: 512B}}"
    assert parse_scenario(text).messages["m"].size == Constant(LEAST_SIZE_BYTES)


def test_few_numbers_keep_their_shares_and_many_are_grouped() -> None:
    tally = Tally(1000)
    tally.count(1, 900)
    tally.count(3, 100)
    fit = fit_tally(tally)
    assert fit is not None
    assert fit.distribution == Table((1, 3), (0.9, 0.1))
    assert fit.mean == 1.2
    assert fit.mean_error == pytest.approx(0, abs=1e-9)
    tally.add(np.arange(1, 1001))
    grouped = fit_tally(tally)
    assert grouped is not None
    assert isinstance(grouped.distribution, Table)
    assert len(grouped.distribution.values) <= 24
    assert sum(grouped.distribution.shares) == pytest.approx(1, abs=1e-9)
    assert abs(grouped.mean_error) < 0.01


def test_nothing_counted_is_no_distribution() -> None:
    assert fit_sizes(Spread()) is None
    assert fit_tally(Tally(3)) is None


def test_quantiles_by_nearest_rank() -> None:
    values, counts = np.array([1.0, 2.0, 9.0]), np.array([5, 4, 1])
    assert [quantile(values, counts, ratio) for ratio in (0.1, 0.5, 0.51, 0.9, 0.95, 1.0)] == [1, 1, 2, 2, 9, 9]


def test_a_share_too_small_to_write_is_left_out() -> None:
    fit = fit_table(np.array([1.0, 2.0]), np.array([10_000_000, 1]))
    assert fit.distribution == Constant(1)
