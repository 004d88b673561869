"""Interval histograms: recorded by the batch, added to the run's totals every ten seconds, and written one by one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from loadkit.measure.histogram import COUNTS_LENGTH, Histogram

if TYPE_CHECKING:
    from loadkit.measure.statistics import Series

Integers = npt.NDArray[np.int64]


class HistogramWriter(Protocol):
    """Where interval histograms go."""

    def append_histogram(self, series: Series, start_s: float, length_s: float, histogram: Histogram) -> None:
        """Keep the histogram of an interval that began at a time since the run's start."""


class HistogramBank:
    """Dense histograms that one array operation records into; a number gets its row when it first has a value.

    Args:
        size: How many histograms there may be; they are numbered from 0.
    """

    def __init__(self, size: int) -> None:
        self._rows = np.full(size, -1, dtype=np.int64)
        self._counts = np.zeros((8, COUNTS_LENGTH), dtype=np.int64)
        self._used = 0
        self._top = 0

    def record(self, numbers: Integers, indexes: Integers) -> None:
        """Count one value each.

        Args:
            numbers: Which histogram.
            indexes: `counts_index` of the value; as many.
        """
        if not numbers.size:
            return
        rows = self._rows[numbers]
        if rows.min() < 0:
            self._allot(np.unique(numbers[rows < 0]))
            rows = self._rows[numbers]
        self._top = max(self._top, int(indexes.max()) + 1)
        np.add.at(self._counts.reshape(-1), rows * COUNTS_LENGTH + indexes, 1)

    def _allot(self, numbers: Integers) -> None:
        while self._used + numbers.size > len(self._counts):
            self._counts = np.concatenate((self._counts, np.zeros_like(self._counts)))
        self._rows[numbers] = np.arange(self._used, self._used + numbers.size)
        self._used += numbers.size

    def numbers(self) -> list[int]:
        """The histograms that have values."""
        used: list[int] = np.flatnonzero(self._rows >= 0).tolist()
        return used

    def get(self, number: int) -> tuple[Integers, Integers]:
        """Indexes and counts of a histogram, without zeros."""
        row = self._counts[self._rows[number], : self._top if self._rows[number] >= 0 else 0]
        indexes = np.flatnonzero(row)
        return indexes, row[indexes]

    def clear(self) -> None:
        """Forget all values and keep the memory."""
        self._counts[: self._used, : self._top] = 0
        self._rows[:] = -1
        self._used = self._top = 0


class IntervalHistograms(Mapping["Series", Histogram]):
    """A run's histograms by series: the sum of all closed intervals and the open one.

    Args:
        series: Every series there may be; values are recorded by its number in this tuple.
        writer: Where closed intervals go, or None.
    """

    def __init__(self, series: tuple[Series, ...], writer: HistogramWriter | None) -> None:
        self._series = series
        self._numbers = {one: number for number, one in enumerate(series)}
        self._writer = writer
        self._open = HistogramBank(len(series))
        self._start_s = 0.0
        self._totals: dict[int, Histogram] = {}
        self._unwritten: deque[tuple[Series, float, float, Histogram]] = deque()

    def record(self, numbers: Integers, indexes: Integers) -> None:
        """Count one value each: number of the series and `counts_index` of the value."""
        self._open.record(numbers, indexes)

    def close(self, now_s: float) -> None:
        """End the open interval and begin the next."""
        while self._unwritten:
            self.write_one()
        for number in self._open.numbers():
            interval = Histogram()
            interval.add_counts(*self._open.get(number))
            self._totals.setdefault(number, Histogram()).merge(interval)
            if self._writer:
                self._unwritten.append((self._series[number], self._start_s, now_s - self._start_s, interval))
        self._open.clear()
        self._start_s = now_s

    @property
    def start_s(self) -> float:
        """When the open interval began, in seconds since the run's start."""
        return self._start_s

    def write_one(self) -> None:
        """Write one histogram of the closed interval; at 0.25 ms each, all at once would stall the loop."""
        if self._unwritten and self._writer:
            self._writer.append_histogram(*self._unwritten.popleft())

    def write_all(self) -> None:
        """Write what is still to be written."""
        while self._unwritten:
            self.write_one()

    def __getitem__(self, series: Series) -> Histogram:
        number = self._numbers[series]
        histogram = Histogram()
        histogram.merge(self._totals.get(number, histogram))
        histogram.add_counts(*self._open.get(number))
        return histogram

    def __iter__(self) -> Iterator[Series]:
        return (self._series[number] for number in sorted({*self._totals, *self._open.numbers()}))

    def __len__(self) -> int:
        return len({*self._totals, *self._open.numbers()})
