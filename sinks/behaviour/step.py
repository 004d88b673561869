"""One step of a conversation as the rules of a profile see it, and what they decide."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sinks.answers import Answer, Ending
from sinks.behaviour.fields import wire_reply
from sinks.behaviour.memory import mark_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_CLOSING = b"421"


class Deed(NamedTuple):
    """What a rule decided.

    Args:
        what: Its short name, by which it is counted: a reply code or an act.
        answer: What is done.
    """

    what: str
    answer: Answer


def deed_of_reply(text: str, **values: str) -> Deed:
    """The deed that says a reply; 421 also closes (RFC 5321, section 3.8).

    Args:
        text: The reply's lines.
        values: What stands for names in braces.
    """
    reply = wire_reply(text, **values)
    return Deed(text[:3], Answer(reply=reply, ending=Ending.CLOSE if reply.startswith(_CLOSING) else None))


class Caller:
    """Where a connection comes from.

    Args:
        source: The client's address.
    """

    __slots__ = ("_marks", "_raw", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self._raw = source.encode()
        self._marks: dict[bytes, int] = {}

    def mark(self, key: bytes) -> int:
        """The mark under which something is kept about this client; a hash costs more than looking it up again."""
        mark = self._marks.get(key)
        if mark is None:
            mark = self._marks[key] = mark_of(key, self._raw)
        return mark


@dataclass(slots=True)
class Step:
    """One step.

    Args:
        phase: Its name.
        now: Monotonic time in seconds.
        caller: Who takes it.
        sender: Reverse path of the message, in lower case.
        recipients: At RCPT the one in question, later those that were accepted, in lower case.
        size_bytes: Declared size at MAIL, size of the content at the dot.
        seq: Sequence number of a loadkit message, at the dot.
        messages: Messages begun on the connection, this one included.
        accepted: Recipients accepted so far.
        verdicts: What was decided about the message as a whole, by who decided; kept with the message.
        entered: Under which marks the connection counts as open; kept with the connection.
    """

    phase: str
    now: float
    caller: Caller
    sender: bytes = b""
    recipients: Sequence[bytes] = ()
    size_bytes: int = 0
    seq: int | None = None
    messages: int = 0
    accepted: int = 0
    verdicts: dict[object, Deed | None] = field(default_factory=dict)
    entered: list[int] = field(default_factory=list)
