"""What monitoring systems are told of a run while it goes on: the metrics by name, as data, and their values now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from loadkit.measure.histogram import EXPORT_BOUNDS_S, Histogram
from loadkit.measure.statistics import PHASE_METRICS, Metric, RunStatistics
from loadkit.measure.timeline import FAILED
from loadkit.smtp.outcome import OutcomeClass

if TYPE_CHECKING:
    from loadkit.measure.books import LiveTotals


class Instrument(StrEnum):
    """How values of a metric behave."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


# How Prometheus wants units in names; what counts things has none.
_UNIT_WORDS = {"s": "seconds", "By": "bytes", "1": "ratio"}


@dataclass(frozen=True, slots=True)
class MetricName:
    """A metric.

    Args:
        name: Its name by OpenTelemetry's convention, without a unit.
        unit: Unit in UCUM notation; braces hold what is counted.
        instrument: How its values behave.
        help: What it says, in a sentence.
        labels: Names of its labels. Their values are from closed lists: message kinds of the scenario, classes of
            outcomes, phases.
    """

    name: str
    unit: str
    instrument: Instrument
    help: str
    labels: tuple[str, ...] = ()

    @property
    def prometheus(self) -> str:
        """The name in Prometheus, without ``_total`` of counters and ``_bucket``, ``_sum``, ``_count`` of histograms.

        By the rules that OpenTelemetry's specification gives for names in Prometheus: dots become underscores and
        units are added in words.
        """
        word = _UNIT_WORDS.get(self.unit)
        stem = self.name.replace(".", "_")
        return f"{stem}_{word}" if word else stem


_MESSAGES = "{message}"

OFFERED = MetricName(
    "loadkit.messages.offered", _MESSAGES, Instrument.COUNTER, "Messages whose intended time came.", ("kind",)
)
STARTED = MetricName("loadkit.messages.started", _MESSAGES, Instrument.COUNTER, "Messages that a session took.")
MESSAGES = MetricName(
    "loadkit.messages",
    _MESSAGES,
    Instrument.COUNTER,
    "Messages that ended, by the class of their outcome.",
    ("kind", "outcome"),
)
SHED = MetricName(
    "loadkit.messages.shed",
    _MESSAGES,
    Instrument.COUNTER,
    "Messages given up because the queue for a session was full.",
    ("kind",),
)
IN_FLIGHT = MetricName("loadkit.messages.in_flight", _MESSAGES, Instrument.GAUGE, "Messages started and not ended.")
QUEUED = MetricName("loadkit.messages.queued", _MESSAGES, Instrument.GAUGE, "Messages that wait for a session.")
ACCEPTED_SIZE = MetricName(
    "loadkit.accepted.size", "By", Instrument.COUNTER, "Content of the messages that were accepted.", ("kind",)
)
CONNECTIONS = MetricName("loadkit.connections", "{connection}", Instrument.GAUGE, "Open connections.")
SETUPS = MetricName(
    "loadkit.session.setups",
    "{session}",
    Instrument.COUNTER,
    "Session set-ups that ended, by whether the session could be used.",
    ("outcome",),
)
RESPONSE_TIME = MetricName(
    "loadkit.response.time", "s", Instrument.HISTOGRAM, "From a message's intended time to its end.", ("kind",)
)
SERVICE_TIME = MetricName(
    "loadkit.service.time", "s", Instrument.HISTOGRAM, "From the start of a transaction to its end.", ("kind",)
)
PHASE_DURATION = MetricName(
    "loadkit.phase.duration", "s", Instrument.HISTOGRAM, "Length of each step of the conversation.", ("phase",)
)
SCHEDULE_LAG = MetricName(
    "loadkit.schedule.lag", "s", Instrument.HISTOGRAM, "How late the generator itself released messages."
)
GENERATOR_CPU = MetricName(
    "loadkit.generator.cpu", "1", Instrument.GAUGE, "Processor time of the generator over time; 1 is a whole core."
)
ELAPSED = MetricName("loadkit.run.elapsed", "s", Instrument.GAUGE, "Time since the run's start.")
VALID = MetricName(
    "loadkit.run.valid", "", Instrument.GAUGE, "1 while the generator does what it was told, 0 once it did not."
)

METRICS = (
    OFFERED,
    STARTED,
    MESSAGES,
    SHED,
    IN_FLIGHT,
    QUEUED,
    ACCEPTED_SIZE,
    CONNECTIONS,
    SETUPS,
    RESPONSE_TIME,
    SERVICE_TIME,
    PHASE_DURATION,
    SCHEDULE_LAG,
    GENERATOR_CPU,
    ELAPSED,
    VALID,
)
"""All of them, in the order of `families`."""

_ENDED: dict[OutcomeClass, str] = {OutcomeClass.ACCEPTED: "accepted", **FAILED}
_BY_KIND = {Metric.RESPONSE_TIME: RESPONSE_TIME, Metric.SERVICE_TIME: SERVICE_TIME}


Latencies = dict[tuple[Metric, str], Histogram]


@dataclass(frozen=True, slots=True)
class Reading:
    """A run at one moment, as far as monitoring is told of it; warm-up is included.

    Args:
        totals: Counts since the start.
        counts: See `counts_by_kind`.
        latencies: See `merged_histograms`.
        cpu_ratio: CPU of the generator over the last second.
        valid: Whether the run may be believed so far.
    """

    totals: LiveTotals
    counts: dict[str, dict[str, int]]
    latencies: Latencies
    cpu_ratio: float
    valid: bool


@dataclass(frozen=True, slots=True)
class Buckets:
    """A histogram as monitoring systems keep it.

    Args:
        up_to: How many values are at most each of `EXPORT_BOUNDS_S`.
        total: How many values there are.
        sum_s: Their sum in seconds.
    """

    up_to: tuple[int, ...]
    total: int
    sum_s: float


Values = dict[tuple[str, ...], float | Buckets]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with its values.

    Args:
        metric: Which.
        values: By the values of its labels.
    """

    metric: MetricName
    values: Values = field(default_factory=dict)


def merged_histograms(statistics: RunStatistics, breathe: Callable[[], None]) -> Latencies:
    """Histograms over all stages, by metric and kind; and over all kinds, by metric and nothing.

    Args:
        statistics: A live view, of which nothing is kept.
        breathe: Called between histograms, each of which takes 0.05 ms, so that others come to their turn.
    """
    merged: Latencies = defaultdict(Histogram)
    for series in list(statistics.histograms):
        histogram = statistics.histograms[series]
        merged[series.metric, ""].merge(histogram)
        if series.kind and series.metric in _BY_KIND:
            merged[series.metric, series.kind].merge(histogram)
        breathe()
    return merged


def counts_by_kind(statistics: RunStatistics) -> dict[str, dict[str, int]]:
    """The counters of `timeline.COUNTERS` over all stages, by kind."""
    kinds = statistics.plan.kinds
    return {
        counter: dict(zip(kinds, sums.sum(axis=0).tolist(), strict=True))
        for counter, sums in statistics.counters.by_arrival.items()
    }


def families(reading: Reading) -> Iterator[Family]:
    """The values of all metrics, in the order of `METRICS`."""
    totals, counts, latencies = reading.totals, reading.counts, reading.latencies
    yield Family(OFFERED, _of_kinds(counts["offered"]))
    yield _single(STARTED, totals.started)
    yield _outcomes(counts)
    yield Family(SHED, _of_kinds(counts["shed"]))
    yield _single(IN_FLIGHT, totals.in_flight)
    yield _single(QUEUED, totals.queued)
    yield Family(ACCEPTED_SIZE, _of_kinds(counts["accepted_bytes"]))
    yield _single(CONNECTIONS, totals.connections)
    opened = totals.setups - totals.setups_failed
    yield Family(SETUPS, {("opened",): opened, ("failed",): totals.setups_failed})
    for timed, metric in _BY_KIND.items():
        yield Family(metric, {(kind,): _buckets(latencies[timed, kind]) for kind in counts["offered"]})
    yield Family(
        PHASE_DURATION, {(phase.value,): _buckets(latencies[timed, ""]) for phase, timed in PHASE_METRICS.items()}
    )
    yield _single(SCHEDULE_LAG, _buckets(latencies[Metric.SCHEDULE_LAG, ""]))
    yield _single(GENERATOR_CPU, reading.cpu_ratio)
    yield _single(ELAPSED, max(totals.at_s, 0.0))
    yield _single(VALID, int(reading.valid))


def _single(metric: MetricName, value: float | Buckets) -> Family:
    return Family(metric, {(): value})


def _of_kinds(counts: dict[str, int]) -> Values:
    return {(kind,): count for kind, count in counts.items()}


def _outcomes(counts: dict[str, dict[str, int]]) -> Family:
    values: Values = {}
    for outcome, counter in _ENDED.items():
        for kind, value in counts[counter].items():
            values[kind, outcome.value] = value
    return Family(MESSAGES, values)


def _buckets(histogram: Histogram) -> Buckets:
    return Buckets(tuple(histogram.counts_up_to_s(EXPORT_BOUNDS_S)), histogram.total, histogram.sum_s)
