"""Histograms against the package they are stored with, and against known answers."""

from __future__ import annotations

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from loadkit.measure.histogram import COUNTS_LENGTH, HIGHEST_US, Histogram, counts_index, smallest_sample


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


def test_damage_is_refused() -> None:
    with pytest.raises(ValueError, match="not a histogram"):
        Histogram.decode(b"HISTFAAAAA")


@pytest.mark.parametrize(
    ("quantile", "sample"), [(0.95, 59), (0.99, 299), (0.999, 2995), (0.9995, 5990), (0.9999, 29956)]
)
def test_smallest_samples(quantile: float, sample: int) -> None:
    assert smallest_sample(quantile) == sample
