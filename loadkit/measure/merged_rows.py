"""The timeline rows of several workers as those of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from loadkit.measure.histogram import COUNTS_LENGTH, highest_us, nearest_rank
from loadkit.measure.timeline import (
    COUNTERS,
    GAUGES,
    KEYS,
    RESPONSE_QUANTILES,
    SERVICE_QUANTILES,
    KeyIndex,
    Pending,
    TimelineRows,
)

if TYPE_CHECKING:
    from loadkit.measure.records import RunPlan
    from loadkit.measure.worker_report import SparseCounts, WorkerReport

Integers = npt.NDArray[np.int64]

# More messages than one worker can count in one step of one second.
_COUNT_BITS = 24

_SECOND, _STAGE, _KIND = (KEYS.index(name) for name in ("second", "stage", "kind"))


class RowMerger:
    """Adds up rows of the same second, stage and kind; latencies come from the counts of all workers.

    A second is given once with its latencies. What is told of it later adds to the counters, as in any timeline.

    Args:
        plan: The run's stages and kinds.
    """

    def __init__(self, plan: RunPlan) -> None:
        self._kinds = len(plan.kinds)
        self._cells = len(plan.stages) * self._kinds
        self._rows = Pending(len(KEYS) + len(COUNTERS) + len(GAUGES))
        # Second and gauges: a worker's rows of a second all have the same, and it needs no row of every kind.
        self._gauges = Pending(1 + len(GAUGES))
        # Second, stage x kinds + kind, index of the value, count.
        self._response, self._service = Pending(4), Pending(4)
        self._next_second = 0

    def add(self, report: WorkerReport) -> None:
        """Take the rows of a report."""
        seconds, cells = report.rows[_SECOND], report.rows[_STAGE] * self._kinds + report.rows[_KIND]
        self._rows.add(report.rows)
        known = report.rows[:, report.rows[-1] >= 0]
        _, firsts = np.unique(known[_SECOND], return_index=True)
        self._gauges.add(known[[_SECOND, *range(-len(GAUGES), 0)]][:, firsts])
        for pending, values in ((self._response, report.response), (self._service, report.service)):
            pending.add(_located(values, seconds, cells))

    def take(self, before_second: int) -> TimelineRows:
        """Rows of all that was told of the seconds before one and was not given yet.

        Args:
            before_second: Seconds from this one on stay pending.
        """
        rows = self._rows.take(before_second)
        keys = self._keys(rows[_SECOND], rows[_STAGE] * self._kinds + rows[_KIND])
        index = KeyIndex(keys)
        merged = self._key_columns(index.keys)
        counters = rows[len(KEYS) : -len(GAUGES)]
        merged |= {name: index.count(keys, counts) for name, counts in zip(COUNTERS, counters, strict=True)}
        second = merged["second"].astype(np.int64)
        fresh = second >= self._next_second
        merged |= self._gauge_columns(second, self._gauges.take(before_second), fresh)
        for pending, quantiles in ((self._response, RESPONSE_QUANTILES), (self._service, SERVICE_QUANTILES)):
            seconds, cells, indexes, counts = pending.take(before_second)
            row = index.rows(self._keys(seconds, cells))
            merged |= _quantiles(row, indexes, counts, fresh, quantiles)
        self._next_second = max(self._next_second, before_second)
        return merged

    def _keys(self, second: Integers, cell: Integers) -> Integers:
        return second * self._cells + cell

    def _key_columns(self, keys: Integers) -> TimelineRows:
        second, cell = np.divmod(keys, self._cells)
        stage, kind = np.divmod(cell, self._kinds)
        return {"second": second, "stage": stage, "kind": kind}

    @staticmethod
    def _gauge_columns(second: Integers, known: Integers, fresh: npt.NDArray[np.bool_]) -> TimelineRows:
        """Sums over the workers by second; NaN where the second was given before."""
        index = KeyIndex(np.concatenate((second, known[0])))
        columns: TimelineRows = {}
        for name, values in zip(GAUGES, known[1:], strict=True):
            sums = np.bincount(index.rows(known[0]), weights=values, minlength=index.keys.size)
            columns[name] = np.where(fresh, sums[index.rows(second)], np.nan)
        return columns


def _located(values: SparseCounts, seconds: Integers, cells: Integers) -> Integers:
    return np.stack((seconds[values.numbers], cells[values.numbers], values.indexes, values.counts))


def _quantiles(
    row: Integers, indexes: Integers, counts: Integers, fresh: npt.NDArray[np.bool_], wanted: dict[str, float]
) -> TimelineRows:
    """Nearest-rank quantiles in seconds by row, each the upper end of its histogram step; NaN for rows without any."""
    # To sort numbers that hold all three is ten times faster than to sort by one and pick the others.
    ordered = np.sort((row * COUNTS_LENGTH + indexes) << _COUNT_BITS | counts)
    reached = np.cumsum(ordered & ((1 << _COUNT_BITS) - 1))
    totals = np.bincount(row, weights=counts, minlength=fresh.size).astype(np.int64)
    before = np.cumsum(totals) - totals
    used = fresh & (totals > 0)
    columns: TimelineRows = {}
    for name, quantile in wanted.items():
        column = np.full(fresh.size, np.nan)
        rank = before[used] + nearest_rank(quantile, totals[used])
        column[used] = highest_us((ordered[np.searchsorted(reached, rank)] >> _COUNT_BITS) % COUNTS_LENGTH) / 1e6
        columns[name] = column
    return columns
