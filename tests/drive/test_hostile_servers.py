"""Hostile and broken servers: each ends in counted outcomes with a reason, on time, and no traceback."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import scripted as play
from support.runs import run_scenario, scenario_text

from loadkit.smtp.outcome import Phase

if TYPE_CHECKING:
    from conftest import StartScripted
    from support.scripted import Script

End = tuple[str, str, int, str]

ACCEPTED: End = ("accepted", "dot", 250, "")


def connection_ends(phase: Phase, reason: str) -> set[End]:
    """Where a lost connection may show: before the banner, connecting may not have been seen to succeed."""
    phases = {phase, Phase.CONNECT} if phase is Phase.BANNER else {phase}
    return {("connection", one.value, 0, reason) for one in phases}


CASES: dict[str, tuple[Script, set[End]]] = {
    "a byte at a time": (play.byte_at_a_time(), {ACCEPTED}),
    "600 lines": (play.many_lines(600), {("protocol", "ehlo", 0, "reply_too_many_lines")}),
    "10 MB line": (play.huge_line(10_000_000), {("protocol", "ehlo", 0, "reply_line_too_long")}),
    "junk": (play.junk(), {("protocol", "banner", 0, "reply_control_character")}),
    "late banner": (play.late_banner(30.0), {("timeout", "banner", 0, "timeout")}),
    "half a reply": (play.half_a_reply(Phase.MAIL), {("connection", "mail", 0, "closed")}),
    "early reply": (play.replying_early(), {("protocol", "ehlo", 0, "reply_before_command")}),
} | {
    f"{how} at {phase}": (play.ending_at(phase, act), connection_ends(phase, reason))
    for how, act, reason in (("close", play.close, "closed"), ("reset", play.reset, "reset"))
    for phase in (Phase.BANNER, Phase.EHLO, Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT)
} | {
    f"421 at {phase}": (
        play.replying(phase, b"421 4.3.2 going down"),
        {("transient", phase.value, 421, "")},
    )
    for phase in (Phase.BANNER, Phase.EHLO, Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT)
} | {
    "refused recipients": (play.replying(Phase.RCPT, b"550 5.1.1 nobody"), {("permanent", "rcpt", 550, "")}),
    "deferred content": (play.replying(Phase.DOT, b"451 4.3.0 later"), {("transient", "dot", 451, "")}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_message_ends_in_a_counted_outcome(case: str, scripted: StartScripted, tmp_path: Path) -> None:
    script, ends = CASES[case]
    server = scripted(script)
    # Without pipelining no reply can be lost to a reset, so that the phase is certain.
    run = run_scenario(tmp_path, scenario_text(server.url, sessions_block="pipelining: false"))
    assert set(run.outcomes) <= ends, run.stderr
    assert run.outcomes.keys() & ends
    assert sum(run.outcomes.values()) == 3
    assert run.summary["duration_s"] < 10
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("factory", "ends"),
    [
        (play.starttls, {ACCEPTED}),
        (play.starttls_injection, {("protocol", "tls", 0, "starttls_injection")}),
        (play.starttls_garbage, {("tls", "tls", 0, "handshake_failed")}),
    ],
    ids=["starttls", "injected plaintext", "garbage instead of TLS"],
)
def test_starttls(factory: object, ends: set[End], scripted: StartScripted, certificate: Path, tmp_path: Path) -> None:
    server = scripted(factory(certificate))  # type: ignore[operator]
    run = run_scenario(tmp_path, scenario_text(server.url, target_block="tls: starttls"))
    assert set(run.outcomes) == ends, run.stderr


def test_a_server_that_stops_reading_cannot_hang_us(scripted: StartScripted, tmp_path: Path) -> None:
    server = scripted(play.stops_reading())
    text = scenario_text(server.url, messages_block="messages: {big: {size: 8MiB}}")
    run = run_scenario(tmp_path, text)
    assert set(run.outcomes) == {("timeout", "dot", 0, "timeout")}


@pytest.mark.slow
def test_floods_do_not_grow_our_memory(scripted: StartScripted, tmp_path: Path) -> None:
    load = "load: {arrivals: even, stages: [{name: hold, rate: 20/s, duration: 3s}]}"
    peaks = {}
    for name, script in (
        ("polite", play.polite()),
        ("endless", play.endless_lines()),
        ("huge", play.huge_line(10_000_000)),
    ):
        folder = tmp_path / name
        folder.mkdir()
        run = run_scenario(folder, scenario_text(scripted(script).url, load=load), genuine=True)
        assert sum(run.outcomes.values()) == 60
        peaks[name] = run.summary["generator"]["rss_max_bytes"]
    assert max(peaks.values()) < peaks["polite"] + 20_000_000, peaks


def test_lmtp_has_a_reply_for_each_recipient(scripted: StartScripted, tmp_path: Path) -> None:
    server = scripted(play.lmtp())
    text = scenario_text(
        server.url.replace("smtp://", "lmtp://"), messages_block="messages: {note: {size: 1KiB, recipients: 3}}"
    )
    assert run_scenario(tmp_path, text).outcomes == {ACCEPTED: 3}


def test_a_message_that_is_deferred_is_tried_again_when_told(scripted: StartScripted, tmp_path: Path) -> None:
    server = scripted(play.replying(Phase.MAIL, b"421 4.3.2 busy"), play.polite())
    text = scenario_text(server.url, sessions_block="retry: {attempts: 3, delay: 200ms}")
    run = run_scenario(tmp_path, text)
    assert run.outcomes == {ACCEPTED: 3}, run.stderr


@pytest.mark.parametrize(("stop_after", "command"), [("connect", b"QUIT"), ("ehlo", b"QUIT"), ("rcpt", b"RSET")])
def test_stop_points_hand_no_message_over(
    stop_after: str, command: bytes, scripted: StartScripted, tmp_path: Path
) -> None:
    server = scripted(play.polite())
    run = run_scenario(tmp_path, scenario_text(server.url, sessions_block=f"stop_after: {stop_after}"))
    assert run.outcomes == {("accepted", stop_after, 0, "stopped"): 3}
    assert command in [one.upper() for one in server.commands]
    assert server.contents == []
