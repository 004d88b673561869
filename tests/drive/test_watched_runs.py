"""Runs under watch: what Prometheus reads and a collector is sent agrees with the summary."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.runs import run_scenario, scenario_text
from support.sink import running_sink
from support.waiting import wait_until
from support.watched import WatchedRun, get

from loadkit.errors import ExitCode
from loadkit.measure.metrics import METRICS, Instrument

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOAD = "load: {arrivals: even, stages: [{name: hold, rate: 200/s, duration: 4s}]}"
HONEST = (ExitCode.OK, ExitCode.INVALID)
"""How a run ends whose target did well: a busy machine may make it invalid."""
LONGER = LOAD.replace("4s", "10s")
KINDS = "messages: {note: {size: 1KiB, weight: 3}, letter: {size: 4KiB}}"


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(found: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str, **labels: str) -> float:
    """The sum of a metric's samples that have these labels."""
    return sum(value for (one, tags), value in found.items() if one == name and labels.items() <= dict(tags).items())


@pytest.mark.slow
def test_prometheus_reads_every_metric_while_the_run_goes_on(tmp_path: Path) -> None:
    with running_sink() as sink:
        text = scenario_text(f"smtp://{sink.host}:{sink.port}", load=LONGER, messages_block=KINDS)
        with WatchedRun(tmp_path, text, "--metrics-port", "0") as run:
            url = run.announced("metrics")
            before: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
            scrapes = []

            def scraped(least: int) -> bool:
                scrapes.append(samples(get(url)))
                return of(scrapes[-1], "loadkit_messages_total") >= least

            wait_until(lambda: scraped(100), "a hundred messages are counted", poll_s=0.1)
            before = scrapes[-1]
            wait_until(lambda: scraped(600), "six hundred messages are counted", poll_s=0.1)
            after = scrapes[-1]
            assert run.wait() in HONEST, run.stderr
            flows = run.summary()["flows"]
    suffixes = {Instrument.COUNTER: "_total", Instrument.GAUGE: "", Instrument.HISTOGRAM: "_bucket"}
    expected = {metric.prometheus + suffixes[metric.instrument] for metric in METRICS}
    assert expected <= {name for name, _ in after}
    monotonic = [key for key in before if key[0].endswith(("_total", "_bucket", "_count", "_sum"))]
    for earlier, later in pairwise(scrapes):
        assert all(later[key] >= earlier.get(key, 0.0) for key in monotonic if key in later)
    assert of(after, "loadkit_messages_total", outcome="accepted") <= flows["accepted"]["count"] == 2000
    assert of(after, "loadkit_messages_total", kind="note") > of(after, "loadkit_messages_total", kind="letter") > 0
    count = of(after, "loadkit_response_time_seconds_count")
    assert of(after, "loadkit_response_time_seconds_bucket", le="+Inf") == count >= 600
    assert of(after, "loadkit_run_valid") in (0, 1)


@pytest.mark.slow
def test_a_master_shows_what_its_workers_sent(tmp_path: Path) -> None:
    with running_sink() as sink, collecting() as collector:
        text = scenario_text(f"smtp://{sink.host}:{sink.port}", load=LOAD, messages_block=KINDS, sessions=2)
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        options = ("--workers", "2", "--metrics-port", "0", "--otel")
        with WatchedRun(tmp_path, text, *options, variables=variables) as run:
            url = run.announced("metrics")
            wait_until(
                lambda: of(samples(get(url)), "loadkit_messages_total", outcome="accepted") >= 400,
                "half of the messages are counted",
                timeout_s=30,
                poll_s=0.2,
            )
            assert run.wait() in HONEST, run.stderr
            assert run.summary()["flows"]["accepted"]["count"] == 800
    assert of(collector.values, "loadkit.messages", outcome="accepted") == 800
    assert of(collector.values, "loadkit.response.time") == 800


@pytest.mark.slow
def test_before_the_run_and_elsewhere_there_is_nothing(tmp_path: Path) -> None:
    with running_sink() as sink:
        text = scenario_text(f"smtp://{sink.host}:{sink.port}", messages=10)
        with WatchedRun(tmp_path, text, "--metrics-port", "0", "--web", "--web-port", "0") as run:
            url = run.announced("metrics")
            assert get(url) == ""
            with pytest.raises(OSError, match="404"):
                get(url.removesuffix("/metrics"))


def test_a_port_in_use_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    with running_sink() as sink:
        text = scenario_text(f"smtp://{sink.host}:{sink.port}")
        run = run_scenario(tmp_path, text, "--metrics-port", str(sink.port))
        assert run.exit_code == 2
        assert "give another --metrics-port" in run.stderr
        assert sink.stop().deliveries == 0


class Collector:
    """Takes what is pushed; `values` are the last of each metric with its attributes."""

    def __init__(self, status: int) -> None:
        self.pushes = 0
        self.resource: dict[str, str] = {}
        self.values: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        self.units: dict[str, str] = {}
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.path == "/v1/metrics"
                collector.take(body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def take(self, body: bytes) -> None:
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

        (resource,) = ExportMetricsServiceRequest.FromString(body).resource_metrics
        self.resource = {one.key: one.value.string_value for one in resource.resource.attributes}
        for metric in resource.scope_metrics[0].metrics:
            self.units[metric.name] = metric.unit
            for point in (*metric.sum.data_points, *metric.gauge.data_points):
                self.values[metric.name, self._tags(point)] = point.as_double or point.as_int
            for point in metric.histogram.data_points:
                assert sum(point.bucket_counts) == point.count
                self.values[metric.name, self._tags(point)] = point.count
        self.pushes += 1

    @staticmethod
    def _tags(point: object) -> frozenset[tuple[str, str]]:
        return frozenset((one.key, one.value.string_value) for one in point.attributes)  # type: ignore[attr-defined]


@contextmanager
def collecting(status: int = 200) -> Iterator[Collector]:
    collector = Collector(status)
    threading.Thread(target=collector.server.serve_forever, daemon=True).start()
    try:
        yield collector
    finally:
        collector.server.shutdown()
        collector.server.server_close()


@pytest.mark.slow
def test_a_collector_is_sent_what_the_run_came_to(tmp_path: Path) -> None:
    with running_sink() as sink, collecting() as collector:
        text = scenario_text(f"smtp://{sink.host}:{sink.port}", load=LOAD, messages_block=KINDS)
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test",
        }
        run = run_scenario(tmp_path, text, "--otel", variables=variables)
    assert run.exit_code in HONEST, run.stderr
    assert collector.pushes >= 4
    assert of(collector.values, "loadkit.messages", outcome="accepted") == run.summary["flows"]["accepted"]["count"]
    assert of(collector.values, "loadkit.response.time") == 800
    assert collector.units["loadkit.response.time"] == "s"
    assert collector.resource["service.name"] == "loadkit"
    assert collector.resource["deployment.environment"] == "test"


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "nonsense"])
def test_a_collector_that_is_not_there_costs_the_run_nothing(endpoint: str, tmp_path: Path) -> None:
    with running_sink() as sink:
        text = scenario_text(f"smtp://{sink.host}:{sink.port}", messages=500)
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
        run = run_scenario(tmp_path, text, "--otel", variables=variables)
    assert run.exit_code == 0, run.stderr
    assert run.summary["flows"]["accepted"]["count"] == 500
    assert run.folder is not None


def test_an_interval_that_is_none_is_refused(tmp_path: Path) -> None:
    text = scenario_text("smtp://127.0.0.1:9")
    run = run_scenario(tmp_path, text, "--otel", variables={"OTEL_METRIC_EXPORT_INTERVAL": "soon"})
    assert run.exit_code == 2
    assert "OTEL_METRIC_EXPORT_INTERVAL is 'soon'" in run.stderr


def test_without_the_packages_the_fix_is_named(tmp_path: Path) -> None:
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry" / "__init__.py").write_text("")
    text = scenario_text("smtp://127.0.0.1:9")
    run = run_scenario(tmp_path, text, "--otel", variables={"PYTHONPATH": str(tmp_path)})
    assert run.exit_code == 2
    assert "pip install 'loadkit[otel]'" in run.stderr
