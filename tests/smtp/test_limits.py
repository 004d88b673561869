"""Which limit a refusal's text names."""

from __future__ import annotations

import pytest

from loadkit.smtp.limits import limit_of
from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase
from loadkit.smtp.reply import ReplyReader, refusal

TEXTS = {
    "too_many_connections": (
        "421 4.7.0 mx.test Error: too many connections from 192.0.2.1",
        "421 4.7.0 mx.test Error: too many new TLS sessions from 192.0.2.1",
        "421 Too many concurrent SMTP connections from this IP address; please try again later",
        "421 4.4.5 Service unavailable, concurrency limit reached",
        "421 4.3.2 mx.test Too many open connections",
    ),
    "too_many_errors": ("421 4.7.0 mx.test Error: too many errors", "554 Too many syntax or protocol errors"),
    "too_many_messages": ("421 too many messages in this connection", "421 4.7.0 Too many messages in this connection"),
    "too_many_recipients": ("452 4.5.3 Error: too many recipients", "452 too many recipients"),
    "greylisted": (
        "450 4.2.0 <x@y.test>: Recipient address rejected: Greylisted, see http://postgrey.test/",
        "451 4.7.1 Greylisting in action, please come back later",
        "450 4.7.1 Recipient address rejected: Grey-listed",
        "451 Graylisted - please try again in 287 seconds",
    ),
    "tls_required": (
        "530 5.7.0 Must issue a STARTTLS command first",
        "421 4.7.0 TLS required for RCPT domain, closing connection",
        "504 5.5.4 Encryption required for requested authentication mechanism",
    ),
    "auth_required": (
        "530 5.7.0 Authentication required",
        "530 5.7.1 Client was not authenticated",
        "550 5.7.1 Authentication is required for relay",
    ),
    "relay_denied": (
        "554 5.7.1 <x@y.test>: Relay access denied",
        "550 relay not permitted",
        "550 5.7.1 Unable to relay",
        "550 5.7.1 x@y.test... Relaying denied",
    ),
    "too_large": (
        "552 5.3.4 Message size exceeds fixed limit",
        "552 Error: message size exceeds fixed maximum message size",
        "552 Message size exceeds maximum permitted",
        "523 the message is too big",
    ),
    "idle_timeout": ("421 4.4.2 mx.test Error: timeout exceeded", "421 SMTP command timeout - closing connection"),
    "blocked": (
        "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent; the network is on our block list (S3140).",
        "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.example",
    ),
    "rate_limited": (
        "450 4.7.1 Error: too many recipients from 192.0.2.1",
        "450 4.7.1 Error: too much mail from 192.0.2.1",
        "451 4.7.1 Peak rate reached, please try again later",
        "450 4.2.1 The user is receiving mail at a rate that prevents additional messages from being delivered.",
        "421-4.7.28 [192.0.2.1] Our system has detected an unusual volume\r\n421 4.7.28 of mail",
        "451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (S77719)",
        "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume",
    ),
    "": (
        "550 5.1.1 <x@y.test>: Recipient address rejected: User unknown in local recipient table",
        "452 4.2.2 The email account that you tried to reach is over quota",
        "452 4.3.1 Insufficient system storage",
        "552 5.2.2 mailbox size limit exceeded",
        "451 4.3.0 Mail server temporarily rejected message.",
        "421 4.3.2 going down",
        "550 5.7.1 Message not accepted for policy reasons",
        "503 5.5.1 Error: authentication not enabled",
        "454 4.7.0 TLS not available due to local problem",
        "501 5.5.4 Syntax: MAIL FROM:<address>",
        "450 4.1.8 Sender address rejected: Domain not found",
        "451 4.7.1 Please separate corporate mail",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("limit", "text"), [(limit, text) for limit, texts in TEXTS.items() for text in texts])
def test_texts_of_real_servers(limit: str, text: str) -> None:
    (reply,) = ReplyReader().feed(text.encode() + b"\r\n")
    assert limit_of(reply) == limit


def test_a_refusal_carries_the_name_and_not_the_text() -> None:
    (reply,) = ReplyReader().feed(b"451 4.7.1 Greylisted, x@y.test must wait 299 seconds\r\n")
    wanted = Outcome(OutcomeClass.TRANSIENT, Phase.RCPT, 451, "4.7.1", "greylisted")
    assert refusal(reply, Phase.RCPT) == wanted
