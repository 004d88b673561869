"""Histograms against the package they are stored with, and against known answers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from loadkit.measure.histogram import (
    COUNTS_LENGTH,
    HIGHEST_US,
    Histogram,
    counts_index,
    nearest_rank,
    smallest_sample,
)


@given(st.lists(st.integers(0, HIGHEST_US), min_size=1, max_size=50))
def test_values_are_counted_where_the_package_counts_them(values: list[int]) -> None:
    package = HdrHistogram(1, HIGHEST_US, 3)
    assert package.counts_len == COUNTS_LENGTH
    expected = [package._counts_index_for(value) for value in values]
    assert counts_index(np.array(values)).tolist() == expected


@given(st.lists(st.floats(0, 3000), min_size=1, max_size=200), st.floats(0.01, 0.999))
def test_quantiles_are_nearest_rank_within_three_digits(values: list[float], quantile: float) -> None:
    histogram = Histogram()
    histogram.record_s(np.array(values))
    exact = np.quantile(values, quantile, method="inverted_cdf")
    assert histogram.quantile_s(quantile) == pytest.approx(exact, rel=1.1e-3, abs=2e-6)
    assert histogram.quantile_s(quantile) >= exact - 1e-6


def test_the_99th_of_1_to_100_is_99() -> None:
    histogram = Histogram()
    histogram.record_s(np.arange(1, 101) / 1000)
    assert histogram.quantile_s(0.99) == pytest.approx(0.099, rel=1e-3)
    assert histogram.quantile_s(0.5) == pytest.approx(0.050, rel=1e-3)
    assert histogram.max_s == pytest.approx(0.1, rel=1e-3)


@given(st.lists(st.floats(0, 100), max_size=30), st.lists(st.floats(0, 100), max_size=30))
def test_merging_is_adding(first: list[float], second: list[float]) -> None:
    one, other, both = Histogram(), Histogram(), Histogram()
    one.record_s(np.array(first))
    other.record_s(np.array(second))
    both.record_s(np.array(first + second))
    one.merge(other)
    assert one == both


@given(st.lists(st.floats(0, 3600), max_size=60))
def test_what_is_encoded_is_decoded(values: list[float]) -> None:
    histogram = Histogram()
    histogram.record_s(np.array(values))
    assert Histogram.decode(histogram.encode()) == histogram


def test_values_outside_the_range_are_clipped() -> None:
    histogram = Histogram()
    histogram.record_s(np.array([-0.5, 0.0, 1e9]))
    assert (histogram.total, histogram.min_s) == (3, 0.0)
    assert histogram.quantile_s(0.5) == 0.0
    assert histogram.max_s == pytest.approx(3600, rel=1e-3)


@given(st.lists(st.floats(0, 3600), min_size=1, max_size=100))
def test_mean_and_extremes_are_within_three_digits(values: list[float]) -> None:
    histogram = Histogram()
    histogram.record_s(np.array(values))
    assert histogram.mean_s == pytest.approx(float(np.mean(values)), rel=1e-3, abs=2e-6)
    assert histogram.min_s == pytest.approx(min(values), rel=1e-3, abs=2e-6)
    assert histogram.max_s == pytest.approx(max(values), rel=1e-3, abs=2e-6)
    assert histogram.min_s <= min(values) + 1e-6
    assert histogram.max_s >= max(values) - 1e-6


def test_an_empty_histogram_knows_nothing() -> None:
    empty = Histogram()
    assert empty.total == 0
    assert all(np.isnan([empty.mean_s, empty.min_s, empty.max_s, empty.quantile_s(0.5)]))
    assert Histogram.decode(empty.encode()) == empty


@given(st.integers(1, 9999), st.integers(1, 100_000))
def test_a_rank_is_the_least_that_covers_the_quantile(per_10_000: int, total: int) -> None:
    assert nearest_rank(per_10_000 / 10_000, np.int64(total)) == math.ceil(Fraction(per_10_000, 10_000) * total)


@pytest.mark.parametrize(
    ("quantile", "total", "rank"), [(0.07, 100, 7), (0.99, 100, 99), (0.999, 1000, 999), (0.5, 1, 1)]
)
def test_ranks_that_binary_fractions_would_miss(quantile: float, total: int, rank: int) -> None:
    assert nearest_rank(quantile, np.int64(total)) == rank


def test_the_package_decodes_what_we_encode() -> None:
    histogram = Histogram()
    histogram.record_s(np.array([0.001, 0.002, 0.5, 30.0]))
    package = HdrHistogram.decode(histogram.encode())
    assert package.get_total_count() == 4
    assert package.get_value_at_percentile(50) == pytest.approx(2000, rel=1e-3)
    assert package.get_max_value() == pytest.approx(30e6, rel=1e-3)


def test_a_histogram_of_another_precision_is_refused() -> None:
    other = HdrHistogram(1, HIGHEST_US, 2)
    other.record_value(5)
    with pytest.raises(ValueError, match="another range or precision"):
        Histogram.decode(other.encode())


def test_damage_is_refused() -> None:
    with pytest.raises(ValueError, match="not a histogram"):
        Histogram.decode(b"HISTFAAAAA")


@pytest.mark.parametrize(
    ("quantile", "sample"), [(0.95, 59), (0.99, 299), (0.999, 2995), (0.9995, 5990), (0.9999, 29956)]
)
def test_smallest_samples(quantile: float, sample: int) -> None:
    assert smallest_sample(quantile) == sample
