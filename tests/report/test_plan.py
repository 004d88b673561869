"""Plans in words: numbers in three digits, ranges, and money."""

from __future__ import annotations

import pytest

from loadkit.plan.uncertain import Spread
from loadkit.report.plan import number, range_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (2.0, "2"),
        (16.0, "16"),
        (17.5, "17.5"),
        (1203.7, "1,200"),
        (1_234_567.0, "1,230,000"),
        (0.012345, "0.0123"),
        (100.0, "100"),
        (float("nan"), "-"),
    ],
)
def test_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_a_range_of_one_value_is_that_value() -> None:
    assert range_of(Spread(8, 8, 8)) == "8"
    assert range_of(Spread(8, 12, 1234)) == "8 to 1,230"
