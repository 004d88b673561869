"""What a sink counted, in Prometheus' text format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from loadkit.measure.histogram import EXPORT_BOUNDS_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from loadkit.measure.histogram import Histogram
    from sinks.intake import Intake

_COUNTED = {
    "deliveries": "Messages received, duplicates included.",
    "duplicates": "Deliveries of a message that had arrived before.",
    "unknown": "Deliveries without a usable loadkit id.",
    "corrupted": "Deliveries whose body is not the one that was sent.",
    "recipients": "Envelope recipients of all deliveries.",
    "size_bytes": "Content of all deliveries in bytes.",
}


def metrics_of(intake: Intake) -> bytes:
    """A sink's metrics.

    Args:
        intake: What arrived, and the counts of now.

    Returns:
        Text in Prometheus' exposition format.
    """
    registry = CollectorRegistry()
    registry.register(_Collected(intake))
    return generate_latest(registry)


class _Collected(Collector):
    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def collect(self) -> Iterator[Metric]:
        yield from self._by_run()
        yield self._latencies("intended", "the time that the schedule wanted a message sent")
        yield self._latencies("sent", "the start of a message's transaction")
        counters = self._intake.counters
        yield GaugeMetricFamily("smtp_sink_connections", "Open connections.", value=counters.connections_open)
        total = counters.connections_total
        yield CounterMetricFamily("smtp_sink_connections_accepted", "Connections that there have been.", value=total)
        answers = CounterMetricFamily(
            "smtp_sink_answers", "What the behaviour did instead of the usual at once.", labels=("phase", "what")
        )
        for name, count in sorted(counters.answers.items()):
            answers.add_metric(name.split(" ", 1), count)
        yield answers

    def _by_run(self) -> Iterator[Metric]:
        ledgers = {"": self._intake.unidentified, **self._intake.runs}
        for name, help_text in _COUNTED.items():
            family = CounterMetricFamily(f"smtp_sink_{name}", help_text, labels=("run",))
            for run, ledger in ledgers.items():
                family.add_metric((run,), getattr(ledger, name))
            yield family

    def _latencies(self, start: str, words: str) -> Metric:
        family = HistogramMetricFamily(
            f"smtp_sink_end_to_end_{start}_seconds", f"From {words} to its arrival.", labels=("run", "kind")
        )
        for run, ledger in self._intake.runs.items():
            for kind, latencies in ledger.end_to_end.items():
                histogram: Histogram = getattr(latencies, start)
                counts = histogram.counts_up_to_s(EXPORT_BOUNDS_S)
                buckets = [*zip(map(str, EXPORT_BOUNDS_S), counts, strict=True), ("+Inf", histogram.total)]
                family.add_metric((run, kind), buckets, histogram.sum_s)
        return family
