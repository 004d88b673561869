"""Servers that break every rule: the look ends in time, with a finding, and without an exception."""

from __future__ import annotations

import random
import ssl
import time
from typing import TYPE_CHECKING

import pytest
from preflight.looking import ENVELOPE, look
from support.keys import weak_server_context, write_bad_certificate
from support.scripted import (
    Act,
    Peer,
    Script,
    close,
    drip,
    ehlo_reply,
    ending_at,
    endless_lines,
    half_a_reply,
    huge_line,
    junk,
    late_banner,
    many_lines,
    polite,
    replying,
    replying_early,
    reset,
    say,
    send,
    silence,
    slow,
    starttls,
    starttls_garbage,
    starttls_injection,
)

from loadkit.preflight.finding import Severity
from loadkit.smtp.outcome import Phase

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import StartScripted


@pytest.mark.parametrize(
    ("script", "problems"),
    [
        (junk(Phase.BANNER), ["conversation"]),
        (junk(Phase.EHLO), ["conversation"]),
        (endless_lines(Phase.BANNER), ["conversation"]),
        (endless_lines(Phase.EHLO), ["conversation"]),
        (huge_line(1_000_000, Phase.BANNER), ["conversation"]),
        (huge_line(1_000_000, Phase.EHLO), ["conversation"]),
        (half_a_reply(Phase.EHLO), ["conversation"]),
        (ending_at(Phase.CONNECT, close), ["conversation"]),
        (ending_at(Phase.CONNECT, reset), ["conversation"]),
        (ending_at(Phase.EHLO, reset), ["conversation"]),
        (ending_at(Phase.MAIL, close), ["conversation"]),
        (ending_at(Phase.RCPT, reset), ["conversation"]),
        (ending_at(Phase.QUIT, silence), []),
        (replying(Phase.BANNER, b"000 what"), ["conversation"]),
        (replying(Phase.BANNER, b"999 what"), ["conversation"]),
        (replying(Phase.BANNER, b"1_1 what"), ["conversation"]),
        (replying(Phase.BANNER, b"\x1b[31m\xff\xfe\x00"), ["conversation"]),
        (replying(Phase.BANNER, b"554 \x1b[31m\xff\xfe\x00 go away"), ["banner"]),
        (replying(Phase.EHLO, b"502 no", b"502 no"), ["conversation", "EHLO"]),
        (many_lines(300), []),
        pytest.param(replying_early(), ["conversation"], marks=pytest.mark.slow),
        (polite(b"SIZE 99999999999999999999999999", b"AUTH", b"LIMITS =x RCPTMAX= MAILMAX=1e9"), []),
        (polite(b"SIZE -1", b"AUTH=", b"\xff\xfe", b"LIMITS"), []),
    ],
)
def test_broken_conversations(scripted: StartScripted, script: Script, problems: list[str]) -> None:
    started_s = time.monotonic()
    looked = look(scripted(script).port, whole_s=6.0, **ENVELOPE)
    assert time.monotonic() - started_s < 7.0
    assert set(looked.problems) <= set(problems)
    assert bool(looked.problems) is bool(problems)
    shown = str(looked.outcome.to_dict())
    assert "\x1b" not in shown
    shown.encode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "severity"),
    [
        (ending_at(Phase.CONNECT, silence), Severity.PROBLEM),
        (ending_at(Phase.EHLO, silence), Severity.PROBLEM),
        (ending_at(Phase.MAIL, silence), Severity.PROBLEM),
        (Script({Phase.BANNER: drip(b"220-" + b"x" * 10_000, 0.01)}), Severity.PROBLEM),
        (slow(2.0), Severity.WARNING),
    ],
    ids=["banner", "ehlo", "mail", "crawl", "tar-pit"],
)
def test_time_is_bounded(scripted: StartScripted, script: Script, severity: Severity) -> None:
    started_s = time.monotonic()
    looked = look(scripted(script).port, whole_s=5.0, **ENVELOPE)
    assert time.monotonic() - started_s < 6.0
    assert looked.outcome.duration_s <= 5.1
    assert looked.one("conversation").severity is severity


def test_a_late_banner_is_named(scripted: StartScripted) -> None:
    finding = look(scripted(late_banner(1.1)).port).one("banner")
    assert finding.severity is Severity.NOTE
    assert ", after 1.1" in finding.seen


@pytest.mark.parametrize("seed", range(5))
def test_random_bytes(scripted: StartScripted, seed: int) -> None:
    generator = random.Random(seed)
    acts: dict[Phase, Act] = {
        phase: send(b"2" * generator.randrange(2) + generator.randbytes(generator.randrange(1, 200)) + b"\r\n")
        for phase in (Phase.BANNER, Phase.EHLO, Phase.MAIL)
        if generator.random() < 0.6
    }
    looked = look(scripted(Script(acts)).port, whole_s=4.0, **ENVELOPE)
    str(looked.outcome.to_dict()).encode()


def test_helo_where_ehlo_is_unknown(scripted: StartScripted) -> None:
    def answer(peer: Peer) -> None:
        known = peer.commands[-1].startswith(b"HELO")
        peer.send(b"250 old.test\r\n" if known else b"500 unknown\r\n")

    looked = look(scripted(Script({Phase.EHLO: answer})).port, **ENVELOPE)
    assert looked.outcome.passed
    assert looked.one("EHLO").severity is Severity.NOTE


def test_limits_that_are_announced(scripted: StartScripted) -> None:
    server = scripted(polite(b"LIMITS RCPTMAX=20 MAILMAX=100"))
    over = look(server.port, recipients=50).one("limits")
    assert over.severity is Severity.WARNING
    assert over.seen == "RCPTMAX=20, MAILMAX=100"
    assert "up to 50 recipients" in over.why
    within = look(server.port, recipients=20, messages_per_session=100).one("limits")
    assert within.severity is Severity.OK


def test_extensions_that_messages_need(scripted: StartScripted) -> None:
    server = scripted(polite(b"8BITMIME"))
    lacking = look(
        server.port,
        sender="a@example.com",
        recipient="用户@例子.test",
        extensions=("SMTPUTF8",),
        some_extensions=("8BITMIME", "CHUNKING"),
    )
    assert lacking.problems == ["SMTPUTF8"]
    assert lacking.one("SMTPUTF8").fix.startswith("Turn it on at the target (smtputf8_enable in Postfix)")
    assert lacking.one("CHUNKING").severity is Severity.WARNING
    assert not lacking.of("8BITMIME")
    # The server takes what it doesn't offer; one that offers it would want to know.
    assert b"MAIL FROM:<a@example.com> SMTPUTF8" in server.commands
    assert "RCPT TO:<用户@例子.test>".encode() in server.commands
    ascii_only = scripted(polite(b"SMTPUTF8"))
    assert look(ascii_only.port, sender="a@example.com", recipient="b@example.com").problems == []
    assert b"MAIL FROM:<a@example.com>" in ascii_only.commands


def test_the_address_that_the_server_sees(scripted: StartScripted) -> None:
    hello = Script({Phase.EHLO: say(b"250 mx.test at your service, [203.0.113.9]")})
    assert look(scripted(hello).port).facts.source == "203.0.113.9"
    nonsense = Script({Phase.EHLO: say(b"250 mx.test at your service, [999.0.113.9]")})
    assert look(scripted(nonsense).port).facts.source == "127.0.0.1"


def test_login_under_tls_only(scripted: StartScripted, certificate: Path) -> None:
    def hello(peer: Peer) -> None:
        secure = isinstance(peer.socket, ssl.SSLSocket)
        peer.send(ehlo_reply(b"AUTH PLAIN") if secure else ehlo_reply(b"STARTTLS"))

    server = scripted(starttls(certificate, ehlo=hello))
    plain = look(server.port, auth="PLAIN")
    assert plain.problems == ["AUTH"]
    assert plain.one("AUTH").fix == "Set target.tls to starttls."
    assert look(server.port, auth="PLAIN", starttls=True).problems == []


@pytest.mark.parametrize("wanted", [True, False])
def test_starttls_that_fails(scripted: StartScripted, certificate: Path, wanted: bool) -> None:
    for script in (starttls_garbage(certificate), starttls(certificate, tls=say(b"454 4.7.0 not now"))):
        looked = look(scripted(script).port, starttls=wanted)
        assert looked.problems == (["STARTTLS"] if wanted else [])
        assert looked.one("STARTTLS").severity is (Severity.PROBLEM if wanted else Severity.NOTE)


def test_replies_slipped_in_before_tls_are_not_believed(scripted: StartScripted, certificate: Path) -> None:
    looked = look(scripted(starttls_injection(certificate)).port, starttls=True)
    assert looked.facts.conversation is not None
    assert "X-INJECTED" not in looked.facts.conversation.extensions


def weak_tls(certificate: Path, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> Act:
    def act(peer: Peer) -> None:
        peer.send(b"220 go ahead\r\n")
        peer.socket = weak_server_context(certificate, newest=newest).wrap_socket(peer.socket, server_side=True)

    return act


def test_old_versions_of_tls(scripted: StartScripted, tmp_path: Path) -> None:
    certificate = write_bad_certificate(tmp_path)
    both = look(scripted(starttls(certificate, tls=weak_tls(certificate))).port, starttls=True)
    assert both.one("TLS").severity is Severity.WARNING
    assert both.one("TLS").seen.endswith("takes TLS 1.1 or older, too")
    up_to_12 = weak_tls(certificate, ssl.TLSVersion.TLSv1_2)
    looked = look(scripted(starttls(certificate, tls=up_to_12)).port, starttls=True, tls_minimum="1.3")
    assert looked.problems == ["TLS"]
    assert looked.one("TLS").seen.endswith("; no TLS 1.3")
    seen = looked.facts
    assert seen.conversation is not None
    assert seen.conversation.tls is not None
    assert seen.conversation.tls.version == "TLSv1.2"
    up_to_11 = weak_tls(certificate, ssl.TLSVersion.TLSv1_1)
    assert look(scripted(starttls(certificate, tls=up_to_11)).port, starttls=True).problems == ["STARTTLS"]


@pytest.mark.parametrize(
    ("bits", "days", "words"),
    [
        (1024, (-1, 90), ["its key is below 2048 bits"]),
        (2048, (-90, -1), ["has expired"]),
        (2048, (-1, 5), ["expires within two weeks"]),
        (2048, (2, 90), ["is not valid yet"]),
    ],
)
def test_certificates(
    scripted: StartScripted, tmp_path: Path, bits: int, days: tuple[int, int], words: list[str]
) -> None:
    certificate = write_bad_certificate(tmp_path, bits=bits, days=days)
    server = scripted(starttls(certificate, tls=weak_tls(certificate)))
    looked = look(server.port, starttls=True)
    warnings = [one.seen for one in looked.of("certificate") if one.severity is Severity.WARNING]
    assert [seen.partition(" (")[0] for seen in warnings] == words
    assert "RSA" in warnings[0]
    assert look(server.port, starttls=True, verify=True).problems == ["certificate"]
