from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.binomial import binomial_bounds

from loadkit.scenario.distributions import (
    Constant,
    Distribution,
    Lognormal,
    Table,
    Uniform,
    choose,
    parse_distribution,
)
from loadkit.scenario.findings import FindingsError

EXAMPLES: list[Distribution] = [
    Constant(7),
    Uniform(1, 50),
    Lognormal(12 * 1024, 40 * 1024, 1024 * 1024),
    Lognormal(100, 400, 500),
    Table((1, 20, 300), (0.7, 0.2, 0.1)),
]


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("distribution", EXAMPLES, ids=str)
def test_the_mean_of_many_draws_is_the_stated_mean(distribution: Distribution) -> None:
    draws = distribution.sample(generator(), 100_000)

    standard_error = draws.std() / 100_000**0.5
    assert draws.mean() == pytest.approx(distribution.mean, abs=4 * standard_error + 1e-9)


@pytest.mark.parametrize("distribution", EXAMPLES, ids=str)
@given(seed=st.integers(0, 2**32), first=st.integers(0, 50), second=st.integers(0, 50))
@settings(max_examples=20)
def test_two_draws_are_one_draw_cut_in_two(distribution: Distribution, seed: int, first: int, second: int) -> None:
    whole = distribution.sample(generator(seed), first + second)
    parts = generator(seed)

    joined = np.concatenate((distribution.sample(parts, first), distribution.sample(parts, second)))

    assert joined.dtype == np.int64
    assert joined.tolist() == whole.tolist()


@given(low=st.integers(1, 10**6), width=st.integers(0, 10**6), seed=st.integers(0, 2**32))
def test_uniform_stays_within_its_ends(low: int, width: int, seed: int) -> None:
    draws = Uniform(low, low + width).sample(generator(seed), 50)

    assert draws.min() >= low
    assert draws.max() <= low + width


def test_uniform_reaches_both_ends_equally_often() -> None:
    counts = np.bincount(Uniform(1, 4).sample(generator(), 40_000))

    lowest, highest = binomial_bounds(40_000, 0.25)
    assert counts.tolist()[0] == 0
    assert lowest <= counts[1:].min() <= counts[1:].max() <= highest


def test_lognormal_has_the_stated_median_and_95th_percentile() -> None:
    draws = Lognormal(12_288, 40_960, 1_048_576).sample(generator(), 200_000)

    assert np.median(draws) == pytest.approx(12_288, rel=0.015)
    assert np.quantile(draws, 0.95) == pytest.approx(40_960, rel=0.02)


def test_lognormal_is_capped_and_never_overflows() -> None:
    draws = Lognormal(2, 10**6, 10**6).sample(generator(), 100_000)

    assert draws.max() == 10**6
    assert draws.min() == 1
    lowest, highest = binomial_bounds(100_000, 0.05)
    assert lowest <= np.count_nonzero(draws == 10**6) <= highest


def test_table_draws_each_value_with_its_share() -> None:
    draws = Table((5, 1, 9), (0.5, 0.3, 0.2)).sample(generator(), 50_000)

    for value, share in ((5, 0.5), (1, 0.3), (9, 0.2)):
        lowest, highest = binomial_bounds(50_000, share)
        assert lowest <= np.count_nonzero(draws == value) <= highest


def test_choose_takes_weights_of_any_sum_and_never_leaves_them() -> None:
    indexes = choose(generator(), (30.0, 10.0), 40_000)

    assert set(indexes.tolist()) == {0, 1}
    lowest, highest = binomial_bounds(40_000, 0.75)
    assert lowest <= np.count_nonzero(indexes == 0) <= highest


@pytest.mark.parametrize(
    ("distribution", "least", "most"),
    [
        (Constant(7), 7, 7),
        (Uniform(1, 50), 1, 50),
        (Lognormal(5, 9, 20), 5, 20),
        (Table((20, 1), (0.5, 0.5)), 1, 20),
    ],
    ids=str,
)
def test_ends(distribution: Distribution, least: int, most: int) -> None:
    assert (distribution.least, distribution.most) == (least, most)


def read_number(value: object) -> int:
    return int(str(value))


@pytest.mark.parametrize("distribution", EXAMPLES, ids=str)
def test_what_is_written_reads_back(distribution: Distribution) -> None:
    assert parse_distribution(distribution.to_plain(int), read_number) == distribution


def test_every_wrong_number_is_found() -> None:
    with pytest.raises(FindingsError) as caught:
        parse_distribution({"uniform": ["low", "high"]}, read_number)

    assert [finding.key for finding in caught.value.findings] == [("uniform", 0), ("uniform", 1)]
