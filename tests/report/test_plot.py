"""Plots of text: where lines and points are, and what the axes say."""

from __future__ import annotations

import numpy as np

from loadkit.report.plot import Axes, Line, Points, plot

AXES = Axes("n", "rate", 10.0, "{:g}".format, "{:g}".format)
PLACES = np.linspace(0, 100, 50)


def picture(lines: list[Line], points: list[Points]) -> list[str]:
    return plot(AXES, lines, points, width=20, height=5).splitlines()


def test_a_line_rises_from_corner_to_corner_in_braille() -> None:
    rows = picture([Line(PLACES, PLACES / 10)], [])
    assert rows[0] == "rate"
    body = [row.partition("|")[2] for row in rows[1:6]]
    assert body[0].startswith(" " * 16)
    assert not body[0].endswith(" ")
    assert body[4][:4].strip()
    assert body[4][8:].strip() == ""
    assert all(0x2800 < ord(letter) <= 0x28FF for row in body for letter in row.strip())
    assert [row.partition("|")[0].strip() for row in rows[1:6]] == ["10", "", "6", "", ""]
    assert rows[6:] == ["0 +".rjust(4) + "-" * 20, "    0       50       100", "             n          "]


def test_points_stand_over_lines_and_what_is_beyond_is_cut_off() -> None:
    line = Line(PLACES, np.full(50, 5.0))
    rows = picture([line], [Points(np.array([50.0, 100.0, 200.0, 10.0]), np.array([5.0, 9.9, 5.0, 11.0]), "x")])
    body = [row.partition("|")[2] for row in rows[1:6]]
    assert [row.count("x") for row in body] == [1, 0, 1, 0, 0]
    assert body[2][10] == "x"
    assert body[0].index("x") == 19


def test_what_is_not_finite_or_too_large_is_not_drawn() -> None:
    rows = picture([Line(PLACES, np.where(PLACES < 50, np.nan, 1e9))], [])
    assert all(row.partition("|")[2] == "" for row in rows[1:6])


def test_dots_are_fewer_than_a_line() -> None:
    def dots(line: Line) -> int:
        return sum(
            (ord(letter) - 0x2800).bit_count() for row in picture([line], []) for letter in row if ord(letter) > 0x2800
        )

    assert dots(Line(PLACES, np.full(50, 5.0))) == 40
    assert dots(Line(PLACES, np.full(50, 5.0), dotted=True)) == 14
