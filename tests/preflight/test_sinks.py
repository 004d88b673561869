"""A look at the bundled sink in all its ways to speak."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from preflight.looking import ENVELOPE, RECIPIENT, look
from support.sink import RunningSink, running_sink

from loadkit.preflight.facts import PortState
from loadkit.preflight.finding import Severity
from sinks.options import Engine, Tls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def sink() -> Iterator[RunningSink]:
    """One plain sink for all tests here, because a look leaves nothing behind in it."""
    with running_sink() as running:
        yield running


def test_a_plain_sink(sink: RunningSink) -> None:
    looked = look(sink.port, **ENVELOPE)
    assert looked.outcome.passed
    assert looked.one(f"port {sink.port}").seen == "open on 127.0.0.1"
    assert looked.one("banner").seen == "220 sink.test ESMTP loadkit sink"
    assert looked.one("extensions").seen == "PIPELINING, CHUNKING, 8BITMIME, SMTPUTF8"
    assert looked.one("SIZE").seen == "at most 30MiB (31,457,280 bytes)"
    assert looked.one("STARTTLS").seen == "not offered"
    assert looked.one("MAIL").severity is Severity.OK
    assert looked.one("RCPT").severity is Severity.OK
    assert looked.one("connections").seen == "3 at the same time are served"
    assert looked.facts.source == "127.0.0.1"
    assert {port.port for port in looked.facts.other_ports} == {25, 465, 587}
    assert looked.outcome.connections == 6


def test_no_message_is_sent() -> None:
    with running_sink() as sink:
        look(sink.port, **ENVELOPE)
        assert sink.stop().deliveries == 0


def test_starttls(certificate: Path) -> None:
    with running_sink(tls=Tls.STARTTLS, certificate=certificate) as sink:
        looked = look(sink.port, starttls=True, **ENVELOPE)
    assert looked.outcome.passed
    assert looked.one("TLS").seen == "TLS 1.2, TLS 1.3; TLS_AES_256_GCM_SHA384"
    assert looked.facts.legacy is not None
    assert looked.facts.legacy.breakdown is not None
    seen = looked.of("certificate")
    assert [finding.severity for finding in seen] == [Severity.OK, Severity.NOTE]
    assert seen[0].seen.startswith("not verified: localhost, 127.0.0.1, ::1; EC 256 bits; until ")
    assert looked.one("RCPT").severity is Severity.OK
    assert looked.one("connections").seen == "4 at the same time are served"


def test_starttls_that_is_not_offered(sink: RunningSink) -> None:
    looked = look(sink.port, starttls=True)
    assert looked.problems == ["STARTTLS"]
    assert looked.one("STARTTLS").seen == "not offered"


def test_a_certificate_that_is_verified(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_sink(tls=Tls.STARTTLS, certificate=certificate) as sink:
        refused = look(sink.port, starttls=True, verify=True)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        taken = look(sink.port, starttls=True, verify=True)
    assert refused.problems == ["certificate"]
    assert refused.of("certificate")[0].seen == "not valid for 127.0.0.1: self-signed certificate"
    assert taken.outcome.passed
    assert taken.one("certificate").seen.startswith("valid: localhost")


def test_a_certificate_for_another_name(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with running_sink(tls=Tls.STARTTLS, certificate=certificate, host="127.0.0.9") as sink:
        looked = look(sink.port, host="127.0.0.9", starttls=True, verify=True)
    assert looked.problems == ["certificate"]
    assert "IP address mismatch" in looked.of("certificate")[0].seen


@pytest.mark.parametrize("engine", Engine)
def test_implicit_tls(engine: Engine) -> None:
    with running_sink(tls=Tls.IMPLICIT, engine=engine) as sink:
        looked = look(sink.port, scheme="smtps", **ENVELOPE)
    assert looked.outcome.passed
    assert looked.one("TLS").seen.startswith("TLS 1.2, TLS 1.3; ")
    assert looked.of("STARTTLS") == []
    assert looked.one("RCPT").severity is Severity.OK


@pytest.mark.slow
def test_tls_from_the_first_byte_where_nobody_expects_it() -> None:
    with running_sink(tls=Tls.IMPLICIT) as sink:
        looked = look(sink.port, whole_s=5.0)
    assert looked.problems == ["conversation"]
    finding = looked.one("conversation")
    assert finding.seen.endswith("TLS from the first byte works")
    assert finding.fix == f"Write smtps://127.0.0.1:{sink.port}."


def test_plaintext_where_tls_is_expected(sink: RunningSink) -> None:
    looked = look(sink.port, scheme="smtps")
    assert looked.problems == ["conversation"]
    assert "smtp://" in looked.one("conversation").fix


@pytest.mark.parametrize("engine", Engine)
def test_lmtp(engine: Engine) -> None:
    with running_sink(lmtp=True, engine=engine) as sink:
        looked = look(sink.port, scheme="lmtp", **ENVELOPE)
    assert looked.outcome.passed
    assert looked.one("RCPT").severity is Severity.OK
    assert looked.facts.other_ports == []


def test_auth(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"LOADKIT_USER": "u", "LOADKIT_PASSWORD": "p"}
    with running_sink(variables, auth="LOADKIT_USER:LOADKIT_PASSWORD") as sink:
        without = look(sink.port, **ENVELOPE)
        with_login = look(sink.port, auth="PLAIN", **ENVELOPE)
        other = look(sink.port, auth="SCRAM-SHA-256", **ENVELOPE)
    assert without.problems == ["MAIL"]
    assert "target.auth" in without.one("MAIL").fix or "auth block" in without.one("MAIL").fix
    assert with_login.outcome.passed
    assert [finding.severity for finding in with_login.of("AUTH")] == [Severity.OK, Severity.NOTE]
    assert other.problems == ["AUTH"]


def test_size(sink: RunningSink) -> None:
    some = look(sink.port, least_bytes=1000, most_bytes=40_000_000)
    assert some.one("SIZE").severity is Severity.WARNING
    none = look(sink.port, least_bytes=32_000_000, most_bytes=40_000_000)
    assert none.problems == ["SIZE"]


PROFILE = """
profile: test
description: test
faults:
  - {phase: %s, when: {probability: 100%%}, do: {reply: "%s"}}
"""


@pytest.mark.parametrize(
    ("phase", "reply", "word"),
    [
        ("banner", "421 4.7.0 Too many connections from your host", "limit on connections"),
        ("ehlo", "421 4.3.2 Service shutting down", "No session gets any further"),
        ("mail", "450 4.7.1 Rate limit exceeded", "rate limit"),
        ("rcpt", "451 4.3.0 Temporary failure", "defers mail"),
        ("rcpt", "452 4.3.1 Insufficient system storage", "short of resources"),
    ],
)
def test_refusals(phase: str, reply: str, word: str, tmp_path: Path) -> None:
    profile = tmp_path / "profile.yaml"
    profile.write_text(PROFILE % (phase, reply))
    with running_sink(profile=str(profile)) as sink:
        looked = look(sink.port, **ENVELOPE)
    finding = looked.one(phase if phase == "banner" else phase.upper())
    early = phase in ("banner", "ehlo")
    assert finding.severity is (Severity.PROBLEM if early else Severity.WARNING)
    assert reply[4:] in finding.seen
    assert word in finding.why
    assert looked.outcome.passed is not early


def test_a_shipped_profile_that_greylists() -> None:
    with running_sink(profile="greylist") as sink:
        finding = look(sink.port, **ENVELOPE).one("RCPT")
    assert finding.severity is Severity.WARNING
    assert RECIPIENT in finding.seen
    assert "greylists" in finding.why
    assert "sessions.retry" in finding.fix


def test_a_limit_on_connections_that_the_first_one_does_not_meet(tmp_path: Path) -> None:
    profile = tmp_path / "profile.yaml"
    profile.write_text("profile: few\ndescription: few\nlimits: {per_source: {concurrent: 2}}\n")
    with running_sink(profile=str(profile)) as sink:
        looked = look(sink.port, **ENVELOPE)
    finding = looked.one("connections")
    assert finding.severity is Severity.WARNING
    assert finding.seen.startswith("3 connections within a second: 421 ")
    assert "limit on connections" in finding.why
    assert looked.facts.ports[0].state is PortState.OPEN
    assert looked.outcome.passed
