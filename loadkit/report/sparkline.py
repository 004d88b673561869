"""A rate curve as one line of a terminal, with an axis of time below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadkit.scenario.curve import Curve, Floats

BLOCKS = " ▁▂▃▄▅▆▇█"
ASCII = " .:-=+*#@"

_TICKS = 5


def column_peaks(curve: Curve, columns: int) -> Floats:
    """The highest rate in each of so many equal parts of a curve's time; shape (columns,)."""
    times_s, rates = curve.outline()
    borders_s = np.linspace(0.0, curve.duration_s, columns + 1)
    # A part has its own begin and goes up to the next one's.
    further_s = np.concatenate((borders_s[:-1], np.nextafter(borders_s[1:], 0.0)))
    times_s = np.concatenate((times_s, further_s))
    rates = np.concatenate((rates, curve.rate_at(further_s)))
    column = np.clip(np.searchsorted(borders_s, times_s, side="right") - 1, 0, columns - 1)
    peaks = np.zeros(columns)
    np.maximum.at(peaks, column, rates)
    return peaks


def sparkline(peaks: Floats, marks: str = BLOCKS) -> str:
    """One character for each value, relative to the highest; only what is zero is blank.

    Args:
        peaks: Values from 0 on; shape (n,).
        marks: Nine characters, from nothing to the highest.
    """
    most = peaks.max(initial=0.0)
    if most <= 0:
        return marks[0] * len(peaks)
    steps = len(marks) - 1
    levels = np.clip(np.ceil(peaks / most * steps - 1e-9), 0, steps).astype(int)
    return "".join(marks[max(level, 1) if peak > 0 else 0] for level, peak in zip(levels, peaks, strict=True))


def time_axis(duration_s: float, columns: int, label: Callable[[float], str]) -> str:
    """Labels below a line of so many columns, as many as have room, the first and the last at its ends.

    Args:
        duration_s: Time of the whole line in seconds.
        columns: Its characters.
        label: Text for a time.
    """
    for ticks in range(_TICKS, 1, -1):
        labels = [label(duration_s * number / (ticks - 1)) for number in range(ticks)]
        line = _placed(labels, columns)
        if line is not None:
            return line
    return label(0.0)


def _placed(labels: Sequence[str], columns: int) -> str | None:
    """The labels in a line, or None where they do not fit."""
    line = ""
    for number, text in enumerate(labels):
        middle = number * (columns - 1) / (len(labels) - 1)
        start = min(max(0, round(middle - (len(text) - 1) / 2)), columns - len(text))
        if start < len(line) + (2 if line else 0):
            return None
        line = line.ljust(start) + text
    return line


def fits(text: str, encoding: str | None) -> bool:
    """Whether a stream of an encoding can show a text."""
    try:
        text.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
