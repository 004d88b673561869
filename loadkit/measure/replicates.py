"""A stored run cut into batches, which are what its intervals rest on where there is no other run of the same."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from loadkit.errors import RunFolderError
from loadkit.measure.books import INTERVAL_S
from loadkit.measure.histogram import Histogram
from loadkit.measure.histogram_log import HISTOGRAM_FILE, read_intervals
from loadkit.measure.records import RunPlan
from loadkit.measure.run_files import TIMELINE
from loadkit.measure.statistics import SESSION_METRICS, Metric
from loadkit.measure.store import Run, plan_from_dict
from loadkit.measure.tables import read_table, timeline_rows
from loadkit.measure.timeline import measured_stages

MOST_BATCHES = 60
"""Longer runs have longer batches, which hang together less."""

Unit = Mapping[Metric, Histogram]


@dataclass(frozen=True, slots=True)
class Replicate:
    """What a run measured, in batches; warm-up is left out.

    Args:
        run: The run.
        batches: The histograms of each batch, session set-ups of the whole run included.
        batch_s: How long a batch is, in seconds.
        accepted_per_s: What was accepted a second, by batches of whole measured seconds.
    """

    run: Run
    batches: tuple[Unit, ...]
    batch_s: float
    accepted_per_s: tuple[float, ...]

    @property
    def whole(self) -> Unit:
        """The histograms of the whole run."""
        return merged(self.batches)


def merged(units: tuple[Unit, ...]) -> Unit:
    """Histograms of several units added up."""
    total: dict[Metric, Histogram] = {}
    for unit in units:
        for metric, histogram in unit.items():
            total.setdefault(metric, Histogram()).merge(histogram)
    return total


def read_replicate(run: Run) -> Replicate:
    """Read a run in batches: the intervals of its histogram log, neighbours joined where there are many.

    Raises:
        RunFolderError: If a file is missing or damaged.
    """
    plan = plan_from_dict(run.facts["plan"])
    stages = {plan.stages[stage].name for stage in measured_stages(plan.stages)}
    intervals: dict[float, dict[Metric, Histogram]] = {}
    for series, start_s, indexes, counts in read_intervals(run.head.path / HISTOGRAM_FILE):
        if series.stage in stages or series.metric in SESSION_METRICS:
            metrics = intervals.setdefault(start_s, {})
            metrics.setdefault(series.metric, Histogram()).add_cells(indexes, counts)
    # An interval of warm-up has set-ups alone; its set-ups go to the next.
    joined = max(1, math.ceil(len(intervals) / MOST_BATCHES))
    kept: list[Unit] = []
    for start_s in sorted(intervals):
        if kept and Metric.RESPONSE_TIME not in kept[-1]:
            kept[-1] = merged((kept[-1], intervals[start_s]))
        else:
            kept.append(intervals[start_s])
    batches = tuple(merged(tuple(kept[first : first + joined])) for first in range(0, len(kept), joined))
    return Replicate(run, batches, INTERVAL_S * joined, _accepted_per_s(run, plan, round(INTERVAL_S * joined)))


def _accepted_per_s(run: Run, plan: RunPlan, batch_s: int) -> tuple[float, ...]:
    table = read_table(run.head.path / TIMELINE)
    if table is None:
        raise RunFolderError(f"{run.head.path} has no timeline", hint="the run ended before its first second was over")
    rows = timeline_rows(plan, table)
    last = math.floor(run.facts.get("duration_s", 0.0))
    accepted = np.zeros(last, dtype=np.int64)
    seconds = np.asarray(rows["second"], dtype=np.int64)
    np.add.at(accepted, seconds[seconds < last], np.asarray(rows["accepted"], dtype=np.int64)[seconds < last])
    whole = np.zeros(last, dtype=bool)
    for stage in measured_stages(plan.stages):
        start_s, end_s = plan.stages[stage].start_s, plan.stages[stage].end_s
        whole[math.ceil(start_s) : math.floor(min(end_s, last))] = True
    seen = accepted[whole]
    # A last batch that is not full would scatter more than the others.
    firsts = range(0, seen.size - batch_s + 1, batch_s) if seen.size >= batch_s else range(min(seen.size, 1))
    return tuple(float(seen[first : first + batch_s].mean()) for first in firsts)
