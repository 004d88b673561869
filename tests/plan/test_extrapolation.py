"""Extrapolation: grades at their limits, and answers that widen."""

from __future__ import annotations

import math

import pytest

from loadkit.plan.extrapolation import Axis, Support, Widening, joint_sd_log, support_of, worst


def axis(name: str, extent: float | None, sd_log: float = 0.0) -> Axis:
    return Axis(name, "", 1.0, None if extent is None else 1 / extent, extent, sd_log, "", "")


@pytest.mark.parametrize(
    ("extent", "support"),
    [
        (0.2, Support.MEASURED),
        (1.0, Support.MEASURED),
        (1.01, Support.SUPPORTED),
        (1.5, Support.SUPPORTED),
        (1.51, Support.MODELLED),
        (3.0, Support.MODELLED),
        (3.1, Support.RANGE_ONLY),
        (10.0, Support.RANGE_ONLY),
        (10.1, Support.UNSUPPORTED),
        (None, Support.UNSUPPORTED),
    ],
)
def test_grades_at_their_limits(extent: float | None, support: Support) -> None:
    assert support_of(extent) is support


def test_a_single_number_is_said_up_to_three_times_what_was_measured() -> None:
    assert [support.single_number for support in Support] == [True, True, True, False, False]


def test_the_worst_axis_is_the_grade() -> None:
    assert worst((axis("rate", 2.0), axis("boxes", 1.0), axis("cores", 1.2))) is Support.MODELLED
    assert worst((axis("rate", 1.0), axis("cores", None))) is Support.UNSUPPORTED


def test_each_doubling_widens() -> None:
    widening = Widening(0.05, 0.15)
    assert [widening.sd_log(extent) for extent in (None, 0.5, 1.0)] == [0.0, 0.0, 0.0]
    assert widening.sd_log(2.0) == pytest.approx(0.2)
    assert widening.sd_log(8.0) == pytest.approx(0.5)


def test_boxes_and_rate_are_one_step() -> None:
    axes = (axis("rate", 4.0, 0.35), axis("boxes", 2.0, 0.2), axis("cores", 2.0, 0.2), axis("concurrency", 1.0))
    assert joint_sd_log(axes) == pytest.approx(math.hypot(0.35, 0.2))
