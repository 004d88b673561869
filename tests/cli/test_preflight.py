"""`loadkit preflight`, and the look before `loadkit run` and `loadkit blast`."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from support import forked
from support.name_server import running_name_server
from support.sink import running_sink
from support.sockets import own_address, refusing_port

from loadkit.cli._preflight import preflight_before_run, render_preflight
from loadkit.cli.app import main
from loadkit.cli.preflight import target_url
from loadkit.errors import ExitCode, LoadkitError
from loadkit.preflight.finding import Finding, Preflight, Severity
from loadkit.scenario.guardrails import TargetAddress
from loadkit.scenario.load import parse_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.sink import RunningSink

ROOT = Path(__file__).parents[2]


def loadkit(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return forked.run([sys.executable, "-m", "loadkit", *arguments], cwd=ROOT, env=os.environ | environment)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("smtps://mx.test", "smtps://mx.test"),
        ("mx.test", "smtp://mx.test"),
        ("mx.test:2525", "smtp://mx.test:2525"),
        ("2001:db8::1", "smtp://[2001:db8::1]"),
        ("[2001:db8::1]:26", "smtp://[2001:db8::1]:26"),
    ],
)
def test_a_host_alone_is_a_target(text: str, url: str) -> None:
    assert target_url(text) == url


@pytest.fixture(scope="module")
def sink() -> Iterator[RunningSink]:
    """One plain sink for all tests here that leave nothing behind in it."""
    with running_sink() as running:
        yield running


def test_a_good_target(sink: RunningSink) -> None:
    done = loadkit("preflight", f"127.0.0.1:{sink.port}", "--scenario", "smoke", COLUMNS="80")
    assert done.returncode == ExitCode.OK
    assert done.stderr == ""
    title, _, *rows = done.stdout.splitlines()
    assert title.startswith(f"READY  smtp://127.0.0.1:{sink.port}  ")
    assert "(6 connections, " in title
    assert "✓ ok" in rows[0]
    assert any("RCPT" in row and "<user0@example.com> is accepted" in row for row in rows)
    assert "\x1b" not in done.stdout


def test_eighty_columns_are_enough() -> None:
    words = "A sentence of some length about what it does to a run. " * 3
    findings = tuple(Finding(severity, "sender domain", words, words, words) for severity in Severity)
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(render_preflight(Preflight("smtp://127.0.0.1:25", findings, 9, 14.2)))
    text = console.export_text()
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    assert text.count("A sentence") == 3 * 3 * len(Severity)


def test_json_and_options(sink: RunningSink) -> None:
    zone = {("shop.test", "TXT"): ["v=spf1 ip4:127.0.0.1 -all"], ("k._domainkey.shop.test", "TXT"): ["v=DKIM1; p="]}
    with running_name_server(zone) as names:
        done = loadkit(
            "preflight",
            f"smtp://127.0.0.1:{sink.port}",
            *("--sender-domain", "shop.test", "--dkim-selector", "k"),
            *("--resolver", str(names), "--blocklist", "bl.test", "--json"),
        )
    assert done.returncode == ExitCode.OK, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["target"] == f"smtp://127.0.0.1:{sink.port}"
    assert outcome["passed"] is True
    assert outcome["connections"] == 6
    assert 0 < outcome["duration_s"] < 15
    by_subject = {finding["subject"]: finding for finding in outcome["findings"]}
    assert all(set(one) == {"severity", "subject", "seen", "why", "fix"} for one in outcome["findings"])
    assert by_subject["SPF"]["severity"] == "ok"
    assert by_subject["DKIM"]["severity"] == "warning"
    assert by_subject["block list"]["severity"] == "ok"


def test_a_problem_ends_with_3() -> None:
    with refusing_port() as port:
        done = loadkit("preflight", f"127.0.0.1:{port}")
    assert done.returncode == ExitCode.TARGET
    assert done.stdout.startswith(f"NOT READY  smtp://127.0.0.1:{port}  1 problem, ")
    assert "✗ problem" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "exit_code", "complaint"),
    [
        (["mail.example.net"], ExitCode.TARGET, "mail.example.net:25 is not this machine"),
        (["mail.example.net", "--allow", "other.example.net"], ExitCode.TARGET, "--allow mail.example.net"),
        (["http://127.0.0.1"], ExitCode.USAGE, "does not start with smtp://"),
        (["127.0.0.1", "--resolver", "dns.test"], ExitCode.USAGE, "is no IP address"),
        (["127.0.0.1", "--sender-domain", "a b"], ExitCode.USAGE, "is not a domain name"),
        (["127.0.0.1", "--scenario", "nothing"], ExitCode.USAGE, "no scenario 'nothing'"),
    ],
)
def test_refused_commands(
    arguments: list[str], exit_code: ExitCode, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["preflight", *arguments]) == exit_code
    shown = capsys.readouterr()
    assert complaint in shown.err
    assert shown.out == ""


def test_a_scenario_allows_its_hosts(tmp_path: Path) -> None:
    host = own_address()
    scenario = tmp_path / "own.yaml"
    scenario.write_text(
        f"scenario: own\ntarget: {{allow: [{host}]}}\nmessages: {{a: {{}}}}\n"
        "load: {stages: [{name: hold, rate: 5/s, duration: 1s}]}\n"
    )
    with running_sink(host=host) as sink:
        assert loadkit("preflight", f"{host}:{sink.port}").returncode == ExitCode.TARGET
        assert loadkit("preflight", f"{host}:{sink.port}", "--scenario", str(scenario)).returncode == ExitCode.OK


# Before a run


def run_folder(results: Path) -> dict[str, object]:
    (folder,) = results.iterdir()
    facts = json.loads((folder / "run.json").read_text())
    assert isinstance(facts, dict)
    return facts


@pytest.mark.slow
def test_a_run_keeps_what_was_seen(tmp_path: Path) -> None:
    host = own_address()
    with running_sink(host=host) as sink:
        done = loadkit(
            *("blast", f"smtp://{host}:{sink.port}", "--messages", "20"),
            *("--allow", host, "--results", str(tmp_path)),
        )
        # None is from the look.
        assert done.returncode == ExitCode.OK, done.stderr
        assert sink.stop().deliveries == 20
    assert f"preflight: looking at smtp://{host}:{sink.port}" in done.stderr
    findings = run_folder(tmp_path)["preflight"]
    assert isinstance(findings, list)
    assert {
        "severity": "ok",
        "subject": "banner",
        "seen": "220 sink.test ESMTP loadkit sink",
        "why": "",
        "fix": "",
    } in (findings)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["run", "blast"])
def test_a_problem_stops_a_run(verb: str, tmp_path: Path) -> None:
    host = own_address()
    with refusing_port(host) as port:
        url = f"smtp://{host}:{port}"
        arguments = ("run", "smoke", "--target", url) if verb == "run" else ("blast", url)
        done = loadkit(*arguments, "--allow", host, "--results", str(tmp_path))
    assert (done.returncode, done.stdout) == (ExitCode.TARGET, "")
    assert f"refused at {host}:{port}" in done.stderr
    assert f"error: preflight found 1 problem at {url}; nothing was sent" in done.stderr
    assert "--no-preflight" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_run_without_a_look(tmp_path: Path) -> None:
    host = own_address()
    with running_sink(host=host) as sink:
        done = loadkit(
            *("blast", f"smtp://{host}:{sink.port}", "--messages", "10", "--allow", host),
            *("--no-preflight", "--results", str(tmp_path)),
        )
    assert done.returncode == ExitCode.OK, done.stderr
    assert "preflight" not in done.stderr
    assert run_folder(tmp_path)["preflight"] is None


@pytest.mark.slow
def test_nobody_looks_at_this_machine(sink: RunningSink, tmp_path: Path) -> None:
    url = f"smtp://127.0.0.1:{sink.port}"
    done = loadkit("blast", url, "--messages", "10", "--results", str(tmp_path))
    assert done.returncode == ExitCode.OK, done.stderr
    assert "preflight" not in done.stderr
    assert run_folder(tmp_path)["preflight"] is None


def test_a_look_that_fails_by_itself_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    scenario = parse_scenario("{scenario: x, load: {stages: [{name: h, rate: 1/s, duration: 5s}]}, messages: {a: {}}}")
    with pytest.raises(LoadkitError, match="preflight could not be done") as caught:
        preflight_before_run(scenario, TargetAddress("smtp", "192.0.2.1", 25), quiet=True)
    assert caught.value.exit_code is ExitCode.BUG
    assert "--no-preflight" in caught.value.hint
