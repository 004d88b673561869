"""The states of a conversation, what a client wants of it, and the transaction that it carries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from loadkit.smtp.outcome import Outcome, Phase

if TYPE_CHECKING:
    from loadkit.smtp.auth import Credentials


NEVER = math.nan
MAIL_PARAMETERS = {b"8BITMIME": b" BODY=8BITMIME", b"SMTPUTF8": b" SMTPUTF8"}
"""Extensions that a message may need, and what MAIL says then (RFC 6152, RFC 6531)."""


class State(IntEnum):
    """Which reply is awaited."""

    CONNECTING = 0
    BANNER = 1
    EHLO = 2
    HELO = 3
    STARTTLS = 4
    HANDSHAKE = 5
    AUTH = 6
    READY = 7
    MAIL = 8
    RCPT = 9
    DATA = 10
    DOT = 11
    RSET = 12
    QUIT = 13
    CLOSED = 14


PHASE_OF_STATE = {
    State.CONNECTING: Phase.CONNECT,
    State.BANNER: Phase.BANNER,
    State.EHLO: Phase.EHLO,
    State.HELO: Phase.EHLO,
    State.STARTTLS: Phase.TLS,
    State.HANDSHAKE: Phase.TLS,
    State.AUTH: Phase.AUTH,
    State.READY: Phase.MAIL,
    State.MAIL: Phase.MAIL,
    State.RCPT: Phase.RCPT,
    State.DATA: Phase.DATA,
    State.DOT: Phase.DOT,
    State.RSET: Phase.RSET,
    State.QUIT: Phase.QUIT,
    State.CLOSED: Phase.QUIT,
}


@dataclass(frozen=True, slots=True)
class DialogueSettings:
    """What the client wants of a conversation.

    Args:
        helo_name: Name given in EHLO.
        lmtp: Speak LMTP (RFC 2033): LHLO, and one reply per recipient after the content.
        starttls: Demand STARTTLS (RFC 3207).
        credentials: Authenticate with these.
        pipelining: Send MAIL, RCPT and DATA in one go where the server offers it (RFC 2920).
        chunking: Send content by BDAT where the server offers it (RFC 3030).
        stop_after: Go no further than this phase: CONNECT (the banner), EHLO, RCPT, DATA or DOT.
    """

    helo_name: bytes = b"loadkit.invalid"
    lmtp: bool = False
    starttls: bool = False
    credentials: Credentials | None = None
    pipelining: bool = True
    chunking: bool = False
    stop_after: Phase = Phase.DOT


class Transaction:
    """One message to be sent, and what became of it.

    Args:
        sender: Reverse path without brackets; empty for a bounce.
        recipients: Forward paths without brackets; at least one.
        payload: What `Template.render_data` or, if the dialogue is `chunking`, `Template.render_bdat` made.
        size_bytes: Size of the content, for the SIZE parameter (RFC 1870).
        needs: Extensions without which it can't be sent: keys of `MAIL_PARAMETERS`.

    Attributes:
        started_at: When MAIL was sent, on the clock of the connection's owner; so are the others.
        mail_at: When MAIL was answered; NaN if it was not, likewise the others.
        rcpt_at: When the last RCPT was answered.
        data_at: When DATA was answered; NaN with BDAT.
        outcome: How it ended; None until then.
        answered: Recipients that have had their reply.
        accepted: Those of them that were accepted.
        due: Replies to the content that are still to come.
        delivered: Replies to the content that were positive.
        refusal: The refusal of a part, or of the whole, that decides.
    """

    __slots__ = (
        "accepted",
        "answered",
        "data_at",
        "delivered",
        "due",
        "mail_at",
        "needs",
        "outcome",
        "payload",
        "rcpt_at",
        "recipients",
        "refusal",
        "sender",
        "size_bytes",
        "started_at",
    )

    def __init__(
        self,
        sender: bytes,
        recipients: tuple[bytes, ...],
        payload: bytes,
        size_bytes: int,
        needs: tuple[bytes, ...] = (),
    ) -> None:
        self.sender = sender
        self.recipients = recipients
        self.payload = payload
        self.size_bytes = size_bytes
        self.needs = needs
        self.started_at = self.mail_at = self.rcpt_at = self.data_at = NEVER
        self.answered = self.accepted = self.due = self.delivered = 0
        self.outcome: Outcome | None = None
        self.refusal: Outcome | None = None
