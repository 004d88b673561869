"""Transactions whose commands wait for one another: tables of what is said and what is sent."""

from __future__ import annotations

from dataclasses import replace
from math import isnan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smtp.conversation import (
    ACCEPTED,
    BANNER,
    CONTENT,
    DATA,
    GO,
    LATER,
    MAIL,
    NOBODY,
    OK,
    PLAIN,
    RCPT,
    RCPT_C,
    REFUSED,
    RSET,
    TWO,
    Turn,
    connect,
    converse,
    ends,
    greet,
    message,
)

from loadkit.smtp.dialogue import Dialogue
from loadkit.smtp.outcome import OutcomeClass, Phase
from loadkit.smtp.state import DialogueSettings, State

LMTP = replace(PLAIN, lmtp=True)
CHUNKING = replace(PLAIN, chunking=True)
CHUNK = b"BDAT 5 LAST\r\nhello"


def test_a_message_and_its_times() -> None:
    dialogue = greet(PLAIN)
    transaction = message(*TWO)
    dialogue.attention = False
    assert dialogue.begin(transaction, 9.0) == MAIL
    converse(dialogue, (OK, RCPT), (OK, RCPT_C), (OK, DATA), (GO, CONTENT))
    assert not dialogue.attention
    converse(dialogue, (OK, b""))
    assert dialogue.attention
    assert dialogue.finished == [transaction]
    assert ends(dialogue) == [ACCEPTED]
    times = (transaction.started_at, transaction.mail_at, transaction.rcpt_at, transaction.data_at)
    assert times == (9.0, 10.0, 12.0, 13.0)
    assert dialogue.quit() == b"QUIT\r\n"
    converse(dialogue, (b"221 bye\r\n", b""))
    assert dialogue.state is State.CLOSED
    assert dialogue.failed is None


def test_a_conversation_carries_messages_one_after_another() -> None:
    dialogue = greet(PLAIN)
    transactions = [message() for _ in range(3)]
    for transaction in transactions:
        assert dialogue.begin(transaction, 9.0) == MAIL
        converse(dialogue, (OK, RCPT), (OK, DATA), (GO, CONTENT), (OK, b""))
        assert dialogue.state is State.READY
    assert dialogue.finished == transactions
    assert ends(dialogue) == [ACCEPTED] * 3


@pytest.mark.parametrize(
    ("offered", "needs", "command"),
    [
        ((), (), MAIL),
        ((b"SIZE",), (), b"MAIL FROM:<a@example.com> SIZE=100\r\n"),
        ((b"SIZE 1000", b"8BITMIME"), (), b"MAIL FROM:<a@example.com> SIZE=100\r\n"),
        ((b"8BITMIME",), (b"8BITMIME",), b"MAIL FROM:<a@example.com> BODY=8BITMIME\r\n"),
        ((b"smtputf8",), (b"SMTPUTF8",), b"MAIL FROM:<a@example.com> SMTPUTF8\r\n"),
        (
            (b"SIZE 1000", b"8BITMIME", b"SMTPUTF8"),
            (b"SMTPUTF8", b"8BITMIME"),
            b"MAIL FROM:<a@example.com> SIZE=100 SMTPUTF8 BODY=8BITMIME\r\n",
        ),
    ],
)
def test_mail_says_what_the_server_understands(
    offered: tuple[bytes, ...], needs: tuple[bytes, ...], command: bytes
) -> None:
    assert greet(PLAIN, *offered).begin(message(needs=needs), 9.0) == command


@pytest.mark.parametrize(
    ("offered", "needs", "end"),
    [
        ((), (b"8BITMIME",), "client at mail: 8bitmime_not_offered"),
        ((b"8BITMIME",), (b"SMTPUTF8",), "client at mail: smtputf8_not_offered"),
        ((b"8BITMIME",), (b"SMTPUTF8", b"8BITMIME"), "client at mail: smtputf8_not_offered"),
    ],
)
def test_a_message_that_needs_what_is_not_offered_is_not_sent(
    offered: tuple[bytes, ...], needs: tuple[bytes, ...], end: str
) -> None:
    dialogue = greet(PLAIN, *offered)
    dialogue.attention = False
    assert dialogue.begin(message(needs=needs), 9.0) == b""
    assert ends(dialogue) == [end]
    assert dialogue.attention
    assert dialogue.state is State.READY
    assert dialogue.begin(message(), 10.0) == MAIL


def test_a_bounce_has_an_empty_reverse_path() -> None:
    dialogue = greet(PLAIN)
    bounce = message()
    bounce.sender = b""
    assert dialogue.begin(bounce, 9.0) == b"MAIL FROM:<>\r\n"


SKIP_TO_RCPT_C: list[Turn] = [(OK, RCPT), (NOBODY, RCPT_C)]


@pytest.mark.parametrize(
    ("turns", "end", "state"),
    [
        ([(NOBODY, b"")], "permanent at mail: 550 5.1.1", State.READY),
        ([(b"452 4.3.1 full\r\n", b"")], "transient at mail: 452 4.3.1", State.READY),
        ([(GO, b"")], "protocol at mail: 354 reply_unexpected", State.READY),
        ([*SKIP_TO_RCPT_C, (LATER, RSET)], REFUSED, State.RSET),
        ([(OK, RCPT), (LATER, RCPT_C), (NOBODY, RSET)], "transient at rcpt: 452 4.2.2", State.RSET),
        ([*SKIP_TO_RCPT_C, (LATER, RSET), (OK, b"")], REFUSED, State.READY),
        (
            [*SKIP_TO_RCPT_C, (OK, DATA), (GO, CONTENT), (OK, b"")],
            "accepted at rcpt: 550 5.1.1 partly_refused",
            State.READY,
        ),
        (
            [(OK, RCPT), (b"251 2.1.5 moved\r\n", RCPT_C), (b"252 2.1.5 maybe\r\n", DATA), (GO, CONTENT), (OK, b"")],
            ACCEPTED,
            State.READY,
        ),
        (
            [(OK, RCPT), (OK, RCPT_C), (OK, DATA), (b"451 4.3.0 no\r\n", RSET)],
            "transient at data: 451 4.3.0",
            State.RSET,
        ),
        ([(OK, RCPT), (OK, RCPT_C), (OK, DATA), (OK, RSET)], "protocol at data: 250 reply_unexpected", State.RSET),
        (
            [(OK, RCPT), (OK, RCPT_C), (OK, DATA), (GO, CONTENT), (b"552 5.3.4 big\r\n", b"")],
            "permanent at dot: 552 5.3.4 too_large",
            State.READY,
        ),
        # What befalls the whole message decides over what befell one recipient before.
        ([*SKIP_TO_RCPT_C, (OK, DATA), (b"451 4.3.0 no\r\n", RSET)], "transient at data: 451 4.3.0", State.RSET),
        (
            [*SKIP_TO_RCPT_C, (OK, DATA), (GO, CONTENT), (b"451 4.3.0 no\r\n", b"")],
            "transient at dot: 451 4.3.0",
            State.READY,
        ),
    ],
)
def test_refusals(turns: list[Turn], end: str, state: State) -> None:
    dialogue = greet(PLAIN)
    assert dialogue.begin(message(*TWO), 9.0) == MAIL
    converse(dialogue, *turns)
    assert ends(dialogue) == [end]
    assert dialogue.state is state
    assert dialogue.failed is None


def test_times_that_never_came_are_not_numbers() -> None:
    dialogue = greet(PLAIN)
    transaction = message(*TWO)
    dialogue.begin(transaction, 9.0)
    converse(dialogue, *SKIP_TO_RCPT_C, (NOBODY, RSET))
    assert (transaction.started_at, transaction.mail_at, transaction.rcpt_at) == (9.0, 10.0, 12.0)
    assert isnan(transaction.data_at)
    unanswered = message()
    greet(PLAIN).begin(unanswered, 9.0)
    assert isnan(unanswered.mail_at)
    assert isnan(unanswered.rcpt_at)


def test_a_refused_reset_ends_the_conversation_but_no_message_twice() -> None:
    dialogue = greet(PLAIN)
    dialogue.begin(message(), 9.0)
    converse(dialogue, (OK, RCPT), (NOBODY, RSET), (b"500 what\r\n", b""))
    assert ends(dialogue) == [REFUSED]
    assert str(dialogue.failed) == "permanent at rset: 500"
    assert dialogue.state is State.CLOSED


@pytest.mark.parametrize(
    ("turns", "end", "state"),
    [
        ([(OK, RCPT), (OK, RCPT_C), (OK, CHUNK), (OK, b"")], ACCEPTED, State.READY),
        ([(OK, RCPT), (OK, RCPT_C), (OK, CHUNK), (LATER, b"")], "transient at dot: 452 4.2.2", State.READY),
        (
            [*SKIP_TO_RCPT_C, (OK, CHUNK), (OK, b"")],
            "accepted at rcpt: 550 5.1.1 partly_refused",
            State.READY,
        ),
        ([*SKIP_TO_RCPT_C, (NOBODY, RSET)], REFUSED, State.RSET),
    ],
)
def test_chunking(turns: list[Turn], end: str, state: State) -> None:
    dialogue = greet(CHUNKING, b"CHUNKING")
    transaction = message(*TWO, payload=CHUNK)
    dialogue.begin(transaction, 9.0)
    converse(dialogue, *turns)
    assert ends(dialogue) == [end]
    assert dialogue.state is state
    assert isnan(transaction.data_at)


@pytest.mark.parametrize("pipelining", [False, True])
def test_without_chunking_offered_content_goes_by_data(pipelining: bool) -> None:
    dialogue = greet(replace(CHUNKING, pipelining=pipelining), b"SIZE")
    assert not dialogue.chunking
    dialogue.begin(message(), 9.0)
    converse(dialogue, (OK, RCPT), (OK, DATA), (GO, CONTENT), (OK, b""))
    assert ends(dialogue) == [ACCEPTED]


THREE = (*TWO, b"d@example.com")
GRADES = st.sampled_from([OK, OK, NOBODY, LATER])


@settings(deadline=None)
@given(st.lists(GRADES, min_size=3, max_size=3), st.lists(GRADES, min_size=3, max_size=3), st.booleans())
def test_lmtp_has_a_reply_for_each_recipient_accepted(grades: list[bytes], finals: list[bytes], together: bool) -> None:
    dialogue = greet(LMTP)
    transaction = message(*THREE)
    dialogue.begin(transaction, 9.0)
    dialogue.receive(OK, 10.0)
    for grade in grades[:-1]:
        dialogue.receive(grade, 10.0)
    finals = finals[: grades.count(OK)]
    if not finals:
        assert dialogue.receive(grades[-1], 10.0) == RSET
    else:
        assert dialogue.receive(grades[-1], 10.0) == DATA
        assert dialogue.receive(GO, 11.0) == CONTENT
        for final in [b"".join(finals)] if together else finals:
            assert dialogue.finished == []
            assert dialogue.receive(final, 12.0) == b""
        assert dialogue.state is State.READY
    (outcome,) = [one.outcome for one in dialogue.finished]
    assert outcome is not None
    assert outcome.accepted == (OK in finals)
    if OK in finals:
        whole = grades.count(OK) == 3 and finals == [OK] * 3
        assert outcome.reason == ("" if whole else "partly_refused")
    else:
        assert outcome.phase is (Phase.DOT if finals else Phase.RCPT)
        first = finals[0] if finals else grades[0]
        assert outcome.kind is (OutcomeClass.PERMANENT if first == NOBODY else OutcomeClass.TRANSIENT)


def test_lmtp_replies_beyond_the_recipients_are_against_the_protocol() -> None:
    dialogue = greet(LMTP)
    dialogue.begin(message(*TWO), 9.0)
    converse(dialogue, (OK, RCPT), (OK, RCPT_C), (OK, DATA), (GO, CONTENT), (OK * 3, b""))
    assert ends(dialogue) == [ACCEPTED]
    assert str(dialogue.failed) == "protocol at mail: reply_before_command"


def stopping(phase: Phase) -> DialogueSettings:
    return replace(PLAIN, stop_after=phase)


@pytest.mark.parametrize("phase", [Phase.CONNECT, Phase.EHLO])
def test_stopping_in_the_opening_sends_nothing_of_a_message(phase: Phase) -> None:
    dialogue = greet(stopping(phase)) if phase is Phase.EHLO else greet_by_banner(phase)
    for count in (1, 2):
        assert dialogue.begin(message(needs=(b"SMTPUTF8",)), 9.0) == b""
        assert ends(dialogue) == [f"accepted at {phase}: stopped"] * count
        assert dialogue.state is State.READY
    assert dialogue.quit() == b"QUIT\r\n"


def greet_by_banner(phase: Phase) -> Dialogue:
    dialogue = connect(stopping(phase))
    assert dialogue.receive(BANNER, 2.0) == b""
    return dialogue


@pytest.mark.parametrize(
    ("phase", "turns", "end", "state"),
    [
        (Phase.RCPT, [(OK, RCPT), (OK, RCPT_C), (OK, RSET)], "accepted at rcpt: stopped", State.RSET),
        (Phase.RCPT, [*SKIP_TO_RCPT_C, (OK, RSET)], "accepted at rcpt: stopped", State.RSET),
        (Phase.RCPT, [*SKIP_TO_RCPT_C, (NOBODY, RSET)], REFUSED, State.RSET),
        (Phase.RCPT, [(LATER, b"")], "transient at mail: 452 4.2.2", State.READY),
        (Phase.DATA, [(OK, RCPT), (OK, RCPT_C), (OK, DATA), (GO, b"")], "accepted at data: stopped", State.CLOSED),
        (Phase.DATA, [*SKIP_TO_RCPT_C, (NOBODY, RSET)], REFUSED, State.RSET),
        (
            Phase.DATA,
            [(OK, RCPT), (OK, RCPT_C), (OK, DATA), (LATER, RSET)],
            "transient at data: 452 4.2.2",
            State.RSET,
        ),
    ],
)
@pytest.mark.parametrize("chunking", [False, True])
def test_stopping_hands_no_message_over(
    phase: Phase, turns: list[Turn], end: str, state: State, chunking: bool
) -> None:
    dialogue = greet(replace(stopping(phase), chunking=chunking), b"CHUNKING")
    dialogue.begin(message(*TWO), 9.0)
    converse(dialogue, *turns)
    assert ends(dialogue) == [end]
    assert dialogue.state is state
    assert dialogue.failed is None
