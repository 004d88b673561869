"""What became of the messages of each measured stage of a stored run: accepted or not, and in time or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from loadkit.errors import RunFolderError
from loadkit.measure.histogram import Histogram
from loadkit.measure.histogram_log import HISTOGRAM_FILE, read_histograms
from loadkit.measure.records import RunPlan
from loadkit.measure.run_files import DELIVERY, TIMELINE
from loadkit.measure.statistics import Metric, Series
from loadkit.measure.store import Run, plan_from_dict
from loadkit.measure.tables import read_table, timeline_rows
from loadkit.measure.timeline import Counters, measured_stages


@dataclass(frozen=True, slots=True)
class StageCounts:
    """Messages by the measured stage that they were to be sent in; all tuples but the last by stage.

    Args:
        offered: Messages whose intended time came.
        accepted: Those of them that were accepted.
        slow: By limit in seconds, those of the accepted ones whose response time was longer.
        backlog: Messages under way or waiting for a session, in each second of the measured stages.
        undelivered: Messages that were accepted and had not arrived at the end of each whole measured second; empty
            where the run knows nothing of arrivals.
    """

    offered: tuple[int, ...]
    accepted: tuple[int, ...]
    slow: Mapping[float, tuple[int, ...]]
    backlog: tuple[float, ...]
    undelivered: tuple[float, ...] = ()


def count_by_stage(run: Run, limits_s: Sequence[float]) -> StageCounts:
    """Count what a run's stages came to.

    Args:
        run: A run that came to its end.
        limits_s: Response times in seconds; a message above one is slow, to the three digits of the histograms.

    Raises:
        RunFolderError: If the folder has no timeline, or a file of it is damaged.
    """
    plan = plan_from_dict(run.facts["plan"])
    table = read_table(run.head.path / TIMELINE)
    if table is None:
        raise RunFolderError(f"{run.head.path} has no timeline", hint="the run ended before its first second was over")
    counters = Counters(plan)
    counters.add(timeline_rows(plan, table), complete_s=run.facts.get("duration_s", 0.0))
    stages = measured_stages(plan.stages)
    offered, accepted = (
        tuple(int(counters.by_arrival[name][stage].sum()) for stage in stages) for name in ("offered", "accepted")
    )
    histograms = read_histograms(run.head.path / HISTOGRAM_FILE)
    names = [plan.stages[stage].name for stage in stages]
    slow = {limit_s: tuple(_slow(histograms, name, limit_s) for name in names) for limit_s in limits_s}
    undelivered = _undelivered(plan, read_table(run.head.path / DELIVERY))
    return StageCounts(offered, accepted, slow, _backlog(plan, table), undelivered)


def _slow(histograms: Mapping[Series, Histogram], stage: str, limit_s: float) -> int:
    """Accepted messages above a limit: all that completed, less those that failed."""
    above = {Metric.RESPONSE_TIME: 0, Metric.FAILED_RESPONSE_TIME: 0}
    for series, histogram in histograms.items():
        if series.stage == stage and series.metric in above:
            above[series.metric] += histogram.total - histogram.counts_up_to_s([limit_s])[0]
    return above[Metric.RESPONSE_TIME] - above[Metric.FAILED_RESPONSE_TIME]


def _backlog(plan: RunPlan, table: Any) -> tuple[float, ...]:
    seconds = table["second"].to_numpy()
    # A gauge stands in each kind's row of a second.
    waiting = np.nan_to_num(table["in_flight"].to_numpy()) + np.nan_to_num(table["queued"].to_numpy())
    most = np.zeros(int(seconds.max()) + 1)
    np.maximum.at(most, seconds, waiting)
    middles_s = np.arange(most.size) + 0.5
    return tuple(most[_measured(plan, middles_s, middles_s)].tolist())


def _undelivered(plan: RunPlan, table: Any) -> tuple[float, ...]:
    if table is None:
        return ()
    seconds = table["second"].to_numpy()
    backlog = table["backlog"].to_numpy()[_measured(plan, seconds, seconds + 1)]
    return tuple(backlog.astype(float).tolist())


def _measured(plan: RunPlan, begin_s: Any, end_s: Any) -> Any:
    """Which spans of time lie within a measured stage."""
    measured = np.zeros(begin_s.size, dtype=bool)
    for stage in measured_stages(plan.stages):
        measured |= (plan.stages[stage].start_s <= begin_s) & (end_s <= plan.stages[stage].end_s)
    return measured
