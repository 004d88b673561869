"""Uncertain inputs: stated quantiles are honoured, draws are shared, and wider inputs never give narrower outputs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.plan.uncertain import Draws, Range, Spread, rank_correlations, strongest

positive = st.floats(1e-3, 1e9, allow_subnormal=False)
ranges = st.tuples(positive, positive, positive).map(sorted).map(lambda ends: Range(*ends))


@settings(max_examples=50, deadline=None)
@given(ranges)
def test_stated_quantiles_are_honoured(value: Range) -> None:
    for probability, stated in ((0.05, value.low), (0.5, value.mid), (0.95, value.high)):
        assert value.quantile(probability) == pytest.approx(stated, rel=1e-9)


@pytest.mark.parametrize("value", [Range(1e3, 10e3, 100e3), Range(1, 2, 50), Range(0.8, 1, 1.25), Range(3, 3, 9)])
def test_draws_honour_stated_quantiles_within_one_per_cent(value: Range) -> None:
    drawn = np.quantile(Draws(1000, 1).of("rate", value), (0.05, 0.5, 0.95))
    assert drawn == pytest.approx([value.low, value.mid, value.high], rel=0.01)


def test_draws_repeat_and_inputs_do_not_disturb_each_other() -> None:
    value = Range(1, 2, 3)
    assert np.array_equal(Draws(100, 7).of("size", value), Draws(100, 7).of("size", value))
    assert not np.array_equal(Draws(100, 7).of("size", value), Draws(100, 8).of("size", value))
    assert abs(np.corrcoef(Draws(1000, 7).of("size", value), Draws(1000, 7).of("rate", value))[0, 1]) < 0.1


def test_what_is_certain_is_the_same_in_every_draw() -> None:
    assert np.array_equal(Draws(5, 1).of("rate", Range.exactly(0.0)), np.zeros(5))


@pytest.mark.parametrize("ends", [(2, 1, 3), (1, 2, float("inf")), (0, 1, 2), (-1, 0, 1), (1, float("nan"), 2)])
def test_what_is_no_range_is_refused(ends: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError):
        Range(*ends)


@settings(max_examples=50, deadline=None)
@given(ranges, st.floats(0, 2), st.floats(0, 2))
def test_a_wider_input_never_gives_a_narrower_output(value: Range, narrow: float, wide: float) -> None:
    narrow, wide = sorted((narrow, wide))
    draws = Draws(200, 3)
    # Whole numbers of nodes, as plans have them.
    inner, outer = (Spread.of(np.ceil(draws.of("x", value.widened(sd)))) for sd in (narrow, wide))
    assert outer.p10 <= inner.p10 <= inner.p90 <= outer.p90
    assert outer.p50 == pytest.approx(inner.p50, rel=0.02, abs=1)


def test_widening_adds_as_independent_errors_do() -> None:
    widened = Range(50, 100, 200).widened(0.3)
    assert np.log(widened.high / 100) == pytest.approx(np.hypot(np.log(2), 1.6448536 * 0.3))
    assert Range.exactly(100).widened(0.3).low == pytest.approx(100 * np.exp(-1.6448536 * 0.3))


def test_a_spread_of_whole_numbers_is_whole() -> None:
    assert Spread.of([1, 2, 2, 3]) == Spread(1, 2, 3)


def test_the_strongest_driver_is_first_and_what_does_not_vary_is_none() -> None:
    draws = Draws(500, 1)
    one, two = draws.of("one", Range(1, 2, 4)), draws.of("two", Range(1, 2, 4))
    found = rank_correlations(one**3 - two, {"one": one, "two": two, "still": np.ones(500)})
    assert set(found) == {"one", "two"}
    assert list(strongest(found, 500, 1)) == ["one"]
    assert list(strongest(found, 500, 5)) == ["one", "two"]
    assert strongest({"one": 0.5, "two": -0.13, "chance": 0.12}, 500, 5) == {"one": 0.5}
    assert found["two"] < 0
    assert rank_correlations(np.ones(500), {"one": one}) == {}
    assert rank_correlations(np.array([1.0, 1, 2, 2]), {"x": np.array([5.0, 5, 7, 7])})["x"] == pytest.approx(1)
