"""The trend of a correlated series: known answers, and intervals that hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from loadkit.measure.trend import LEAST_POINTS, trend_of

TRIALS = 400


def noise(generator: np.random.Generator, count: int, memory: float) -> npt.NDArray[np.float64]:
    """Noise of which each value keeps a share of the one before it."""
    shocks = generator.standard_normal(count + 200)
    for index in range(1, count + 200):
        shocks[index] += memory * shocks[index - 1]
    return shocks[200:]


def coverage(count: int, memory: float, slope: float) -> float:
    generator = np.random.default_rng(1)
    times_s = np.arange(count, dtype=float)
    held = 0
    for _ in range(TRIALS):
        trend = trend_of(times_s, slope * times_s + noise(generator, count, memory))
        assert trend is not None
        held += trend.low_per_s <= slope <= trend.high_per_s
    return held / TRIALS


def test_a_straight_line_is_found_exactly() -> None:
    times_s = np.arange(5.0, 65.0)
    trend = trend_of(times_s, 100 + 2.5 * times_s)
    assert trend is not None
    assert (trend.slope_per_s, trend.low_per_s, trend.high_per_s) == pytest.approx((2.5, 2.5, 2.5))


def test_a_constant_has_no_slope_and_no_doubt() -> None:
    trend = trend_of(np.arange(30.0), np.zeros(30))
    assert trend is not None
    assert (trend.slope_per_s, trend.low_per_s, trend.high_per_s) == (0, 0, 0)


def test_few_points_have_no_trend() -> None:
    assert trend_of(np.arange(LEAST_POINTS - 1.0), np.arange(LEAST_POINTS - 1.0)) is None
    assert trend_of(np.arange(float(LEAST_POINTS)), np.arange(float(LEAST_POINTS))) is not None


def test_times_may_have_gaps_between_stages() -> None:
    times_s = np.concatenate((np.arange(0.0, 20.0), np.arange(50.0, 80.0)))
    trend = trend_of(times_s, 3 * times_s)
    assert trend is not None
    assert trend.slope_per_s == pytest.approx(3)


def test_a_queue_that_fills_a_little_slower_after_a_while_rises_without_doubt() -> None:
    values = np.array([14.0, 27, 40, 53, 66, 77, 87, 97, 107, 117, 127, 137])
    trend = trend_of(np.arange(12.0), values)
    assert trend is not None
    assert trend.slope_per_s == pytest.approx(11.07, abs=0.01)
    assert 5 < trend.low_per_s < 11 < trend.high_per_s < 17


# 400 trials of 95 % have a standard error of 1.1 %.
@pytest.mark.parametrize(
    ("count", "memory", "least"),
    [(60, 0.0, 0.91), (60, 0.5, 0.91), (60, 0.9, 0.86), (120, 0.8, 0.90), (600, 0.8, 0.91), (600, 0.95, 0.90)],
)
def test_the_interval_holds_the_slope(count: int, memory: float, least: float) -> None:
    assert least <= coverage(count, memory, 3.0) <= 0.99


def test_the_interval_for_independent_noise_is_about_the_usual_one() -> None:
    """Its half width is 1.96 s / sqrt(sum d^2), here 1.96 / sqrt(600^3 / 12)."""
    times_s = np.arange(600.0)
    trend = trend_of(times_s, noise(np.random.default_rng(2), 600, 0.0))
    assert trend is not None
    assert (trend.high_per_s - trend.low_per_s) / 2 == pytest.approx(1.96 / (600**3 / 12) ** 0.5, rel=0.25)
