"""Runs whose generator was the limit: each is INVALID, says why and what to do, and blames nothing on the server."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.programs import find_program, need_root
from support.runs import ROOT, FinishedRun, run_scenario, scenario_text
from support.sink import running_sink

from sinks.options import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator

STRICT = '{transaction_duration: ["p(95) < 1ms"], transaction_failed: ["rate < 0.01%"]}'


def run_under(folder: Path, scenario: str, *prefix: str) -> FinishedRun:
    """Run a scenario text by a command that changes the surroundings first."""
    return run_scenario(folder, scenario, prefix=prefix)


def reasons(run: FinishedRun) -> dict[str, dict[str, Any]]:
    assert run.exit_code == 4, run.stderr
    assert run.summary["verdict"] == "invalid"
    return {reason["name"]: reason for reason in run.summary["validity"]["reasons"]}


def test_no_descriptor_left(tmp_path: Path) -> None:
    """Fifty sessions and room for about thirty; the results are written all the same."""
    with running_sink(profile="slow") as sink:
        text = scenario_text(
            f"smtp://{sink.host}:{sink.port}",
            load="load: {executor: shared_messages, sessions: 50, messages: 200, grace: 5s}",
            thresholds=STRICT,
        ).replace("700ms", "20s")
        run = run_under(tmp_path, text, "sh", "-c", 'ulimit -n 80; exec "$@"', "sh")
    reason = reasons(run)["no_descriptor_left"]
    assert "(EMFILE) for" in reason["seen"]
    assert "ulimit -n" in reason["fix"]
    assert run.summary["validity"]["blame"] == "tool"
    assert run.outcomes["accepted", "dot", 250, ""] > 50
    assert run.folder is not None


def test_no_local_port_left(tmp_path: Path) -> None:
    """A network of its own, in which a connection can have one of eleven ports."""
    need_root("networks are made")
    unshare = find_program("unshare")
    with_few_ports = 'ip link set lo up && sysctl -qw net.ipv4.ip_local_port_range="40000 40010" && exec "$@"'
    text = scenario_text("x", messages=400, sessions=2, sessions_block="messages_per_session: 1", thresholds=STRICT)
    text = text.replace("target: {url: 'x'}\n", "").replace("700ms", "20s")
    run = run_under(tmp_path, text, unshare, "-n", "sh", "-c", with_few_ports, "sh")
    reason = reasons(run)["no_local_port_left"]
    assert "(EADDRNOTAVAIL) for" in reason["seen"]
    for fix in ("net.ipv4.ip_local_port_range", "sessions.local_addresses", "sessions.messages_per_session"):
        assert fix in reason["fix"]


def test_no_route_from_here(tmp_path: Path) -> None:
    need_root("networks are made")
    text = scenario_text("smtp://192.0.2.1:25", target_block="allow: [192.0.2.1]", thresholds=STRICT)
    run = run_scenario(tmp_path, text, "--no-preflight", prefix=(find_program("unshare"), "-n"))
    reason = reasons(run)["no_route"]
    assert "ENETUNREACH" in reason["seen"]
    assert run.outcomes == {("client", "connect", 0, "no_route"): 3}


@contextmanager
def hog(core: int) -> Iterator[None]:
    """A process that takes whatever the core has left."""
    process = subprocess.Popen(["taskset", "-c", str(core), sys.executable, "-c", "while True: pass"], cwd=ROOT)
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize(
    "load",
    [
        "load: {arrivals: even, stages: [{name: hold, rate: 8000/s, duration: 3s}]}",
        "load: {executor: shared_messages, sessions: 20, messages: 12000, grace: 5s}",
    ],
    ids=["open loop", "closed loop"],
)
def test_an_overloaded_generator_blames_nothing_on_the_server(load: str, tmp_path: Path) -> None:
    """With a quarter of a core, beside a process of a better priority, missed thresholds are not the server's."""
    cores = sorted(os.sched_getaffinity(0))
    with running_sink(engine=Engine.FAST) as sink, hog(cores[0]):
        text = scenario_text(f"smtp://{sink.host}:{sink.port}", load=load, thresholds=STRICT).replace("700ms", "20s")
        run = run_under(tmp_path, text, "taskset", "-c", str(cores[0]), "nice", "-n", "5")
    assert reasons(run).keys() & {"generator_starved", "generator_cpu", "schedule_lag", "loop_stalls"}
    assert run.summary["validity"]["blame"] == "tool"
    assert False in {line["passed"] for line in run.summary["thresholds"]}
