"""A sink whose process is killed in the middle of a run, and which resumes: the run's books still balance."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.postfix import free_port
from support.runs import finish_run, scenario_text, start_run
from support.sink import RunningSink, running_sink
from support.waiting import wait_until

from sinks.ledger_file import part_file, read_ledger
from sinks.single import FLUSH_S

if TYPE_CHECKING:
    from support.runs import FinishedRun

pytestmark = pytest.mark.slow

RATE_PER_S, DURATION_S = 100, 10


@pytest.mark.parametrize("engine", [pytest.param("aiosmtpd", marks=pytest.mark.long), "fast"])
def test_at_most_one_flush_interval_is_missing_from_the_books(engine: str, tmp_path: Path) -> None:
    port, admin_port = free_port(), free_port()
    ledger = tmp_path / "ledger.json"
    options: dict[str, Any] = {
        "engine": engine,
        "port": port,
        "admin": str(admin_port),
        "ledger": ledger,
        "processes": 2,
    }
    run = run_with_a_kill(tmp_path, options, ledger)
    counts = run.summary["ledger"]
    # Refused while the sink was away, and acknowledged all the rest.
    assert counts["accepted"] > 0.6 * RATE_PER_S * DURATION_S
    assert counts["accepted"] < RATE_PER_S * DURATION_S
    assert counts["lost"] <= RATE_PER_S * FLUSH_S * 1.5
    assert (counts["duplicated"], counts["unexpected"], counts["corrupted"]) == (0, 0, 0)
    # What is missing went in one piece: the last that the killed process took.
    assert counts["accepted"] - counts["lost"] + counts["unanswered"] == counts["delivered"]


def run_with_a_kill(folder: Path, options: dict[str, Any], ledger: Path) -> FinishedRun:
    text = scenario_text(
        f"smtp://127.0.0.1:{options['port']}",
        load=f"load: {{arrivals: even, stages: [{{name: hold, rate: {RATE_PER_S}/s, duration: {DURATION_S}s}}]}}",
        sessions_block="max: 20, messages_per_session: 5",
        delivery=f"{{sinks: ['http://127.0.0.1:{options['admin']}'], drain: 2s}}",
    )
    with running_sink(**options) as sink:
        process = start_run(folder, text, "-q")
        wait_until(lambda: flushed(ledger) > 2 * RATE_PER_S, "two seconds are on disk", timeout_s=30)
        kill_one(sink)
    with running_sink(**options, resume=True) as sink:
        assert sink.collect().deliveries >= 2 * RATE_PER_S
        return finish_run(folder, process)


def kill_one(sink: RunningSink) -> None:
    os.kill(sink.pids[0], signal.SIGKILL)
    assert sink.process.wait(10) == 1


def flushed(ledger: Path) -> int:
    return sum(read_ledger(part_file(ledger, index)).deliveries for index in range(2))
