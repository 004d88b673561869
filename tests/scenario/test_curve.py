from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial.legendre import leggauss

from loadkit.scenario.curve import Curve

_RATES = st.just(0.0) | st.floats(1e-9, 1e4)  # scenarios have no smaller ones, and squares of much smaller ones are 0
_LENGTHS = st.floats(0.1, 1e5)


@st.composite
def _pieces(draw: st.DrawFn) -> Curve:
    length_s = draw(_LENGTHS)
    match draw(st.sampled_from(("ramp", "decay", "sine"))):
        case "ramp":
            return Curve.ramp(draw(_RATES), draw(_RATES), length_s)
        case "decay":
            return Curve.decay(draw(_RATES), draw(_RATES), length_s * draw(st.floats(0.1, 3)), length_s)
    mean = draw(_RATES)
    period_s = length_s * draw(st.floats(0.3, 3))
    return Curve.sine(mean, mean * draw(st.floats(0, 1)), period_s, length_s, peak_s=draw(_LENGTHS))


@st.composite
def _curves(draw: st.DrawFn) -> Curve:
    curve = draw(_pieces())
    for other in draw(st.lists(_pieces(), max_size=3)):
        curve = curve.then(other) if draw(st.booleans()) else curve.plus(other)
    return curve


def _quadrature(curve: Curve, start_s: float, end_s: float) -> float:
    """The area by Gauss and Legendre's rule between all edges, which knows nothing of the closed forms."""
    nodes, weights = leggauss(24)
    edges = np.union1d(curve.edges_s[(curve.edges_s > start_s) & (curve.edges_s < end_s)], (start_s, end_s))
    fine = np.unique(np.concatenate([np.linspace(a, b, 9) for a, b in itertools.pairwise(edges)]))
    total = 0.0
    for a, b in itertools.pairwise(fine):
        # The rate at a step is that of the later piece, so no node may fall on an edge: those of this rule don't.
        total += float((weights * curve.rate_at((b - a) / 2 * nodes + (a + b) / 2)).sum()) * (b - a) / 2
    return total


def test_known_areas() -> None:
    assert Curve.hold(10, 5).area == 50
    assert Curve.ramp(0, 10, 4).area == 20
    assert Curve.decay(100, 0, 10, 10).area == pytest.approx(1000 * (1 - math.exp(-1)), rel=1e-14)
    assert Curve.sine(50, 50, 60, 120).area == pytest.approx(6000, rel=1e-14)
    assert Curve.sine(0.5, 0.5, 1, 0.5, peak_s=0.25).area == pytest.approx(0.25 + 1 / (2 * math.pi), rel=1e-14)
    assert Curve.points((0, 1, 1, 2), (5, 5, 20, 0)).area == 15


def test_an_outline_has_both_sides_of_a_step() -> None:
    times_s, rates = Curve.hold(5, 2).then(Curve.ramp(9, 1, 2)).outline()
    assert times_s == pytest.approx([0, 2, 2, 4, 4])
    assert rates == pytest.approx([5, 5, 9, 1, 1])


def test_a_step_has_the_later_rate_and_nothing_lies_outside() -> None:
    curve = Curve.steps((0, 1, 2), (3, 7))
    assert curve.rate_at(np.array([-1.0, 0.0, 0.5, 1.0, 2.0, 2.1])).tolist() == [0, 3, 3, 7, 7, 0]
    assert curve.area_at(np.array([-1.0, 0.5, 1.5, 9.0])).tolist() == [0, 1.5, 6.5, 10]


def test_peaks() -> None:
    assert Curve.points((0, 1, 2), (1, 8, 2)).peak_per_s == 8
    assert Curve.sine(10, 5, 60, 90, peak_s=13).peak_per_s == pytest.approx(15, rel=1e-3)
    assert Curve.decay(30, 1, 5, 60).peak_per_s == pytest.approx(30)


def test_nothing_comes_while_the_rate_is_zero() -> None:
    curve = Curve.hold(1, 1).then(Curve.hold(0, 5)).then(Curve.hold(1, 1))
    assert curve.times_at(np.array([0.5, 1.0, 1.5])).tolist() == [0.5, 6.0, 6.5]


def test_the_busiest_window() -> None:
    tent = Curve.points((0, 10, 40), (0, 30, 0))
    start_s = tent.busiest(8)
    # Where both borders have one rate: 3 t = 40 - (t + 8), so t = 8.
    assert start_s == pytest.approx(8)
    assert Curve.hold(1, 60).busiest(10) == 0
    assert Curve.hold(1, 5).busiest(10) == 0
    assert Curve.sine(10, 5, 100, 100, peak_s=50).busiest(20) == pytest.approx(40, abs=0.5)


@given(_curves(), st.floats(0, 1), st.floats(0, 1))
def test_areas_are_those_of_quadrature(curve: Curve, one: float, two: float) -> None:
    start_s, end_s = sorted((one * curve.duration_s, two * curve.duration_s))
    area = float(np.diff(curve.area_at(np.array([start_s, end_s])))[0])
    if end_s > start_s:
        assert area == pytest.approx(_quadrature(curve, start_s, end_s), rel=1e-6, abs=1e-9 * max(1.0, curve.area))


@given(_curves(), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_times_are_where_the_area_is_reached(curve: Curve, shares: list[float]) -> None:
    areas = np.sort(np.array(shares)) * curve.area
    times = curve.times_at(areas)
    assert (np.diff(times) >= 0).all()
    assert (times >= 0).all()
    assert (times <= curve.duration_s).all()
    assert curve.area_at(times) == pytest.approx(areas, rel=1e-9, abs=1e-9 * max(1.0, curve.area))


@given(_curves(), _curves(), st.floats(0.01, 100))
def test_made_curves_have_the_areas_of_what_they_are_made_of(one: Curve, two: Curve, factor: float) -> None:
    assert one.then(two).area == pytest.approx(one.area + two.area, rel=1e-9)
    assert one.plus(two).area == pytest.approx(one.area + two.area, rel=1e-9)
    assert one.scaled(factor).area == pytest.approx(factor * one.area, rel=1e-9)
    assert one.stretched(factor).area == pytest.approx(factor * one.area, rel=1e-9)
    assert one.stretched(factor).peak_per_s == pytest.approx(one.peak_per_s)
    assert one.delayed(factor).area == pytest.approx(one.area)


@given(_curves(), st.floats(0, 1), st.floats(0, 1))
def test_a_cut_is_the_part_between(curve: Curve, one: float, two: float) -> None:
    start_s, end_s = sorted((one * curve.duration_s, two * curve.duration_s))
    if end_s - start_s < 1e-6 * curve.duration_s:
        return
    part = curve.cut(start_s, end_s)
    assert part.duration_s == pytest.approx(end_s - start_s)
    whole = float(np.diff(curve.area_at(np.array([start_s, end_s])))[0])
    assert part.area == pytest.approx(whole, rel=1e-6, abs=1e-9 * max(1.0, curve.area))


def test_the_busiest_window_may_begin_between_steps() -> None:
    """It loses 2 t / 399 at its begin and gains 3 - (t + 749 - 400) 3 / 1665 at its end until these are equal."""
    curve = Curve.points((0, 399, 399, 400, 400, 2065), (0, 2, 0, 0, 3, 0))
    start_s = curve.busiest(749)
    assert start_s == pytest.approx((3 - 349 * 3 / 1665) / (2 / 399 + 3 / 1665))


@given(_curves(), st.floats(0.01, 0.99), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_no_window_holds_more_than_the_busiest(curve: Curve, width: float, places: list[float]) -> None:
    width_s = width * curve.duration_s
    starts = np.concatenate(([curve.busiest(width_s)], np.array(places) * (curve.duration_s - width_s)))
    areas = curve.area_at(starts + width_s) - curve.area_at(starts)
    assert areas[0] >= areas.max() - 1e-3 * max(1e-9, curve.peak_per_s * width_s)


def test_a_time_does_not_depend_on_what_is_asked_with_it() -> None:
    """Where the rate touches zero, more steps are needed than elsewhere."""
    curve = Curve.sine(10, 10, 7, 100)
    areas = np.concatenate((np.random.default_rng(1).random(300), [0.0035, 0.035])) * curve.area
    alone = [float(curve.times_at(areas[place : place + 1])[0]) for place in range(len(areas))]
    assert curve.times_at(areas).tolist() == alone
