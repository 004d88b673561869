"""From the banner to the point where a transaction may begin."""

from __future__ import annotations

import base64
from dataclasses import replace
from itertools import pairwise

import pytest
from smtp.conversation import BANNER, CLOSING, EHLO, GO, OK, PIPELINED, PLAIN, Turn, connect, converse, offer

from loadkit.smtp.auth import Credentials, Mechanism
from loadkit.smtp.dialogue import Dialogue
from loadkit.smtp.outcome import Phase
from loadkit.smtp.state import DialogueSettings, State

STARTTLS = replace(PLAIN, starttls=True)


def with_auth(mechanism: Mechanism, secret: str = "p") -> DialogueSettings:
    return replace(PLAIN, credentials=Credentials(mechanism, "u", secret))


def encoded(text: bytes) -> bytes:
    return base64.b64encode(text)


OPENINGS: dict[str, tuple[DialogueSettings, list[Turn]]] = {
    "plain": (PLAIN, [(BANNER, EHLO), (offer(b"SIZE"), b"")]),
    "banner of several lines": (PLAIN, [(b"220-mail.test\r\n220 ready\r\n", EHLO), (offer(), b"")]),
    "line feeds alone": (PLAIN, [(b"220 hi\n", EHLO), (b"250-m\n250 SIZE\n", b"")]),
    "HELO where EHLO is unknown": (
        PLAIN,
        [(BANNER, EHLO), (b"502 what\r\n", b"HELO me.test\r\n"), (b"250 hi\r\n", b"")],
    ),
    "LMTP": (replace(PLAIN, lmtp=True), [(BANNER, b"LHLO me.test\r\n"), (offer(b"SIZE"), b"")]),
    "stop at the banner": (replace(PLAIN, stop_after=Phase.CONNECT), [(BANNER, b"")]),
    "PLAIN": (
        with_auth(Mechanism.PLAIN),
        [
            (BANNER, EHLO),
            (offer(b"AUTH LOGIN PLAIN"), b"AUTH PLAIN " + encoded(b"\0u\0p") + b"\r\n"),
            (b"235 2.7.0 in\r\n", b""),
        ],
    ),
    "LOGIN": (
        with_auth(Mechanism.LOGIN),
        [
            (BANNER, EHLO),
            (offer(b"auth login plain"), b"AUTH LOGIN\r\n"),
            (b"334 VXNlcm5hbWU6\r\n", b"dQ==\r\n"),
            (b"334 UGFzc3dvcmQ6\r\n", b"cA==\r\n"),
            (b"235 2.7.0 in\r\n", b""),
        ],
    ),
    "CRAM-MD5": (
        replace(PLAIN, credentials=Credentials(Mechanism.CRAM_MD5, "tim", "tanstaaftanstaaf")),
        [
            (BANNER, EHLO),
            (offer(b"AUTH CRAM-MD5"), b"AUTH CRAM-MD5\r\n"),
            (
                b"334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n",
                b"dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n",
            ),
            (b"235 2.7.0 in\r\n", b""),
        ],
    ),
    "XOAUTH2": (
        with_auth(Mechanism.XOAUTH2, "t"),
        [
            (BANNER, EHLO),
            (offer(b"AUTH XOAUTH2"), b"AUTH XOAUTH2 " + encoded(b"user=u\x01auth=Bearer t\x01\x01") + b"\r\n"),
            (b"235 2.7.0 in\r\n", b""),
        ],
    ),
}


@pytest.mark.parametrize("name", OPENINGS)
def test_openings_that_succeed(name: str) -> None:
    settings, turns = OPENINGS[name]
    dialogue = connect(settings)
    converse(dialogue, *turns)
    assert dialogue.state is State.READY
    assert dialogue.failed is None
    assert dialogue.attention


@pytest.mark.parametrize("name", OPENINGS)
def test_openings_read_a_byte_at_a_time(name: str) -> None:
    settings, turns = OPENINGS[name]
    dialogue = connect(settings)
    for said, sent in turns:
        answers = [dialogue.receive(said[at : at + 1], 5.0) for at in range(len(said))]
        assert answers == [b""] * (len(said) - 1) + [sent]
    assert dialogue.state is State.READY


NO_AUTH = "client at auth: auth_not_offered"
HELLO: list[Turn] = [(BANNER, EHLO)]
TO_STARTTLS: list[Turn] = [*HELLO, (offer(b"STARTTLS"), b"STARTTLS\r\n")]
TO_LOGIN: list[Turn] = [*HELLO, (offer(b"AUTH LOGIN"), b"AUTH LOGIN\r\n")]
TO_NAME: list[Turn] = [*TO_LOGIN, (b"334 VXNlcm5hbWU6\r\n", b"dQ==\r\n")]
TO_PASSWORD: list[Turn] = [*TO_NAME, (b"334 UGFzc3dvcmQ6\r\n", b"cA==\r\n")]
TO_PLAIN: list[Turn] = [*HELLO, (offer(b"AUTH PLAIN"), b"AUTH PLAIN AHUAcA==\r\n")]
XOAUTH2 = with_auth(Mechanism.XOAUTH2, "t")
TO_XOAUTH2 = OPENINGS["XOAUTH2"][1][:2]


@pytest.mark.parametrize(
    ("settings", "turns", "last", "failure"),
    [
        (PLAIN, [], b"554 5.7.1 go away\r\n", "permanent at banner: 554 5.7.1"),
        (PLAIN, [], CLOSING, "transient at banner: 421 4.3.2"),
        (PLAIN, [], GO, "protocol at banner: 354 reply_unexpected"),
        (PLAIN, HELLO, b"451 4.3.0 later\r\n", "transient at ehlo: 451 4.3.0"),
        (PLAIN, HELLO, b"334 \r\n", "protocol at ehlo: 334 reply_unexpected"),
        (PLAIN, [*HELLO, (b"500 what\r\n", b"HELO me.test\r\n")], b"550 no\r\n", "permanent at ehlo: 550"),
        (replace(PLAIN, lmtp=True), [(BANNER, b"LHLO me.test\r\n")], b"500 what\r\n", "permanent at ehlo: 500"),
        (STARTTLS, HELLO, offer(b"SIZE"), "tls at tls: starttls_not_offered"),
        (STARTTLS, [*HELLO, (b"502 what\r\n", b"HELO me.test\r\n")], OK, "tls at tls: starttls_not_offered"),
        (STARTTLS, TO_STARTTLS, b"454 4.7.0 no key\r\n", "transient at tls: 454 4.7.0"),
        (STARTTLS, TO_STARTTLS, b"501 5.5.4 what\r\n", "permanent at tls: 501 5.5.4"),
        (with_auth(Mechanism.PLAIN), HELLO, offer(b"SIZE"), NO_AUTH),
        (with_auth(Mechanism.PLAIN), HELLO, offer(b"AUTH"), NO_AUTH),
        (with_auth(Mechanism.PLAIN), HELLO, offer(b"AUTH LOGIN XPLAIN"), NO_AUTH),
        (with_auth(Mechanism.CRAM_MD5), HELLO, offer(b"AUTH PLAIN LOGIN"), NO_AUTH),
        (with_auth(Mechanism.PLAIN), [*HELLO, (b"502 what\r\n", b"HELO me.test\r\n")], OK, NO_AUTH),
        (with_auth(Mechanism.LOGIN), TO_PASSWORD, b"535 5.7.8 no\r\n", "permanent at auth: 535 5.7.8"),
        (with_auth(Mechanism.LOGIN), TO_LOGIN, b"454 4.7.0 later\r\n", "transient at auth: 454 4.7.0"),
        (with_auth(Mechanism.LOGIN), TO_LOGIN, b"334 ?\r\n", "protocol at auth: auth_challenge_malformed"),
        (with_auth(Mechanism.LOGIN), TO_PASSWORD, b"334 bW9yZQ==\r\n", "protocol at auth: auth_challenge_malformed"),
        (with_auth(Mechanism.PLAIN), TO_PLAIN, b"334 \r\n", "protocol at auth: auth_challenge_malformed"),
        (with_auth(Mechanism.PLAIN), TO_PLAIN, GO, "protocol at auth: 354 reply_unexpected"),
        (
            XOAUTH2,
            [*TO_XOAUTH2, (b"334 " + encoded(b'{"status":"401"}') + b"\r\n", b"\r\n")],
            b"535 5.7.8 expired\r\n",
            "permanent at auth: 535 5.7.8",
        ),
    ],
)
def test_openings_that_fail(settings: DialogueSettings, turns: list[Turn], last: bytes, failure: str) -> None:
    dialogue = connect(settings)
    converse(dialogue, *turns)
    dialogue.attention = False
    assert dialogue.receive(last, 30.0) == b""
    assert str(dialogue.failed) == failure
    assert dialogue.state is State.CLOSED
    assert dialogue.attention
    assert dialogue.finished == []


def test_what_was_offered_in_plaintext_is_forgotten_behind_tls() -> None:
    dialogue = connect(replace(PIPELINED, starttls=True, chunking=True))
    converse(
        dialogue,
        (BANNER, EHLO),
        (offer(b"PIPELINING", b"CHUNKING", b"SIZE 9", b"STARTTLS"), b"STARTTLS\r\n"),
        (b"220 go\r\n", b""),
    )
    assert dialogue.want_tls
    assert dialogue.secured(20.0) == EHLO
    assert dialogue.extensions == {}
    converse(dialogue, (offer(b"STARTTLS", b"8BITMIME"), b""))
    assert dialogue.state is State.READY  # STARTTLS is not asked for twice
    assert dialogue.extensions == {b"STARTTLS": b"", b"8BITMIME": b""}
    assert not dialogue.grouped
    assert not dialogue.chunking


def test_behind_tls_a_server_may_know_helo_alone_and_authentication_follows() -> None:
    dialogue = connect(replace(with_auth(Mechanism.PLAIN), starttls=True))
    converse(dialogue, *TO_STARTTLS, (b"220 go\r\n", b""))
    assert dialogue.secured(20.0) == EHLO
    converse(dialogue, (offer(b"AUTH PLAIN"), b"AUTH PLAIN AHUAcA==\r\n"), (b"235 in\r\n", b""))
    assert dialogue.state is State.READY
    forgetful = connect(STARTTLS)
    converse(forgetful, *TO_STARTTLS, (b"220 go\r\n", b""))
    forgetful.secured(20.0)
    converse(forgetful, (b"502 what\r\n", b"HELO me.test\r\n"), (OK, b""))
    assert forgetful.state is State.READY
    assert forgetful.extensions == {}


INJECTED = [b"250 evil\r\n", b"250 ev", b"2", b"250-a\r\n250 b\r\n250 c\r\n", b"220 again\r\n"]


@pytest.mark.parametrize("injected", INJECTED)
def test_plaintext_behind_the_reply_to_starttls_is_refused(injected: bytes) -> None:
    dialogue = connect(STARTTLS)
    converse(dialogue, *TO_STARTTLS)
    assert dialogue.receive(b"220 go\r\n" + injected, 20.0) == b""
    assert str(dialogue.failed) == "protocol at tls: starttls_injection"
    assert not dialogue.want_tls


@pytest.mark.parametrize("cut", range(1, 8))
def test_plaintext_is_refused_however_the_reply_before_it_was_cut(cut: int) -> None:
    dialogue = connect(STARTTLS)
    converse(dialogue, *TO_STARTTLS)
    assert dialogue.receive(b"220 go\r\n"[:cut], 20.0) == b""
    assert dialogue.receive(b"220 go\r\n"[cut:] + b"250 evil\r\n", 20.0) == b""
    assert str(dialogue.failed) == "protocol at tls: starttls_injection"


@pytest.mark.parametrize(
    ("injected", "failure"),
    [
        (CLOSING, "transient at tls: 421 4.3.2"),
        (b"\x16\x03\x01\r\n", "protocol at tls: reply_control_character"),
    ],
)
def test_other_plaintext_behind_starttls_ends_it_too(injected: bytes, failure: str) -> None:
    dialogue = connect(STARTTLS)
    converse(dialogue, *TO_STARTTLS)
    dialogue.receive(b"220 go\r\n" + injected, 20.0)
    assert str(dialogue.failed) == failure
    assert not dialogue.want_tls


def test_plaintext_during_the_handshake_is_refused() -> None:
    dialogue = connect(STARTTLS)
    converse(dialogue, *TO_STARTTLS, (b"220 go\r\n", b""))
    dialogue.receive(b"250 evil\r\n", 21.0)
    assert str(dialogue.failed) == "protocol at tls: reply_before_command"


@pytest.mark.parametrize("name", ["plain", "HELO where EHLO is unknown", "LMTP", "PLAIN", "LOGIN", "CRAM-MD5"])
def test_a_reply_to_a_command_not_yet_sent_is_refused(name: str) -> None:
    settings, turns = OPENINGS[name]
    for known, ((said, _), (early, _)) in enumerate(pairwise(turns)):
        dialogue = connect(settings)
        converse(dialogue, *turns[:known])
        assert dialogue.receive(said + early, 20.0) == b""
        assert dialogue.failed is not None
        assert dialogue.failed.reason == "reply_before_command"


def test_each_phase_of_the_opening_is_timed() -> None:
    dialogue = Dialogue(replace(with_auth(Mechanism.LOGIN), starttls=True), 100.0)
    dialogue.connected(101.0)
    dialogue.receive(BANNER, 103.0)
    dialogue.receive(offer(b"STARTTLS"), 107.0)
    dialogue.receive(b"220 go\r\n", 115.0)
    dialogue.want_tls = False
    dialogue.secured(131.0)
    dialogue.receive(b"250-m\r\n", 150.0)
    dialogue.receive(b"250 AUTH LOGIN\r\n", 163.0)
    dialogue.receive(b"334 VXNlcm5hbWU6\r\n", 200.0)
    dialogue.receive(b"334 UGFzc3dvcmQ6\r\n", 210.0)
    dialogue.receive(b"235 in\r\n", 227.0)
    assert dialogue.setup_s == {
        Phase.CONNECT: 1.0,
        Phase.BANNER: 2.0,
        Phase.EHLO: 4.0 + 32.0,  # both of them
        Phase.TLS: 8.0 + 16.0,  # the reply to STARTTLS and the handshake
        Phase.AUTH: 64.0,
    }


def test_implicit_tls_is_timed_on_its_own_and_needs_no_starttls() -> None:
    dialogue = Dialogue(STARTTLS, 0.0)
    dialogue.handshaking(1.0)
    assert dialogue.phase is Phase.TLS
    dialogue.connected(4.0)
    converse(dialogue, (BANNER, EHLO), (offer(), b""))
    assert dialogue.state is State.READY
    assert dialogue.setup_s == {Phase.CONNECT: 1.0, Phase.TLS: 3.0, Phase.BANNER: 6.0, Phase.EHLO: 1.0}


def test_helo_counts_as_ehlo() -> None:
    dialogue = connect(PLAIN)
    converse(dialogue, *OPENINGS["HELO where EHLO is unknown"][1])
    assert dialogue.setup_s == {Phase.CONNECT: 1.0, Phase.BANNER: 9.0, Phase.EHLO: 2.0}


@pytest.mark.parametrize("offered", [(), (b"PIPELINING",), (b"CHUNKING",), (b"PIPELINING", b"CHUNKING")])
@pytest.mark.parametrize("wanted", [(False, False), (True, False), (False, True), (True, True)])
def test_extensions_are_used_where_wanted_and_offered(offered: tuple[bytes, ...], wanted: tuple[bool, bool]) -> None:
    dialogue = connect(replace(PLAIN, pipelining=wanted[0], chunking=wanted[1]))
    converse(dialogue, (BANNER, EHLO), (offer(*offered), b""))
    assert dialogue.grouped == (wanted[0] and b"PIPELINING" in offered)
    assert dialogue.chunking == (wanted[1] and b"CHUNKING" in offered)
