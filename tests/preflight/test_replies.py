"""Refusals as real servers word them, and what each means."""

from __future__ import annotations

import pytest

from loadkit.preflight.facts import ServerReply
from loadkit.preflight.finding import Severity
from loadkit.preflight.replies import refusal_of, shown

LISTED, LOGIN, STARTTLS, RELAY = "is listed", "wants a login", "in plaintext", "no mail for these recipients"
GREYLIST, CONNECTIONS, RATE = "greylists", "limit on connections", "rate limit"


@pytest.mark.parametrize(
    ("reply", "severity", "word"),
    [
        ("554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", "problem", LISTED),
        ("550 5.7.1 Your IP is on our blacklist", "problem", LISTED),
        ("421 4.7.0 [192.0.2.1] temporarily deferred due to poor reputation", "problem", LISTED),
        ("530 5.7.0 Must issue a STARTTLS command first", "problem", STARTTLS),
        ("530 5.7.0 Authentication required", "problem", LOGIN),
        ("550 5.7.1 Authentication required", "problem", LOGIN),
        ("554 5.7.1 <a@example.com>: Relay access denied", "problem", RELAY),
        ("550 relay not permitted", "problem", RELAY),
        ("450 4.2.0 <a@example.com>: Recipient address rejected: Greylisted", "warning", GREYLIST),
        ("451 4.7.1 Graylisting in action", "warning", GREYLIST),
        ("421 4.7.0 mx.test Error: too many connections from 192.0.2.1", "warning", CONNECTIONS),
        ("421 Too many concurrent SMTP connections; please try again later", "warning", CONNECTIONS),
        ("450 4.7.1 Error: too much mail from 192.0.2.1", "warning", RATE),
        ("421 4.7.28 Our system has detected an unusual rate of unsolicited mail", "warning", RATE),
        ("452 4.5.3 Too many recipients this hour", "warning", RATE),
        ("452 4.3.1 Insufficient system storage", "warning", "short of resources"),
        ("451 4.3.0 Temporary lookup failure", "warning", "defers mail"),
        ("550 5.1.1 User unknown", "problem", "refused once"),
        ("354 what", "problem", "refused once"),
    ],
)
def test_what_refusals_mean(reply: str, severity: str, word: str) -> None:
    refusal = refusal_of(ServerReply(int(reply[:3]), reply[4:]))
    assert refusal.severity is Severity(severity)
    assert word in refusal.why
    assert refusal.fix


def test_lines_of_a_reply_are_shown_on_one() -> None:
    assert shown(ServerReply(554, "no\nnever")) == "554 no / never"
    assert shown(ServerReply(421, "")) == "421"
