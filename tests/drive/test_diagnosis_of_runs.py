"""Limits that sinks keep as real servers do: the run's summary names each, and none on a clean run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.runs import FinishedRun, run_scenario, scenario_text
from support.scripted import Peer, Script, close, late_banner, pause, polite, replying, say, series
from support.sink import running_sink

from loadkit.smtp.outcome import Phase

if TYPE_CHECKING:
    from conftest import StartScripted
    from support.scripted import Act


def findings(run: FinishedRun) -> dict[str, dict[str, Any]]:
    assert run.summary, run.stderr
    return {finding["name"]: finding for finding in run.summary["diagnosis"]}


def run_against(folder: Path, profile: str, **scenario: Any) -> FinishedRun:
    """A run against a sink with a profile, by name or as YAML."""
    if "\n" in profile:
        file = folder / "profile.yaml"
        file.write_text(profile, encoding="utf-8")
        profile = str(file)
    with running_sink(profile=profile) as sink:
        text = scenario_text(f"smtp://{sink.host}:{sink.port}", **scenario)
        return run_scenario(folder, text.replace("700ms", "20s"))


def profile(*lines: str) -> str:
    return "\n".join(("profile: test", "description: A test.", *lines)) + "\n"


@pytest.mark.parametrize("name", ["accept_all", "usl", "station"])
def test_a_clean_run_has_no_finding(name: str, tmp_path: Path) -> None:
    run = run_against(tmp_path, name, messages=40, sessions=8, sessions_block="messages_per_session: 3")
    assert run.summary["flows"]["accepted"]["count"] == 40
    assert findings(run) == {}
    assert run.summary["session_ends"] == run.summary["retries"] == []


def test_greylisting_is_named_where_it_refuses(tmp_path: Path) -> None:
    run = run_against(tmp_path, "greylist", messages=30)
    assert list(findings(run)) == ["greylisted"]
    assert findings(run)["greylisted"]["messages"] == 30
    assert findings(run)["greylisted"]["seen"] == "30 of 30 messages (100.00%): 451 4.7.1 at rcpt"


def test_greylisting_is_named_where_every_message_passed_on_retry(tmp_path: Path) -> None:
    run = run_against(
        tmp_path,
        profile("greylist: {delay: 300ms, window: 1h, keep: 1d}"),
        messages=10,
        load="load: {executor: shared_messages, sessions: 1, messages: 10, grace: 8s}",
        sessions_block="retry: {attempts: 3, delay: 500ms}",
    )
    assert run.outcomes == {("accepted", "dot", 250, ""): 10}
    finding = findings(run)["greylisted"]
    assert finding["seen"] == (
        "10 attempts that were followed by another (10 messages passed at one): 451 4.7.1 at rcpt"
    )


@pytest.mark.parametrize(
    ("limits", "name", "scenario"),
    [
        ("per_source: {concurrent: 4}", "too_many_connections", {"sessions": 9}),
        (
            "per_source: {connections: 5/min}",
            "too_many_connections",
            {"messages": 13, "sessions_block": "messages_per_session: 2"},
        ),
        ("per_source: {messages: 20/min}", "rate_limited", {}),
        ("messages_per_connection: 5", "too_many_messages", {}),
        ("recipients_per_message: 3", "too_many_recipients", {"messages_block": "messages: {n: {recipients: 5}}"}),
        ("size: 20KiB", "too_large", {"messages_block": "messages: {note: {size: 30KiB}}"}),
    ],
)
def test_limits_are_named(limits: str, name: str, scenario: dict[str, Any], tmp_path: Path) -> None:
    run = run_against(tmp_path, profile(f"limits: {{{limits}}}"), **({"messages": 60, "sessions": 3} | scenario))
    assert list(findings(run)) == [name]


@pytest.mark.slow
def test_the_basic_tier_refuses_what_is_above_its_rate(tmp_path: Path) -> None:
    run = run_against(tmp_path, "basic", messages=1500, sessions=8)
    assert list(findings(run)) == ["rate_limited"]


@pytest.mark.long
def test_a_provider_takes_five_hundred_connections_a_minute(tmp_path: Path) -> None:
    run = run_against(tmp_path, "provider_limits", messages=560, sessions=8, sessions_block="messages_per_session: 1")
    finding = findings(run)["too_many_connections"]
    assert finding["sessions"] >= 1
    assert "421 4.7.0 at banner" in finding["seen"]


@pytest.mark.long
def test_mailbox_providers_limit_and_refuse(tmp_path: Path) -> None:
    run = run_against(tmp_path, "mailbox_providers", messages=1500, sessions=40)
    assert {"greylisted", "rate_limited"} <= findings(run).keys()


REFUSALS = {
    "relay_denied": (Phase.RCPT, b"554 5.7.1 <x@example.com>: Relay access denied"),
    "auth_required": (Phase.MAIL, b"530 5.7.0 Authentication required"),
    "tls_required": (Phase.MAIL, b"530 5.7.0 Must issue a STARTTLS command first"),
    "blocked": (Phase.BANNER, b"554 5.7.1 Client host [192.0.2.1] blocked using zen.example"),
    "too_many_errors": (Phase.RCPT, b"421 4.7.0 mx.test Error: too many errors"),
    "unavailable": (Phase.EHLO, b"421 4.3.2 All servers are down"),
    "storage_full": (Phase.MAIL, b"452 4.3.1 Insufficient system storage"),
    "mailbox_full": (Phase.RCPT, b"452 4.2.2 Over quota"),
    "unknown_recipients": (Phase.RCPT, b"550 5.1.1 User unknown"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_are_named_by_their_text_or_code(name: str, scripted: StartScripted, tmp_path: Path) -> None:
    phase, line = REFUSALS[name]
    run = run_scenario(tmp_path, scenario_text(scripted(replying(phase, line)).url, sessions_block="pipelining: false"))
    assert list(findings(run)) == [name]
    assert findings(run)[name]["messages"] == 3


def test_tls_that_is_not_offered_is_named(scripted: StartScripted, tmp_path: Path) -> None:
    run = run_scenario(tmp_path, scenario_text(scripted(polite()).url, target_block="tls: starttls"))
    assert list(findings(run)) == ["tls_not_offered"]


def test_a_server_whose_processes_are_all_busy_is_named(scripted: StartScripted, tmp_path: Path) -> None:
    run = run_scenario(tmp_path, scenario_text(scripted(late_banner(30.0)).url))
    assert list(findings(run)) == ["no_greeting"]


@pytest.mark.slow
@pytest.mark.parametrize("goodbye", [(say(b"421 4.4.2 mx.test Error: timeout exceeded"),), ()], ids=["421", "silently"])
def test_sessions_that_the_server_ends_while_they_idle_are_named(
    goodbye: tuple[Act, ...], scripted: StartScripted, tmp_path: Path
) -> None:
    server = scripted(Script({Phase.DOT: series(say(b"250 2.0.0 Ok"), pause(0.3), *goodbye, close)}))
    load = "load: {arrivals: even, stages: [{name: hold, rate: 1/s, duration: 3s}]}"
    run = run_scenario(tmp_path, scenario_text(server.url, load=load))
    assert run.summary["flows"]["accepted"]["count"] == 3
    assert list(findings(run)) == ["idle_timeout"]
    assert findings(run)["idle_timeout"]["sessions"] >= 2


def fourth_message(peer: Peer) -> None:
    """Take a message, and hang up after the fourth."""
    say(b"250 2.0.0 Ok")(peer)
    if len(peer.contents) >= 4:
        close(peer)


def test_a_server_that_hangs_up_after_a_number_of_messages_is_named(scripted: StartScripted, tmp_path: Path) -> None:
    server = scripted(Script({Phase.DOT: fourth_message}))
    run = run_scenario(tmp_path, scenario_text(server.url, messages=80, sessions=3))
    seen = findings(run)["closed_after"]["seen"]
    assert seen.endswith("sessions that the server ended had carried exactly 4 messages")


def tar_pit(peer: Peer) -> None:
    """Refuse a recipient, and take longer for it from the fourth on."""
    if sum(command.upper().startswith(b"RCPT") for command in peer.commands) > 3:
        pause(0.6)(peer)
    say(b"550 5.1.1 nobody")(peer)


@pytest.mark.slow
def test_a_tar_pit_is_named(scripted: StartScripted, tmp_path: Path) -> None:
    server = scripted(Script({Phase.RCPT: tar_pit}))
    run = run_scenario(tmp_path, scenario_text(server.url, messages=8).replace("700ms", "5s"))
    assert list(findings(run)) == ["tar_pit", "unknown_recipients"]
    assert findings(run)["tar_pit"]["seen"].startswith("5 of 8 refused messages took longer than 0.5 s")
