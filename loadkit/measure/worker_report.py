"""What a worker tells its master about a second: plain values with numbers, each of which is counted exactly once.

A report holds what is new since the one before it. The worker sends it again until the master has acknowledged its
number, and the master passes over numbers that it knows: a lost or repeated message changes nothing. Increments let the
master keep one set of books for all workers, and what did not change is not sent.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from loadkit.measure.histogram import COUNTS_LENGTH
from loadkit.measure.outcome_counts import OutcomeTally
from loadkit.measure.records import Gauges
from loadkit.measure.validity import GeneratorSample
from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase

Integers = npt.NDArray[np.int64]

_GROUPED_DTYPES = ("<u4", "<u4", "<u2", "<u4")
_COUNT_DTYPE = "<u4"
_ROW_DTYPE = "<i8"


@dataclass(frozen=True, slots=True)
class SparseCounts:
    """Counts of several histograms, without zeros; arrays of equal length.

    Args:
        numbers: Which histogram, ascending.
        indexes: `counts_index` of the value.
        counts: How often.
    """

    numbers: Integers
    indexes: Integers
    counts: Integers

    @classmethod
    def of_values(cls, numbers: Integers, indexes: Integers) -> SparseCounts:
        """Count values: the histogram and the `counts_index` of each."""
        keys, counts = np.unique(numbers * COUNTS_LENGTH + indexes, return_counts=True)
        return cls(*np.divmod(keys, COUNTS_LENGTH), counts.astype(np.int64))

    def to_wire(self) -> list[bytes]:
        """Packed: numbers once each, how many entries each has, and for each entry 6 bytes."""
        starts = np.flatnonzero(np.diff(self.numbers, prepend=-1))
        lengths = np.diff(starts, append=self.numbers.size)
        arrays = (self.numbers[starts], lengths, self.indexes, self.counts)
        return [array.astype(dtype).tobytes() for array, dtype in zip(arrays, _GROUPED_DTYPES, strict=True)]

    @classmethod
    def from_wire(cls, packed: list[bytes]) -> SparseCounts:
        """Read what `to_wire` made.

        Raises:
            ValueError: If the data is damaged.
        """
        numbers, lengths, indexes, counts = (
            np.frombuffer(data, dtype).astype(np.int64) for data, dtype in zip(packed, _GROUPED_DTYPES, strict=True)
        )
        if int(lengths.sum()) != indexes.size or indexes.size != counts.size:
            raise ValueError("counts of unequal length")
        if indexes.size and int(indexes.max()) >= COUNTS_LENGTH:
            raise ValueError("an index beyond the histogram")
        return cls(np.repeat(numbers, lengths), indexes, counts)


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What is new at a worker since its last report.

    Args:
        number: From 1 on, without gaps.
        complete_s: Seconds since the run's start that this and the reports before it tell everything about.
        before_second: Timeline rows of seconds before this one are complete; those of this one have begun.
        gauges: The worker's state.
        histograms: Values by number of the series.
        rows: Timeline rows as whole numbers, shape (`KEYS`, `COUNTERS` and `GAUGES`, n); -1 for no gauge.
        response: Response times by index of the row.
        service: Service times, likewise.
        outcomes: Counts of outcomes.
        accepted: Numbers of messages that the target took responsibility for.
        unanswered: Numbers of messages whose content was sent and whose final reply never came.
        last_accepted_s: Seconds from the run's start to the last accepting reply so far, or None.
        samples: Samples of the worker's process.
        ended_s: In the last report, seconds from the run's start to the last transaction's end, else None.
    """

    number: int
    complete_s: float
    before_second: int
    gauges: Gauges
    histograms: SparseCounts
    rows: Integers
    response: SparseCounts
    service: SparseCounts
    outcomes: OutcomeTally
    accepted: Integers
    unanswered: Integers
    last_accepted_s: float | None
    samples: tuple[GeneratorSample, ...]
    ended_s: float | None

    def to_wire(self) -> dict[str, Any]:
        """The report as plain values that msgpack takes."""
        return {
            "number": self.number,
            "complete_s": self.complete_s,
            "before_second": self.before_second,
            "gauges": list(dataclasses.astuple(self.gauges)),
            "histograms": self.histograms.to_wire(),
            "rows": [len(self.rows), self.rows.astype(_ROW_DTYPE).tobytes()],
            "response": self.response.to_wire(),
            "service": self.service.to_wire(),
            "outcomes": _tally_to_wire(self.outcomes),
            "accepted": _packed(self.accepted),
            "unanswered": _packed(self.unanswered),
            "last_accepted_s": self.last_accepted_s,
            "samples": [list(dataclasses.astuple(sample)) for sample in self.samples],
            "ended_s": self.ended_s,
        }

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> WorkerReport:
        """Read what `to_wire` made.

        Raises:
            ValueError: If the data is damaged.
            KeyError: If a value is missing.
            TypeError: If a value is of another type.
        """
        height, rows = data["rows"]
        return cls(
            number=data["number"],
            complete_s=data["complete_s"],
            before_second=data["before_second"],
            gauges=Gauges(*data["gauges"]),
            histograms=SparseCounts.from_wire(data["histograms"]),
            rows=np.frombuffer(rows, _ROW_DTYPE).reshape(height, -1),
            response=SparseCounts.from_wire(data["response"]),
            service=SparseCounts.from_wire(data["service"]),
            outcomes=_tally_from_wire(*data["outcomes"]),
            accepted=_unpacked(data["accepted"]),
            unanswered=_unpacked(data["unanswered"]),
            last_accepted_s=data["last_accepted_s"],
            samples=tuple(GeneratorSample(*sample) for sample in data["samples"]),
            ended_s=data["ended_s"],
        )


def _tally_to_wire(tally: OutcomeTally) -> list[Any]:
    outcomes = [[one.kind.value, one.phase.value, one.code, one.enhanced, one.reason] for one in tally.outcomes]
    return [outcomes, *(_packed(numbers) for numbers in (tally.cells, tally.which, tally.counts))]


def _tally_from_wire(outcomes: list[Any], *arrays: bytes) -> OutcomeTally:
    known = tuple(Outcome(OutcomeClass(kind), Phase(phase), *rest) for kind, phase, *rest in outcomes)
    return OutcomeTally(known, *map(_unpacked, arrays))


def _packed(numbers: Integers) -> bytes:
    return numbers.astype(_COUNT_DTYPE).tobytes()


def _unpacked(data: bytes) -> Integers:
    return np.frombuffer(data, _COUNT_DTYPE).astype(np.int64)
