"""One row per second, stage and kind: from transactions to rows, and from rows to sums.

Offered and shed count in the second of the intended time, started in that of the start, and everything else in the
second of completion. A transaction is known only when it ends, so a row may come again later with what is still to be
added to an old second: rows of the same second, stage and kind add up.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from loadkit.measure.histogram import nearest_rank, to_us
from loadkit.measure.records import Arrival, Tx
from loadkit.smtp.outcome import OutcomeClass

if TYPE_CHECKING:
    from loadkit.measure.records import Gauges, Rows, RunPlan, Stage

Integers = npt.NDArray[np.int64]
TimelineRows = dict[str, npt.NDArray[np.generic]]
"""Columns of equal length: `KEYS` and `COUNTERS` whole numbers, `GAUGES` and `LATENCIES` float with NaN for none."""

RowValues = tuple[Integers, Integers]
"""Row and microseconds of each value."""

CLASSES = tuple(OutcomeClass)
FAILED: dict[OutcomeClass, str] = {
    kind: f"failed_{kind.value}" for kind in CLASSES if kind is not OutcomeClass.ACCEPTED
}

KEYS = ("second", "stage", "kind")
COUNTERS = ("offered", "started", "completed", "accepted", *FAILED.values(), "shed", "accepted_bytes")
RATES = ("offered", "started", "completed", "accepted")
GAUGES = ("in_flight", "connections", "queued")
RESPONSE_QUANTILES = {"response_p50_s": 0.5, "response_p95_s": 0.95, "response_p99_s": 0.99, "response_max_s": 1.0}
SERVICE_QUANTILES = {"service_p50_s": 0.5, "service_p99_s": 0.99}
LATENCIES = (*RESPONSE_QUANTILES, *SERVICE_QUANTILES)

EVERY_SECOND = 2**40
"""Later than any second of a run."""

_ACCEPTED = CLASSES.index(OutcomeClass.ACCEPTED)
_VALUE_BITS = 32


class Pending:
    """Blocks of whole-number columns, kept until their second is over; the first column is the second."""

    __slots__ = ("_blocks", "_columns")

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._blocks: list[Integers] = []

    def add(self, block: Integers) -> None:
        """Keep a block of shape (columns, n)."""
        self._blocks.append(block)

    def take(self, before_second: int) -> Integers:
        """Remove and return, of shape (columns, n), what is older than a second."""
        every = np.concatenate(self._blocks, axis=1) if self._blocks else np.empty((self._columns, 0), dtype=np.int64)
        over = every[0] < before_second
        if over.all():
            self._blocks = []
            return every
        self._blocks = [every[:, ~over]]
        return every[:, over]


class TimelineBuilder:
    """Collects transactions and arrivals and gives the rows of the seconds that are over.

    Args:
        plan: The run's stages and kinds.
    """

    def __init__(self, plan: RunPlan) -> None:
        self._kinds = len(plan.kinds)
        self._cells = len(plan.stages) * self._kinds
        self._starts_s = np.array([stage.start_s for stage in plan.stages])
        self._next_second = 0
        self._transactions = Pending(7)
        self._arrivals = {"offered": Pending(2), "shed": Pending(2)}

    def add_transactions(self, columns: Rows, cells: Integers, classes: Integers) -> None:
        """Take completed transactions.

        Args:
            columns: Shape (columns of `Tx`, n).
            cells: stage x kinds + kind of each.
            classes: Index into `CLASSES` of each.
        """
        completed, started, intended = columns[Tx.COMPLETED], columns[Tx.STARTED], columns[Tx.INTENDED]
        block = np.empty((7, completed.size), dtype=np.int64)
        block[0] = completed
        block[1] = cells
        block[2] = classes
        block[3] = np.where(np.isnan(started), -1, started)
        block[4] = to_us(completed - intended)
        block[5] = to_us(np.where(np.isnan(started), 0, completed - started))
        block[6] = columns[Tx.SIZE_BYTES]
        self._transactions.add(block)

    def add_arrivals(self, counter: str, rows: Rows) -> None:
        """Take arrivals, columns `Arrival`, that count as ``offered`` or ``shed``."""
        cells = rows[:, Arrival.STAGE] * self._kinds + rows[:, Arrival.KIND]
        self._arrivals[counter].add(np.stack((rows[:, Arrival.INTENDED], cells)).astype(np.int64))

    def take(self, before_second: int, gauges: Gauges) -> TimelineRows:
        """Rows of all that happened before a second and was not given yet.

        Every second has a row for each kind of its stage, so that gauges are kept while nothing completes.

        Args:
            before_second: Seconds from this one on stay pending.
            gauges: The driver's state, for the seconds that were not given yet.
        """
        rows, response, service = self.take_values(before_second, gauges)
        rows |= _quantiles(*response, rows["second"].size, RESPONSE_QUANTILES)
        rows |= _quantiles(*service, rows["second"].size, SERVICE_QUANTILES)
        return rows

    def take_values(
        self, before_second: int, gauges: Gauges, *, begun: bool = False
    ) -> tuple[TimelineRows, RowValues, RowValues]:
        """As `take`, but instead of latencies the response times and the service times of the rows.

        Args:
            before_second: See `take`.
            gauges: See `take`.
            begun: Whether to give what happened in the second that has begun too; it gets its gauges when it is over.
        """
        until = EVERY_SECOND if begun else before_second
        done = self._transactions.take(until)
        had_start = done[:, done[3] >= 0]
        accepted = done[:, done[2] == _ACCEPTED]
        events = {
            "completed": self._keys(done[0], done[1]),
            "started": self._keys(had_start[3], had_start[1]),
            "accepted": self._keys(accepted[0], accepted[1]),
        }
        for counter, pending in self._arrivals.items():
            events[counter] = self._keys(*pending.take(until))
        index = KeyIndex(np.concatenate((self._grid(before_second), *events.values())))
        rows = self._key_columns(index.keys)
        rows |= {counter: index.count(happened) for counter, happened in events.items()}
        for number, kind in enumerate(CLASSES):
            if kind in FAILED:
                rows[FAILED[kind]] = index.count(events["completed"][done[2] == number])
        rows["accepted_bytes"] = index.count(events["accepted"], weights=accepted[6])
        rows |= self._gauge_columns(index.keys, before_second, gauges)
        self._next_second = max(self._next_second, before_second)
        row = index.rows(events["completed"])
        return rows, (row, done[4]), (row[done[3] >= 0], had_start[5])

    def _keys(self, second: Integers, cell: Integers) -> Integers:
        return second * self._cells + cell

    def _grid(self, before_second: int) -> Integers:
        """Keys of every kind in the stage of each new second."""
        seconds = np.arange(self._next_second, before_second, dtype=np.int64)
        stage = np.maximum(np.searchsorted(self._starts_s, seconds, side="right") - 1, 0)
        return self._keys(seconds[:, None], stage[:, None] * self._kinds + np.arange(self._kinds)).ravel()

    def _key_columns(self, keys: Integers) -> TimelineRows:
        second, cell = np.divmod(keys, self._cells)
        stage, kind = np.divmod(cell, self._kinds)
        return {"second": second, "stage": stage, "kind": kind}

    def _gauge_columns(self, keys: Integers, before_second: int, gauges: Gauges) -> TimelineRows:
        new = (keys >= self._next_second * self._cells) & (keys < before_second * self._cells)
        return {name: np.where(new, float(getattr(gauges, name)), np.nan) for name in GAUGES}


class KeyIndex:
    """The distinct keys, ascending, and the row of each; by a dense table, for keys of a flush lie close together."""

    def __init__(self, keys: Integers) -> None:
        self._first = int(keys.min()) if keys.size else 0
        present = np.bincount(keys - self._first) > 0
        self.keys: Integers = np.flatnonzero(present) + self._first
        self._rows: Integers = np.cumsum(present) - 1

    def rows(self, keys: Integers) -> Integers:
        """The row of each key."""
        return self._rows[keys - self._first]

    def count(self, keys: Integers, weights: Integers | None = None) -> Integers:
        """How often each distinct key occurs, or the sum of its weights."""
        return np.bincount(self.rows(keys), weights=weights, minlength=self.keys.size).astype(np.int64)


def _quantiles(group: Integers, values_us: Integers, groups: int, wanted: dict[str, float]) -> TimelineRows:
    """Exact nearest-rank quantiles in seconds per group, NaN for empty groups.

    One sort of numbers that hold group and value together is several times faster than a sort by two keys.
    """
    ordered = np.sort(group << _VALUE_BITS | values_us)
    totals = np.bincount(group, minlength=groups)
    before = np.cumsum(totals) - totals
    columns: TimelineRows = {}
    for name, quantile in wanted.items():
        column = np.full(groups, np.nan)
        used = totals > 0
        position = before[used] + nearest_rank(quantile, totals[used]) - 1
        column[used] = (ordered[position] & ((1 << _VALUE_BITS) - 1)) / 1e6
        columns[name] = column
    return columns


class Counters:
    """Sums of timeline rows: all of them per stage and kind, and those of whole seconds within a stage.

    Rates come from the second kind: what was completed after a stage was over must not count as its throughput.

    Args:
        plan: The run's stages and kinds.
    """

    def __init__(self, plan: RunPlan) -> None:
        self._stages = plan.stages
        shape = (len(plan.stages), len(plan.kinds))
        self._starts_s = np.array([stage.start_s for stage in plan.stages])
        self._ends_s = np.array([stage.end_s for stage in plan.stages])
        self._complete_s = 0
        self.by_arrival = {counter: np.zeros(shape, dtype=np.int64) for counter in COUNTERS}
        """Per counter, shape (stages, kinds): transactions by the stage of their arrival."""
        self.within_stage = {counter: np.zeros(shape, dtype=np.int64) for counter in RATES}
        """Per counter of `RATES`, shape (stages, kinds): what happened in the whole seconds of the stage."""
        self._is_mail = plan.is_mail()
        self._accepted_per_second: Integers = np.zeros(0, dtype=np.int64)

    def add(self, rows: TimelineRows, complete_s: float) -> None:
        """Add rows.

        Args:
            rows: Rows of a `TimelineBuilder` or of a stored timeline.
            complete_s: Seconds since the run's start that are over; a second after it doesn't count for rates.
        """
        self._complete_s = max(self._complete_s, math.floor(complete_s))
        second, stage, kind = (rows[name].astype(np.int64) for name in KEYS)
        for counter, sums in self.by_arrival.items():
            np.add.at(sums, (stage, kind), rows[counter].astype(np.int64))
        if second.size:
            self._reach(int(second.max()) + 1)
            accepted = rows["accepted"].astype(np.int64)
            if self._is_mail is not None:
                accepted = np.where(self._is_mail[kind], accepted, 0)
            np.add.at(self._accepted_per_second, second, accepted)
        now = np.maximum(np.searchsorted(self._starts_s, second, side="right") - 1, 0)
        whole = (second >= self._starts_s[now]) & (second + 1 <= np.minimum(self._ends_s[now], self._complete_s))
        for counter, sums in self.within_stage.items():
            np.add.at(sums, (now[whole], kind[whole]), rows[counter][whole].astype(np.int64))

    def _reach(self, seconds: int) -> None:
        """Make room for that many seconds, and for ten minutes more, so that it is not moved every second."""
        known = self._accepted_per_second
        if seconds > known.size:
            self._accepted_per_second = np.zeros(seconds + 600, dtype=np.int64)
            self._accepted_per_second[: known.size] = known

    @property
    def accepted_per_second(self) -> Integers:
        """Mail accepted in each second since the run's start, as far as there were any."""
        return np.trim_zeros(self._accepted_per_second, "b")

    def whole_seconds(self, stage: int) -> int:
        """How many whole seconds of a stage are over."""
        end_s = math.floor(min(self._stages[stage].end_s, self._complete_s))
        return max(0, end_s - math.ceil(self._stages[stage].start_s))


def measured_stages(stages: tuple[Stage, ...]) -> tuple[int, ...]:
    """Indexes of the stages that are not warm-up."""
    return tuple(index for index, stage in enumerate(stages) if stage.measured)
