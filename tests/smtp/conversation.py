"""What the tests of the dialogue share: usual replies, dialogues that stand at a state, conversations as tables."""

from __future__ import annotations

from dataclasses import replace

from loadkit.smtp.auth import Credentials, Mechanism
from loadkit.smtp.dialogue import Dialogue
from loadkit.smtp.state import DialogueSettings, State, Transaction

PLAIN = DialogueSettings(helo_name=b"me.test", pipelining=False)
PIPELINED = replace(PLAIN, pipelining=True)

BANNER = b"220 mail.test ready\r\n"
EHLO = b"EHLO me.test\r\n"
OK = b"250 2.1.0 Ok\r\n"
GO = b"354 go\r\n"
NOBODY = b"550 5.1.1 nobody\r\n"
LATER = b"452 4.2.2 full\r\n"
CLOSING = b"421 4.3.2 bye\r\n"

CONTENT = b"Subject: x\r\n\r\nhello\r\n.\r\n"
MAIL = b"MAIL FROM:<a@example.com>\r\n"
RCPT = b"RCPT TO:<b@example.com>\r\n"
RCPT_C = b"RCPT TO:<c@example.com>\r\n"
DATA = b"DATA\r\n"
RSET = b"RSET\r\n"
TWO = (b"b@example.com", b"c@example.com")

ACCEPTED = "accepted at dot: 250"
REFUSED = "permanent at rcpt: 550 5.1.1"

Turn = tuple[bytes, bytes]


def message(*recipients: bytes, needs: tuple[bytes, ...] = (), payload: bytes = CONTENT) -> Transaction:
    """A transaction, by default to the one recipient of `RCPT`."""
    return Transaction(b"a@example.com", recipients or TWO[:1], payload, 100, needs)


def offer(*extensions: bytes) -> bytes:
    """The reply to EHLO that offers these."""
    lines = [b"mail.test", *extensions]
    return b"".join(b"250-%b\r\n" % line for line in lines[:-1]) + b"250 %b\r\n" % lines[-1]


def connect(settings: DialogueSettings) -> Dialogue:
    """A dialogue that awaits the banner."""
    dialogue = Dialogue(settings, 0.0)
    dialogue.connected(1.0)
    return dialogue


def greet(settings: DialogueSettings, *extensions: bytes) -> Dialogue:
    """A dialogue that stands at READY."""
    dialogue = connect(settings)
    assert dialogue.receive(BANNER, 2.0) == (b"LHLO" if settings.lmtp else b"EHLO") + b" me.test\r\n"
    assert dialogue.receive(offer(*extensions), 3.0) == b""
    assert dialogue.state is State.READY
    return dialogue


def converse(dialogue: Dialogue, *turns: Turn, start: float = 10.0) -> None:
    """Check what the client sends upon each thing that the server says, one second apart."""
    for step, (said, sent) in enumerate(turns):
        assert dialogue.receive(said, start + step) == sent, (step, said)


def ends(dialogue: Dialogue) -> list[str]:
    """How the transactions ended that the owner has not taken, in order."""
    return [str(transaction.outcome) for transaction in dialogue.finished]


def standing_at(state: State) -> tuple[Dialogue, Transaction | None]:
    """A dialogue that has come to a state one command at a time, and its transaction if one was begun."""
    if state in _SETUP:
        settings, turns = _SETUP[state]
        dialogue = Dialogue(settings, 0.0) if state is State.CONNECTING else connect(settings)
        for said in turns:
            dialogue.receive(said, 2.0)
        transaction = None
    elif state in (State.READY, State.QUIT, State.CLOSED):
        dialogue, transaction = greet(PLAIN), None
        if state is not State.READY:
            dialogue.quit()
        if state is State.CLOSED:
            dialogue.receive(b"221 bye\r\n", 4.0)
    else:
        dialogue, transaction = greet(PLAIN), message()
        dialogue.begin(transaction, 4.0)
        for said in _TRANSACTION[state]:
            dialogue.receive(said, 5.0)
    assert dialogue.state is state
    return dialogue, transaction


_SETUP: dict[State, tuple[DialogueSettings, tuple[bytes, ...]]] = {
    State.CONNECTING: (PLAIN, ()),
    State.BANNER: (PLAIN, ()),
    State.EHLO: (PLAIN, (BANNER,)),
    State.HELO: (PLAIN, (BANNER, b"502 what\r\n")),
    State.STARTTLS: (replace(PLAIN, starttls=True), (BANNER, offer(b"STARTTLS"))),
    State.HANDSHAKE: (replace(PLAIN, starttls=True), (BANNER, offer(b"STARTTLS"), b"220 go\r\n")),
    State.AUTH: (
        replace(PLAIN, credentials=Credentials(Mechanism.LOGIN, "u", "p")),
        (BANNER, offer(b"AUTH LOGIN")),
    ),
}
_TRANSACTION: dict[State, tuple[bytes, ...]] = {
    State.MAIL: (),
    State.RCPT: (OK,),
    State.DATA: (OK, OK),
    State.DOT: (OK, OK, GO),
    State.RSET: (OK, NOBODY),
}
