"""Runs over several workers, with real processes: one run's numbers, whatever happens to a worker or to the master."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
from support import forked
from support.runs import ROOT, FinishedRun, finish_run, run_scenario, scenario_text, start_run
from support.sink import RunningSink, running_sink
from support.waiting import wait_until

from loadkit.errors import RunFolderError
from loadkit.measure.store import list_runs, open_run, rebuild_summary

pytestmark = pytest.mark.slow

ACCEPTED = ("accepted", "dot", 250, "")
MESSAGES = "messages: {note: {size: 1KiB, recipients: 2}, ad: {size: {uniform: [1KiB, 4KiB]}}}"
HOLD = "load: {arrivals: %s, grace: 3s, stages: [{name: up, from: 0/s, to: %d/s, duration: 1s, measure: false}, {name: hold, rate: %d/s, duration: %s}]}"  # noqa: E501
START_S = 30.0


def url(sink: RunningSink) -> str:
    return f"smtp://{sink.host}:{sink.port}"


def hold(sink: RunningSink, rate: int, duration: str, arrivals: str = "even") -> str:
    load = HOLD % (arrivals, rate, rate, duration)
    return scenario_text(
        url(sink),
        load=load,
        messages_block=MESSAGES,
        sessions_block="max: 7",
        delivery=f"{{sinks: ['{sink.admin}'], drain: 3s}}",
    ).replace("700ms", "5s")


@pytest.fixture
def counting_sink() -> Iterator[RunningSink]:
    with running_sink(admin="127.0.0.1:0") as sink:
        yield sink


def worker_processes(master: Any) -> list[psutil.Process]:
    """The workers that a run has started, the oldest first."""
    return [psutil.Process(pid) for pid, arguments in forked.started_by(master.pid).items() if "worker" in arguments]


def alive(process: psutil.Process) -> bool:
    """Whether a process runs, and does not only wait to be buried."""
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


def reported_seconds(folder: Path) -> int:
    """How many seconds of the timeline of a run under way are written."""
    found = list(folder.glob("results/.*/run.json"))
    if not found:
        return 0
    try:
        return int(rebuild_summary(open_run(found[0].parent)).duration_s)
    except RunFolderError:
        return 0


@contextmanager
def running(folder: Path, text: str, *options: str) -> Iterator[Any]:
    """A run that has written its first seconds, ended by force if the test fails."""
    process = start_run(folder, text, *options)
    try:
        wait_until(lambda: reported_seconds(folder) >= 2, "two seconds of the run", timeout_s=START_S, poll_s=0.1)
        yield process
    finally:
        if process.poll() is None:
            process.kill()


def facts(run: FinishedRun) -> list[dict[str, Any]]:
    """What the run folder says of its workers."""
    assert run.folder is not None, run.stderr
    workers: list[dict[str, Any]] = json.loads((run.folder / "workers.json").read_text())
    return workers


def reasons(run: FinishedRun, name: str) -> list[str]:
    """Why a run is not valid, as far as it is for this reason."""
    found = run.summary["validity"]["reasons"]
    return [f"{reason['seen']}: {reason['fix']}" for reason in found if reason["name"] == name]


def check_books(run: FinishedRun, sink: RunningSink) -> None:
    """What holds of every run: no message is counted twice, and all that was accepted and reported arrived."""
    assert run.folder is not None, run.stderr
    (ledger,) = sink.stop().runs.values()
    counts = run.summary["ledger"]
    assert ledger.duplicates == counts["duplicated"] == 0
    assert counts["lost"] == counts["unexpected"] == counts["corrupted"] == 0
    assert counts["delivered"] == ledger.distinct
    assert counts["delivered"] == counts["accepted"] + counts["unreported"] + counts["unanswered"]
    rows = pq.read_table(run.folder / "timeline.parquet").to_pylist()
    assert sum(row["accepted"] for row in rows) == counts["accepted"]
    keys = [(row["second"], row["stage"], row["kind"]) for row in rows]
    assert len(keys) == len(set(keys))
    stored = open_run(run.folder)
    assert rebuild_summary(stored) == stored.summary


# --- the good case ---


@pytest.mark.parametrize("arrivals", [pytest.param("even", marks=pytest.mark.long), "poisson"])
def test_three_workers_send_what_one_process_sends(arrivals: str, counting_sink: RunningSink, tmp_path: Path) -> None:
    text = hold(counting_sink, 200, "3s", arrivals)
    (tmp_path / "one").mkdir()
    (tmp_path / "three").mkdir()
    one = run_scenario(tmp_path / "one", text)
    three = run_scenario(tmp_path / "three", text, "--workers", "3")
    assert three.exit_code == one.exit_code == 0, three.stderr
    for name, flow in one.summary["flows"].items():
        assert three.summary["flows"][name]["count"] == flow["count"]
    assert {kind: part["completed"] for kind, part in three.summary["kinds"].items()} == {
        kind: part["completed"] for kind, part in one.summary["kinds"].items()
    }
    ledgers = {ledger.run: ledger for ledger in counting_sink.stop().runs.values()}
    assert one.folder is not None
    assert three.folder is not None
    single, spread = (ledgers[open_run(folder).head.run_id] for folder in (one.folder, three.folder))
    assert (spread.recipients, spread.size_bytes) == (single.recipients, single.size_bytes)
    (total,) = (bitmap.count for bitmap in single.senders.values())
    assert {sender: list(bitmap.ranges()) for sender, bitmap in spread.senders.items()} == {
        sender: [(0, (total - sender + 2) // 3 - 1)] for sender in range(3)
    }
    assert {row["worker"] for row in pq.read_table(three.folder / "generator.parquet").to_pylist()} == {0, 1, 2}


def test_a_closed_loop_is_shared_out_to_the_last_message(counting_sink: RunningSink, tmp_path: Path) -> None:
    text = scenario_text(url(counting_sink), messages=2003, sessions=7, messages_block=MESSAGES).replace("700ms", "5s")
    run = run_scenario(tmp_path, text, "--workers", "3")
    assert run.outcomes == {ACCEPTED: 2003}, run.stderr
    assert sum(run.setups.values()) == 7
    (ledger,) = counting_sink.stop().runs.values()
    assert (ledger.deliveries, ledger.duplicates, ledger.distinct) == (2003, 0, 2003)
    # Seven sessions: three, two and two, and messages likewise.
    assert [ledger.senders[worker].count for worker in range(3)] == [859, 572, 572]


def test_the_bundled_sink_serves_workers_and_the_books_balance(tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text(f"scenario: bare\n{HOLD % ('even', 100, 100, '2s')}\n{MESSAGES}\n")
    command = [sys.executable, "-m", "loadkit", "run", str(file), "--json", "--results", str(tmp_path / "results")]
    done = forked.run([*command, "--workers", "2"], cwd=ROOT)
    summary = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert (summary["ledger"]["accepted"], summary["ledger"]["delivered"], summary["ledger"]["lost"]) == (250, 250, 0)
    assert [worker["lost"] for worker in summary["workers"]] == ["", ""]
    assert summary["course"]["delivered_per_s"] == pytest.approx(100, abs=2)


def test_a_threshold_ends_the_run_on_all_workers(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    load = "load: {arrivals: even, stages: [{name: hold, rate: 50/s, duration: 30s}]}"
    thresholds = '{transaction_failed: [{check: "rate < 1%", abort_on_fail: true, delay: 1s}]}'
    text = scenario_text(f"smtp://127.0.0.1:{port}", load=load, thresholds=thresholds)
    run = run_scenario(tmp_path, text, "--workers", "2")
    assert run.exit_code == 99, run.stderr
    assert run.summary["duration_s"] < 8
    assert set(run.outcomes) == {("connection", "connect", 0, "refused")}


def test_a_worker_that_can_not_do_its_part_ends_the_run_before_its_start(tmp_path: Path) -> None:
    text = scenario_text("smtp://127.0.0.1:1", sessions=2)
    run = run_scenario(tmp_path, text, "--workers", "3")
    assert run.exit_code == 2
    assert "3 workers can't share 2 sessions" in run.stderr
    assert list_runs(tmp_path / "results") == []


# --- a worker is lost ---


def test_a_killed_worker_makes_the_run_invalid_and_the_rest_goes_on(counting_sink: RunningSink, tmp_path: Path) -> None:
    with running(tmp_path, hold(counting_sink, 100, "7s"), "--workers", "3") as master:
        worker_processes(master)[1].kill()
        run = finish_run(tmp_path, master)
    assert run.exit_code == 4, run.stderr
    (lost,) = [worker for worker in facts(run) if worker["lost"]]
    assert "SIGKILL" in lost["lost"]
    missing = lost["scheduled"] - lost["offered"]
    assert missing > 50
    flows = run.summary["flows"]
    assert flows["scheduled"]["count"] == 700
    assert flows["offered"]["count"] == 700 - missing
    (reason,) = reasons(run, "worker_lost")
    assert f"worker {lost['index']} ({lost['name']}) was lost" in reason
    assert f"{missing} of the {lost['scheduled']} arrivals" in reason
    assert run.summary["duration_s"] == pytest.approx(8, abs=0.5)
    # What it sent after its last report is known from the sink, and is no surprise.
    assert run.summary["ledger"]["unreported"] <= 100
    check_books(run, counting_sink)


def test_the_loss_of_a_worker_ends_the_run_if_so_told(counting_sink: RunningSink, tmp_path: Path) -> None:
    with running(tmp_path, hold(counting_sink, 100, "40s"), "--workers", "2", "--on-worker-loss", "stop") as master:
        worker_processes(master)[0].kill()
        run = finish_run(tmp_path, master)
    assert run.exit_code == 4, run.stderr
    assert run.summary["duration_s"] < 20
    assert len(reasons(run, "worker_lost")) == 1
    check_books(run, counting_sink)


def test_a_worker_that_stands_still_for_ten_seconds_catches_up_and_is_named(
    counting_sink: RunningSink, tmp_path: Path
) -> None:
    with running(tmp_path, hold(counting_sink, 60, "18s"), "--workers", "2") as master:
        hung = worker_processes(master)[1]
        hung.suspend()
        time.sleep(10)
        hung.resume()
        run = finish_run(tmp_path, master)
    assert run.exit_code == 4, run.stderr
    assert [worker["lost"] for worker in facts(run)] == ["", ""]
    assert sorted(round(worker["silence_s"]) for worker in facts(run))[1] in (10, 11)
    assert ["did not report for 1" in reason for reason in reasons(run, "worker_silent")] == [True]
    assert "scheduled" not in run.summary["flows"]
    assert run.summary["flows"]["offered"]["count"] == 18 * 60
    check_books(run, counting_sink)


@pytest.mark.long
def test_a_worker_that_never_moves_again_is_given_up(counting_sink: RunningSink, tmp_path: Path) -> None:
    with running(tmp_path, hold(counting_sink, 60, "4s"), "--workers", "2") as master:
        worker_processes(master)[1].suspend()
        run = finish_run(tmp_path, master)
    assert run.exit_code == 4, run.stderr
    (lost,) = [worker for worker in facts(run) if worker["lost"]]
    assert lost["lost"] == "it did not report for 15s"
    assert run.summary["flows"]["scheduled"]["count"] == 240
    check_books(run, counting_sink)


# --- the master is stopped or lost ---


def test_an_interrupt_stops_all_workers_in_good_order(counting_sink: RunningSink, tmp_path: Path) -> None:
    with running(tmp_path, hold(counting_sink, 100, "50s"), "--workers", "2") as master:
        workers = worker_processes(master)
        master.send_signal(signal.SIGINT)
        run = finish_run(tmp_path, master)
    assert run.exit_code == 130, run.stderr
    assert run.summary["verdict"] == "interrupted"
    assert set(run.outcomes) == {ACCEPTED}
    assert [worker["lost"] for worker in facts(run)] == ["", ""]
    assert not any(worker.is_running() for worker in workers)
    check_books(run, counting_sink)


def test_a_second_interrupt_ends_all_workers_at_once(counting_sink: RunningSink, tmp_path: Path) -> None:
    text = hold(counting_sink, 50, "50s").replace("grace: 3s", "grace: 50s")
    with running(tmp_path, text, "--workers", "2") as master:
        workers = worker_processes(master)
        counting_sink.pause()
        time.sleep(1.0)  # messages are in flight, which none will answer
        master.send_signal(signal.SIGINT)
        time.sleep(1.0)
        assert master.poll() is None
        master.send_signal(signal.SIGINT)
        wait_until(lambda: not any(map(alive, workers)), "the end of the workers", 6)
        counting_sink.resume()
        run = finish_run(tmp_path, master)
    assert run.exit_code == 130, run.stderr
    assert ("client", "dot", 0, "run_ended") in run.outcomes or ("client", "mail", 0, "run_ended") in run.outcomes


def test_workers_stop_within_ten_seconds_when_their_master_is_killed(
    counting_sink: RunningSink, tmp_path: Path
) -> None:
    with running(tmp_path, hold(counting_sink, 50, "60s"), "--workers", "2") as master:
        workers = worker_processes(master)
        master.kill()
        killed_at = time.time()
        psutil.wait_procs(workers, timeout=15)
        assert not any(worker.is_running() for worker in workers)
        master.wait()
    (ledger,) = counting_sink.stop().runs.values()
    assert ledger.last_at is not None
    assert ledger.last_at - killed_at < 10
    (head,) = list_runs(tmp_path / "results")
    assert head.verdict == "running"
    summary = open_run(head.path).summary
    assert summary.verdict == "interrupted"
    assert summary.flows["accepted"].count > 0


# --- master and workers on their own ---


def start_worker(port: int, *options: str) -> Any:
    return forked.start(
        [sys.executable, "-m", "loadkit", "worker", "--master-host", "127.0.0.1", "--master-port", str(port), *options],
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def test_workers_may_come_before_their_master_and_a_late_one_is_turned_away(
    counting_sink: RunningSink, tmp_path: Path
) -> None:
    port = free_port()
    early = start_worker(port, "--json")
    options = ("--master", "--expect-workers", "2", "--master-port", str(port))
    second = start_worker(port, "--quiet")
    with running(tmp_path, hold(counting_sink, 50, "12s"), *options) as master:
        late = start_worker(port)
        _, said = late.communicate(timeout=START_S)
        assert late.returncode == 2
        assert "error: the run has begun with its 2 workers" in said
        run = finish_run(tmp_path, master)
    assert run.exit_code == 0, run.stderr
    assert run.summary["flows"]["offered"]["count"] == 600
    assert run.summary["ledger"]["delivered"] == 625
    out, _ = early.communicate(timeout=START_S)
    assert early.returncode == second.wait(START_S) == 0
    told = json.loads(out)
    assert (told["count"], told["index"] in (0, 1), told["reports"] >= 13) == (2, True, True)
    check_books(run, counting_sink)


def test_a_worker_without_the_corpus_says_so(counting_sink: RunningSink, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "one.eml").write_text("Subject: x\r\n\r\nbody\r\n")
    port = free_port()
    text = scenario_text(url(counting_sink), messages_block="messages: {old: {corpus: corpus}}")
    with start_run(tmp_path, text, "--master", "--master-port", str(port)) as master:
        assert master.stderr is not None
        assert "waiting for workers" in master.stderr.readline()
        (corpus / "one.eml").unlink()  # as on another machine
        worker = start_worker(port)
        run = finish_run(tmp_path, master)
        worker.communicate(timeout=START_S)
    assert run.exit_code == worker.returncode == 2
    assert "worker 0 (" in run.stderr
    assert "messages.old.corpus" in run.stderr
    assert "has no .eml file" in run.stderr
    assert list_runs(tmp_path / "results") == []


def test_a_taken_port_is_an_error_of_usage(counting_sink: RunningSink, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = run_scenario(tmp_path, scenario_text(url(counting_sink)), "--master", "--master-port", str(port))
    assert run.exit_code == 2
    assert f"error: can't listen on 127.0.0.1:{port}: another program listens there" in run.stderr


@pytest.mark.long
def test_a_worker_that_is_interrupted_on_its_own_is_lost_to_the_run(counting_sink: RunningSink, tmp_path: Path) -> None:
    port = free_port()
    workers = [start_worker(port), start_worker(port)]
    options = ("--master", "--expect-workers", "2", "--master-port", str(port))
    with running(tmp_path, hold(counting_sink, 50, "8s"), *options) as master:
        workers[0].send_signal(signal.SIGINT)
        run = finish_run(tmp_path, master)
    for worker in workers:
        worker.communicate(timeout=START_S)
    assert run.exit_code == 4, run.stderr
    (lost,) = [worker for worker in facts(run) if worker["lost"]]
    assert lost["lost"] == "it was interrupted on its own machine"
    assert math.isclose(run.summary["flows"]["scheduled"]["count"], 400)
    check_books(run, counting_sink)
