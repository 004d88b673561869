"""What is observed of hosts: made-up counters, servers good and hostile, and busy processes of this machine."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.waiting import wait_until

from loadkit.cli._observation import Observation, observing
from loadkit.errors import UsageError
from loadkit.observe import node
from loadkit.observe.fetch import FetchError, fetch
from loadkit.observe.observing import samples_of
from loadkit.observe.request import ObserveRequest, parse_source
from loadkit.scenario.guardrails import TargetAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def metrics(at_s: float) -> str:
    """A host of two cores: half busy, disk at 20 %, 1 MB/s received on an interface of 10 MB/s."""
    lines = ["# TYPE node_cpu_seconds_total counter", "go_goroutines 8"]
    for core in (0, 1):
        lines += [
            f'node_cpu_seconds_total{{cpu="{core}",mode="{mode}"}} {share * at_s}'
            for mode, share in (("idle", 0.4), ("iowait", 0.1), ("user", 0.5))
        ]
    lines += [
        "node_memory_MemTotal_bytes 8e9",
        "node_memory_MemAvailable_bytes 2e9",
        f'node_disk_io_time_seconds_total{{device="sda"}} {0.2 * at_s}',
        f'node_disk_read_bytes_total{{device="sda"}} {1000 * at_s}',
        f'node_disk_written_bytes_total{{device="sda"}} {3000 * at_s}',
        f'node_disk_read_bytes_total{{device="dm-0"}} {1000 * at_s}',
        f'node_network_receive_bytes_total{{device="eth0"}} {1e6 * at_s}',
        f'node_network_transmit_bytes_total{{device="eth0"}} {1e5 * at_s}',
        f'node_network_receive_bytes_total{{device="lo"}} {9e9 * at_s}',
        'node_network_speed_bytes{device="eth0"} 1e7',
        'node_network_speed_bytes{device="lo"} -125000',
    ]
    return "\n".join(lines) + "\n"


def matrix(*times: float) -> bytes:
    """The same host as Prometheus tells of it."""
    by_series: dict[str, list[list[Any]]] = {}
    for at_s in times:
        for line in metrics(at_s).splitlines():
            if line.startswith("node_"):
                series, _, value = line.rpartition(" ")
                by_series.setdefault(series, []).append([at_s, value])
    result = []
    for series, values in by_series.items():
        name, _, labels = series.rstrip("}").partition("{")
        pairs = (pair.split("=") for pair in labels.split(",") if pair)
        result.append({"metric": {"__name__": name} | {key: text.strip('"') for key, text in pairs}, "values": values})
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


@pytest.mark.parametrize(
    "readings",
    [[node.read_exposition(metrics(at), at) for at in (100.0, 105.0)], node.read_matrix(matrix(100.0, 105.0))],
    ids=["node_exporter", "prometheus"],
)
def test_shares_and_rates_between_two_readings(readings: list[Any]) -> None:
    (sample,) = samples_of(readings)
    assert (sample.at_s, sample.length_s) == (105.0, 5.0)
    assert sample.cpu_ratio == pytest.approx(0.5)
    assert sample.memory_ratio == pytest.approx(0.75)
    assert sample.disk_busy_ratio == pytest.approx(0.2)
    assert sample.disk_bytes_per_s == pytest.approx(4000)
    assert sample.network_ratio == pytest.approx(0.1)
    assert sample.network_bytes_per_s == pytest.approx(1.1e6)


def test_counters_that_went_back_tell_nothing() -> None:
    (sample,) = samples_of([node.read_exposition(metrics(at), at_s) for at, at_s in ((100.0, 1.0), (5.0, 2.0))])
    assert sample.cpu_ratio != sample.cpu_ratio
    assert sample.disk_busy_ratio != sample.disk_busy_ratio
    assert sample.memory_ratio == pytest.approx(0.75)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"data": {"result": [{"metric": {}, "values": [[1, "x"]]}]}}', b"[" * 100_000],
    ids=["empty", "list", "object", "no number", "deep"],
)
def test_what_is_no_answer_of_prometheus(content: bytes) -> None:
    with pytest.raises(FetchError, match="none of Prometheus"):
        node.read_matrix(content)


@pytest.mark.parametrize("text", ["<html>", "node_cpu_seconds_total{cpu= 1\n", "go_goroutines 8\n"])
def test_what_is_no_metrics_of_a_host(text: str) -> None:
    with pytest.raises(FetchError):
        node.read_exposition(text, 1.0)


@pytest.mark.parametrize(
    ("text", "instance"),
    [("local", ""), ("http://h:9100/metrics", ""), ("http://p:9090?instance=h:9100", "h:9100")],
    ids=["local", "node", "prometheus"],
)
def test_sources(text: str, instance: str) -> None:
    assert parse_source(text) == ObserveRequest(text, instance)


@pytest.mark.parametrize(
    "text", ["", "host:9100", "ftp://h/", "http://u:p@h/", "http://h:99999/", "http://h?instance=", "http://h?a=b"]
)
def test_what_is_no_source(text: str) -> None:
    with pytest.raises(UsageError):
        parse_source(text)


def test_local_is_refused_for_a_target_elsewhere() -> None:
    with pytest.raises(UsageError, match="this machine"), observing("local", TargetAddress("smtp", "192.0.2.1", 25)):
        pass


class Server(ThreadingHTTPServer):
    """A server on loopback that answers as it is told."""

    daemon_threads = True
    answer: Callable[[BaseHTTPRequestHandler], None]

    def handle_error(self, *_: Any) -> None:
        """A client that went away is what is tested."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.answer(self)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def answer(handler: BaseHTTPRequestHandler, content: bytes, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"node_cpu_seconds_total 1\n" * 1000)


def dripping(handler: BaseHTTPRequestHandler) -> None:
    # Every byte comes in time, and the header never ends.
    while True:
        handler.wfile.write(b"x")
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (endless, "longer than 100,000 bytes"),
        (dripping, r"within 0\.3 s"),
        (lambda handler: answer(handler, b"", 503), "answers 503"),
        (lambda handler: handler.wfile.write(b"220 mail ESMTP\r\n"), "."),
    ],
    ids=["endless", "dripping", "status", "no HTTP"],
)
def test_hostile_servers_end_in_an_error(server: Server, act: Any, why: str) -> None:
    server.answer = act
    began_s = time.monotonic()
    with pytest.raises(FetchError, match=why):
        fetch(server.url, "/metrics", deadline_s=0.3, limit_bytes=100_000)
    assert time.monotonic() - began_s < 5


@pytest.mark.slow
def test_a_node_exporter_is_asked_from_a_process_of_its_own(server: Server, tmp_path: Path) -> None:
    began_s, asked = time.time(), []

    def tell(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        answer(handler, metrics(time.time()).encode())

    server.answer = tell
    observation = Observation(parse_source(server.url), tmp_path)
    wait_until(lambda: len(asked) >= 2, "no second scrape")
    observed = observation.finish(began_s)
    assert asked[0] == "/metrics"
    assert observed.samples[0].cpu_ratio == pytest.approx(0.5, rel=0.05)
    assert observed.samples[0].at_s == pytest.approx(observed.samples[0].length_s, abs=5)
    assert observed.notes == ()


def test_prometheus_is_asked_for_the_time_of_the_run(server: Server, tmp_path: Path) -> None:
    began_s = time.time() - 60

    def tell(handler: BaseHTTPRequestHandler) -> None:
        found = "instance%3D%22h%3A9100%22" in handler.path and "61s" in handler.path
        answer(handler, matrix(*(began_s + after_s for after_s in (-5, 5, 10, 15))) if found else b"{}")

    server.answer = tell
    observed = Observation(parse_source(f"{server.url}?instance=h:9100"), tmp_path).finish(began_s)
    assert observed.notes == ()
    assert [(round(one.at_s, 3), round(one.length_s, 3)) for one in observed.samples] == [(10.0, 5.0), (15.0, 5.0)]


def test_a_source_that_fails_is_a_note(server: Server, tmp_path: Path) -> None:
    server.answer = lambda handler: answer(handler, b"<html>")
    observed = Observation(parse_source(f"{server.url}?instance=h:9100"), tmp_path).finish(time.time())
    assert observed.samples == ()
    assert "its answer is none of Prometheus" in observed.notes[0]


@pytest.mark.slow
def test_this_machine_and_a_busy_process_that_listens(tmp_path: Path) -> None:
    program = (
        "import socket\nlistening = socket.create_server(('127.0.0.1', 0))\n"
        "print(listening.getsockname()[1], flush=True)\nwhile True: pass"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as busy:
        try:
            assert busy.stdout is not None
            port = int(busy.stdout.readline())
            began_s = time.time()
            observation = Observation(ObserveRequest("local", port=port, generator_pid=busy.pid), tmp_path)
            wait_until(lambda: (tmp_path / "told").read_bytes().count(b"\n") >= 2, "no samples")
            observed = observation.finish(began_s)
        finally:
            busy.kill()
    last = observed.samples[-1]
    assert last.target_cpu_ratio > 0.01  # of all cores, whatever else runs here
    assert last.target_cpu_ratio <= last.cpu_ratio + 0.1
    assert last.generator_cpu_ratio != last.generator_cpu_ratio  # the target's own processes are not the generator's
    assert 0 < last.memory_ratio < 1
    assert observed.notes[0].startswith(f"target's processes, by port {port}: python")
