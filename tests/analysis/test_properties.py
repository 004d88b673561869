"""What holds for any data: more noise makes nothing surer, other units change nothing, and quantiles never cross."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.analysis import (
    Sample,
    batch_means,
    compare_failures,
    compare_quantiles,
    compare_runs,
    fit_demand,
    fit_latency,
    harrell_davis,
    mm1_response_quantile,
    quantile_of,
    success_interval,
)
from loadkit.analysis.change import Outcome
from loadkit.analysis.least_squares import Floats
from loadkit.analysis.quantiles import harrell_davis_at
from loadkit.measure.histogram import Histogram

LOUDER = st.floats(1.0, 4.0)
FACTORS = st.floats(1e-3, 1e3)
SEEDS = st.integers(0, 10_000)
RUNS = st.lists(st.floats(0.1, 1e4), min_size=3, max_size=8)
LEVELS = np.array([0.01, 0.2, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999])
RATES = np.array([20.0, 35, 50, 65, 75, 85, 92])


def spread(values: list[float], by: float) -> list[float]:
    """Values as many times as far from their geometric mean."""
    logs = np.log(values)
    spread_out: list[float] = np.exp(logs.mean() + by * (logs - logs.mean())).tolist()
    return spread_out


@given(RUNS, RUNS, LOUDER)
def test_runs_that_scatter_more_make_no_comparison_surer(first: list[float], second: list[float], by: float) -> None:
    quiet, loud = (
        compare_runs("capacity", first, second),
        compare_runs("capacity", spread(first, by), spread(second, by)),
    )
    assert loud.ratio == pytest.approx(quiet.ratio)
    assert loud.low <= quiet.low * (1 + 1e-9)
    assert loud.high >= quiet.high * (1 - 1e-9)
    assert loud.outcome in (quiet.outcome, Outcome.UNDECIDED)


@given(RUNS, RUNS, FACTORS)
def test_a_comparison_knows_no_units_and_turned_round_says_the_opposite(
    first: list[float], second: list[float], factor: float
) -> None:
    plain = compare_runs("capacity", first, second)
    scaled = compare_runs("capacity", [factor * one for one in first], [factor * one for one in second])
    turned = compare_runs("capacity", second, first)
    assert (scaled.ratio, scaled.low, scaled.high) == pytest.approx((plain.ratio, plain.low, plain.high), rel=1e-6)
    assert (turned.low, turned.high) == pytest.approx((1 / plain.high, 1 / plain.low), rel=1e-6)
    opposite = {Outcome.BETTER: Outcome.WORSE, Outcome.WORSE: Outcome.BETTER}
    assert turned.outcome is opposite.get(plain.outcome, plain.outcome)


@given(SEEDS, st.floats(1.0, 100.0))
@settings(max_examples=10, deadline=None)
def test_compared_quantiles_never_cross_and_know_no_units(seed: int, factor: float) -> None:
    random = np.random.default_rng(seed)
    values = np.arange(1.0, 41.0)
    sides = [Sample(random.poisson(random.uniform(0, 20, 40), (6, 40)) + (values == 20)) for _ in range(2)]
    changes = compare_quantiles("response_time", values, *sides)
    for figures in ([one.baseline for one in changes], [one.candidate for one in changes]):
        assert figures == sorted(figures)
    scaled = compare_quantiles("response_time", factor * values, *sides)
    assert [one.ratio for one in scaled] == pytest.approx([one.ratio for one in changes])
    assert [one.low for one in scaled] == pytest.approx([one.low for one in changes], nan_ok=True)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=30), st.integers(0, 29))
def test_harrell_davis_grows_with_the_quantile_and_stays_among_the_values(counts: list[int], one_more: int) -> None:
    often = np.array(counts)
    often[one_more % often.size] += 1
    values = np.sqrt(np.arange(float(often.size)))
    found = harrell_davis_at(values, LEVELS.tolist(), often)
    assert (np.diff(found) >= -1e-12).all()
    used = values[often > 0]
    assert used[0] - 1e-9 <= found[0] <= found[-1] <= used[-1] + 1e-9
    assert found[2] == pytest.approx(float(harrell_davis(np.repeat(values, often), LEVELS[2])))


@given(st.lists(st.floats(0, 1e4), min_size=60, max_size=120))
def test_nearest_ranks_never_cross(values: list[float]) -> None:
    exact = [quantile_of(np.array(values), level) for level in LEVELS]
    known = [one for one in exact if one is not None]
    assert known == sorted(known)
    assert exact[: len(known)] == known
    histogram = Histogram()
    histogram.record_s(np.array(values) / 10)
    coarse = [histogram.quantile_s(level) for level in LEVELS]
    assert coarse == sorted(coarse)


@given(SEEDS, LOUDER, FACTORS)
def test_a_mean_of_noisier_batches_is_known_less_well_and_scales(seed: int, by: float, factor: float) -> None:
    values = np.random.default_rng(seed).normal(10, 1, 60)
    quiet, loud = batch_means(values), batch_means(values.mean() + by * (values - values.mean()))
    assert loud.high - loud.low == pytest.approx(by * (quiet.high - quiet.low))
    scaled = batch_means(factor * values)
    assert (scaled.low, scaled.high) == pytest.approx((factor * quiet.low, factor * quiet.high))


@given(st.integers(1, 5000), st.integers(0, 5000), st.floats(1.0, 20.0), LOUDER)
def test_correlated_requests_tell_no_more_of_a_rate(requests: int, failed: int, effect: float, by: float) -> None:
    succeeded = max(requests - failed, 0)
    sure, less = (success_interval(succeeded, requests, design_effect=one) for one in (effect, by * effect))
    assert less.low <= sure.low + 1e-12
    assert less.high >= sure.high - 1e-12
    assert sure.low <= succeeded / requests <= sure.high


@given(st.lists(st.integers(0, 20), min_size=3, max_size=12), st.lists(st.integers(0, 20), min_size=3, max_size=12))
def test_shares_of_failures_turned_round_say_the_opposite(first: list[int], second: list[int]) -> None:
    sides = [(bad, [500] * len(bad)) for bad in (first, second)]
    plain, turned = compare_failures(sides[0], sides[1]), compare_failures(sides[1], sides[0])
    assert (turned.low, turned.high) == pytest.approx((-plain.high, -plain.low), abs=1e-12)
    assert plain.low <= plain.candidate - plain.baseline <= plain.high


@given(SEEDS, LOUDER, FACTORS)
def test_noisier_utilisation_makes_no_demand_surer_and_units_change_nothing(
    seed: int, by: float, factor: float
) -> None:
    random = np.random.default_rng(seed)
    rates = np.array([50.0, 100, 200, 300, 400])
    used = 0.05 + 0.0015 * rates + 0.02 * random.standard_normal(5)
    fitted = np.polyval(np.polyfit(rates, used, 1), rates)
    quiet, loud, scaled = (
        fit_demand(per_s, {"cpu": values}).resources[0]
        for per_s, values in ((rates, used), (rates, fitted + by * (used - fitted)), (factor * rates, used))
    )
    for name in ("background", "demand", "cap"):
        before, after = getattr(quiet, name), getattr(loud, name)
        slack = 1e-6 * abs(before.value)
        assert after.value == pytest.approx(before.value, rel=1e-6, abs=1e-9)
        assert after.low <= before.low + slack
        assert after.high >= before.high - slack
    assert scaled.cap.value == pytest.approx(factor * quiet.cap.value)
    assert scaled.demand.high == pytest.approx(quiet.demand.high / factor)


def louder(seed: int, by: float) -> tuple[dict[float, Floats], dict[float, Floats]]:
    """Latencies of one server, shaken, and the same as many times as far from the curve that fits them."""
    exact = {one: np.array([mm1_response_quantile(rate, 0.01, one) for rate in RATES]) for one in (0.5, 0.99)}
    shaken = np.exp(0.03 * np.random.default_rng(seed).standard_normal(RATES.size))
    quiet = {one: values * shaken for one, values in exact.items()}
    fit = fit_latency(RATES, quiet, draws=5)
    curves = {one: fit.band(one, RATES).estimate for one in quiet}
    return quiet, {one: curves[one] * (values / curves[one]) ** by for one, values in quiet.items()}


@given(SEEDS, LOUDER)
@settings(max_examples=4, deadline=None)
def test_noisier_latencies_make_no_curve_surer(seed: int, by: float) -> None:
    widths = []
    for latencies in louder(seed, by):
        band = fit_latency(RATES, latencies, draws=100).band(0.99, [30.0, 60.0, 80.0])
        widths.append(np.log(band.high / band.low))
    assert (widths[1] >= 0.9 * widths[0]).all()
