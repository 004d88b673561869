"""Interval histograms: recorded by the batch, and settled one by one: added to the run's totals and written."""

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

_RESERVED_ROWS = 256


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
        # Memory that is only reserved costs nothing; to grow later would stall the loop for milliseconds.
        self._counts = np.zeros((min(size, _RESERVED_ROWS), COUNTS_LENGTH), dtype=np.int64)
        self._used = 0
        self._top = 0

    def record(self, numbers: Integers, indexes: Integers, counts: Integers | int = 1) -> None:
        """Count values.

        Args:
            numbers: Which histogram.
            indexes: `counts_index` of the value; as many.
            counts: How often; as many, or one for all.
        """
        if not numbers.size:
            return
        rows = self._rows[numbers]
        if rows.min() < 0:
            self._allot(np.flatnonzero(np.bincount(numbers[rows < 0])))
            rows = self._rows[numbers]
        self._top = max(self._top, int(indexes.max()) + 1)
        np.add.at(self._counts.reshape(-1), rows * COUNTS_LENGTH + indexes, counts)

    def _allot(self, numbers: Integers) -> None:
        while self._used + numbers.size > len(self._counts):
            grown = np.zeros((2 * len(self._counts), COUNTS_LENGTH), dtype=np.int64)
            grown[: self._used, : self._top] = self._counts[: self._used, : self._top]
            self._counts = grown
        self._rows[numbers] = np.arange(self._used, self._used + numbers.size)
        self._used += numbers.size

    def numbers(self) -> list[int]:
        """The histograms that have values."""
        used: list[int] = np.flatnonzero(self._rows >= 0).tolist()
        return used

    def row(self, number: int) -> Integers:
        """Counts of a histogram from index 0 on."""
        return self._counts[self._rows[number], : self._top if self._rows[number] >= 0 else 0]

    def get(self, number: int) -> tuple[Integers, Integers]:
        """Indexes and counts of a histogram, without zeros."""
        row = self.row(number)
        indexes = np.flatnonzero(row)
        return indexes, row[indexes]

    def take(self, number: int) -> tuple[Integers, Integers]:
        """As `get`, and forget the histogram."""
        indexes, counts = self.get(number)
        self._counts[self._rows[number], indexes] = 0
        self._rows[number] = -1
        return indexes, counts

    def recycle(self) -> None:
        """Give out the rows again from the first; every histogram must have been taken."""
        self._used = self._top = 0


class IntervalHistograms(Mapping["Series", Histogram]):
    """A run's histograms by series: the totals of settled intervals, the closed one and the open one.

    Args:
        series: Every series there may be; values are recorded by its number in this tuple.
        writer: Where closed intervals go, or None.
    """

    def __init__(self, series: tuple[Series, ...], writer: HistogramWriter | None) -> None:
        self._series = series
        self._numbers = {one: number for number, one in enumerate(series)}
        self._writer = writer
        self._open, self._closed = HistogramBank(len(series)), HistogramBank(len(series))
        self._start_s = self._closed_start_s = self._closed_length_s = 0.0
        self._unsettled: deque[int] = deque()
        self._totals: dict[int, Histogram] = {}

    @property
    def start_s(self) -> float:
        """When the open interval began, in seconds since the run's start."""
        return self._start_s

    def record(self, numbers: Integers, indexes: Integers, counts: Integers | int = 1) -> None:
        """Count values: number of the series, `counts_index` of the value, and how often."""
        self._open.record(numbers, indexes, counts)

    def close(self, now_s: float) -> None:
        """End the open interval and begin the next."""
        self.settle_all()
        self._closed.recycle()
        self._open, self._closed = self._closed, self._open
        self._unsettled.extend(self._closed.numbers())
        self._closed_start_s, self._closed_length_s = self._start_s, now_s - self._start_s
        self._start_s = now_s

    def settle_one(self) -> None:
        """Add one histogram of the closed interval to the totals and write it.

        At 0.3 ms each, all of them at once would stall the load generator's loop.
        """
        if not self._unsettled:
            return
        number = self._unsettled.popleft()
        interval = Histogram()
        interval.add_counts(*self._closed.take(number))
        self._totals.setdefault(number, Histogram()).merge(interval)
        if self._writer:
            self._writer.append_histogram(self._series[number], self._closed_start_s, self._closed_length_s, interval)

    def settle_all(self) -> None:
        """Settle what is left of the closed interval."""
        while self._unsettled:
            self.settle_one()

    def __getitem__(self, series: Series) -> Histogram:
        number = self._numbers[series]
        histogram = Histogram()
        histogram.merge(self._totals.get(number, histogram))
        for bank in (self._closed, self._open):
            histogram.add_all(bank.row(number))
        return histogram

    def __iter__(self) -> Iterator[Series]:
        return (self._series[number] for number in sorted(self._used_numbers()))

    def __len__(self) -> int:
        return len(self._used_numbers())

    def _used_numbers(self) -> set[int]:
        return {*self._totals, *self._closed.numbers(), *self._open.numbers()}
