"""A run's metrics pushed by OpenTelemetry's protocol over HTTP, to where the standard variables say."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import gevent

from loadkit import __version__
from loadkit.drive.watch import Readings
from loadkit.errors import UsageError
from loadkit.measure.histogram import EXPORT_BOUNDS_S
from loadkit.measure.metrics import Buckets, Family, Instrument, families

if TYPE_CHECKING:
    from loadkit.drive.watch import LiveRun

INTERVAL_VARIABLE = "OTEL_METRIC_EXPORT_INTERVAL"
DEFAULT_INTERVAL_MS = 10_000.0
"""The specification's is a minute, which is a whole run."""
_INSTALL = "install it: pip install 'loadkit[otel]'"
_NS_PER_S = 1_000_000_000


class OtelPush:
    """Pushes the metrics of a run now and then, and at its end.

    Raises:
        UsageError: If the packages are not installed, or the interval is no number.
    """

    def __init__(self) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415 - an extra
                OTLPMetricExporter,
            )
        except ImportError as error:
            raise UsageError("--otel needs OpenTelemetry's SDK and its exporter over HTTP", hint=_INSTALL) from error
        self._interval_s = _interval_s()
        self._exporter = OTLPMetricExporter()
        self._readings: Readings | None = None
        self._started_ns = 0
        self._pushing: gevent.Greenlet | None = None

    def begin(self, run: LiveRun) -> None:
        """Push the metrics of this run from now on."""
        self._readings = Readings(run)
        self._started_ns = int(run.plan.started_at * _NS_PER_S)
        self._resource = _resource(run.plan.run_id)
        self._pushing = gevent.spawn(self._push_on)

    def end(self) -> None:
        """Push what the run came to, and no more."""
        if self._pushing is not None:
            self._pushing.kill()
            self._push(fresh_s=0.0)

    def close(self) -> None:
        """Give up the connection."""
        self._exporter.shutdown()

    def _push_on(self) -> None:
        while True:
            gevent.sleep(self._interval_s)
            self._push()

    def _push(self, **how: float) -> None:
        assert self._readings is not None
        made = []
        for family in families(self._readings.take(**how).reading):
            made.append(_metric(family, self._started_ns, time.time_ns()))
            self._readings.breathe()
        # What can't be delivered the exporter itself logs, after it tried for OTEL_EXPORTER_OTLP_TIMEOUT.
        self._exporter.export(_data(self._resource, made))


def _interval_s() -> float:
    text = os.environ.get(INTERVAL_VARIABLE, "")
    try:
        interval_ms = float(text) if text else DEFAULT_INTERVAL_MS
    except ValueError:
        interval_ms = 0.0
    if not 100.0 <= interval_ms <= 3_600_000.0:  # noqa: PLR2004 - said in the error
        raise UsageError(f"{INTERVAL_VARIABLE} is {text!r}", hint="write milliseconds from 100 to 3600000")
    return interval_ms / 1e3


def _resource(run_id: str) -> Any:
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra

    return Resource.create(
        {
            "service.name": os.environ.get("OTEL_SERVICE_NAME", "loadkit"),
            "service.version": __version__,
            "service.instance.id": run_id,
        }
    )


def _metric(family: Family, started_ns: int, now_ns: int) -> Any:
    from opentelemetry.sdk.metrics import export  # noqa: PLC0415 - an extra

    metric = family.metric
    data: Any
    times: dict[str, Any] = {"start_time_unix_nano": started_ns, "time_unix_nano": now_ns}
    points = [
        _point(dict(zip(metric.labels, labels, strict=True)), value, times) for labels, value in family.values.items()
    ]
    cumulative = export.AggregationTemporality.CUMULATIVE
    if metric.instrument is Instrument.COUNTER:
        data = export.Sum(points, aggregation_temporality=cumulative, is_monotonic=True)
    elif metric.instrument is Instrument.GAUGE:
        data = export.Gauge(points)
    else:
        data = export.Histogram(points, aggregation_temporality=cumulative)
    return export.Metric(metric.name, metric.help, metric.unit, data)


def _point(attributes: dict[str, str], value: float | Buckets, times: dict[str, Any]) -> Any:
    from opentelemetry.sdk.metrics import export  # noqa: PLC0415 - an extra

    if not isinstance(value, Buckets):
        return export.NumberDataPoint(attributes, value=value, **times)
    ups = (0, *value.up_to, value.total)
    unknown: Any = None
    return export.HistogramDataPoint(
        attributes,
        count=value.total,
        sum=value.sum_s,
        bucket_counts=[upper - lower for lower, upper in pairwise(ups)],
        explicit_bounds=list(EXPORT_BOUNDS_S),
        min=unknown,
        max=unknown,
        **times,
    )


def _data(resource: Any, metrics: list[Any]) -> Any:
    from opentelemetry.sdk.metrics import export  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415 - an extra

    scope = export.ScopeMetrics(InstrumentationScope("loadkit", __version__), metrics, "")
    return export.MetricsData([export.ResourceMetrics(resource, [scope], "")])
