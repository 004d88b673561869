"""Timetables: stages one behind the other, at the very edges of the curve over all of them."""

from __future__ import annotations

import numpy as np
import pytest

from loadkit.scenario.curve import Curve
from loadkit.scenario.timetable import Leg, StageSpan, Timetable


def test_legs_lie_one_behind_the_other() -> None:
    legs = (Leg("warm-up", Curve.hold(5, 2), measured=False), Leg("wave", Curve.sine(10, 5, 4, 8)))

    timetable = Timetable.of_legs(legs)

    assert timetable.stages == (
        StageSpan("warm-up", 0, 2, measured=False),
        StageSpan("wave", 2, 10, measured=True),
    )
    assert timetable.duration_s == 10
    assert timetable.curve is not None
    assert timetable.curve.area == pytest.approx(10 + 80)
    assert timetable.curve.rate_at(np.array([1.9, 2.0, 4.0])).tolist() == pytest.approx([5, 15, 5])
    assert timetable.stage_of(np.array([0.0, 1.999, 2.0, 10.0])).tolist() == [0, 0, 1, 1]


def test_a_stretched_timetable_keeps_its_rates_and_its_edges() -> None:
    legs = tuple(Leg(f"s{number}", Curve.hold(number, 0.1 * number)) for number in range(1, 60))

    timetable = Timetable.of_legs(legs).stretched(0.37)

    assert timetable.curve is not None
    assert [span.start_s for span in timetable.stages] == timetable.curve.edges_s[:-1].tolist()
    assert [span.end_s for span in timetable.stages] == timetable.curve.edges_s[1:].tolist()
    assert timetable.curve.levels.tolist() == list(range(1, 60))


def test_a_closed_loop_has_no_curve() -> None:
    timetable = Timetable((StageSpan("main", 0, 5, measured=True),)).stretched(2)

    assert timetable.curve is None
    assert timetable.stages == (StageSpan("main", 0, 10, measured=True),)
