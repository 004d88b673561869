"""A receiver that stops for two seconds: response times follow by arithmetic, service times hardly show it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.postfix import free_port
from support.programs import find_program
from support.runs import finish_run, scenario_text, start_run
from support.waiting import wait_until

from loadkit.measure.histogram import Histogram
from loadkit.measure.histogram_log import read_histograms
from loadkit.measure.statistics import Metric, Series

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.alone]

RATE_PER_S, DURATION_S, FREEZE_S = 500, 10, 2.0
MESSAGES = RATE_PER_S * DURATION_S
LOAD = (
    f"load: {{arrivals: even, queue: 20000, stages: [{{name: hold, rate: {RATE_PER_S}/s, duration: {DURATION_S}s}}]}}"
)


@contextmanager
def smtp_sink() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Postfix's own sink, which catches up far quicker than a sink in Python; gives the process and its port."""
    port = free_port()
    user = ["-u", "root"] if os.geteuid() == 0 else []
    with subprocess.Popen([find_program("smtp-sink"), *user, f"127.0.0.1:{port}", "1000"]) as process:
        try:
            wait_until(lambda: answers(port), "smtp-sink answers")
            yield process, port
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_latency_counts_from_the_intended_time(tmp_path: Path) -> None:
    frozen_s, histograms = run_with_a_freeze(tmp_path)
    response, service = (
        histograms[Series(metric, "hold", "note")] for metric in (Metric.RESPONSE_TIME, Metric.SERVICE_TIME)
    )
    assert response.total == MESSAGES
    step_s = step_between_waits(frozen_s, response)
    # The arrivals of the freeze wait T, T - step, T - 2 step ... so the quantile q waits T - (1 - q) n step. The sink
    # does not catch up quite evenly, so half of what that adds to a quantile is left open beside the 2 %.
    for quantile in (0.9, 0.95, 0.99):
        waiting = (1 - quantile) * MESSAGES
        expected = frozen_s - waiting * step_s
        catching_up_s = waiting * (1 / RATE_PER_S - step_s)
        assert response.quantile_s(quantile) == pytest.approx(expected, abs=0.02 * expected + 0.5 * catching_up_s)
    # Only what was on a connection when it froze shows in the service time.
    assert service.quantile_s(0.95) < 0.5
    assert service.max_s == pytest.approx(frozen_s, rel=0.02)


def run_with_a_freeze(folder: Path) -> tuple[float, dict[Series, Histogram]]:
    with smtp_sink() as (sink, port):
        text = scenario_text(f"smtp://127.0.0.1:{port}", load=LOAD).replace("700ms", "10s")
        with start_run(folder, text) as process:
            # The first second's row is written when it is over, so the freeze lies well within the run.
            wait_until(lambda: under_way(folder), "the run's first second", timeout_s=30)
            sink.send_signal(signal.SIGSTOP)
            frozen_at = time.monotonic()
            time.sleep(FREEZE_S)
            sink.send_signal(signal.SIGCONT)
            frozen_s = time.monotonic() - frozen_at
            run = finish_run(folder, process)
    assert run.outcomes == {("accepted", "dot", 250, ""): MESSAGES}, run.stderr
    assert run.folder is not None
    return frozen_s, read_histograms(run.folder / "histograms.hlog")


def under_way(folder: Path) -> bool:
    return any(timeline.stat().st_size for timeline in folder.glob("results/.*/timeline.arrows"))


def step_between_waits(frozen_s: float, response: Histogram) -> float:
    """Seconds by which each arrival waits less than the one before it: the schedule's step less that of catching up.

    Seen where the waits pass 0.1 s, well above what a message takes on its way.
    """
    seen_s = 0.1
    waited = sum(1 for rank in range(1, MESSAGES + 1) if response.quantile_s(rank / MESSAGES) > seen_s)
    step_s = (frozen_s - seen_s) / waited
    assert 0.8 / RATE_PER_S < step_s < 1.01 / RATE_PER_S
    return step_s
