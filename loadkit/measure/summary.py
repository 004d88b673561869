"""The summary of a run: what it came to, as plain values that are written, read and shown."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loadkit.measure.channels import ChannelLine, channel_lines
from loadkit.measure.delivery import METRICS as DELIVERY_METRICS
from loadkit.measure.delivery import Delivery, DeliveryCourse
from loadkit.measure.diagnosis import diagnose, evidence_of
from loadkit.measure.ends import OutcomeLine, is_measured, outcome_lines
from loadkit.measure.health import cpu_p95_by_process, p95
from loadkit.measure.histogram import Histogram
from loadkit.measure.reason import Blame
from loadkit.measure.reconciliation import Reconciliation
from loadkit.measure.records import RunPlan
from loadkit.measure.rules import Finding
from loadkit.measure.statistics import PHASE_METRICS, Metric, OutcomeCount, RunStatistics, quantile_or_none
from loadkit.measure.target import TargetSummary
from loadkit.measure.validity import GeneratorSample, Load, Validity, Verdict, judge, verdict_of
from loadkit.measure.workers import WorkerRecord, shortfall
from loadkit.scenario.thresholds import Statistics, Threshold, evaluate

SCHEMA_VERSION = 3
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
SCHEDULED = "scheduled"
COUNTED = ("offered", "started", "completed", "accepted", "shed")


@dataclass(frozen=True, slots=True)
class ThresholdLine:
    """A threshold and what was seen.

    Args:
        metric: The metric with its tags.
        check: The condition as written.
        observed: The statistic in the limit's unit; None where there is too little data.
        passed: Whether it held; None where nothing could be observed.
    """

    metric: str
    check: str
    observed: float | None
    passed: bool | None


@dataclass(frozen=True, slots=True)
class Flow:
    """One of the rates over the measured stages.

    Args:
        count: Messages, by the stage of their arrival.
        per_s: Rate over whole seconds; None where there is none.
    """

    count: int
    per_s: float | None


@dataclass(frozen=True, slots=True)
class Latency:
    """A latency's distribution in seconds.

    Args:
        n: How many values.
        mean_s: Mean; None without values, as `max_s`.
        max_s: Maximum.
        quantiles_s: By name; None where the sample is too small to bound the quantile.
    """

    n: int
    mean_s: float | None
    max_s: float | None
    quantiles_s: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class EndToEndLatency:
    """How long the messages of a kind took until they arrived at the sink.

    Args:
        intended: From the intended time.
        sent: From the start of the transaction.
    """

    intended: Latency
    sent: Latency


@dataclass(frozen=True, slots=True)
class Part:
    """One message kind, or one stage.

    Args:
        completed: Messages that ended.
        accepted: Those of them that were accepted.
        response_time: From the intended time to the end.
        service_time: From the first byte sent to the end.
    """

    completed: int
    accepted: int
    response_time: Latency
    service_time: Latency


@dataclass(frozen=True, slots=True)
class Generator:
    """The load generator in the measured stages; None without a sample.

    Args:
        cpu_p95_ratio: 95th percentile of its share of a core, by seconds; of the busiest process.
        lag_p99_s: 99th percentile of the pacer's lateness.
        stall_max_s: Longest stall of its event loop.
        rss_max_bytes: Largest resident memory.
        cpu_p95_by_process: `cpu_p95_ratio` of each process; empty in runs of older versions, as what follows is None.
        cpu_wait_p95_ratio: 95th percentile of the time that a process waited for a core, by seconds.
        gc_pause_max_s: Longest pause of the garbage collector.
    """

    cpu_p95_ratio: float | None
    lag_p99_s: float | None
    stall_max_s: float | None
    rss_max_bytes: int | None
    cpu_p95_by_process: tuple[float, ...] = ()
    cpu_wait_p95_ratio: float | None = None
    gc_pause_max_s: float | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run came to; all but set-ups and what arrived over its measured stages.

    Args:
        schema_version: Version of this form.
        verdict: The verdict.
        duration_s: From the start to the last transaction's end.
        thresholds: Thresholds, as in the scenario.
        validity: Whether the generator did what it was told.
        open_loop: Whether arrivals followed a schedule.
        flows: Offered, started, completed, accepted and shed; before them `SCHEDULED`, where less was offered.
        response_time: Intended time to end; failed transactions with the time until they failed.
        service_time: First byte sent to end.
        wait: Release to first byte sent.
        phases: By phase, those that occurred.
        kinds: By message kind.
        stages: By measured stage.
        outcomes: Ends of transactions, the most frequent first.
        setups: Ends of session set-ups, over the whole run.
        ledger: Accepted against delivered over the whole run, or None where the far end is not ours.
        generator: The load generator's health.
        course: How mail arrived over time; None where `ledger` is, and in runs of older versions.
        end_to_end: Time until arrival by message kind, over the whole run.
        workers: The workers of a run over several.
        diagnosis: Limits of the server that were met.
        retries: Attempts that were refused and followed by another, and acceptances at another attempt, over the whole
            run.
        session_ends: Ends of the sessions that the server ended, over the whole run.
        channels: Every channel, that of mail among them, where there is another; ledger, course and end-to-end times
            are about mail alone.
        target: The target's host; None where nobody observed it.
    """

    schema_version: int
    verdict: Verdict
    duration_s: float
    thresholds: tuple[ThresholdLine, ...]
    validity: Validity
    open_loop: bool
    flows: dict[str, Flow]
    response_time: Latency
    service_time: Latency
    wait: Latency
    phases: dict[str, Latency]
    kinds: dict[str, Part]
    stages: dict[str, Part]
    outcomes: tuple[OutcomeLine, ...]
    setups: tuple[OutcomeLine, ...]
    ledger: Reconciliation | None
    generator: Generator
    course: DeliveryCourse | None = None
    end_to_end: dict[str, EndToEndLatency] = field(default_factory=dict)
    workers: tuple[WorkerRecord, ...] = ()
    diagnosis: tuple[Finding, ...] = ()
    retries: tuple[OutcomeLine, ...] = ()
    session_ends: tuple[OutcomeLine, ...] = ()
    channels: tuple[ChannelLine, ...] = ()
    target: TargetSummary | None = None

    def to_dict(self) -> dict[str, Any]:
        """The summary as plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Summary:
        """Read what `to_dict` made.

        Raises:
            ValueError: If it is of another form.
        """
        from pydantic import TypeAdapter  # noqa: PLC0415 - only readers of stored summaries pay for it

        return TypeAdapter(cls).validate_python(_as_of_now(data))


def _as_of_now(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """A summary as this version writes it; before version 3 reasons were sentences."""
    validity = data.get("validity")
    if not isinstance(validity, dict) or "blame" in validity:
        return data
    reasons = [{"name": "", "seen": text, "bound": "", "fix": ""} for text in validity.get("reasons", ())]
    blame = Blame.UNKNOWN if reasons else Blame.SERVER
    return {**data, "validity": {**validity, "reasons": reasons, "blame": blame}}


def summarize(
    statistics: RunStatistics,
    outcomes: Sequence[OutcomeCount],
    samples: Sequence[GeneratorSample],
    thresholds: Sequence[Threshold],
    *,
    duration_s: float,
    interrupted: bool,
    delivery: Delivery | None,
    unread: str = "",
    workers: Sequence[WorkerRecord] = (),
    target: TargetSummary | None = None,
) -> Summary:
    """Sum a run up.

    Args:
        statistics: Its histograms and counters.
        outcomes: How transactions and set-ups ended.
        samples: The load generator, second by second.
        thresholds: What was demanded.
        duration_s: From the start to the last transaction's end.
        interrupted: Whether it was stopped before its end.
        delivery: What became of the accepted mail, if known.
        unread: Why the far end could not be asked although it should have been, else empty.
        workers: The workers of a run over several.
        target: What was seen of the target's host, if anybody looked.
    """
    plan = statistics.plan
    lines = tuple(_line(threshold, _Answers(statistics, delivery)) for threshold in thresholds)
    measured = [sample for sample in samples if _in_measured_stages(plan, sample.at_s, duration_s)]
    lag_p99_s = quantile_or_none(statistics.histogram(Metric.SCHEDULE_LAG), 0.99)
    validity = validity_of(
        statistics, outcomes, samples, thresholds, duration_s=duration_s, unread=unread, workers=workers
    )
    ended = evidence_of(statistics, outcomes)
    channels = channel_lines(statistics, outcomes, {} if delivery is None else delivery.channels)
    met = all(line.passed for line in lines) and (delivery is None or delivery.counts.faithful)
    return Summary(
        schema_version=SCHEMA_VERSION,
        verdict=verdict_of(interrupted=interrupted, valid=validity.valid, met=met),
        duration_s=duration_s,
        thresholds=lines,
        validity=validity,
        open_loop=plan.open_loop,
        flows=_scheduled(statistics, workers) | {name: _flow(statistics, name) for name in COUNTED},
        response_time=latency_of(statistics.histogram(Metric.RESPONSE_TIME)),
        service_time=latency_of(statistics.histogram(Metric.SERVICE_TIME)),
        wait=latency_of(statistics.histogram(Metric.WAIT)),
        phases=_phases(statistics),
        kinds={kind: _part(statistics, kind=kind) for kind in plan.kinds},
        stages={stage.name: _part(statistics, stage=stage.name) for stage in plan.stages if stage.measured},
        outcomes=outcome_lines(one for one in outcomes if one.stage and is_measured(plan, one.stage)),
        setups=ended.setups,
        ledger=None if delivery is None else delivery.counts,
        generator=_generator(samples, measured, lag_p99_s),
        course=None if delivery is None else delivery.course,
        end_to_end={} if delivery is None else _end_to_end(delivery),
        workers=tuple(workers),
        diagnosis=diagnose(ended),
        retries=ended.retries,
        session_ends=ended.session_ends,
        channels=channels,
        target=target,
    )


def _generator(
    samples: Sequence[GeneratorSample], measured: Sequence[GeneratorSample], lag_p99_s: float | None
) -> Generator:
    processors = cpu_p95_by_process(measured)
    return Generator(
        cpu_p95_ratio=max(processors, default=None),
        lag_p99_s=lag_p99_s,
        stall_max_s=max((sample.loop_stall_max_s for sample in measured), default=None),
        rss_max_bytes=max((sample.rss_bytes for sample in samples), default=None),
        cpu_p95_by_process=processors,
        cpu_wait_p95_ratio=p95(sample.cpu_wait_ratio for sample in measured),
        gc_pause_max_s=max((sample.gc_pause_max_s for sample in measured), default=None),
    )


def validity_of(
    statistics: RunStatistics,
    outcomes: Sequence[OutcomeCount],
    samples: Sequence[GeneratorSample],
    thresholds: Sequence[Threshold],
    *,
    duration_s: float,
    unread: str = "",
    workers: Sequence[WorkerRecord] = (),
) -> Validity:
    """Whether a run may be believed, over its measured stages; for the arguments see `summarize`."""
    plan = statistics.plan
    measured = [sample for sample in samples if _in_measured_stages(plan, sample.at_s, duration_s)]
    lag_p99_s = quantile_or_none(statistics.histogram(Metric.SCHEDULE_LAG), 0.99)
    load = Load(
        plan.open_loop, statistics.count("offered"), statistics.count("shed"), lag_p99_s, _objective_s(thresholds)
    )
    ends = [one for one in outcomes if not one.stage or is_measured(plan, one.stage)]
    return judge(load, measured, ends, unread=unread, workers=workers)


@dataclass(frozen=True, slots=True)
class _Answers:
    """What thresholds may ask: the load generator's statistics, and the far end's."""

    statistics: RunStatistics
    delivery: Delivery | None

    def value(self, metric: str, tags: Mapping[str, str], statistic: str, quantile: float | None) -> float | None:
        """See `loadkit.scenario.thresholds.Statistics`."""
        if metric not in DELIVERY_METRICS:
            return self.statistics.value(metric, tags, statistic, quantile)
        return None if self.delivery is None else self.delivery.value(metric, tags, statistic, quantile)


def latency_of(histogram: Histogram) -> Latency:
    """A histogram's figures."""
    return Latency(
        n=histogram.total,
        mean_s=_known(histogram.mean_s),
        max_s=_known(histogram.max_s),
        quantiles_s={name: quantile_or_none(histogram, quantile) for name, quantile in QUANTILES.items()},
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _end_to_end(delivery: Delivery) -> dict[str, EndToEndLatency]:
    return {
        kind: EndToEndLatency(latency_of(latencies.intended), latency_of(latencies.sent))
        for kind, latencies in sorted(delivery.end_to_end.items())
    }


def _line(threshold: Threshold, statistics: Statistics) -> ThresholdLine:
    result = evaluate(threshold, statistics)
    return ThresholdLine(threshold.metric_key, threshold.text, result.observed, result.passed)


def _in_measured_stages(plan: RunPlan, at_s: float, end_s: float) -> bool:
    # A sample speaks for the second before it, of which no part may lie in warm-up or after the end. It may belong to
    # several measured stages: those of a compressed campaign can be shorter than a second.
    begun_s, ended_s = at_s - 1, at_s - 0.1
    if begun_s < plan.stages[0].start_s or ended_s > min(plan.stages[-1].end_s, end_s):
        return False
    return all(stage.measured or stage.end_s <= begun_s or stage.start_s >= ended_s for stage in plan.stages)


def _objective_s(thresholds: Iterable[Threshold]) -> float | None:
    upper = (one for one in thresholds if one.metric == "transaction_duration" and one.operator in ("<", "<="))
    return min((threshold.limit for threshold in upper), default=None)


def _flow(statistics: RunStatistics, name: str) -> Flow:
    return Flow(statistics.count(name), None if name == "shed" else statistics.rate_per_s(name))


def _scheduled(statistics: RunStatistics, workers: Sequence[WorkerRecord]) -> dict[str, Flow]:
    """What the schedule wanted, where lost workers left something of it undone."""
    missing = shortfall(workers)
    return {SCHEDULED: Flow(statistics.count("offered") + missing, None)} if missing else {}


def _phases(statistics: RunStatistics) -> dict[str, Latency]:
    latencies = {phase.value: latency_of(statistics.histogram(metric)) for phase, metric in PHASE_METRICS.items()}
    return {phase: latency for phase, latency in latencies.items() if latency.n}


def _part(statistics: RunStatistics, *, stage: str | None = None, kind: str | None = None) -> Part:
    return Part(
        completed=statistics.count("completed", stage=stage, kind=kind),
        accepted=statistics.count("accepted", stage=stage, kind=kind),
        response_time=latency_of(statistics.histogram(Metric.RESPONSE_TIME, stage=stage, kind=kind)),
        service_time=latency_of(statistics.histogram(Metric.SERVICE_TIME, stage=stage, kind=kind)),
    )
