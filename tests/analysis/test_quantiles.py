"""Quantiles against independent computations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.stats import mstats

from loadkit.analysis import quantiles
from loadkit.analysis.quantiles import STATED_QUANTILES, harrell_davis, harrell_davis_at, quantile_of, smallest_sample


@pytest.mark.parametrize(
    ("quantile", "wanted"), [(0.95, 59), (0.99, 299), (0.999, 2995), (0.9995, 5990), (0.9999, 29_956)]
)
def test_smallest_samples(quantile: float, wanted: int) -> None:
    assert quantile in STATED_QUANTILES
    assert smallest_sample(quantile) == wanted
    # The chance that the largest of n values exceeds the quantile.
    assert 1 - quantile**wanted >= 0.95 > 1 - quantile ** (wanted - 1)


def test_correlated_values_need_more() -> None:
    assert smallest_sample(0.99, design_effect=2.0) == 598
    assert quantile_of(np.arange(299.0), 0.99) is not None
    assert quantile_of(np.arange(299.0), 0.99, design_effect=1.01) is None


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.95, 0.99])
def test_nearest_rank_is_the_smallest_value_that_enough_do_not_exceed(quantile: float) -> None:
    values = np.random.default_rng(1).permutation(np.arange(1.0, 1001.0))
    assert quantile_of(values, quantile) == quantile * 1000


@pytest.mark.parametrize("count", [5, 30, 700, 20_000])
@pytest.mark.parametrize("quantile", [0.02, 0.5, 0.95, 0.99, 0.999])
def test_harrell_davis_as_scipy_computes_it(count: int, quantile: float) -> None:
    values = np.sort(np.random.default_rng(count).lognormal(size=count))
    assert float(harrell_davis(values, quantile)) == pytest.approx(float(mstats.hdquantiles(values, [quantile])[0]))


def test_counts_are_repeated_values_for_every_sample_at_once() -> None:
    random = np.random.default_rng(2)
    values, counts = np.array([1.0, 2.0, 5.0, 9.0]), random.integers(0, 6, (3, 4))
    wanted = [harrell_davis(np.repeat(values, row), 0.8) for row in counts]

    assert harrell_davis(values, 0.8, counts) == pytest.approx(np.array(wanted, dtype=float))


def test_samples_that_are_put_together_are_as_if_their_counts_were_added_up() -> None:
    random = np.random.default_rng(3)
    values, counts = np.sort(random.random(60)), random.poisson(2.0, (6, 60))
    counts[3] = 0
    drawn = np.vstack([random.multinomial(6, np.full(6, 1 / 6), size=20), np.eye(6, dtype=np.int64)])
    levels = (0.02, 0.5, 0.95, 0.999)
    found = harrell_davis_at(values, levels, counts, drawn)
    wanted = [[harrell_davis(values, level, row) for row in drawn @ counts] for level in levels]
    assert found == pytest.approx(np.array(wanted), nan_ok=True)
    assert np.isnan(found[:, -3]).all()


def test_the_table_for_many_samples_changes_no_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    values = np.sort(random.lognormal(-3, 0.5, 300))
    counts = random.poisson(3 * random.lognormal(0, 0.3, (20, 1)), (20, 300))
    drawn = random.multinomial(20, np.full(20, 0.05), size=200)
    levels = (0.5, 0.95, 0.999)
    quick = harrell_davis_at(values, levels, counts, drawn)
    monkeypatch.setattr(quantiles, "_TABLE", 10**9)
    exact = harrell_davis_at(values, levels, counts, drawn)
    assert quick == pytest.approx(exact, rel=1e-5)
    assert (quick != exact).any()


def test_the_estimate_is_the_mean_over_all_ranks() -> None:
    """By numbers: weights are the beta distribution's probabilities of the ranks."""
    values, quantile = np.array([1.0, 4.0, 6.0]), 0.7
    ends = stats.beta((3 + 1) * quantile, (3 + 1) * (1 - quantile)).cdf(np.arange(4) / 3)
    assert float(harrell_davis(values, quantile)) == pytest.approx(float(np.diff(ends) @ values))


def test_no_values_have_no_quantile() -> None:
    assert math.isnan(float(harrell_davis(np.array([1.0, 2.0]), 0.5, np.zeros(2, dtype=np.int64))))
