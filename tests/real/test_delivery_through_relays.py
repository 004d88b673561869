"""The same run through Postfix, Exim and OpenSMTPD: what was accepted and what was delivered are told apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import pyarrow.parquet as pq
import pytest
from support.postfix import running_postfix
from support.relays import running_exim, running_opensmtpd
from support.runs import FinishedRun, run_scenario, scenario_text
from support.sink import RunningSink, running_sink

from loadkit.errors import ExitCode

pytestmark = [pytest.mark.real, pytest.mark.slow]

RATE_PER_S, DURATION_S = 20, 12
SERVED_PER_S = 10
# One server of 100 ms at the dot: whatever the relay does, no more than ten messages arrive each second.
THROTTLED = f"""\
profile: throttled
service:
  dot: {{station: {{servers: 1, time: {{constant: {1000 // SERVED_PER_S}ms}}}}}}
"""


class Server(Protocol):
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...


StartRelay = Callable[[str, int], AbstractContextManager[Server]]
RELAYS = pytest.mark.parametrize(
    "start",
    [
        pytest.param(running_postfix, id="Postfix"),
        pytest.param(running_exim, id="Exim", marks=pytest.mark.long),
        pytest.param(running_opensmtpd, id="OpenSMTPD", marks=pytest.mark.long),
    ],
)


def run_through(start: StartRelay, sink: RunningSink, folder: Path, thresholds: str) -> FinishedRun:
    """An open loop for some seconds through a relay to a sink whose ledger is fetched."""
    with start(sink.host, sink.port) as server:
        stage = f"{{name: hold, rate: {RATE_PER_S}/s, duration: {DURATION_S}s}}"
        text = scenario_text(
            f"smtp://{server.host}:{server.port}",
            load=f"load: {{executor: arrival_rate, arrivals: even, grace: 20s, stages: [{stage}]}}",
            delivery=f"{{sinks: ['{sink.admin}'], drain: 20s}}",
            thresholds=thresholds,
        ).replace("700ms", "20s")
        return run_scenario(folder, text)


def series(run: FinishedRun) -> list[dict[str, Any]]:
    """The run's course of delivery, second by second."""
    assert run.folder is not None
    rows: list[dict[str, Any]] = pq.read_table(run.folder / "delivery.parquet").to_pylist()
    return rows


@RELAYS
def test_everything_accepted_arrives_in_time(start: StartRelay, tmp_path: Path) -> None:
    with running_sink(admin="127.0.0.1:0") as sink:
        run = run_through(
            start,
            sink,
            tmp_path,
            # OpenSMTPD at times lets seconds pass before it opens its connection.
            thresholds="{backlog: [max <= 240], delivered: [count == 240], end_to_end_duration: ['p(95) < 20s']}",
        )
    count = RATE_PER_S * DURATION_S
    assert run.exit_code == ExitCode.OK, (run.summary, run.stderr)
    ledger, course = run.summary["ledger"], run.summary["course"]
    assert (ledger["accepted"], ledger["delivered"], ledger["lost"]) == (count, count, 0)
    assert (ledger["duplicated"], ledger["corrupted"], ledger["unexpected"], ledger["unknown"]) == (0, 0, 0, 0)
    assert course["drained"]
    assert 0 < course["delivered_per_s"] <= RATE_PER_S * 1.1
    times = run.summary["end_to_end"]["note"]
    assert times["intended"]["n"] == times["sent"]["n"] == count
    assert 0 < times["sent"]["mean_s"] <= times["intended"]["mean_s"] < 20
    last = series(run)[-1]
    assert (last["accepted"], last["delivered"], last["backlog"]) == (count, count, 0)


@RELAYS
def test_a_slow_far_end_shows_as_a_backlog_that_grows(start: StartRelay, tmp_path: Path) -> None:
    profile = tmp_path / "throttled.yaml"
    profile.write_text(THROTTLED)
    with running_sink(admin="127.0.0.1:0", profile=str(profile)) as sink:
        run = run_through(
            start, sink, tmp_path, thresholds="{backlog: [slope < 2/s, end < 50], transaction_failed: [rate < 1%]}"
        )
    count = RATE_PER_S * DURATION_S
    assert run.exit_code == ExitCode.THRESHOLDS, (run.summary, run.stderr)
    assert [line["passed"] for line in run.summary["thresholds"]] == [False, False, True]
    assert run.summary["flows"]["accepted"]["per_s"] == pytest.approx(RATE_PER_S, rel=0.1)
    course = run.summary["course"]
    assert SERVED_PER_S * 0.7 <= course["delivered_per_s"] <= SERVED_PER_S * 1.1
    growth_per_s = RATE_PER_S - course["delivered_per_s"]
    assert course["backlog"]["grows"]
    assert course["backlog"]["slope_per_s"] == pytest.approx(growth_per_s, rel=0.3)
    assert course["backlog"]["end"] == pytest.approx(growth_per_s * DURATION_S, rel=0.2)
    # After the load the queue empties at the rate of the far end, and nothing is lost.
    assert course["drained"]
    assert course["drain_s"] >= 0.8 * course["backlog"]["end"] / SERVED_PER_S
    assert (run.summary["ledger"]["delivered"], run.summary["ledger"]["lost"]) == (count, 0)
    assert "draining: " in run.stderr
    assert run.folder is not None
    assert json.loads((run.folder / "ledger.json").read_text())["course"] == course
