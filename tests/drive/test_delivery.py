"""Runs whose sinks are asked over HTTP what arrived: counts, course, thresholds, and a drain that ends too early."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.runs import finish_run, run_scenario, scenario_text, start_run
from support.sink import RunningSink, running_sink
from support.waiting import wait_until

from loadkit.errors import ExitCode

LOAD = "load: {executor: arrival_rate, arrivals: even, grace: 2s, stages: [{name: hold, rate: 50/s, duration: %s}]}"
# Every tenth message is acknowledged and goes nowhere.
LOSING = """\
profile: losing
faults:
  - {phase: dot, when: {every: 10}, do: lose}
"""
TOKEN = "a-token-nobody-may-see"


@pytest.fixture
def admin_sink() -> Iterator[RunningSink]:
    with running_sink(admin="127.0.0.1:0") as sink:
        yield sink


@pytest.fixture(scope="module")
def untouched_sink() -> Iterator[RunningSink]:
    """One sink for all tests in which nothing may be sent."""
    with running_sink(admin="127.0.0.1:0") as sink:
        yield sink


@pytest.fixture
def losing_sink(tmp_path: Path) -> Iterator[RunningSink]:
    profile = tmp_path / "losing.yaml"
    profile.write_text(LOSING)
    with running_sink(admin="127.0.0.1:0", profile=str(profile)) as sink:
        yield sink


def text(sink: RunningSink, drain: str = "10s", duration: str = "3s", thresholds: str = "{}") -> str:
    return scenario_text(
        f"smtp://{sink.host}:{sink.port}",
        load=LOAD % duration,
        delivery=f"{{sinks: ['{sink.admin}'], drain: {drain}}}",
        messages_block="messages: {note: {size: 1KiB}, order_notice: {size: 2KiB}}",
        thresholds=thresholds,
    )


@pytest.mark.slow
def test_a_run_tells_what_arrived_and_when(admin_sink: RunningSink, tmp_path: Path) -> None:
    thresholds = "{backlog: [max < 50, end < 50], delivered: [rate > 40/s, count == 150]}"
    run = run_scenario(tmp_path, text(admin_sink, thresholds=thresholds))
    assert run.exit_code == ExitCode.OK, (run.summary["thresholds"], run.stderr)
    ledger, course = run.summary["ledger"], run.summary["course"]
    assert (ledger["accepted"], ledger["delivered"], ledger["lost"], ledger["corrupted"]) == (150, 150, 0, 0)
    assert course["drained"]
    assert course["delivered_per_s"] == pytest.approx(50, abs=2)
    assert course["drain_s"] < 0.5
    assert set(run.summary["end_to_end"]) == {"note", "order_notice"}
    assert sum(one["sent"]["n"] for one in run.summary["end_to_end"].values()) == 150
    assert run.folder is not None
    rows = pq.read_table(run.folder / "delivery.parquet").to_pylist()
    assert [row["second"] for row in rows][:3] == [0, 1, 2]
    # Both ends count by the same seconds: in all but a few messages about a turn of second they agree.
    assert [row["accepted"] - row["delivered"] for row in rows] == pytest.approx([0] * len(rows), abs=2)
    assert (rows[-1]["accepted"], rows[-1]["delivered"]) == (150, 150)


@pytest.mark.slow
def test_sinks_on_the_command_line_win(admin_sink: RunningSink, tmp_path: Path) -> None:
    scenario = text(admin_sink).replace(str(admin_sink.admin), "http://127.0.0.1:1")
    run = run_scenario(tmp_path, scenario, "--sink", str(admin_sink.admin))
    assert run.exit_code == ExitCode.OK, run.stderr
    assert run.summary["ledger"]["delivered"] == 150


@pytest.mark.slow
def test_what_has_not_arrived_in_time_is_not_called_lost(losing_sink: RunningSink, tmp_path: Path) -> None:
    run = run_scenario(tmp_path, text(losing_sink, drain="1s", thresholds="{backlog: [end < 5]}"))
    assert run.exit_code == ExitCode.THRESHOLDS
    assert (run.summary["ledger"]["lost"], run.summary["course"]["drained"]) == (15, False)
    assert run.summary["course"]["backlog"]["end"] == 15
    assert [(line["observed"], line["passed"]) for line in run.summary["thresholds"]] == [(15, False)]
    assert "draining: 15 messages to come" in run.stderr


@pytest.mark.slow
def test_ctrl_c_ends_the_wait_with_what_is_known(losing_sink: RunningSink, tmp_path: Path) -> None:
    with start_run(tmp_path, text(losing_sink, drain="10m", duration="1s")) as process:
        lines = iter(process.stderr.readline, "")
        next(line for line in lines if line.startswith("draining: "))
        process.send_signal(signal.SIGINT)
        run = finish_run(tmp_path, process)
    assert run.exit_code == ExitCode.INTERRUPTED, run.stderr
    assert run.summary["verdict"] == "interrupted"
    assert (run.summary["ledger"]["accepted"], run.summary["ledger"]["lost"]) == (50, 5)


def test_thresholds_on_delivery_have_nothing_to_observe_without_a_ledger(sink: RunningSink, tmp_path: Path) -> None:
    scenario = scenario_text(f"smtp://{sink.host}:{sink.port}", thresholds="{backlog: [max < 5]}")
    run = run_scenario(tmp_path, scenario)
    assert [(line["observed"], line["passed"]) for line in run.summary["thresholds"]] == [(None, None)]
    assert (run.summary["ledger"], run.summary["course"], run.summary["end_to_end"]) == (None, None, {})


@pytest.mark.slow
def test_a_sink_that_is_gone_after_the_load_makes_the_run_invalid(admin_sink: RunningSink, tmp_path: Path) -> None:
    with running_sink() as target:
        scenario = text(admin_sink, drain="1s").replace(f":{admin_sink.port}'", f":{target.port}'")
        with start_run(tmp_path, scenario) as process:
            wait_until(lambda: list(tmp_path.glob("results/.*/timeline.arrows")), "the run goes on", 30.0)
            admin_sink.stop()
            run = finish_run(tmp_path, process)
    assert run.exit_code == ExitCode.INVALID, run.stderr
    assert run.summary["ledger"] is None
    (reason,) = run.reasons
    assert reason.startswith("the far end could not be asked what arrived: the sink http://127.0.0.1")


@pytest.mark.parametrize(
    ("change", "options", "end"),
    [
        (("ADMIN", "http://127.0.0.1:1"), (), (ExitCode.TARGET, "can't be asked for its ledger")),
        (("ADMIN", "http://SMTP"), (), (ExitCode.TARGET, "can't be asked for its ledger")),
        ((", drain", ", token_env: NOT_SET, drain"), (), (ExitCode.USAGE, "not set in the environment: NOT_SET")),
        (("url: 'smtp://SMTP'", ""), (), (ExitCode.USAGE, "sinks are named, and no target")),
        (("", ""), ("--sink", "ftp://127.0.0.1"), (ExitCode.USAGE, "not the address of a sink's admin interface")),
        (("", ""), ("--sink", f"http://me:{TOKEN}@127.0.0.1"), (ExitCode.USAGE, "credentials in a sink's URL")),
    ],
)
def test_nothing_is_sent_where_sinks_can_not_be_asked(
    change: tuple[str, str],
    options: tuple[str, ...],
    end: tuple[ExitCode, str],
    untouched_sink: RunningSink,
    tmp_path: Path,
) -> None:
    old, new = (
        part.replace("ADMIN", str(untouched_sink.admin)).replace("SMTP", f"{untouched_sink.host}:{untouched_sink.port}")
        for part in change
    )
    run = run_scenario(tmp_path, text(untouched_sink).replace(old, new) if old else text(untouched_sink), *options)
    assert run.exit_code == end[0], run.stderr
    assert end[1] in run.stderr
    assert TOKEN not in run.stderr
    assert run.folder is None
    assert untouched_sink.collect().deliveries == 0


@pytest.mark.slow
def test_a_token_is_in_no_file_of_the_run(tmp_path: Path) -> None:
    with running_sink({"SINK_TOKEN": TOKEN}, admin="127.0.0.1:0", admin_token_env="SINK_TOKEN") as sink:
        scenario = text(sink, duration="1s").replace(", drain", ", token_env: LEDGER_TOKEN, drain")
        run = run_scenario(tmp_path, scenario, variables={"LEDGER_TOKEN": TOKEN})
    assert run.exit_code == ExitCode.OK, run.stderr
    assert run.summary["ledger"]["delivered"] == 50
    assert run.folder is not None
    assert [file.name for file in run.folder.iterdir() if TOKEN.encode() in file.read_bytes()] == []
    assert TOKEN not in run.stderr + json.dumps(run.summary)
