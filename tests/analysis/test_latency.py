"""Latency against rate: queueing systems known again, quantiles that never cross, and no number above the capacity."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.analysis.latency import fit_latency
from loadkit.analysis.least_squares import Floats
from loadkit.analysis.queueing import mm1_response_quantile, mmc_response_quantile
from loadkit.analysis.refusal import RefusedError

QUANTILES = (0.5, 0.95, 0.99)
RATES = np.array([20.0, 35, 50, 65, 75, 85, 92])


def single_server(rates: Floats = RATES) -> dict[float, Floats]:
    return {one: np.array([mm1_response_quantile(rate, 0.01, one) for rate in rates]) for one in QUANTILES}


def shaken(latencies: dict[float, Floats], scatter: float, seed: int) -> dict[float, Floats]:
    """Each trial's quantiles moved together, and each a little by itself."""
    generator = np.random.default_rng(seed)
    count = len(next(iter(latencies.values())))
    common = generator.standard_normal(count)
    return {
        one: values * np.exp(scatter * (common + 0.3 * generator.standard_normal(count)))
        for one, values in latencies.items()
    }


def test_a_single_server_is_known_again() -> None:
    fit = fit_latency(RATES, single_server(), draws=100)
    assert fit.capacity.value == pytest.approx(100, rel=1e-4)
    assert fit.bend.value == pytest.approx(1, rel=1e-3)
    for one in QUANTILES:
        assert fit.floors[one].value == pytest.approx(-0.01 * math.log(1 - one), rel=1e-3)
        assert fit.latency(one, 97) == pytest.approx(mm1_response_quantile(97, 0.01, one), rel=1e-3)


def test_four_servers_are_met_between_the_trials() -> None:
    rates = np.array([100.0, 150, 200, 250, 300, 340, 370])
    latencies = {one: [mmc_response_quantile(4, rate, 0.01, one) for rate in rates] for one in QUANTILES}
    fit = fit_latency(rates, latencies, draws=100)
    assert fit.capacity.value == pytest.approx(400, rel=0.06)
    for one in QUANTILES:
        for rate in (120.0, 280.0, 355.0):
            assert fit.latency(one, rate) == pytest.approx(mmc_response_quantile(4, rate, 0.01, one), rel=0.12)


def test_above_the_capacity_there_is_no_number() -> None:
    fit = fit_latency(RATES, single_server(), draws=100)
    assert fit.latency(0.99, 100.1) is None
    assert fit.latency(0.99, 1e9) is None
    assert np.isnan(fit.band(0.5, [101.0]).high).all()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), scatter=st.floats(0.0, 0.4))
def test_quantiles_never_cross_and_grow_with_the_rate(seed: int, scatter: float) -> None:
    fit = fit_latency(RATES, shaken(single_server(), scatter, seed), draws=10)
    rates = np.linspace(0.0, 0.999 * fit.capacity.value, 50)
    curves = np.array([fit.band(one, rates).estimate for one in QUANTILES])
    assert (np.diff(curves, axis=0) >= 0).all()
    assert (np.diff(curves, axis=1) >= 0).all()
    assert 0.5 <= fit.bend.value <= 2.0
    assert fit.capacity.value > RATES.max()


@settings(max_examples=10, deadline=None)
@given(faster=st.floats(0.01, 100), seed=st.integers(0, 100))
def test_a_faster_clock_scales_the_fit(faster: float, seed: int) -> None:
    latencies = shaken(single_server(), 0.05, seed)
    plain = fit_latency(RATES, latencies, draws=5)
    scaled = fit_latency(RATES * faster, {one: values / faster for one, values in latencies.items()}, draws=5)
    assert scaled.capacity.value == pytest.approx(plain.capacity.value * faster, rel=1e-3)
    assert scaled.latency(0.95, 60 * faster) == pytest.approx((plain.latency(0.95, 60) or 0) / faster, rel=1e-3)


def test_intervals_hold_the_truth() -> None:
    known = mm1_response_quantile(60, 0.01, 0.99)
    held = capacity = 0
    for seed in range(30):
        fit = fit_latency(RATES, shaken(single_server(), 0.05, seed), draws=150, seed=seed)
        band = fit.band(0.99, [60.0])
        held += bool(band.low[0] <= known <= band.high[0])
        capacity += fit.capacity.low <= 100 <= fit.capacity.high
    assert min(held, capacity) >= 23  # 95 % of 30 is 28.5


def test_the_largest_rate_within_a_limit() -> None:
    fit = fit_latency(RATES, shaken(single_server(), 0.03, 1), draws=300)
    found = fit.rate_within(0.99, 0.25)
    assert found is not None
    assert found.value == pytest.approx(100 * (1 - 0.01 * math.log(100) / 0.25), rel=0.03)
    assert found.low < found.value < found.high
    assert fit.latency(0.99, found.value) == pytest.approx(0.25, rel=1e-6)
    assert fit.rate_within(0.99, 0.001) is None


def test_where_nothing_bends_capacity_has_no_upper_bound() -> None:
    rates = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    fit = fit_latency(rates, shaken(single_server(rates), 0.02, 3), draws=200)
    assert fit.capacity.high == math.inf
    assert "latency hardly bends over these rates: the capacity may be far above them" in fit.warnings
    assert fit.next_trial == (7.5, "latency has not bent yet, so capacity has no upper bound")


def test_too_little_is_refused_with_the_rates_to_measure() -> None:
    with pytest.raises(RefusedError, match="2 rates from 50 to 100") as refused:
        fit_latency([50, 100, 50], {0.99: [1, 2, 1]})
    assert refused.value.hint == "measure at 25, 50, 75, 100, 125, and above until the system can't keep up"


@pytest.mark.parametrize(
    "latencies", [{}, {1.5: RATES}, {0.5: RATES[:3]}, {0.5: RATES * 0}], ids=["none", "quantile", "length", "zero"]
)
def test_what_is_no_latency_is_an_error(latencies: dict[float, Floats]) -> None:
    with pytest.raises(ValueError, match=r"must be|quantile"):
        fit_latency(RATES, latencies)


def test_runs_with_several_trials_widen_what_they_share() -> None:
    generator = np.random.default_rng(8)
    rates, run = np.tile(RATES, 4), np.repeat(np.arange(4), len(RATES))
    effects = np.exp(0.2 * generator.standard_normal(4))[run]
    latencies = {one: values * effects for one, values in single_server(rates).items()}
    together, apart = (
        fit_latency(rates, latencies, run=runs, draws=400) for runs in (run.tolist(), None)
    )  # fmt: skip
    widths = [math.log(fit.band(0.5, [40.0]).high[0] / fit.band(0.5, [40.0]).low[0]) for fit in (together, apart)]
    assert widths[0] > 1.3 * widths[1]


def test_it_reads_well_and_is_plain_json() -> None:
    fit = fit_latency(RATES, single_server(), draws=50)
    assert repr(fit.band(0.5, [50, 200])).splitlines() == [
        "     rate   latency     interval",
        "       50   0.01386 s   0.01386 to 0.01386 s",
        "      200      none s   none to none s",
    ]
    assert repr(fit).splitlines()[1] == "  C 100 [100, 100]  theta 1 [1, 1]"
    plain = json.loads(json.dumps(fit.to_dict(), allow_nan=False))
    assert list(plain["quantiles"]) == ["p50", "p95", "p99"]
    assert plain["measured"] == [20.0, 92.0]
