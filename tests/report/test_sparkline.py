from __future__ import annotations

import numpy as np
import pytest

from loadkit.report.sparkline import ASCII, BLOCKS, column_peaks, fits, sparkline, time_axis
from loadkit.scenario.curve import Curve
from loadkit.units import format_duration


def test_a_column_has_the_highest_rate_of_its_time() -> None:
    curve = Curve.hold(10, 4).then(Curve.hold(50, 0.001)).then(Curve.hold(0, 0.999)).then(Curve.ramp(0, 40, 5))
    assert column_peaks(curve, 10) == pytest.approx([10, 10, 10, 10, 50, 8, 16, 24, 32, 40])
    assert column_peaks(Curve.hold(7, 3), 4) == pytest.approx([7, 7, 7, 7])
    assert column_peaks(Curve.sine(10, 10, 8, 8), 4).tolist() == pytest.approx([20, 10, 10, 20], rel=1e-4)


def test_a_step_counts_for_the_later_column_alone() -> None:
    assert column_peaks(Curve.hold(1, 2).then(Curve.hold(9, 2)), 4) == pytest.approx([1, 1, 9, 9])


@pytest.mark.parametrize("marks", [BLOCKS, ASCII], ids=["blocks", "ascii"])
def test_heights(marks: str) -> None:
    assert sparkline(np.array([0, 0.001, 1, 1.01, 4, 8]), marks) == "".join(
        marks[level] for level in (0, 1, 1, 2, 4, 8)
    )
    assert sparkline(np.zeros(3), marks) == "   "


def test_the_axis_has_as_many_labels_as_fit() -> None:
    assert time_axis(3600, 64, format_duration) == "0s           15m00s          30m00s          45m00s        1h00m"
    assert time_axis(3600, 24, format_duration) == "0s       30m00s    1h00m"
    assert time_axis(3600, 10, format_duration) == "0s   1h00m"
    assert time_axis(3600, 5, format_duration) == "0s"


def test_blocks_only_where_they_can_be_shown() -> None:
    assert fits(BLOCKS, "utf-8")
    assert not fits(BLOCKS, "latin-1")
    assert not fits(BLOCKS, None)
    assert not fits(BLOCKS, "no such encoding")
    assert fits(ASCII, "ascii")
