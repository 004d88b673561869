"""A run's metrics for Prometheus, over HTTP from the load generator's own event loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from gevent.pool import Pool
from gevent.pywsgi import WSGIServer
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from loadkit.drive.watch import Readings
from loadkit.errors import UsageError
from loadkit.measure.histogram import EXPORT_BOUNDS_S
from loadkit.measure.metrics import Buckets, Family, Instrument, families

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from loadkit.drive.watch import LiveRun

_CLIENTS = 8
"""Scrapes at a time; more than these wait."""
_BOUND_LABELS = tuple(map(str, EXPORT_BOUNDS_S))

StartResponse = Callable[[str, list[tuple[str, str]]], object]


class MetricsServer:
    """Serves ``/metrics`` for as long as it isn't closed; before the run begins there are none.

    Args:
        host: Address to listen on.
        port: Port; 0 takes a free one.

    Attributes:
        url: Where the metrics are.

    Raises:
        UsageError: If it can't listen there.
    """

    def __init__(self, host: str, port: int) -> None:
        self._readings: Readings | None = None
        self._server = WSGIServer((host, port), self._answer, spawn=Pool(_CLIENTS), log=None, error_log=None)
        try:
            self._server.start()
        except OSError as error:
            raise UsageError(
                f"metrics can't be served at {host}:{port}: {error.strerror}", hint="give another --metrics-port"
            ) from error
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.server_port}/metrics"

    def begin(self, run: LiveRun) -> None:
        """Serve the metrics of this run."""
        self._readings = Readings(run)

    def end(self) -> None:
        """Nothing: what the run came to can be read until the server is closed."""

    def close(self) -> None:
        """Serve no more."""
        self._server.stop(timeout=0)

    def _answer(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/metrics":
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"metrics are at /metrics\n"]
        body = b"" if self._readings is None else _text(self._readings)
        start_response("200 OK", [("Content-Type", CONTENT_TYPE_LATEST), ("Content-Length", str(len(body)))])
        return [body]


def _text(readings: Readings) -> bytes:
    """The metrics in Prometheus' text format, made family by family, with the load's turns between."""
    parts: list[bytes] = []
    for family in families(readings.take().reading):
        registry = CollectorRegistry()
        registry.register(_One(family))
        parts.append(generate_latest(registry))
        readings.breathe()
    return b"".join(parts)


class _One(Collector):
    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterator[Metric]:
        metric = self._family.metric
        make = {
            Instrument.COUNTER: CounterMetricFamily,
            Instrument.GAUGE: GaugeMetricFamily,
            Instrument.HISTOGRAM: HistogramMetricFamily,
        }[metric.instrument]
        made = make(metric.prometheus, metric.help, labels=metric.labels)
        for labels, value in self._family.values.items():
            if isinstance(value, Buckets):
                bounds = [*zip(_BOUND_LABELS, value.up_to, strict=True), ("+Inf", value.total)]
                made.add_metric(labels, bounds, value.sum_s)
            else:
                made.add_metric(labels, value)
        yield made
