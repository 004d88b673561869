"""What a run's numbers say: histograms and counters by stage and kind, and the answers that thresholds ask for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from loadkit.measure.histogram import Histogram, smallest_sample
from loadkit.measure.timeline import measured_stages
from loadkit.smtp.outcome import SETUP_PHASES, TRANSACTION_PHASES, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    import numpy.typing as npt

    from loadkit.measure.records import RunPlan
    from loadkit.measure.timeline import Counters


class Metric(StrEnum):
    """What is timed.

    Response time and service time hold every completed transaction, the failed ones with the time until they failed.
    """

    RESPONSE_TIME = "response_time"
    """Intended time to final reply or failure: what a client would have waited."""
    SERVICE_TIME = "service_time"
    """Start of the transaction on a session to final reply or failure."""
    SCHEDULE_LAG = "schedule_lag"
    """Intended time to release by the pacer: the generator's own lateness."""
    WAIT = "wait"
    """Release to start: waiting for a free session."""
    FAILED_RESPONSE_TIME = "failed_response_time"
    """Response time of the failed transactions alone, which are in `RESPONSE_TIME` too."""
    REFUSED_SERVICE_TIME = "refused_service_time"
    """Service time of what the server refused by a reply, which is in `SERVICE_TIME` too."""
    MAIL = "phase_mail"
    RCPT = "phase_rcpt"
    DATA = "phase_data"
    DOT = "phase_dot"
    CONNECT = "phase_connect"
    BANNER = "phase_banner"
    TLS = "phase_tls"
    EHLO = "phase_ehlo"
    AUTH = "phase_auth"
    CLOSED_AFTER = "closed_after"
    """Not a time: messages that a session had carried when the server ended it, each as a microsecond."""


PHASE_METRICS = {phase: Metric(f"phase_{phase.value}") for phase in (*SETUP_PHASES, *TRANSACTION_PHASES)}
SETUP_METRICS = tuple(PHASE_METRICS[phase] for phase in SETUP_PHASES)
SESSION_METRICS = (*SETUP_METRICS, Metric.CLOSED_AFTER)
TRANSACTION_METRICS = tuple(metric for metric in Metric if metric not in SESSION_METRICS)

_THRESHOLD_METRICS = {
    "transaction_duration": Metric.RESPONSE_TIME,
    "service_duration": Metric.SERVICE_TIME,
    "schedule_lag": Metric.SCHEDULE_LAG,
}


@dataclass(frozen=True, slots=True)
class Series:
    """Which histogram: a metric of one stage and kind.

    Args:
        metric: What is timed.
        stage: The stage's name; empty for session set-ups, which belong to no stage.
        kind: The message kind's name; empty for session set-ups.
    """

    metric: Metric
    stage: str = ""
    kind: str = ""

    @property
    def tag(self) -> str:
        """The series as one word without comma or blank, for the histogram log."""
        return ";".join((self.metric.value, quote(self.stage, safe=""), quote(self.kind, safe="")))

    @classmethod
    def from_tag(cls, tag: str) -> Series:
        """Read what `tag` made.

        Raises:
            ValueError: If the tag is none of ours.
        """
        metric, stage, kind = tag.split(";")
        return cls(Metric(metric), unquote(stage), unquote(kind))


SETUP, RETRY, SESSION_END = "", "retry", "session_end"
"""What was counted, where it is no message: session set-ups; attempts that were followed by another, and acceptances at
another attempt; sessions that the server ended."""


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """How often something ended in one way.

    Args:
        stage: Stage of arrival; empty for what belongs to no message.
        kind: Message kind; without a stage `SETUP`, `RETRY` or `SESSION_END`.
        outcome: The way it ended.
        count: How often.
    """

    stage: str
    kind: str
    outcome: Outcome
    count: int


@dataclass(frozen=True, slots=True)
class RunStatistics:
    """A run's histograms and counters; thresholds, percentiles and rates are answered over its measured stages.

    Args:
        plan: The run's stages and kinds.
        histograms: By series; those of warm-up are there too and never enter an answer.
        counters: Sums of the timeline.
    """

    plan: RunPlan
    histograms: Mapping[Series, Histogram]
    counters: Counters

    def histogram(self, metric: Metric, *, stage: str | None = None, kind: str | None = None) -> Histogram:
        """A metric's histogram.

        Args:
            metric: What is timed; for sessions the whole run is taken, and stage and kind must be None.
            stage: One measured stage, or None for all of them.
            kind: One kind, or None for all.
        """
        merged = Histogram()
        for series in self.histograms:
            if series.metric is metric and self._wanted(series, stage, kind):
                merged.merge(self.histograms[series])
        return merged

    def _wanted(self, series: Series, stage: str | None, kind: str | None) -> bool:
        if series.metric in SESSION_METRICS:
            return stage is None and kind is None
        return series.stage in self._stage_names(stage) and kind in (None, series.kind)

    def _stage_names(self, stage: str | None) -> frozenset[str]:
        return frozenset(self.plan.stages[index].name for index in self._stage_indexes(stage))

    def _stage_indexes(self, stage: str | None) -> tuple[int, ...]:
        measured = measured_stages(self.plan.stages)
        return tuple(index for index in measured if stage in (None, self.plan.stages[index].name))

    def count(self, counter: str, *, stage: str | None = None, kind: str | None = None) -> int:
        """A counter of `timeline.COUNTERS`, by the stage of arrival."""
        return sum(self._cells(self.counters.by_arrival[counter], stage, kind))

    def rate_per_s(self, counter: str, *, stage: str | None = None, kind: str | None = None) -> float | None:
        """A rate of `timeline.RATES` over the whole seconds of the stages; None where there is no whole second."""
        seconds = sum(self.counters.whole_seconds(index) for index in self._stage_indexes(stage))
        return sum(self._cells(self.counters.within_stage[counter], stage, kind)) / seconds if seconds else None

    def _cells(self, sums: npt.NDArray[np.int64], stage: str | None, kind: str | None) -> Iterator[int]:
        for index in self._stage_indexes(stage):
            for position, name in enumerate(self.plan.kinds):
                if kind in (None, name):
                    yield int(sums[index, position])

    def value(self, metric: str, tags: Mapping[str, str], statistic: str, quantile: float | None) -> float | None:
        """The statistic that a threshold asks for; see `loadkit.scenario.thresholds.Statistics`."""
        stage, kind = tags.get("stage"), tags.get("kind")
        if metric in ("transaction_failed", "arrivals_dropped", "transactions"):
            return self._counted(metric, statistic, stage, kind)
        wanted = Metric(f"phase_{tags['phase']}") if metric == "phase_duration" else _THRESHOLD_METRICS[metric]
        return duration_or_none(self.histogram(wanted, stage=stage, kind=kind), statistic, quantile)

    def _counted(self, metric: str, statistic: str, stage: str | None, kind: str | None) -> float | None:
        completed = self.count("completed", stage=stage, kind=kind)
        if metric == "transactions":
            return completed if statistic == "count" else self.rate_per_s("completed", stage=stage, kind=kind)
        if metric == "transaction_failed":
            count, base = completed - self.count("accepted", stage=stage, kind=kind), completed
        else:
            count, base = (self.count(name, stage=stage, kind=kind) for name in ("shed", "offered"))
        if statistic == "count":
            return count
        return count / base if base else None


def quantile_or_none(histogram: Histogram, quantile: float) -> float | None:
    """The quantile in seconds, or None where the sample is too small to bound it."""
    return histogram.quantile_s(quantile) if histogram.total >= smallest_sample(quantile) else None


def duration_or_none(histogram: Histogram, statistic: str, quantile: float | None) -> float | None:
    """A statistic of a histogram in seconds, as thresholds name it; None without data, or with too little."""
    if statistic == "p":
        assert quantile is not None
        return quantile_or_none(histogram, quantile)
    value = {"avg": histogram.mean_s, "min": histogram.min_s, "max": histogram.max_s}[statistic]
    return None if math.isnan(value) else value
