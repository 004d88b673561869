"""How a transaction or a session set-up ended: a value with bounded parts, never a server's free text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """A step of the conversation that is timed and bounded on its own."""

    CONNECT = "connect"
    BANNER = "banner"
    TLS = "tls"
    EHLO = "ehlo"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"
    RSET = "rset"
    QUIT = "quit"
    REQUEST = "request"
    """Of a message by HTTP: all of it."""
    PUBLISH = "publish"
    """Of a message by MQTT: likewise."""


SETUP_PHASES = (Phase.CONNECT, Phase.BANNER, Phase.TLS, Phase.EHLO, Phase.AUTH)
TRANSACTION_PHASES = (Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT)


class OutcomeClass(StrEnum):
    """Whose word or which event ended it."""

    ACCEPTED = "accepted"
    TRANSIENT = "transient"
    PERMANENT = "permanent"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    TLS = "tls"
    PROTOCOL = "protocol"
    CLIENT = "client"
    """Our side: no descriptor or port left, the run's end cut it off, the server lacks what the scenario asks for."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a transaction or of a session's set-up.

    Args:
        kind: Its class.
        phase: The phase it ended in.
        code: The reply code, or 0 where no reply ended it.
        enhanced: The enhanced status code such as ``4.7.0`` (RFC 3463), or empty.
        reason: A short name from a closed list: what ended it where no reply did, such as ``reset``, or the
            `loadkit.smtp.limits.Limit` that a refusal's text names.
    """

    kind: OutcomeClass
    phase: Phase
    code: int = 0
    enhanced: str = ""
    reason: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the server took responsibility for the message."""
        return self.kind is OutcomeClass.ACCEPTED

    def __str__(self) -> str:
        detail = " ".join(part for part in (str(self.code) if self.code else "", self.enhanced, self.reason) if part)
        return f"{self.kind.value} at {self.phase.value}" + (f": {detail}" if detail else "")
