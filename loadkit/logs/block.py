"""Some lines of a log as bytes and arrays, so that no line is a Python object of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loadkit.logs.clock import NO_TIME, Clock, Integers, looks_timed
from loadkit.logs.files import MAX_LINE_BYTES

_NEWLINE = 10


class Block:
    """Whole lines of a log with their times.

    Args:
        data: The lines; each ends with a newline.
        first_line: Number of the first in its file, from 1.
        clock: Reads their times.

    Attributes:
        data: The lines without those that are too long, which left empty ones.
        too_long: Indexes of the lines that were too long.

    Notes:
        Few lines are about arrivals, so the time is read of those only that are asked for. Of all others it is seen
        whether they begin with something like a time. Reading every time took a third of all the work.
    """

    __slots__ = ("_array", "_clock", "_false_times", "_first_line", "_starts", "data", "too_long")

    def __init__(self, data: bytes, first_line: int, clock: Clock) -> None:
        ends = _newlines(data)
        lengths = np.diff(ends, prepend=-1)
        self.too_long: Integers = np.flatnonzero(lengths > MAX_LINE_BYTES)
        if self.too_long.size:
            data = _without(data, ends, self.too_long)
            ends = _newlines(data)
        self.data = data
        self._first_line = first_line
        self._clock = clock
        self._array = np.frombuffer(data, dtype=np.uint8)
        self._starts: Integers = np.concatenate((np.zeros(1, dtype=np.int64), ends[:-1] + 1))
        self._false_times: set[int] = set()

    def __len__(self) -> int:
        return len(self._starts)

    def timeless_lines(self) -> Integers:
        """Indexes of the lines that have no time and are not empty, those included whose time was read in vain."""
        unlike = np.flatnonzero(~looks_timed(self._array, self._starts))
        blank = np.diff(self._starts, append=len(self.data))[unlike] <= len(b"\r\n")
        return np.array(sorted({*unlike[~blank].tolist(), *self._false_times}), dtype=np.int64)

    def lines_at(self, positions: Sequence[int]) -> Integers:
        """Index of the line that each position in `data` is in."""
        indexes: Integers = np.searchsorted(self._starts, np.asarray(positions, dtype=np.int64), side="right") - 1
        return indexes

    def times_at(self, positions: Sequence[int]) -> Integers:
        """The time of the line that each position is in, in seconds since 1970, or `NO_TIME`."""
        lines = self.lines_at(positions)
        times = self._clock.read(self._array, self._starts[lines])
        self._false_times.update(lines[times == NO_TIME].tolist())
        return times

    def time_at(self, position: int) -> int:
        """The time of the line that a position is in, or `NO_TIME`."""
        return int(self.times_at([position])[0])

    def start_of(self, position: int) -> int:
        """Where the line that a position is in starts."""
        return self.data.rfind(b"\n", 0, position) + 1

    def number_of(self, index: int) -> int:
        """A line's number in its file."""
        return self._first_line + index


def _newlines(data: bytes) -> Integers:
    return np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == _NEWLINE)


def _without(data: bytes, ends: Integers, lines: Integers) -> bytes:
    kept, start = [], 0
    for line in lines:
        kept.append(data[start : ends[line - 1] + 1 if line else 0])
        start = int(ends[line])
    return b"".join((*kept, data[start:]))
