"""Runs against a real sink: every message arrives, latency counts from the intended time, limits hold."""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pyarrow.parquet as pq
import pytest
from support.runs import ROOT, finish_run, run_scenario, scenario_text, start_run
from support.scripted import Script, pause, polite, say, series, silence
from support.sink import running_sink
from support.waiting import wait_until

from loadkit.measure.store import open_run, rebuild_summary
from loadkit.smtp.outcome import Phase

if TYPE_CHECKING:
    from conftest import StartScripted
    from support.sink import RunningSink

ACCEPTED = ("accepted", "dot", 250, "")


def url(sink: RunningSink) -> str:
    return f"smtp://{sink.host}:{sink.port}"


@pytest.mark.parametrize("pipelining", ["true", "false"])
def test_every_message_of_a_closed_loop_arrives_once(pipelining: str, sink: RunningSink, tmp_path: Path) -> None:
    text = scenario_text(url(sink), messages=2000, sessions=7, sessions_block=f"pipelining: {pipelining}")
    run = run_scenario(tmp_path, text)
    assert run.outcomes == {ACCEPTED: 2000}, run.stderr
    (ledger,) = sink.stop().runs.values()
    assert (ledger.deliveries, ledger.duplicates, ledger.unknown) == (2000, 0, 0)
    assert list(ledger.senders[0].ranges()) == [(0, 1999)]


def test_sizes_recipients_and_reuse_are_as_told(sink: RunningSink, tmp_path: Path) -> None:
    text = scenario_text(
        url(sink),
        messages=60,
        sessions=2,
        sessions_block="messages_per_session: 5",
        messages_block="messages: {note: {size: 5000B, recipients: 3}}",
    )
    run = run_scenario(tmp_path, text)
    assert sum(run.setups.values()) in (12, 13)  # two at a time: the last two may share what is left
    (ledger,) = sink.stop().runs.values()
    assert (ledger.deliveries, ledger.recipients, ledger.size_bytes) == (60, 180, 300_000)


@pytest.mark.parametrize("arrivals", ["even", "poisson"])
def test_an_open_loop_follows_its_schedule(arrivals: str, sink: RunningSink, tmp_path: Path) -> None:
    load = (
        f"load: {{arrivals: {arrivals}, stages: [{{name: up, from: 0/s, to: 200/s, duration: 1s, measure: false}},"
        " {name: hold, rate: 200/s, duration: 3s}]}"
    )
    run = run_scenario(tmp_path, scenario_text(url(sink), load=load))
    offered = run.summary["flows"]["offered"]["count"]
    expected, spread = 600, 0 if arrivals == "even" else 5 * math.sqrt(600)
    assert abs(offered - expected) <= spread
    assert run.summary["flows"]["shed"]["count"] == 0
    (ledger,) = sink.stop().runs.values()
    assert ledger.deliveries == sum(part["accepted"] for part in run.summary["stages"].values()) + _warm_up(run.folder)


def _warm_up(folder: Path | None) -> int:
    assert folder is not None
    rows = pq.read_table(folder / "timeline.parquet").to_pylist()
    return sum(row["accepted"] for row in rows if row["stage"] == "up")


def test_what_the_pool_cannot_carry_is_shed_and_the_run_invalid(tmp_path: Path) -> None:
    with running_sink() as sink:
        sink.pause()
        load = "load: {arrivals: even, queue: 20, grace: 500ms, stages: [{name: hold, rate: 100/s, duration: 2s}]}"
        text = scenario_text(url(sink), load=load, sessions_block="max: 4")
        run = run_scenario(tmp_path, text)
        sink.resume()
    assert run.exit_code == 4
    assert run.summary["flows"]["shed"]["count"] > 100
    assert any("were shed" in reason for reason in run.reasons)


def test_nobody_listening_is_an_outcome_and_not_a_crash(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    load = "load: {arrivals: even, stages: [{name: hold, rate: 100/s, duration: 2s}]}"
    run = run_scenario(
        tmp_path, scenario_text(f"smtp://127.0.0.1:{port}", load=load, thresholds='{transaction_failed: ["rate < 1%"]}')
    )
    assert run.exit_code == 99, run.stderr
    assert run.outcomes == {("connection", "connect", 0, "refused"): 200}


def test_a_threshold_may_end_the_run(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    load = "load: {arrivals: even, stages: [{name: hold, rate: 50/s, duration: 30s}]}"
    thresholds = '{transaction_failed: [{check: "rate < 1%", abort_on_fail: true, delay: 1s}]}'
    run = run_scenario(tmp_path, scenario_text(f"smtp://127.0.0.1:{port}", load=load, thresholds=thresholds))
    assert run.exit_code == 99
    assert run.summary["duration_s"] < 6


@pytest.mark.parametrize("mechanism", ["plain", "login", "cram-md5", "xoauth2"])
def test_sessions_log_in_and_secrets_stay_in_the_environment(mechanism: str, tmp_path: Path) -> None:
    secrets = {"LK_USER": "anna", "LK_PASSWORD": "pa55-w0rd-nowhere"}
    with running_sink(secrets, auth="LK_USER:LK_PASSWORD") as sink:
        auth = f"auth: {{mechanism: {mechanism}, username_env: LK_USER, password_env: LK_PASSWORD}}"
        run = run_scenario(tmp_path, scenario_text(url(sink), target_block=auth), variables=secrets)
    assert run.outcomes == {ACCEPTED: 3}, run.stderr
    assert run.folder is not None
    for file in run.folder.iterdir():
        assert secrets["LK_PASSWORD"].encode() not in file.read_bytes()


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_tls(tls: str, tmp_path: Path) -> None:
    with running_sink(tls=tls) as sink:
        scheme = "smtps" if tls == "implicit" else "smtp"
        block = "" if tls == "implicit" else "tls: starttls"
        text = scenario_text(f"{scheme}://{sink.host}:{sink.port}", messages=200, sessions=4, target_block=block)
        run = run_scenario(tmp_path, text)
        assert run.outcomes == {ACCEPTED: 200}, run.stderr
        assert run.summary["phases"]["tls"]["n"] == 4
        (ledger,) = sink.stop().runs.values()
    assert ledger.deliveries == 200


def test_a_certificate_that_is_not_valid_is_an_outcome(tmp_path: Path) -> None:
    with running_sink(tls="starttls") as sink:
        text = scenario_text(url(sink), target_block="tls: starttls, verify: true")
        run = run_scenario(tmp_path, text)
    assert run.outcomes == {("tls", "tls", 0, "certificate_not_valid"): 3}


def test_sessions_come_from_the_local_addresses_in_turn(scripted: StartScripted, tmp_path: Path) -> None:
    server = scripted(polite())
    block = "local_addresses: [127.0.0.2, 127.0.0.3], messages_per_session: 1"
    run = run_scenario(tmp_path, scenario_text(server.url, messages=4, sessions_block=block))
    assert run.outcomes == {ACCEPTED: 4}, run.stderr
    assert {peer.address for peer in server.peers} == {"127.0.0.2", "127.0.0.3"}


def test_a_closed_loop_of_sessions_lasts_as_long_as_told(sink: RunningSink, tmp_path: Path) -> None:
    load = "load: {executor: sessions, sessions: 3, duration: 2s, warm_up: 1s}"
    run = run_scenario(tmp_path, scenario_text(url(sink), load=load))
    assert 3.0 <= run.summary["duration_s"] < 4.0
    assert list(run.summary["stages"]) == ["main"]
    assert set(run.outcomes) == {ACCEPTED}
    (ledger,) = sink.stop().runs.values()
    assert ledger.duplicates == 0
    assert ledger.deliveries > run.summary["flows"]["completed"]["count"] > 0


def test_idle_sessions_say_goodbye(sink: RunningSink, tmp_path: Path) -> None:
    load = "load: {arrivals: even, stages: [{name: hold, rate: 1/s, duration: 3s}]}"
    run = run_scenario(tmp_path, scenario_text(url(sink), load=load, sessions_block="idle_timeout: 300ms"))
    assert run.outcomes == {ACCEPTED: 3}
    assert sum(run.setups.values()) == 3


def test_a_second_interrupt_ends_the_run_at_once(tmp_path: Path) -> None:
    with running_sink() as sink:
        sink.pause()
        load = "load: {arrivals: even, grace: 50s, stages: [{name: hold, rate: 20/s, duration: 50s}]}"
        with start_run(tmp_path, scenario_text(url(sink), load=load).replace("700ms", "50s")) as process:
            wait_until(lambda: list(tmp_path.glob("results/.*/generator.arrows")), "the run's start", timeout_s=20)
            time.sleep(1.0)  # the first interrupt comes while messages are in flight, which none will answer
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            run = finish_run(tmp_path, process)
        sink.resume()
    assert run.exit_code == 130
    assert {reason for *_, reason in run.outcomes} == {"run_ended"}


def test_ipv6(tmp_path: Path) -> None:
    with running_sink(host="::1") as sink:
        run = run_scenario(tmp_path, scenario_text(f"smtp://[::1]:{sink.port}"))
        assert run.outcomes == {ACCEPTED: 3}, run.stderr


@pytest.mark.slow
@pytest.mark.alone
def test_five_thousand_sessions_fit_in_200_mb_and_still_send(sink: RunningSink, tmp_path: Path) -> None:
    load = "load: {executor: shared_messages, sessions: 5000, messages: 15000, grace: 40s}"
    text = scenario_text(url(sink), load=load, sessions_block="max: 5000").replace("700ms", "40s")
    run = run_scenario(tmp_path, text, genuine=True)
    assert run.outcomes == {ACCEPTED: 15_000}, run.stderr
    assert run.folder is not None
    rows = pq.read_table(run.folder / "timeline.parquet").to_pylist()
    assert max(row["connections"] or 0 for row in rows) == 5000
    assert run.summary["generator"]["rss_max_bytes"] <= 200e6


def resident_bytes(pid: int) -> int:
    """Memory of a process and of all its children."""
    master = psutil.Process(pid)
    found = 0
    for process in (master, *master.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            found += process.memory_info().rss
    return found


@pytest.mark.slow
@pytest.mark.alone
def test_ten_thousand_sessions_over_two_workers_fit_in_400_mb(tmp_path: Path) -> None:
    """A server that takes 10 s for each of 1,000 messages a second keeps 10,000 sessions busy; for 60 s if so told."""
    hold_s = int(os.environ.get("TEN_THOUSAND_SESSIONS_S", "3"))
    profile = tmp_path / "slow.yaml"
    profile.write_text("profile: slow\ndescription: Takes its time.\nservice: {dot: {constant: 10s}}\n")
    load = (
        "load: {arrivals: even, grace: 60s, stages: [{name: fill, rate: 1000/s, duration: 10s, measure: false}, "
        f"{{name: hold, rate: 1000/s, duration: {hold_s}s}}]}}"
    )
    with running_sink(engine="fast", profile=str(profile)) as sink:
        text = scenario_text(url(sink), load=load, sessions_block="max: 12000").replace("700ms", "60s")
        with start_run(tmp_path, text, "--workers", "2", genuine=True) as process:
            most_bytes = 0
            while process.poll() is None:
                most_bytes = max(most_bytes, resident_bytes(process.pid))
                time.sleep(0.5)
            run = finish_run(tmp_path, process)
        (ledger,) = sink.stop().runs.values()
    assert run.folder is not None, run.stderr
    assert set(run.outcomes) == {ACCEPTED}
    assert set(run.setups) == {("accepted", "ehlo", 0, "")}
    assert ledger.deliveries == 1000 * (10 + hold_s)
    assert ledger.duplicates == 0
    rows = pq.read_table(run.folder / "timeline.parquet").to_pylist()
    assert max(row["connections"] or 0 for row in rows) >= 10_000
    assert most_bytes <= 400e6


def test_the_summary_can_be_rebuilt_from_the_folder(sink: RunningSink, tmp_path: Path) -> None:
    load = "load: {arrivals: even, stages: [{name: hold, rate: 100/s, duration: 3s}]}"
    thresholds = '{transaction_duration: ["p(95) < 2s"]}'
    run = run_scenario(tmp_path, scenario_text(url(sink), load=load, thresholds=thresholds))
    assert run.folder is not None
    stored = open_run(run.folder)
    assert rebuild_summary(stored) == stored.summary


def test_slow_goodbyes_do_not_lower_the_rates(scripted: StartScripted, tmp_path: Path) -> None:
    """Thirteen messages in 1.3 s, and then 0.7 s in which the server leaves QUIT without a reply."""
    server = scripted(Script({Phase.DOT: series(pause(0.1), say(b"250 2.0.0 taken")), Phase.QUIT: silence}))
    run = run_scenario(tmp_path, scenario_text(server.url, messages=13))
    assert run.outcomes == {ACCEPTED: 13}, run.stderr
    assert run.folder is not None
    stored = open_run(run.folder)
    assert stored.facts["ended_at"] - stored.facts["started_at"] > 2.0
    whole_s = math.floor(stored.summary.duration_s)
    rows = pq.read_table(run.folder / "timeline.parquet").to_pylist()
    completed = sum(row["completed"] for row in rows if row["second"] < whole_s)
    assert stored.summary.flows["completed"].per_s == completed / whole_s
    assert rebuild_summary(stored) == stored.summary


def test_the_plain_locust_command_runs_the_example(sink: RunningSink) -> None:
    command = [sys.executable, "-m", "locust", "-f", "examples/newsletter.py", "--headless", "-u", "20", "-r", "20"]
    done = subprocess.run(
        [*command, "-t", "3s", "-H", url(sink)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (total,) = [line.split() for line in done.stderr.splitlines() if "Aggregated" in line][-2:-1]
    ledgers = sink.stop().runs.values()
    # What is under way when Locust stops its users may arrive and is in none of its tables: one for each at most.
    assert 20 < int(total[1]) <= sum(ledger.deliveries for ledger in ledgers) <= int(total[1]) + 20
    kinds = {kind for ledger in ledgers for kind in ledger.end_to_end}
    assert "issue" in kinds <= {"issue", "confirmation"}
    assert sum(ledger.corrupted for ledger in ledgers) == 0
    assert total[2].startswith("0(")
