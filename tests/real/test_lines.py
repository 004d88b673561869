"""Two hosts with a line between them: what delay and loss do to latency, and that a cut line is told in time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.binomial import binomial_bounds
from support.line import Host, Line, line_between_hosts, take_down
from support.runs import ROOT, FinishedRun, run_scenario, scenario_text, start_run
from support.sink import running_sink
from support.waiting import wait_until

from loadkit.measure.histogram_log import HISTOGRAM_FILE, read_histograms
from loadkit.measure.statistics import Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.sink import RunningSink

    from loadkit.measure.histogram import Histogram

pytestmark = [pytest.mark.real, pytest.mark.slow]

ACCEPTED = ("accepted", "dot", 250, "")
TOLD_WITHIN_S = 5.0
HISTOGRAM_ERROR = 1e-3
"""Histograms keep three digits."""
RETRANSMISSION_S = 0.2
"""Linux waits so long at least for an acknowledgement before it sends a lone packet again (TCP_RTO_MIN)."""
HOLD = "load: {arrivals: even, grace: %s, stages: [{name: hold, rate: %d/s, duration: %s}]}"


@pytest.fixture
def line() -> Iterator[Line]:
    with line_between_hosts() as made:
        yield made


@pytest.fixture
def far_sink(line: Line) -> Iterator[RunningSink]:
    with running_sink(prefix=line.right.prefix, host=line.right.address, engine="fast") as sink:
        yield sink


def url(sink: RunningSink) -> str:
    return f"smtp://{sink.host}:{sink.port}"


def run_from_left(line: Line, sink: RunningSink, folder: Path, text: str) -> FinishedRun:
    options = ("--allow", sink.host, "--no-preflight")
    return run_scenario(folder, text.replace("700ms", "20s"), *options, prefix=line.left.prefix)


def times_of(run: FinishedRun, metric: Metric) -> Histogram:
    assert run.folder is not None, run.stderr
    histograms = read_histograms(run.folder / HISTOGRAM_FILE)
    (found,) = (histogram for series, histogram in histograms.items() if series.metric is metric)
    return found


# --- delay ---

KEPT, FRESH = "", "messages_per_session: 1, "
CONNECT, BANNER, EHLO = 1, 1, 1
SET_UP = CONNECT + BANNER + EHLO
STARTTLS = 1 + 1 + EHLO
"""The command, the handshake of TLS 1.3, and EHLO again."""
ONE_BY_ONE = 4
"""MAIL, RCPT, DATA, content."""
PIPELINED = 2
"""The envelope at once, content."""


@pytest.mark.parametrize(
    ("sessions", "pipelining", "tls", "metric", "round_trips"),
    [
        (KEPT, "false", "none", Metric.SERVICE_TIME, ONE_BY_ONE),
        (KEPT, "true", "none", Metric.SERVICE_TIME, PIPELINED),
        (FRESH, "false", "none", Metric.RESPONSE_TIME, SET_UP + ONE_BY_ONE),
        (FRESH, "true", "starttls", Metric.RESPONSE_TIME, SET_UP + STARTTLS + PIPELINED),
    ],
    ids=["kept", "kept, pipelining", "new connection", "new connection, STARTTLS, pipelining"],
)
def test_latency_is_round_trips_times_delay(
    *, sessions: str, pipelining: str, tls: str, metric: Metric, round_trips: int, line: Line, tmp_path: Path
) -> None:
    line.delay_s = 0.05
    round_trip_s = 2 * line.delay_s
    with running_sink(prefix=line.right.prefix, host=line.right.address, engine="fast", tls=tls) as sink:
        text = scenario_text(
            url(sink),
            messages=20,
            sessions=5,
            sessions_block=f"{sessions}pipelining: {pipelining}",
            target_block=f"tls: {tls}, verify: false",
        )
        run = run_from_left(line, sink, tmp_path, text)
    assert run.outcomes == {ACCEPTED: 20}, run.stderr
    times = times_of(run, metric)
    assert times.total == 20
    # The fastest show the line, the others what a busy machine adds.
    assert round_trips * (1 - HISTOGRAM_ERROR) <= times.min_s / round_trip_s < round_trips + 0.5
    assert times.quantile_s(0.5) / round_trip_s < round_trips + 1


# --- loss ---


@pytest.mark.parametrize(("pipelining", "packets"), [("false", 2 * ONE_BY_ONE), ("true", 2 * PIPELINED)])
def test_lost_packets_show_as_retransmissions_in_the_tail_only(
    pipelining: str, packets: int, line: Line, far_sink: RunningSink, tmp_path: Path
) -> None:
    """A message of a kilobyte goes in one packet each way a step, and waits for a retransmission if one is lost."""
    line.delay_s, line.loss = 0.01, 0.01
    least_s = packets * line.delay_s
    messages = 1500
    text = scenario_text(
        url(far_sink),
        messages=messages,
        sessions=40,
        sessions_block=f"pipelining: {pipelining}",
    )
    run = run_from_left(line, far_sink, tmp_path, text)
    assert run.outcomes == {ACCEPTED: messages}, run.stderr
    lowest, highest = binomial_bounds(line.carried, line.loss)
    assert lowest <= line.lost <= highest
    times = times_of(run, Metric.SERVICE_TIME)
    assert least_s * (1 - HISTOGRAM_ERROR) <= times.quantile_s(0.5) < least_s + RETRANSMISSION_S / 2
    slow = messages - times.counts_up_to_s([least_s + RETRANSMISSION_S * 0.9])[0]
    lowest, highest = binomial_bounds(messages, 1 - (1 - line.loss) ** packets)
    assert lowest <= slow <= highest
    (ledger,) = far_sink.stop().runs.values()
    assert (ledger.deliveries, ledger.duplicates, ledger.corrupted) == (messages, 0, 0)


# --- a cut line ---


class Told:
    """What a process says on standard error, and when."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self.lines: list[tuple[float, str]] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._process.stderr:
            self.lines.append((time.monotonic(), line))

    def at(self, words: str) -> float | None:
        """When a line with these words came."""
        return next((at for at, line in self.lines if words in line), None)

    def finish(self) -> dict[str, Any]:
        """Wait for the end, and return the summary."""
        summary: dict[str, Any] = json.loads(self._process.stdout.read())
        self._process.wait()
        self._thread.join()
        return summary


def reasons(summary: dict[str, Any], part: str) -> set[str]:
    return {one["reason"] for one in summary[part] if one["kind"] != "accepted"}


@pytest.mark.parametrize(
    ("unplug", "reason"),
    [(Line.cut, "timeout"), (lambda line: take_down(line.left), "no_route")],
    ids=["beyond", "here"],
)
def test_a_cut_line_to_the_target_is_told_and_its_failures_are_named(
    unplug: Callable[[Line], None], reason: str, line: Line, far_sink: RunningSink, tmp_path: Path
) -> None:
    text = scenario_text(url(far_sink), load=HOLD % ("1s", 20, "6s"), sessions_block="max: 10").replace("700ms", "2s")
    options = ("--allow", far_sink.host, "--no-preflight")
    with start_run(tmp_path, text, *options, prefix=line.left.prefix) as process:
        told = Told(process)
        wait_until(lambda: line.carried > 300, "some messages", timeout_s=30)
        unplug(line)
        cut_at = time.monotonic()
        summary = told.finish()
    told_at = told.at("no message was accepted for ")
    assert told_at is not None, told.lines
    assert told_at - cut_at < TOLD_WITHIN_S
    assert reason in reasons(summary, "outcomes") | reasons(summary, "setups")
    assert summary["flows"]["accepted"]["count"] < summary["flows"]["offered"]["count"]


def test_a_cut_line_to_a_worker_is_told_by_the_master(line: Line, tmp_path: Path) -> None:
    master_host, worker_host = line.left, line.right
    with running_sink(prefix=master_host.prefix, host=master_host.address, engine="fast") as sink:
        text = scenario_text(url(sink), load=HOLD % ("1s", 20, "6s")).replace("700ms", "5s")
        options = ["--allow", sink.host, "--no-preflight", "--on-worker-loss", "stop"]
        options += ["--master", "--expect-workers", "2", "--master-bind", master_host.address]
        with ExitStack() as stack:
            process = stack.enter_context(start_run(tmp_path, text, *options, prefix=master_host.prefix))
            told = Told(process)
            for host in (master_host, worker_host):
                stack.callback(start_worker(host, master_host.address).communicate)
            wait_until(lambda: line.carried > 300, "some messages", timeout_s=60)
            line.cut()
            cut_at = time.monotonic()
            wait_until(lambda: told.at("no report from worker "), "the name of the silent worker", timeout_s=20)
            for _ in range(3):  # don't wait until it is given up; signals that come at once would be one
                process.send_signal(signal.SIGINT)
                time.sleep(0.3)
            summary = told.finish()
    named_at = told.at("no report from worker ")
    assert named_at is not None
    assert named_at - cut_at < TOLD_WITHIN_S
    assert "it was not waited for" in [worker["lost"] for worker in summary["workers"]]


def start_worker(host: Host, master: str) -> Any:
    command = [*host.prefix, sys.executable, "-m", "loadkit", "worker", "--master-host", master]
    return subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"NO_COLOR": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
