"""Service demand against ordinary regression and a search for where the band ends."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import linregress, t

from loadkit.analysis.demand import fit_demand
from loadkit.analysis.refusal import RefusedError

RATES = np.array([100.0, 200, 300, 400, 500, 600])
CPU = np.array([0.13, 0.21, 0.33, 0.42, 0.50, 0.62])


def test_it_is_ordinary_regression_with_students_t() -> None:
    cpu = fit_demand(RATES, {"cpu": CPU}).resources[0]
    theirs = linregress(RATES, CPU)
    reach = float(t.ppf(0.975, 4))
    assert cpu.demand.value == pytest.approx(theirs.slope)
    assert cpu.demand.high == pytest.approx(theirs.slope + reach * theirs.stderr)
    assert cpu.background.low == pytest.approx(theirs.intercept - reach * theirs.intercept_stderr)


def test_the_cap_and_its_interval_are_where_line_and_band_reach_the_limit() -> None:
    cpu = fit_demand(RATES, {"cpu": CPU}, limits={"cpu": 0.9}).resources[0]
    assert cpu.cap.value == pytest.approx((0.9 - cpu.background.value) / cpu.demand.value)
    spread, reach = float(((RATES - RATES.mean()) ** 2).sum()), float(t.ppf(0.975, 4)) * cpu.scatter

    def edge(rate: float, sign: int) -> float:
        width = reach * math.sqrt(1 / 6 + (rate - RATES.mean()) ** 2 / spread)
        return cpu.background.value + cpu.demand.value * rate + sign * width - 0.9

    assert cpu.cap.low == pytest.approx(brentq(edge, 100, 5000, args=(1,)))
    assert cpu.cap.high == pytest.approx(brentq(edge, 100, 5000, args=(-1,)))


def test_the_first_to_give_out_is_the_bottleneck() -> None:
    fit = fit_demand(RATES, {"disk": 0.1 + RATES * 1e-4, "cpu": CPU, "network": RATES * 1e-5})
    assert [one.resource for one in fit.resources] == ["cpu", "disk", "network"]
    assert fit.bottleneck is not None
    assert fit.bottleneck.resource == "cpu"
    assert fit.resources[2].cap.value == pytest.approx(0.8 / 1e-5)  # u* / D where nothing else uses it
    assert json.loads(json.dumps(fit.to_dict(), allow_nan=False))["bottleneck"] == "cpu"
    assert repr(fit).splitlines()[1].startswith("cpu")


def test_a_resource_that_does_not_feel_the_load_has_no_cap() -> None:
    fit = fit_demand(RATES, {"memory": [0.40, 0.41, 0.40, 0.39, 0.40, 0.39]})
    assert fit.bottleneck is None
    assert fit.resources[0].cap.value == math.inf
    vague = fit_demand(RATES, {"disk": [0.10, 0.30, 0.05, 0.28, 0.12, 0.26]}).resources[0]
    assert math.isfinite(vague.cap.value)
    assert vague.cap.high == math.inf  # a demand of zero is not excluded
    assert vague.cap.low < vague.cap.value


def test_intervals_of_the_cap_hold_the_truth() -> None:
    held = 0
    for seed in range(200):
        used = 0.02 + RATES * 1e-3 + 0.02 * np.random.default_rng(seed).standard_normal(6)
        cap = fit_demand(RATES, {"cpu": used}).resources[0].cap
        held += cap.low <= 780 <= cap.high
    assert 181 <= held <= 198  # 95 % of 200 is 190


def test_what_tells_no_demand_is_refused() -> None:
    with pytest.raises(RefusedError, match="3 trials at 1 throughputs"):
        fit_demand([5, 5, 5], {"cpu": [0.1, 0.2, 0.3]})


@pytest.mark.parametrize(
    ("used", "limits"), [({}, {}), ({"cpu": [0.1]}, {}), ({"cpu": CPU}, {"cpu": 1.5})], ids=["none", "length", "limit"]
)
def test_what_is_no_utilisation_is_an_error(used: dict[str, object], limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"resource|limit"):
        fit_demand(RATES, used, limits=limits)  # type: ignore[arg-type]
