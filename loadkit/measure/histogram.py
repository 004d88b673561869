"""Latency histograms in the HdrHistogram format, recorded by array: 1 us to 1 h, three significant digits."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from hdrh.histogram import HdrHistogram

from loadkit.measure.histogram_codec import DIGITS, LOWEST, decode_counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

HIGHEST_US = 3_600_000_000

# Three digits need 2,048 steps in the first bucket; every further bucket has 1,024 steps of double width.
_HALF_BITS = 10
_HALF = 1 << _HALF_BITS
_BUCKETS = 22
COUNTS_LENGTH = (_BUCKETS + 1) * _HALF

EXPORT_BOUNDS_S = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    1800.0,
)
"""Upper bounds of the buckets that monitoring systems are given."""


def to_us(values_s: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Seconds as whole microseconds within the histogram's range; negative values become 0."""
    return np.clip(np.rint(values_s * 1e6), 0, HIGHEST_US).astype(np.int64)


def counts_index(values_us: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Where values are counted, the same index as the package's own.

    Args:
        values_us: Microseconds from 0 to `HIGHEST_US`.

    Returns:
        Indexes from 0 to `COUNTS_LENGTH` - 1, of the same shape.
    """
    bit_length: npt.NDArray[np.int64]
    _, bit_length = np.frexp(values_us | (2 * _HALF - 1))
    bucket = bit_length.astype(np.int64) - (_HALF_BITS + 1)
    return (bucket << _HALF_BITS) + (values_us >> bucket)


def _value_tables() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Lowest value and width in microseconds per index."""
    index = np.arange(COUNTS_LENGTH, dtype=np.int64)
    bucket = np.maximum((index >> _HALF_BITS) - 1, 0)
    return (index - (bucket << _HALF_BITS)) << bucket, np.left_shift(1, bucket)


_LOWEST, _WIDTH = _value_tables()
_HIGHEST = _LOWEST + _WIDTH - 1
_MIDDLE = _LOWEST + (_WIDTH >> 1)


def highest_us(indexes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The upper ends in microseconds of the steps at indexes of `counts_index`."""
    return _HIGHEST[indexes]


def middles_s(indexes: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The middles in seconds of the steps at indexes of `counts_index`."""
    middles: npt.NDArray[np.float64] = _MIDDLE[indexes] / 1e6
    return middles


def nearest_rank(quantile: float, total: npt.NDArray[np.int64] | np.int64) -> npt.NDArray[np.int64]:
    """The rank from 1 of a quantile among sorted values: ceil(q n), and at least 1.

    Args:
        quantile: In [0, 1].
        total: How many values there are, one number or an array of them.
    """
    # 0.07 * 100 is 7.000000000000001 in binary and must stay rank 7.
    ranks: npt.NDArray[np.int64] = np.maximum(np.ceil(quantile * total * (1 - 1e-12)), 1).astype(np.int64)
    return ranks


def smallest_sample(quantile: float) -> int:
    """How many values it takes to bound a quantile from above with 95 % confidence.

    Args:
        quantile: In (0, 1).

    Returns:
        ceil(ln 0.05 / ln q): 59 for p95, 299 for p99.

    Notes:
        With n values, the largest exceeds the quantile q with probability 1 - q^n; below this n that is under 95 %.
    """
    return math.ceil(math.log(0.05) / math.log(quantile))


class Histogram:
    """How often each latency occurred; grows to the largest value seen, 188 KiB at most, and adds exactly."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    def record_s(self, values_s: npt.NDArray[np.float64]) -> None:
        """Count values in seconds, clipped to the range; NaN is not allowed."""
        self.add_counts(counts_index(to_us(values_s)), 1)

    def add_counts(self, indexes: npt.NDArray[np.int64], counts: npt.NDArray[np.int64] | int) -> None:
        """Add counts at indexes of `counts_index`, which may repeat."""
        if indexes.size:
            self._fit(int(indexes.max()) + 1)
            np.add.at(self._counts, indexes, counts)

    def add_cells(self, indexes: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> None:
        """As `add_counts`, and faster, for indexes that ascend and are all different."""
        if indexes.size:
            self._fit(int(indexes[-1]) + 1)
            self._counts[indexes] += counts

    def add_all(self, counts: npt.NDArray[np.int64]) -> None:
        """Add counts at the indexes from 0 on."""
        self._fit(counts.size)
        self._counts[: counts.size] += counts

    def merge(self, other: Histogram) -> None:
        """Add another histogram's counts to this one's."""
        self.add_all(other._counts)

    def _fit(self, length: int) -> None:
        if length > self._counts.size:
            grown = np.zeros(-(-length // _HALF) * _HALF, dtype=np.int64)
            grown[: self._counts.size] = self._counts
            self._counts = grown

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return np.array_equal(np.trim_zeros(self._counts, "b"), np.trim_zeros(other._counts, "b"))

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return f"<Histogram of {self.total} values>"

    def used(self) -> npt.NDArray[np.int64]:
        """The indexes of `counts_index` that have values, ascending."""
        return np.flatnonzero(self._counts)

    def counts_at(self, indexes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How often the values at indexes of `counts_index` occur."""
        counts = np.zeros(indexes.size, dtype=np.int64)
        known = indexes < self._counts.size
        counts[known] = self._counts[indexes[known]]
        return counts

    @property
    def total(self) -> int:
        """How many values were counted."""
        return int(self._counts.sum())

    def quantile_s(self, quantile: float) -> float:
        """The nearest-rank quantile in seconds; NaN when empty.

        Args:
            quantile: In [0, 1].

        Returns:
            The upper end of the step that holds the value of rank ceil(q n), so never less than the true value.
        """
        total = self.total
        if not total:
            return math.nan
        rank = nearest_rank(quantile, np.int64(total))
        return float(_HIGHEST[np.searchsorted(np.cumsum(self._counts), rank)]) / 1e6

    def counts_up_to_s(self, bounds_s: Sequence[float]) -> list[int]:
        """How many values are at most as long as each bound, those of the step that holds the bound included."""
        if not self._counts.size:
            return [0] * len(bounds_s)
        ends = np.minimum(counts_index(to_us(np.asarray(bounds_s, dtype=np.float64))), self._counts.size - 1)
        counts: list[int] = np.cumsum(self._counts)[ends].tolist()
        return counts

    @property
    def sum_s(self) -> float:
        """The sum in seconds, each value taken as the middle of its step."""
        return float(self._counts @ _MIDDLE[: self._counts.size]) / 1e6

    @property
    def mean_s(self) -> float:
        """The mean in seconds, each value taken as the middle of its step; NaN when empty."""
        total = self.total
        return self.sum_s / total if total else math.nan

    @property
    def min_s(self) -> float:
        """The lower end of the smallest value's step in seconds; NaN when empty."""
        used = np.flatnonzero(self._counts)
        return float(_LOWEST[used[0]]) / 1e6 if used.size else math.nan

    @property
    def max_s(self) -> float:
        """The upper end of the largest value's step in seconds; NaN when empty."""
        used = np.flatnonzero(self._counts)
        return float(_HIGHEST[used[-1]]) / 1e6 if used.size else math.nan

    def encode(self) -> bytes:
        """The histogram in HdrHistogram's compressed V2 form, in base64."""
        package, view = _scratch()
        used = np.flatnonzero(self._counts)
        view[: self._counts.size] = self._counts
        view[self._counts.size :] = 0
        package.total_count = self.total
        package.max_value = int(_HIGHEST[used[-1]]) if used.size else 0
        encoded: bytes = package.encode()
        return encoded

    @classmethod
    def decode(cls, data: bytes) -> Histogram:
        """Read what `encode` or another HdrHistogram of the same lowest value and digits made.

        Raises:
            ValueError: If the data is damaged or of another range or precision.
        """
        histogram = cls()
        histogram.add_cells(*decode_counts([data], COUNTS_LENGTH)[0])
        return histogram


@cache
def _scratch() -> tuple[HdrHistogram, npt.NDArray[np.uint64]]:
    """One histogram of the package to encode through; a new one each time would cost 0.1 ms more."""
    package = HdrHistogram(LOWEST, HIGHEST_US, DIGITS)
    return package, np.frombuffer(package.counts, dtype=np.uint64)
