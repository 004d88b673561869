"""Response time at a throughput, exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.public_tables import SDM91_USL

from loadkit.analysis.curves import CAPPED, CURVES, POWER
from loadkit.analysis.response import time_at_throughput, usl_response_time

SCALE, CONTENTION, COHERENCY = SDM91_USL["g"], SDM91_USL["a"], SDM91_USL["b"]


def throughput(concurrency: float) -> float:
    others = concurrency - 1
    return SCALE * concurrency / (1 + CONTENTION * others + COHERENCY * concurrency * others)


def test_at_the_most_throughput_of_specsdm91() -> None:
    """51.23 ms at the peak between two whole clients, 50.96 ms with 96 of them; without b it would be 25.7 ms."""
    peak = math.sqrt((1 - CONTENTION) / COHERENCY)
    most = throughput(peak)
    assert usl_response_time(SCALE, CONTENTION, COHERENCY, most) == pytest.approx(peak / most, rel=1e-4)
    assert usl_response_time(SCALE, CONTENTION, COHERENCY, most) == pytest.approx(51.23e-3, rel=1e-3)
    assert usl_response_time(SCALE, CONTENTION, COHERENCY, throughput(96)) == pytest.approx(50.96e-3, abs=0.005e-3)
    assert usl_response_time(SCALE, CONTENTION, COHERENCY, 1.001 * most) is None
    assert (1 - CONTENTION) / (SCALE - CONTENTION * most) == pytest.approx(25.7e-3, rel=5e-3)


@given(
    concurrency=st.floats(1.0, 1000.0),
    contention=st.floats(0.0, 0.5),
    coherency=st.floats(0.0, 0.01),
)
def test_it_undoes_the_curve_on_its_rising_side(concurrency: float, contention: float, coherency: float) -> None:
    peak = math.sqrt((1 - contention) / coherency) if coherency else math.inf
    place = min(concurrency, max(1.0, 0.95 * peak))
    others = place - 1
    rate = 50 * place / (1 + contention * others + coherency * place * others)
    if place <= peak:
        assert usl_response_time(50, contention, coherency, rate) == pytest.approx(place / rate, rel=1e-6)


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_it_undoes_every_candidate(curve: object) -> None:
    known = {one.name: one for one in CURVES}
    parameters = {
        "linear": [math.log(5)],
        "linear with cap": [math.log(5), math.log(100)],
        "power": [math.log(5), 0.6],
        "Amdahl": [math.log(5), 0.1],
        "USL": [math.log(5), 0.02, 0.001],
    }
    for name, values in parameters.items():
        if known[name] is curve:
            rate = float(np.exp(known[name].log_throughput(np.array([values]), np.array([10.0]))[0, 0]))
            assert time_at_throughput(known[name], np.array(values), rate) == pytest.approx(10 / rate)


def test_above_a_cap_there_is_none() -> None:
    parameters = np.log([5.0, 100.0])
    assert time_at_throughput(CAPPED, parameters, 99.0) == pytest.approx(0.2)
    assert time_at_throughput(CAPPED, parameters, 101.0) is None
    assert time_at_throughput(POWER, np.array([math.log(5), 0.0]), 6.0) is None


def test_no_throughput_has_no_response_time() -> None:
    with pytest.raises(ValueError, match="above zero"):
        usl_response_time(1, 0, 0, 0)
