"""The worker's recorder: takes batches as any recorder, keeps nothing, and tells what is new in numbered reports."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from loadkit.measure.batches import BatchReader
from loadkit.measure.histogram import counts_index
from loadkit.measure.outcome_counts import OutcomeCounts
from loadkit.measure.timeline import COUNTERS, GAUGES, KEYS
from loadkit.measure.worker_report import SparseCounts, WorkerReport

if TYPE_CHECKING:
    from loadkit.measure.records import OutcomeTable, RunPlan
    from loadkit.measure.timeline import RowValues, TimelineRows
    from loadkit.measure.validity import GeneratorSample

Integers = npt.NDArray[np.int64]


class Reporter(BatchReader):
    """Makes a report at every flush, and a last one at the end.

    Args:
        plan: Stages and kinds that the rows' numbers refer to.
        outcomes: The outcomes that the rows' numbers refer to; may grow meanwhile.
        send: Takes each report.
    """

    def __init__(self, plan: RunPlan, outcomes: OutcomeTable, send: Callable[[WorkerReport], object]) -> None:
        super().__init__(plan, OutcomeCounts(outcomes, plan), self._keep_values)
        self._numbers: list[Integers] = []
        self._indexes: list[Integers] = []
        self._send = send
        self._number = 0
        self._accepted: list[Integers] = []
        self._unanswered: list[Integers] = []
        self._samples: list[GeneratorSample] = []

    def keep_sample(self, sample: GeneratorSample) -> None:
        """Take a sample of this process along with the next report."""
        self._samples.append(sample)

    def _keep_values(self, numbers: Integers, indexes: Integers) -> None:
        self._numbers.append(numbers)
        self._indexes.append(indexes)

    def _mark(self, accepted: Integers, unanswered: Integers) -> None:
        self._accepted.append(accepted)
        self._unanswered.append(unanswered)

    def flush(self, now_s: float) -> None:
        """Report the seconds that are over.

        Args:
            now_s: Seconds since the run's start; all batches up to it have been added.
        """
        self._report(math.floor(now_s), now_s, None)

    def finish(self, now_s: float) -> None:
        """Report everything that is still pending, the begun second included.

        Args:
            now_s: Seconds since the run's start.
        """
        self._report(math.floor(now_s) + 1, now_s, now_s)

    def _report(self, before_second: int, now_s: float, ended_s: float | None) -> None:
        rows, response, service = self._timeline.take_values(before_second, self._gauges, begun=True)
        self._number += 1
        samples, self._samples = tuple(self._samples), []
        self._send(
            WorkerReport(
                number=self._number,
                complete_s=now_s,
                before_second=before_second,
                gauges=self._gauges,
                histograms=SparseCounts.of_values(_taken(self._numbers), _taken(self._indexes)),
                rows=_packed(rows),
                response=_sparse(response),
                service=_sparse(service),
                outcomes=self._outcomes.take(),
                accepted=_taken(self._accepted),
                unanswered=_taken(self._unanswered),
                last_accepted_s=self.last_accepted_s,
                samples=samples,
                ended_s=ended_s,
            )
        )


def _taken(arrays: list[Integers]) -> Integers:
    joined = np.concatenate(arrays) if arrays else np.empty(0, dtype=np.int64)
    arrays.clear()
    return joined


def _packed(rows: TimelineRows) -> Integers:
    packed = np.stack([np.nan_to_num(rows[name], nan=-1.0) for name in (*KEYS, *COUNTERS, *GAUGES)])
    return packed.astype(np.int64)


def _sparse(values: RowValues) -> SparseCounts:
    rows, values_us = values
    return SparseCounts.of_values(rows, counts_index(values_us))
