"""Conversations as tables: what the server says, what the client answers, and how it ends."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.smtp.auth import Credentials, Mechanism
from loadkit.smtp.dialogue import Dialogue
from loadkit.smtp.outcome import OutcomeClass, Phase
from loadkit.smtp.state import DialogueSettings, State, Transaction

PLAIN = DialogueSettings(helo_name=b"me.test", pipelining=False)
PIPELINED = replace(PLAIN, pipelining=True)
BANNER = b"220 mail.test ready\r\n"
OK = b"250 2.1.0 Ok\r\n"
GO = b"354 go\r\n"
CONTENT = b"Subject: x\r\n\r\nhello\r\n.\r\n"
MAIL = b"MAIL FROM:<a@example.com>\r\n"
RCPT = b"RCPT TO:<b@example.com>\r\n"


def message(*recipients: bytes, needs: tuple[bytes, ...] = (), payload: bytes = CONTENT) -> Transaction:
    return Transaction(b"a@example.com", recipients or (b"b@example.com",), payload, 100, needs)


def greet(settings: DialogueSettings, *extensions: bytes) -> Dialogue:
    """A dialogue that stands at READY."""
    dialogue = Dialogue(settings, 0.0)
    dialogue.connected(1.0)
    assert dialogue.receive(BANNER, 2.0) == (b"LHLO" if settings.lmtp else b"EHLO") + b" me.test\r\n"
    lines = [b"mail.test", *extensions]
    reply = b"".join(b"250-%b\r\n" % line for line in lines[:-1]) + b"250 %b\r\n" % lines[-1]
    assert dialogue.receive(reply, 3.0) == b""
    assert dialogue.state is State.READY
    return dialogue


def converse(dialogue: Dialogue, *turns: tuple[bytes, bytes], start: float = 10.0) -> None:
    for step, (said, answered) in enumerate(turns):
        assert dialogue.receive(said, start + step) == answered, (step, said)


def ends(dialogue: Dialogue) -> list[str]:
    return [str(transaction.outcome) for transaction in dialogue.finished]


def test_a_message_and_its_times() -> None:
    dialogue = greet(PLAIN, b"SIZE 1000")
    transaction = message()
    assert dialogue.begin(transaction, 9.0) == b"MAIL FROM:<a@example.com> SIZE=100\r\n"
    converse(dialogue, (OK, RCPT), (OK, b"DATA\r\n"), (GO, CONTENT), (OK, b""))
    assert dialogue.finished == [transaction]
    assert ends(dialogue) == ["accepted at dot: 250"]
    assert (transaction.started_at, transaction.mail_at, transaction.rcpt_at, transaction.data_at) == (9, 10, 11, 12)
    assert dialogue.setup_s == {Phase.CONNECT: 1.0, Phase.BANNER: 1.0, Phase.EHLO: 1.0}
    assert dialogue.quit() == b"QUIT\r\n"
    converse(dialogue, (b"221 bye\r\n", b""))
    assert dialogue.state is State.CLOSED


def test_helo_serves_where_ehlo_is_unknown() -> None:
    dialogue = Dialogue(PLAIN, 0.0)
    dialogue.connected(0.0)
    converse(dialogue, (BANNER, b"EHLO me.test\r\n"), (b"502 what\r\n", b"HELO me.test\r\n"), (b"250 hi\r\n", b""))
    assert dialogue.state is State.READY
    assert dialogue.extensions == {}


def test_starttls_forgets_what_was_offered_in_plaintext() -> None:
    dialogue = Dialogue(replace(PIPELINED, starttls=True), 0.0)
    dialogue.connected(0.0)
    converse(
        dialogue,
        (BANNER, b"EHLO me.test\r\n"),
        (b"250-m\r\n250-PIPELINING\r\n250 STARTTLS\r\n", b"STARTTLS\r\n"),
        (b"220 go\r\n", b""),
    )
    assert dialogue.want_tls
    assert dialogue.secured(20.0) == b"EHLO me.test\r\n"
    converse(dialogue, (b"250 m\r\n", b""))
    assert dialogue.state is State.READY
    assert not dialogue.grouped


@pytest.mark.parametrize("injected", [b"220 go\r\n250 evil\r\n", b"220 go\r\n250 ev"])
def test_plaintext_behind_starttls_is_refused(injected: bytes) -> None:
    dialogue = Dialogue(replace(PLAIN, starttls=True), 0.0)
    dialogue.connected(0.0)
    converse(
        dialogue, (BANNER, b"EHLO me.test\r\n"), (b"250 STARTTLS\r\n".replace(b" ", b"-m\r\n250 "), b"STARTTLS\r\n")
    )
    converse(dialogue, (injected, b""))
    assert str(dialogue.failed) == "protocol at tls: starttls_injection"


@pytest.mark.parametrize(
    ("settings", "failure"),
    [
        (replace(PLAIN, starttls=True), "tls at tls: starttls_not_offered"),
        (replace(PLAIN, credentials=Credentials(Mechanism.PLAIN, "a", "b")), "client at auth: auth_not_offered"),
    ],
)
def test_what_is_wanted_and_not_offered_ends_the_set_up(settings: DialogueSettings, failure: str) -> None:
    dialogue = Dialogue(settings, 0.0)
    dialogue.connected(0.0)
    converse(dialogue, (BANNER, b"EHLO me.test\r\n"), (b"250 m\r\n", b""))
    assert str(dialogue.failed) == failure


def test_auth() -> None:
    dialogue = Dialogue(replace(PLAIN, credentials=Credentials(Mechanism.LOGIN, "u", "p")), 0.0)
    dialogue.connected(0.0)
    converse(
        dialogue,
        (BANNER, b"EHLO me.test\r\n"),
        (b"250-m\r\n250 AUTH LOGIN\r\n", b"AUTH LOGIN\r\n"),
        (b"334 VXNlcm5hbWU6\r\n", b"dQ==\r\n"),
        (b"334 UGFzc3dvcmQ6\r\n", b"cA==\r\n"),
        (b"535 5.7.8 no\r\n", b""),
    )
    assert str(dialogue.failed) == "permanent at auth: 535 5.7.8"


@pytest.mark.parametrize("need", [b"8BITMIME", b"SMTPUTF8"])
def test_a_message_that_needs_what_is_not_offered_is_not_sent(need: bytes) -> None:
    dialogue = greet(PLAIN)
    assert dialogue.begin(message(needs=(need,)), 9.0) == b""
    assert ends(dialogue) == [f"client at mail: {need.decode().lower()}_not_offered"]
    assert dialogue.state is State.READY


def test_needs_are_told_in_mail() -> None:
    dialogue = greet(PLAIN, b"8BITMIME", b"SMTPUTF8")
    line = dialogue.begin(message(needs=(b"SMTPUTF8", b"8BITMIME")), 9.0)
    assert line == b"MAIL FROM:<a@example.com> SMTPUTF8 BODY=8BITMIME\r\n"


GROUP = MAIL + RCPT + b"RCPT TO:<c@example.com>\r\nDATA\r\n"


@given(st.lists(st.integers(1, 60), max_size=6))
def test_pipelined_replies_may_come_in_any_pieces(cuts: list[int]) -> None:
    dialogue = greet(PIPELINED, b"PIPELINING")
    assert dialogue.begin(message(b"b@example.com", b"c@example.com"), 9.0) == GROUP
    stream = OK + b"250 2.1.5 Ok\r\n" * 2 + GO
    edges = [0, *sorted({cut for cut in cuts if cut < len(stream)}), len(stream)]
    sent = b"".join(dialogue.receive(stream[a:b], 10.0) for a, b in pairwise(edges))
    assert sent == CONTENT
    converse(dialogue, (OK, b""))
    assert ends(dialogue) == ["accepted at dot: 250"]


NOBODY = b"550 5.1.1 nobody\r\n"


@pytest.mark.parametrize(
    ("replies", "sent", "end", "state"),
    [
        (OK + OK + NOBODY + GO, CONTENT, "accepted at rcpt: 550 5.1.1 partly_refused", State.READY),
        (OK + NOBODY + NOBODY + GO, b".\r\n", "permanent at rcpt: 550 5.1.1", State.READY),
        (OK + NOBODY + NOBODY + b"503 none\r\n", b"RSET\r\n", "permanent at rcpt: 550 5.1.1", State.RSET),
        (NOBODY * 4, b"RSET\r\n", "permanent at mail: 550 5.1.1", State.RSET),
    ],
    ids=["partly refused", "a lone dot", "reset", "all refused"],
)
def test_refusals_when_pipelined(replies: bytes, sent: bytes, end: str, state: State) -> None:
    dialogue = greet(PIPELINED, b"PIPELINING")
    dialogue.begin(message(b"b@example.com", b"c@example.com"), 9.0)
    assert dialogue.receive(replies, 10.0) == sent
    if sent != b"RSET\r\n":
        dialogue.receive(OK, 11.0)
    assert ends(dialogue) == [end]
    assert dialogue.state is state


def test_refusals_one_by_one() -> None:
    dialogue = greet(PLAIN)
    dialogue.begin(message(b"b@example.com", b"c@example.com"), 9.0)
    converse(dialogue, (OK, RCPT), (NOBODY, b"RCPT TO:<c@example.com>\r\n"), (NOBODY, b"RSET\r\n"))
    assert ends(dialogue) == ["permanent at rcpt: 550 5.1.1"]
    states = [dialogue.state]
    converse(dialogue, (OK, b""))
    assert [*states, dialogue.state] == [State.RSET, State.READY]


@pytest.mark.parametrize("settings", [replace(PLAIN, chunking=True), replace(PIPELINED, chunking=True)])
def test_chunking(settings: DialogueSettings) -> None:
    dialogue = greet(settings, b"CHUNKING", b"PIPELINING")
    chunk = b"BDAT 5 LAST\r\nhello"
    begun = dialogue.begin(message(payload=chunk), 9.0)
    if settings.pipelining:
        assert begun == MAIL + RCPT + chunk
        converse(dialogue, (OK + OK + OK, b""))
    else:
        converse(dialogue, (OK, RCPT), (OK, chunk), (OK, b""))
    assert ends(dialogue) == ["accepted at dot: 250"]


@pytest.mark.parametrize(
    ("replies", "end"),
    [
        (OK * 2, "accepted at dot: 250"),
        (OK + NOBODY, "accepted at dot: 550 5.1.1 partly_refused"),
        (NOBODY * 2, "permanent at dot: 550 5.1.1"),
    ],
)
def test_lmtp_has_a_reply_for_each_recipient(replies: bytes, end: str) -> None:
    dialogue = greet(replace(PLAIN, lmtp=True))
    dialogue.begin(message(b"b@example.com", b"c@example.com"), 9.0)
    converse(dialogue, (OK, RCPT), (OK, b"RCPT TO:<c@example.com>\r\n"), (OK, b"DATA\r\n"), (GO, CONTENT))
    assert dialogue.receive(replies, 20.0) == b""
    assert ends(dialogue) == [end]


def chained() -> tuple[Dialogue, Transaction, Transaction]:
    """Message A's content is on its way, and B's commands right behind it."""
    dialogue = greet(PIPELINED, b"PIPELINING")
    first, second = message(), message()
    dialogue.begin(first, 9.0)
    assert dialogue.receive(OK + OK + GO, 10.0) == CONTENT
    assert dialogue.may_follow
    assert dialogue.follow(second, 10.0) == MAIL + RCPT + b"DATA\r\n"
    assert not dialogue.may_follow
    return dialogue, first, second


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        (OK + OK + OK + GO + OK, ["accepted at dot: 250"] * 2),
        (NOBODY + OK + OK + GO + OK, ["permanent at dot: 550 5.1.1", "accepted at dot: 250"]),
        (OK + OK + NOBODY + b"503 none\r\n" + OK, ["accepted at dot: 250", "permanent at rcpt: 550 5.1.1"]),
        (b"421 4.3.2 bye\r\n", ["transient at dot: 421 4.3.2"] * 2),
        (OK + b"421 4.3.2 bye\r\n", ["accepted at dot: 250", "transient at mail: 421 4.3.2"]),
    ],
)
def test_a_chain_ends_in_order_and_each_once(replies: bytes, expected: list[str]) -> None:
    dialogue, first, second = chained()
    for line in replies.splitlines(keepends=True):
        if dialogue.state is not State.CLOSED:
            dialogue.receive(line, 11.0)
    assert dialogue.finished == [first, second]
    assert ends(dialogue) == expected


def test_a_chain_that_loses_its_connection_ends_twice() -> None:
    dialogue, _, _ = chained()
    dialogue.abort(OutcomeClass.CONNECTION, "reset")
    assert ends(dialogue) == ["connection at dot: reset"] * 2


@pytest.mark.parametrize(
    ("stop_after", "turns"),
    [
        (Phase.RCPT, [(OK, RCPT), (OK, b"RSET\r\n")]),
        (Phase.DATA, [(OK, RCPT), (OK, b"DATA\r\n"), (GO, b"")]),
    ],
)
def test_stop_points(stop_after: Phase, turns: list[tuple[bytes, bytes]]) -> None:
    dialogue = greet(replace(PLAIN, stop_after=stop_after))
    dialogue.begin(message(), 9.0)
    converse(dialogue, *turns)
    assert ends(dialogue) == [f"accepted at {stop_after}: stopped"]


@pytest.mark.parametrize("steps", range(4))
def test_421_at_any_point_ends_message_and_conversation(steps: int) -> None:
    dialogue = greet(PLAIN)
    dialogue.begin(message(), 9.0)
    for reply in (OK, OK, GO)[:steps]:
        dialogue.receive(reply, 10.0)
    phase = dialogue.phase
    assert dialogue.receive(b"421 4.3.2 bye\r\n", 11.0) == b""
    assert ends(dialogue) == [f"transient at {phase}: 421 4.3.2"]
    assert dialogue.state is State.CLOSED


def test_a_reply_to_nothing_is_against_the_protocol() -> None:
    dialogue = greet(PLAIN)
    dialogue.receive(OK, 9.0)
    assert str(dialogue.failed) == "protocol at mail: reply_before_command"


LINES = st.sampled_from(
    [OK, GO, NOBODY, BANNER, b"334 \r\n", b"421 x\r\n", b"250-a\r\n", b"250 STARTTLS\r\n", b"xx\r\n"]
)


@settings(max_examples=300)
@given(
    st.lists(LINES | st.binary(min_size=1, max_size=20), max_size=25),
    st.sampled_from([PLAIN, PIPELINED, replace(PIPELINED, chunking=True), replace(PLAIN, lmtp=True)]),
)
def test_whatever_a_server_says_each_message_ends_at_most_once(said: list[bytes], wanted: DialogueSettings) -> None:
    dialogue = Dialogue(wanted, 0.0)
    dialogue.connected(0.0)
    begun: list[Transaction] = []
    for data in said:
        if dialogue.state in (State.CLOSED, State.HANDSHAKE):
            break
        if dialogue.state is State.READY:
            begun.append(message())
            dialogue.begin(begun[-1], 1.0)
        dialogue.receive(data, 2.0)
    dialogue.abort(OutcomeClass.CLIENT, "run_ended")
    assert dialogue.finished == begun
    assert all(transaction.outcome is not None for transaction in begun)
