"""The ways a conversation may end at any point, and what no server can make of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smtp.conversation import (
    BANNER,
    CLOSING,
    GO,
    LATER,
    NOBODY,
    OK,
    PIPELINED,
    TWO,
    ends,
    greet,
    message,
    offer,
    standing_at,
)

from loadkit.smtp.auth import Credentials, Mechanism
from loadkit.smtp.dialogue import PARTLY_REFUSED, STOPPED, Dialogue
from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase
from loadkit.smtp.state import PHASE_OF_STATE, DialogueSettings, State, Transaction

UNDER_WAY = (State.MAIL, State.RCPT, State.DATA, State.DOT)
OPEN = tuple(state for state in State if state is not State.CLOSED)


@pytest.mark.parametrize("state", [state for state in OPEN if state is not State.QUIT])
def test_421_ends_conversation_and_message(state: State) -> None:
    dialogue, transaction = standing_at(state)
    before = len(dialogue.finished)
    phase = PHASE_OF_STATE[state]
    dialogue.attention = False
    assert dialogue.receive(CLOSING, 20.0) == b""
    assert str(dialogue.failed) == f"transient at {phase}: 421 4.3.2"
    assert dialogue.attention
    assert dialogue.state is State.CLOSED
    if state in UNDER_WAY:
        assert dialogue.finished == [transaction]
        assert ends(dialogue) == [f"transient at {phase}: 421 4.3.2"]
    else:
        assert len(dialogue.finished) == before


@pytest.mark.parametrize("known", range(5))
def test_421_among_pipelined_replies(known: int) -> None:
    dialogue = greet(PIPELINED, b"PIPELINING")
    dialogue.begin(message(*TWO), 9.0)
    dialogue.receive((OK * 3 + GO)[: len(OK) * min(known, 3) + len(GO) * (known == 4)] + CLOSING, 10.0)
    phase = (Phase.MAIL, Phase.RCPT, Phase.RCPT, Phase.DATA, Phase.DOT)[known]
    assert ends(dialogue) == [f"transient at {phase}: 421 4.3.2"]
    assert str(dialogue.failed) == ends(dialogue)[0]


@pytest.mark.parametrize(
    ("replies", "end", "failure"),
    [
        ((OK, NOBODY, NOBODY, CLOSING), "permanent at rcpt: 550 5.1.1", "transient at data: 421 4.3.2"),
        ((OK, NOBODY, OK, CLOSING), "transient at data: 421 4.3.2", "transient at data: 421 4.3.2"),
        ((OK, OK, CLOSING), "transient at rcpt: 421 4.3.2", "transient at rcpt: 421 4.3.2"),
        ((NOBODY, CLOSING), "permanent at mail: 550 5.1.1", "transient at rcpt: 421 4.3.2"),
    ],
)
def test_a_message_refused_before_421_keeps_its_own_refusal(replies: tuple[bytes, ...], end: str, failure: str) -> None:
    dialogue = greet(PIPELINED, b"PIPELINING")
    dialogue.begin(message(*TWO), 9.0)
    for reply in replies:
        dialogue.receive(reply, 10.0)
    assert ends(dialogue) == [end]
    assert str(dialogue.failed) == failure


def test_a_server_that_says_goodbye_behind_its_acceptance_has_accepted() -> None:
    dialogue, _ = standing_at(State.DOT)
    dialogue.receive(OK + CLOSING, 20.0)
    assert ends(dialogue) == ["accepted at dot: 250"]
    assert str(dialogue.failed) == "transient at mail: 421 4.3.2"


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("partial", [b"", b"250-half a reply\r\n25"])
def test_abort(state: State, partial: bytes) -> None:
    dialogue, transaction = standing_at(state)
    if partial and state is not State.HANDSHAKE:
        dialogue.receive(partial, 10.0)
    before = list(dialogue.finished)
    dialogue.attention = False
    dialogue.abort(OutcomeClass.TIMEOUT, "timeout")
    expected = Outcome(OutcomeClass.TIMEOUT, PHASE_OF_STATE[state], reason="timeout")
    assert dialogue.failed == expected
    assert dialogue.attention
    assert dialogue.state is State.CLOSED
    assert not dialogue.want_tls
    if state in UNDER_WAY:
        assert dialogue.finished == [transaction]
        assert transaction is not None
        assert transaction.outcome == expected
    else:
        assert dialogue.finished == before


@pytest.mark.parametrize("state", [state for state in State if state not in UNDER_WAY])
def test_quit(state: State) -> None:
    dialogue, _ = standing_at(state)
    polite = state in (State.READY, State.RSET)
    assert dialogue.quit() == (b"QUIT\r\n" if polite else b"")
    assert dialogue.state is (State.QUIT if polite else State.CLOSED)
    assert dialogue.failed is None


@pytest.mark.parametrize(
    "reply", [b"221 2.0.0 bye\r\n", b"250 ok\r\n", b"500 what\r\n", CLOSING, b"250 ok\r\n221 bye\r\n"]
)
@pytest.mark.parametrize("state", [State.READY, State.RSET])
def test_any_reply_to_quit_will_do(reply: bytes, state: State) -> None:
    dialogue, _ = standing_at(state)
    dialogue.quit()
    dialogue.attention = False
    assert dialogue.receive(reply, 20.0) == b""
    assert dialogue.state is State.CLOSED
    assert dialogue.attention
    assert dialogue.failed is None


@pytest.mark.parametrize("data", [OK, OK + OK, b"junk\r\n", b"25", CLOSING])
def test_what_a_server_says_after_the_end_changes_nothing(data: bytes) -> None:
    dialogue, _ = standing_at(State.CLOSED)
    dialogue.attention = False
    assert dialogue.receive(data, 20.0) == b""
    assert (dialogue.state, dialogue.failed, dialogue.attention) == (State.CLOSED, None, False)


@pytest.mark.parametrize("state", [State.CONNECTING, State.HANDSHAKE, State.READY])
def test_a_reply_to_nothing_is_against_the_protocol(state: State) -> None:
    dialogue, _ = standing_at(state)
    dialogue.receive(OK, 20.0)
    assert str(dialogue.failed) == f"protocol at {PHASE_OF_STATE[state]}: reply_before_command"


@pytest.mark.parametrize("state", [State.BANNER, State.EHLO, State.AUTH, *UNDER_WAY, State.RSET])
@pytest.mark.parametrize("junk", [b"junk\r\n", b"\x00\xff\n", b"250-a\r\n251 b\r\n"])
def test_junk_ends_conversation_and_message(state: State, junk: bytes) -> None:
    dialogue, transaction = standing_at(state)
    dialogue.receive(junk, 20.0)
    assert dialogue.failed is not None
    assert dialogue.failed.kind is OutcomeClass.PROTOCOL
    assert dialogue.failed.phase is PHASE_OF_STATE[state]
    if state in UNDER_WAY:
        assert transaction is not None
        assert transaction.outcome == dialogue.failed


# --- whatever a server says ---

PROTOCOL_REASONS = {
    "auth_challenge_malformed",
    "reply_before_command",
    "reply_control_character",
    "reply_line_too_long",
    "reply_malformed",
    "reply_too_many_lines",
    "reply_unexpected",
    "starttls_injection",
}
REASONS: dict[OutcomeClass, set[str]] = {
    OutcomeClass.ACCEPTED: {"", STOPPED, PARTLY_REFUSED},
    OutcomeClass.TRANSIENT: {""},
    OutcomeClass.PERMANENT: {""},
    OutcomeClass.PROTOCOL: PROTOCOL_REASONS,
    OutcomeClass.TLS: {"starttls_not_offered"},
    OutcomeClass.CLIENT: {"auth_not_offered", "8bitmime_not_offered", "smtputf8_not_offered", "run_ended"},
}
LOGIN = Credentials(Mechanism.LOGIN, "u", "p")
WANTED = st.builds(
    DialogueSettings,
    helo_name=st.just(b"me.test"),
    lmtp=st.booleans(),
    starttls=st.booleans(),
    credentials=st.sampled_from([None, None, LOGIN, replace(LOGIN, mechanism=Mechanism.CRAM_MD5)]),
    pipelining=st.booleans(),
    chunking=st.booleans(),
    stop_after=st.sampled_from([Phase.DOT, Phase.DOT, Phase.DOT, Phase.CONNECT, Phase.EHLO, Phase.RCPT, Phase.DATA]),
)
FULL = offer(b"PIPELINING", b"CHUNKING", b"STARTTLS", b"AUTH LOGIN CRAM-MD5", b"SIZE 100", b"8BITMIME")
FRIENDLY = {
    State.BANNER: BANNER,
    State.EHLO: FULL,
    State.STARTTLS: b"220 go\r\n",
    State.AUTH: b"235 in\r\n",
    State.DATA: GO,
}
"""What a good server would say next, where it is not OK."""

SAID = st.one_of(
    st.none(),
    st.none(),
    st.none(),
    st.sampled_from(
        [OK, GO, NOBODY, LATER, BANNER, FULL, CLOSING, b"334 \r\n", b"250-a\r\n", b"250 STARTTLS\r\n", b"xx\r\n", b"25"]
    ),
    st.lists(st.sampled_from([OK, OK, OK, NOBODY, GO, CLOSING]), min_size=2, max_size=8).map(b"".join),
    st.binary(min_size=1, max_size=20),
)
NEEDS = st.sampled_from([(), (), (), (b"8BITMIME",), (b"SMTPUTF8",)])


class Owner:
    """Does what the owner of a connection does, and checks what must always hold."""

    def __init__(self, wanted: DialogueSettings) -> None:
        self.dialogue = Dialogue(wanted, 0.0)
        self.dialogue.connected(0.0)
        self.begun: list[Transaction] = []
        self.ended: list[Transaction] = []

    def hear(self, said: bytes | None, needs: tuple[bytes, ...]) -> None:
        dialogue = self.dialogue
        data = FRIENDLY.get(dialogue.state, OK) if said is None else said
        self.check_bytes(dialogue.receive(data, 2.0))
        self.take()
        if dialogue.want_tls:
            dialogue.want_tls = False
            self.check_bytes(dialogue.secured(3.0))
        elif dialogue.state is State.READY:
            self.begun.append(message(*TWO, needs=needs))
            self.check_bytes(dialogue.begin(self.begun[-1], 3.0))
        elif dialogue.may_follow:
            self.begun.append(message(*TWO, needs=needs))
            self.check_bytes(dialogue.follow(self.begun[-1], 3.0))
        self.take()
        self.check_state()

    def take(self) -> None:
        self.ended += self.dialogue.finished
        self.dialogue.finished.clear()

    def check_bytes(self, sent: bytes) -> None:
        assert sent == b"" or sent.endswith(b"\r\n")

    def check_state(self) -> None:
        """The conversation has ended, or it awaits something; and each transaction has ended or is being answered."""
        assert self.ended == self.begun[: len(self.ended)]
        open_transactions = len(self.begun) - len(self.ended)
        state = self.dialogue.state
        if state in UNDER_WAY:
            assert open_transactions in ((1, 2) if state is State.DOT else (1,))
        else:
            assert open_transactions == 0
        assert (self.dialogue.failed is None) or state is State.CLOSED


def check_outcome(outcome: Outcome | None) -> None:
    assert outcome is not None
    assert outcome.reason in REASONS[outcome.kind]
    assert outcome.code == 0 or 200 <= outcome.code < 600
    assert (outcome.code != 0) or outcome.reason


@settings(max_examples=600, deadline=None)
@given(WANTED, st.lists(st.tuples(SAID, NEEDS), max_size=40))
def test_whatever_a_server_says_each_message_ends_once(
    wanted: DialogueSettings, turns: list[tuple[bytes | None, tuple[bytes, ...]]]
) -> None:
    owner = Owner(wanted)
    for said, needs in turns:
        owner.hear(said, needs)
        if owner.dialogue.state is State.CLOSED:
            break
    if owner.dialogue.state is not State.CLOSED:
        owner.dialogue.abort(OutcomeClass.CLIENT, "run_ended")
    owner.take()
    assert owner.ended == owner.begun
    for transaction in owner.begun:
        check_outcome(transaction.outcome)
    if owner.dialogue.failed is not None:
        check_outcome(owner.dialogue.failed)


def test_a_friendly_server_is_sent_message_after_message() -> None:
    """The property above would say nothing if its friendly replies led nowhere."""
    owner = Owner(replace(PIPELINED, starttls=True, credentials=LOGIN))
    for _ in range(40):
        owner.hear(None, ())
    # Five replies open the conversation, and each message to two recipients takes five more.
    assert [str(transaction.outcome) for transaction in owner.ended] == ["accepted at dot: 250"] * 7
