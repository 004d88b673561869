"""Transactions whose commands go out together, and transactions behind one another's content."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smtp.conversation import (
    ACCEPTED,
    CLOSING,
    CONTENT,
    DATA,
    GO,
    LATER,
    MAIL,
    NOBODY,
    OK,
    PIPELINED,
    RCPT,
    RCPT_C,
    REFUSED,
    RSET,
    TWO,
    converse,
    ends,
    greet,
    message,
)

from loadkit.smtp.dialogue import Dialogue
from loadkit.smtp.outcome import OutcomeClass, Phase
from loadkit.smtp.state import DialogueSettings, State, Transaction

LMTP = replace(PIPELINED, lmtp=True)
CHUNKING = replace(PIPELINED, chunking=True)
CHUNK = b"BDAT 5 LAST\r\nhello"
GROUP = MAIL + RCPT + RCPT_C
LONE_DOT = b".\r\n"
BAD_SEQUENCE = b"503 5.5.1 no recipients\r\n"
PARTLY = "accepted at rcpt: 550 5.1.1 partly_refused"

WORDS = {NOBODY: " at {}: 550 5.1.1", LATER: " at {}: 452 4.2.2", BAD_SEQUENCE: " at {}: 503 5.5.1"}
KINDS = {b"4": "transient", b"5": "permanent"}


def cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    """The stream in pieces, cut at these places."""
    edges = [0, *sorted({place for place in cuts if 0 < place < len(stream)}), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


@dataclass(frozen=True)
class Script:
    """What a server says to one pipelined transaction."""

    mail: bytes
    recipients: list[bytes]
    data: bytes
    dot: bytes

    @property
    def to_commands(self) -> bytes:
        return b"".join([self.mail, *self.recipients, self.data])

    @property
    def content(self) -> bytes:
        """What is to be sent once the commands are answered."""
        if self.data != GO:
            return RSET
        return CONTENT if OK in self.recipients else LONE_DOT

    @property
    def to_content(self) -> bytes:
        return OK if self.content == RSET else self.dot

    @property
    def end(self) -> str:
        """How it ends: the first refusal, but the whole message's before one recipient's if another was accepted."""
        taken = OK in self.recipients
        refused = [("mail", self.mail)] if self.mail != OK else []
        refused += [("rcpt", reply) for reply in self.recipients if reply != OK]
        if taken and self.data == GO and self.dot == OK:
            return f"accepted{WORDS[refused[0][1]].format(refused[0][0])} partly_refused" if refused else ACCEPTED
        if self.mail == OK and taken:
            refused = [("data", self.data)] if self.data != GO else [("dot", self.dot)]
        phase, reply = refused[0]
        return KINDS[reply[:1]] + WORDS[reply].format(phase)


GRADES = st.sampled_from([OK, OK, NOBODY, LATER])
SCRIPTS = st.builds(
    Script,
    mail=st.sampled_from([OK, OK, OK, NOBODY]),
    recipients=st.lists(GRADES, min_size=1, max_size=4),
    data=st.sampled_from([GO, GO, GO, BAD_SEQUENCE]),
    dot=st.sampled_from([OK, OK, NOBODY, LATER]),
)
CUTS = st.lists(st.integers(1, 140), max_size=8)


@settings(max_examples=300, deadline=None)
@given(SCRIPTS, CUTS)
def test_replies_may_come_in_any_pieces(script: Script, cuts: list[int]) -> None:
    dialogue = greet(PIPELINED, b"PIPELINING")
    recipients = tuple(b"%d@example.com" % number for number in range(len(script.recipients)))
    commands = dialogue.begin(message(*recipients), 9.0)
    assert commands == MAIL + b"".join(b"RCPT TO:<%b>\r\n" % recipient for recipient in recipients) + DATA
    sent = [dialogue.receive(piece, 10.0) for piece in cut(script.to_commands, cuts)]
    assert set(sent[:-1]) <= {b""}
    assert sent[-1] == script.content
    for piece in cut(script.to_content, cuts):
        assert dialogue.receive(piece, 11.0) == b""
    assert ends(dialogue) == [script.end]
    assert dialogue.state is State.READY
    assert dialogue.failed is None


@settings(deadline=None)
@given(CUTS)
def test_what_came_before_a_fault_counts_however_it_is_cut(cuts: list[int]) -> None:
    dialogue = greet(PIPELINED, b"PIPELINING")
    dialogue.begin(message(), 9.0)
    dialogue.receive(OK + OK + GO, 10.0)
    for piece in cut(OK + b"junk\r\n", cuts):
        dialogue.receive(piece, 11.0)
    assert ends(dialogue) == [ACCEPTED]
    assert str(dialogue.failed) == "protocol at mail: reply_malformed"


@pytest.mark.parametrize(
    ("replies", "sent", "last", "end", "state"),
    [
        (OK + OK + NOBODY + GO, CONTENT, OK, PARTLY, State.READY),
        (OK + OK + NOBODY + GO, CONTENT, LATER, "transient at dot: 452 4.2.2", State.READY),
        (OK + OK + NOBODY + LATER, RSET, OK, "transient at data: 452 4.2.2", State.READY),
        (OK + NOBODY + LATER + GO, LONE_DOT, BAD_SEQUENCE, REFUSED, State.READY),
        (OK + NOBODY + NOBODY + GO, LONE_DOT, OK, REFUSED, State.READY),
        (OK + NOBODY + NOBODY + BAD_SEQUENCE, RSET, b"", REFUSED, State.RSET),
        (NOBODY + BAD_SEQUENCE * 3, RSET, b"", "permanent at mail: 550 5.1.1", State.RSET),
        (NOBODY + BAD_SEQUENCE * 3, RSET, OK, "permanent at mail: 550 5.1.1", State.READY),
    ],
)
def test_refusals(replies: bytes, sent: bytes, last: bytes, end: str, state: State) -> None:
    dialogue = greet(PIPELINED, b"PIPELINING")
    assert dialogue.begin(message(*TWO), 9.0) == GROUP + DATA
    assert dialogue.receive(replies, 10.0) == sent
    if last:
        assert dialogue.receive(last, 11.0) == b""
    assert ends(dialogue) == [end]
    assert dialogue.state is state


def test_each_reply_has_its_time() -> None:
    dialogue = greet(PIPELINED, b"PIPELINING")
    transaction = message(*TWO)
    dialogue.begin(transaction, 9.0)
    converse(dialogue, (OK, b""), (OK, b""), (OK + GO, CONTENT))
    times = (transaction.started_at, transaction.mail_at, transaction.rcpt_at, transaction.data_at)
    assert times == (9.0, 10.0, 12.0, 12.0)


@pytest.mark.parametrize("extra", [OK, GO, NOBODY])
@pytest.mark.parametrize("replies", [OK + OK + OK + GO, NOBODY * 3 + GO, OK + OK + OK + BAD_SEQUENCE])
def test_a_reply_to_the_content_before_it_is_sent_is_refused(replies: bytes, extra: bytes) -> None:
    dialogue = greet(PIPELINED, b"PIPELINING")
    dialogue.begin(message(*TWO), 9.0)
    assert dialogue.receive(replies + extra, 10.0) == b""
    assert str(dialogue.failed).endswith("reply_before_command")
    assert len(dialogue.finished) == 1


@pytest.mark.parametrize(
    ("replies", "sent", "end", "state"),
    [
        ([OK, OK, OK, OK], b"", ACCEPTED, State.READY),
        ([OK, NOBODY, OK, OK], b"", PARTLY, State.READY),
        ([OK, OK, OK, LATER], b"", "transient at dot: 452 4.2.2", State.READY),
        ([OK, OK, NOBODY, LATER], b"", "transient at dot: 452 4.2.2", State.READY),
        # BDAT without a recipient is out of sequence: the server may keep the transaction open (Exim does).
        ([OK, NOBODY, NOBODY, BAD_SEQUENCE], RSET, REFUSED, State.RSET),
        ([NOBODY, BAD_SEQUENCE, BAD_SEQUENCE, BAD_SEQUENCE], RSET, "permanent at mail: 550 5.1.1", State.RSET),
    ],
)
@pytest.mark.parametrize("together", [False, True])
def test_chunking(replies: list[bytes], sent: bytes, end: str, state: State, together: bool) -> None:
    dialogue = greet(CHUNKING, b"CHUNKING", b"PIPELINING")
    assert dialogue.begin(message(*TWO, payload=CHUNK), 9.0) == GROUP + CHUNK
    pieces = [b"".join(replies)] if together else replies
    assert b"".join(dialogue.receive(piece, 10.0) for piece in pieces) == sent
    assert ends(dialogue) == [end]
    assert dialogue.state is state
    assert not dialogue.may_follow


@settings(deadline=None)
@given(st.lists(GRADES, min_size=1, max_size=4), st.lists(GRADES, min_size=4, max_size=4), st.booleans(), CUTS)
def test_lmtp_has_a_reply_for_each_recipient_accepted(
    grades: list[bytes], finals: list[bytes], chunking: bool, cuts: list[int]
) -> None:
    dialogue = greet(replace(LMTP, chunking=chunking), b"CHUNKING", b"PIPELINING")
    recipients = tuple(b"%d@example.com" % number for number in range(len(grades)))
    dialogue.begin(message(*recipients, payload=CHUNK if chunking else CONTENT), 9.0)
    finals = finals[: grades.count(OK)]
    stream = OK + b"".join(grades)
    if chunking:
        stream += b"".join(finals or [BAD_SEQUENCE])
    else:
        stream += GO if finals else BAD_SEQUENCE
    sent = b"".join(dialogue.receive(piece, 10.0) for piece in cut(stream, cuts))
    assert sent == ((b"" if chunking else CONTENT) if finals else RSET)
    if finals and not chunking:
        for piece in cut(b"".join(finals), cuts):
            assert dialogue.finished == []
            dialogue.receive(piece, 11.0)
    (outcome,) = [one.outcome for one in dialogue.finished]
    assert outcome is not None
    assert outcome.accepted == (OK in finals)
    whole = OK in finals and {*grades, *finals} == {OK}
    assert outcome.reason == ("partly_refused" if OK in finals and not whole else "")
    assert dialogue.state is (State.READY if finals else State.RSET)


@pytest.mark.parametrize(
    ("phase", "begun", "replies", "sent", "end", "state"),
    [
        (Phase.RCPT, GROUP, OK * 3, RSET, "accepted at rcpt: stopped", State.RSET),
        (Phase.RCPT, GROUP, OK + NOBODY * 2, RSET, REFUSED, State.RSET),
        (Phase.RCPT, GROUP, NOBODY * 3, RSET, "permanent at mail: 550 5.1.1", State.RSET),
        (Phase.DATA, GROUP + DATA, OK * 3 + GO, b"", "accepted at data: stopped", State.CLOSED),
        (Phase.DATA, GROUP + DATA, OK + NOBODY * 2 + GO, b"", REFUSED, State.CLOSED),
        (Phase.DATA, GROUP + DATA, OK + NOBODY * 2 + BAD_SEQUENCE, RSET, REFUSED, State.RSET),
    ],
)
@pytest.mark.parametrize("chunking", [False, True])
@pytest.mark.parametrize("cuts", [[], list(range(200))])
def test_stopping_hands_no_message_over(
    *, phase: Phase, begun: bytes, replies: bytes, sent: bytes, end: str, state: State, chunking: bool, cuts: list[int]
) -> None:
    dialogue = greet(replace(PIPELINED, chunking=chunking, stop_after=phase), b"CHUNKING", b"PIPELINING")
    assert dialogue.begin(message(*TWO), 9.0) == begun
    assert b"".join(dialogue.receive(piece, 10.0) for piece in cut(replies, cuts)) == sent
    assert ends(dialogue) == [end]
    assert dialogue.state is state
    assert not dialogue.may_follow


# --- one transaction behind another's content ---


def chained(*, first: Transaction | None = None, replies: bytes = OK + OK + GO) -> tuple[Dialogue, list[Transaction]]:
    """The first message's content is on its way, and the second's commands right behind it."""
    dialogue = greet(PIPELINED, b"PIPELINING")
    pair = [first or message(), message()]
    dialogue.begin(pair[0], 9.0)
    assert not dialogue.may_follow
    dialogue.attention = False
    assert dialogue.receive(replies, 10.0) in (CONTENT, LONE_DOT)
    assert dialogue.attention
    assert dialogue.may_follow
    assert dialogue.follow(pair[1], 11.0) == MAIL + RCPT + DATA
    assert not dialogue.may_follow
    return dialogue, pair


AWAY = "transient at {}: 421 4.3.2"


@pytest.mark.parametrize(
    ("replies", "expected", "state"),
    [
        (OK + OK + OK + GO + OK, [ACCEPTED] * 2, State.READY),
        (NOBODY + OK + OK + GO + OK, ["permanent at dot: 550 5.1.1", ACCEPTED], State.READY),
        (OK + NOBODY * 3 + OK, [ACCEPTED, "permanent at mail: 550 5.1.1"], State.READY),
        (OK + OK + NOBODY + BAD_SEQUENCE + OK, [ACCEPTED, REFUSED], State.READY),
        (OK + OK + NOBODY + GO + BAD_SEQUENCE, [ACCEPTED, REFUSED], State.READY),
        (OK + OK + OK + GO + LATER, [ACCEPTED, "transient at dot: 452 4.2.2"], State.READY),
        (LATER + OK + OK + GO + NOBODY, ["transient at dot: 452 4.2.2", "permanent at dot: 550 5.1.1"], State.READY),
        (CLOSING, [AWAY.format("dot")] * 2, State.CLOSED),
        (OK + CLOSING, [ACCEPTED, AWAY.format("mail")], State.CLOSED),
        (OK + OK + CLOSING, [ACCEPTED, AWAY.format("rcpt")], State.CLOSED),
        (OK + OK + OK + CLOSING, [ACCEPTED, AWAY.format("data")], State.CLOSED),
        (OK + OK + OK + GO + CLOSING, [ACCEPTED, AWAY.format("dot")], State.CLOSED),
        (OK + OK + NOBODY + CLOSING, [ACCEPTED, REFUSED], State.CLOSED),
    ],
)
def test_a_chain_ends_in_order_and_each_once(replies: bytes, expected: list[str], state: State) -> None:
    dialogue, pair = chained()
    for line in replies.splitlines(keepends=True):
        dialogue.receive(line, 12.0)
    assert dialogue.finished == pair
    assert ends(dialogue) == expected
    assert dialogue.state is state
    assert (dialogue.failed is not None) == (state is State.CLOSED)


@settings(deadline=None)
@given(CUTS)
def test_a_chain_takes_replies_in_any_pieces(cuts: list[int]) -> None:
    dialogue, pair = chained()
    sent = b"".join(dialogue.receive(piece, 12.0) for piece in cut(NOBODY + OK + OK + GO, cuts))
    assert sent == CONTENT
    assert dialogue.finished == pair[:1]
    assert dialogue.may_follow
    third = message()
    assert dialogue.follow(third, 13.0) == MAIL + RCPT + DATA
    assert b"".join(dialogue.receive(piece, 14.0) for piece in cut(OK + OK + OK + GO, cuts)) == CONTENT
    assert dialogue.receive(OK, 15.0) == b""
    assert dialogue.finished == [*pair, third]
    assert ends(dialogue) == ["permanent at dot: 550 5.1.1", ACCEPTED, ACCEPTED]


def test_a_chain_behind_a_lone_dot() -> None:
    dialogue, pair = chained(replies=OK + NOBODY + GO)
    converse(dialogue, (BAD_SEQUENCE, b""), (OK + OK + GO, CONTENT), (OK, b""))
    assert dialogue.finished == pair
    assert ends(dialogue) == [REFUSED, ACCEPTED]


def test_times_of_a_chain() -> None:
    dialogue, (_, second) = chained()
    converse(dialogue, (OK, b""), (OK, b""), (OK, b""), (GO, CONTENT), (OK, b""), start=20.0)
    times = (second.started_at, second.mail_at, second.rcpt_at, second.data_at)
    assert times == (11.0, 21.0, 22.0, 23.0)


def test_a_chain_that_is_told_goodbye_blames_no_recipient_of_the_first_for_the_second() -> None:
    dialogue, pair = chained(first=message(*TWO), replies=OK + NOBODY + OK + GO)
    dialogue.receive(CLOSING, 12.0)
    assert dialogue.finished == pair
    assert ends(dialogue) == [AWAY.format("dot")] * 2
    assert str(dialogue.failed) == AWAY.format("dot")


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (b"", ["connection at dot: reset"] * 2),
        (OK, [ACCEPTED, "connection at mail: reset"]),
        (OK + OK, [ACCEPTED, "connection at rcpt: reset"]),
        (OK + OK + OK, [ACCEPTED, "connection at data: reset"]),
        (OK + OK + OK + GO, [ACCEPTED, "connection at dot: reset"]),
        (OK + OK + OK + GO + OK, [ACCEPTED, ACCEPTED]),
    ],
)
def test_a_chain_that_loses_its_connection(answered: bytes, expected: list[str]) -> None:
    dialogue, pair = chained()
    for line in answered.splitlines(keepends=True):
        dialogue.receive(line, 12.0)
    dialogue.abort(OutcomeClass.CONNECTION, "reset")
    assert dialogue.finished == pair
    assert ends(dialogue) == expected
    assert dialogue.state is State.CLOSED


@pytest.mark.parametrize("last", [OK, NOBODY, CLOSING])
def test_a_follower_that_cannot_be_sent_ends_in_its_turn(last: bytes) -> None:
    dialogue = greet(PIPELINED, b"PIPELINING")
    first, second = message(), message(needs=(b"SMTPUTF8",))
    dialogue.begin(first, 9.0)
    dialogue.receive(OK + OK + GO, 10.0)
    dialogue.attention = False
    assert dialogue.follow(second, 11.0) == b""
    assert not dialogue.attention
    assert dialogue.finished == []
    assert not dialogue.may_follow
    dialogue.receive(last, 12.0)
    assert dialogue.finished == [first, second]
    assert first.outcome is not None
    assert first.outcome.code == int(last[:3])
    assert str(second.outcome) == "client at mail: smtputf8_not_offered"
    assert dialogue.state is (State.CLOSED if last is CLOSING else State.READY)


def test_a_follower_that_cannot_be_sent_keeps_its_reason_when_the_connection_is_lost() -> None:
    dialogue = greet(PIPELINED, b"PIPELINING")
    dialogue.begin(message(), 9.0)
    dialogue.receive(OK + OK + GO, 10.0)
    dialogue.follow(message(needs=(b"8BITMIME",)), 11.0)
    dialogue.abort(OutcomeClass.TIMEOUT, "timeout")
    assert ends(dialogue) == ["timeout at dot: timeout", "client at mail: 8bitmime_not_offered"]


@pytest.mark.parametrize("extra", [OK, GO])
def test_more_replies_than_a_chain_has_commands_are_refused(extra: bytes) -> None:
    dialogue, pair = chained()
    dialogue.receive(OK + OK + OK + GO + extra, 12.0)
    assert str(dialogue.failed) == "protocol at dot: reply_before_command"
    assert dialogue.finished == pair
    assert ends(dialogue) == [ACCEPTED, "protocol at dot: reply_before_command"]


@pytest.mark.parametrize(
    "wanted",
    [
        replace(PIPELINED, pipelining=False),
        LMTP,
        CHUNKING,
        replace(PIPELINED, stop_after=Phase.RCPT),
        replace(PIPELINED, stop_after=Phase.DATA),
    ],
    ids=["one by one", "LMTP", "chunking", "stop at RCPT", "stop at DATA"],
)
def test_where_nothing_may_follow(wanted: DialogueSettings) -> None:
    dialogue = greet(wanted, b"PIPELINING", b"CHUNKING")
    dialogue.begin(message(), 9.0)
    for reply in (OK, OK, GO):
        assert not dialogue.may_follow
        dialogue.receive(reply, 10.0)
    assert not dialogue.may_follow
