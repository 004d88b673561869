"""A look at a real Postfix: what it offers, and what it says when it limits or refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from preflight.looking import ENVELOPE, look
from support.postfix import running_postfix

from loadkit.preflight.finding import Severity

if TYPE_CHECKING:
    from support.postfix import RunningPostfix
    from support.sink import RunningSink

pytestmark = [pytest.mark.real, pytest.mark.slow]


def test_what_it_offers(relay: RunningPostfix) -> None:
    looked = look(relay.port, starttls=True, **ENVELOPE)
    assert looked.outcome.passed
    assert looked.one("banner").seen.startswith("220 relay.test ESMTP")
    assert looked.one("extensions").seen == "PIPELINING, CHUNKING, 8BITMIME, SMTPUTF8, DSN, STARTTLS"
    assert looked.one("SIZE").seen == "at most 30MiB (31,457,280 bytes)"
    assert looked.one("TLS").seen.startswith("TLS 1.2, TLS 1.3; ")
    assert looked.of("certificate")[0].seen.startswith("not verified: localhost")
    assert looked.one("RCPT").severity is Severity.OK
    assert looked.one("connections").seen == "4 at the same time are served"
    assert relay.accepted() == set()


def test_relay_denied(sink: RunningSink) -> None:
    with running_postfix(sink.host, sink.port, smtpd_relay_restrictions="reject_unauth_destination") as relay:
        looked = look(relay.port, **ENVELOPE)
    assert looked.problems == ["RCPT"]
    assert "Relay access denied" in looked.one("RCPT").seen
    assert "mynetworks" in looked.one("RCPT").fix


def test_tls_demanded(sink: RunningSink) -> None:
    with running_postfix(sink.host, sink.port, smtpd_tls_security_level="encrypt") as relay:
        plain, secured = look(relay.port, **ENVELOPE), look(relay.port, starttls=True, **ENVELOPE)
    assert plain.problems == ["MAIL"]
    assert plain.one("MAIL").fix == "Set target.tls to starttls."
    assert secured.outcome.passed


def test_its_limit_of_connections(sink: RunningSink) -> None:
    with running_postfix(
        sink.host, sink.port, smtpd_client_event_limit_exceptions="", smtpd_client_connection_count_limit="2"
    ) as relay:
        looked = look(relay.port, **ENVELOPE)
    finding = looked.one("connections")
    assert finding.severity is Severity.WARNING
    assert "too many connections from 127.0.0.1" in finding.seen
    assert "smtpd_client_connection_count_limit" in finding.fix
    assert looked.outcome.passed
