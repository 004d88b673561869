"""Processes of rate 1: their blocks, their counts and the dispersion that they are said to have."""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.arrivals import ARRIVALS

from loadkit.scenario.processes import Arrivals, Gamma, Mmpp, Poisson

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadkit.scenario.curve import Floats
    from loadkit.scenario.processes import Process

BURSTS = Mmpp(dispersion=20, factor=5, share="10%")


def first_areas(process: Process, seed: int, count: int, max_block: int = 4096) -> Floats:
    blocks = islice(process.areas(seed, max_block), -(-count // max_block))
    return np.concatenate(list(blocks))[:count]


def counts_in_windows(process: Process, seed: int, windows: int, width: float) -> Floats:
    count = int(windows * width * 1.5) + 1000
    areas = first_areas(process, seed, count, 65_536)
    assert areas[-1] > windows * width
    return np.histogram(areas, bins=windows, range=(0, windows * width))[0].astype(np.float64)


def mmpp_dispersion(process: Mmpp, width: float) -> float:
    """The index in a window (Fischer and Meier-Hellstern, 1993), which grows as bursts fit into the window."""
    changes = width / (process.burst_area * (1 - process.share))
    return 1 + (process.dispersion - 1) * (1 - (1 - math.exp(-changes)) / changes)


def gamma_dispersion(process: Gamma, width: float) -> float:
    """The index in a long window (Cox, Renewal Theory, 1962, 4.5, for a renewal process in equilibrium)."""
    return process.dispersion + (1 - process.dispersion**2) / (6 * width)


@pytest.mark.parametrize("arrivals", ARRIVALS, ids=str)
@settings(max_examples=10, deadline=None)
@given(first=st.integers(1, 700), second=st.integers(1, 700), seed=st.integers(0, 2**63 - 1))
def test_the_size_of_blocks_changes_nothing(arrivals: Any, first: int, second: int, seed: int) -> None:
    process = Arrivals.model_validate(arrivals).process

    one, other = first_areas(process, seed, 2000, first), first_areas(process, seed, 2000, second)

    assert np.array_equal(one, other)
    assert np.all(np.diff(one) >= 0)


@pytest.mark.parametrize(
    ("process", "width", "expected"),
    [
        (Poisson(), 50, 1.0),
        (Gamma(dispersion=4), 100, gamma_dispersion(Gamma(dispersion=4), 100)),
        (Gamma(dispersion=0.25), 40, gamma_dispersion(Gamma(dispersion=0.25), 40)),
        (Gamma(dispersion=30), 500, gamma_dispersion(Gamma(dispersion=30), 500)),
        (BURSTS, 3, mmpp_dispersion(BURSTS, 3)),
        (BURSTS, 100, mmpp_dispersion(BURSTS, 100)),
        (
            Mmpp(dispersion=5, factor=2, share="50%"),
            200,
            mmpp_dispersion(Mmpp(dispersion=5, factor=2, share="50%"), 200),
        ),
    ],
    ids=["poisson", "gamma-4", "gamma-quarter", "gamma-30", "mmpp-short-window", "mmpp", "mmpp-on-off"],
)
def test_counts_have_the_stated_dispersion(process: Process, width: float, expected: float) -> None:
    """The variance of n counts has the standard error s^2 (2 / n + excess / n)^1/2; five of them, as measured here."""
    windows = 10_000
    counts = counts_in_windows(process, 3, windows, width)
    excess = float((((counts - counts.mean()) / counts.std()) ** 4).mean()) - 3
    error = math.sqrt((2 + max(0.0, excess)) / windows)

    assert counts.mean() == pytest.approx(width, abs=5 * math.sqrt(expected * width / windows))
    assert counts.var(ddof=1) / counts.mean() == pytest.approx(expected, rel=5 * error)


def test_limits_are_what_is_stated() -> None:
    assert gamma_dispersion(Gamma(dispersion=4), 1e9) == pytest.approx(4)
    assert mmpp_dispersion(BURSTS, 1e9) == pytest.approx(20)


@pytest.mark.parametrize("arrivals", ARRIVALS[1:], ids=str)
def test_arrivals_are_in_equilibrium_from_the_start(arrivals: Any) -> None:
    """In the first unit of area one arrival is expected; a renewal process that began at 0 would have 2.5 of them."""
    process = Arrivals.model_validate(arrivals).process
    seeds = 2000
    counts = np.array([np.count_nonzero(next(process.areas(seed, 32)) < 1) for seed in range(seeds)])

    assert counts.mean() == pytest.approx(1, abs=5 * counts.std() / math.sqrt(seeds))


def distance(gaps: Floats, cumulative: Callable[[float], float]) -> float:
    """Kolmogorov and Smirnov's, times the square root of the number: below 1.95 with probability 0.999."""
    expected = np.array([cumulative(gap) for gap in np.sort(gaps)])
    return float(np.abs(np.arange(1, gaps.size + 1) / gaps.size - expected).max() * math.sqrt(gaps.size))


def test_gaps_of_renewals_are_gamma() -> None:
    """With a dispersion of 2 and a mean of 1 they are chi-squared of one degree of freedom."""
    gaps = np.diff(first_areas(Gamma(dispersion=2), 11, 20_001))

    assert distance(gaps, lambda gap: math.erf(math.sqrt(gap / 2))) < 1.95


def test_gaps_in_bursts_and_between_them_have_their_rates() -> None:
    """Bursts of 1,200 messages and pauses without one: gaps are of rate 10, but for one in 1,200."""
    process = Mmpp(dispersion=2000, factor=10, share="10%")
    areas = first_areas(process, 5, 100_000)
    gaps = np.diff(areas)
    pauses = gaps[gaps > 5]

    assert process.low_factor == 0
    assert np.median(gaps) == pytest.approx(math.log(2) / 10, rel=0.03)
    assert process.factor * process.burst_area == pytest.approx(1234, rel=1e-3)
    assert pauses.size == pytest.approx(100_000 / 1234, abs=5 * math.sqrt(100_000 / 1234))
    assert pauses.sum() / areas[-1] == pytest.approx(0.9, abs=0.1)


def test_a_dispersion_of_one_is_poisson() -> None:
    gaps = np.diff(first_areas(Gamma(dispersion=1), 2, 20_001))

    assert distance(gaps, lambda gap: 1 - math.exp(-gap)) < 1.95


@pytest.mark.parametrize(
    ("arrivals", "words"),
    [
        ("even", "even"),
        ("poisson", "poisson"),
        ({"gamma": {"dispersion": 0.5}}, "gamma renewals with an index of dispersion of 0.5"),
        (
            {"mmpp": {"dispersion": 20, "factor": 5, "share": "10%"}},
            (
                "Markov-modulated Poisson with an index of dispersion of 20: bursts of about 30 messages at 5 times "
                "the rate, 10% of the time"
            ),
        ),
    ],
    ids=["even", "poisson", "gamma", "mmpp"],
)
def test_arrivals_are_read_named_and_written_alike(arrivals: Any, words: str) -> None:
    read = Arrivals.model_validate(arrivals)

    assert read.process.words == words
    assert Arrivals.model_validate(read.model_dump(by_alias=True, exclude_none=True, mode="json")) == read
    assert (read.model_dump(exclude_none=True) == arrivals) or not isinstance(arrivals, str)


def test_long_forms_of_names_are_read_too() -> None:
    assert Arrivals.model_validate({"poisson": {}}) == Arrivals.model_validate("poisson")
