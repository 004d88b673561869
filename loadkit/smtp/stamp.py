"""What a message of ours says about itself, read from its header where it arrives."""

from __future__ import annotations

import re
from typing import NamedTuple

_new = tuple.__new__


class Stamp(NamedTuple):
    """Which message this is, when it was sent, and what its body was.

    Args:
        run: The run's id, eight to sixteen of ``[a-z0-9]``.
        sender: Number of the sending process.
        seq: Number of the message within its sender, from 0.
        kind: Name of its kind; empty where it is not told, and then the times are 0.
        intended_us: When the schedule wanted it sent, in microseconds of Unix time.
        sent_us: When its transaction began, likewise.
        checksum: CRC-32 of its body, which is all after the header's blank line; None where it is not told.
    """

    run: str
    sender: int
    seq: int
    kind: str = ""
    intended_us: int = 0
    sent_us: int = 0
    checksum: int | None = None

    def __str__(self) -> str:
        return f"{self.run}.{self.sender}.{self.seq}"


_ID = rb"([a-z0-9]{8,16})\.(\d{1,10})\.(\d{1,10})"
_SENT = rb"(\d{1,17}) (\d{1,17}) ([a-z0-9_-]{1,40})"
_BODY = rb"([0-9a-f]{8})"
_FIRST = b"X-Loadkit-Id: "
_TOGETHER = re.compile(
    rb"X-Loadkit-Id: " + _ID + rb"\r\n"
    rb"X-Loadkit-Sent: " + _SENT + rb"\r\n"
    rb"Message-ID: [^\r\n]{1,200}\r\n"
    rb"X-Loadkit-Body: " + _BODY + rb"\r\n"
)  # fmt: skip
_APART = {
    name: re.compile(rb"(?:^|\r\n)(?i:X-Loadkit-%b):[ \t]*%b[ \t]*(?=\r\n|\Z)" % (name, value))
    for name, value in ((b"Id", _ID), (b"Sent", _SENT), (b"Body", _BODY))
}
_ID_ALONE = re.compile(_ID)
_SENT_ALONE = re.compile(_SENT)
_HEADER_END = b"\r\n\r\n"


def find_stamp(head: bytes) -> Stamp | None:
    """Find the stamp in a message's header.

    Args:
        head: The first bytes of the message. A stamp in the body, such as that of a message that a bounce returns,
            doesn't count.

    Returns:
        The stamp, or None where the header has no valid id.
    """
    # As we send it, and as most relays leave it: four lines in a row, read by one expression in a microsecond.
    match = _TOGETHER.match(head)
    if match is None:
        at = head.find(_FIRST)
        if at > 0 and head.startswith(b"\r\n", at - 2) and head.find(_HEADER_END, 0, at) < 0:
            match = _TOGETHER.match(head, at)
    if match is not None:
        run, sender, seq, intended, sent, kind, checksum = match.groups()
        return _new(
            Stamp,
            (run.decode(), int(sender), int(seq), kind.decode(), int(intended), int(sent), int(checksum, 16)),
        )
    # Most messages of others are told by this in a fraction of the time of the search.
    return _find_apart(head) if b"x-loadkit-id:" in head.lower() else None


def stamp_of(ident: str, sent: str) -> Stamp | None:
    """Read a stamp from the values of its lines, as other protocols than SMTP carry it.

    Args:
        ident: Value of ``X-Loadkit-Id``.
        sent: Value of ``X-Loadkit-Sent``.

    Returns:
        The stamp, or None where one of them is not valid.
    """
    who = _ID_ALONE.fullmatch(ident.encode("utf-8", "replace"))
    when = _SENT_ALONE.fullmatch(sent.encode("utf-8", "replace"))
    if who is None or when is None:
        return None
    return Stamp(who[1].decode(), int(who[2]), int(who[3]), when[3].decode(), int(when[1]), int(when[2]))


def _find_apart(head: bytes) -> Stamp | None:
    """Find the lines of a stamp in any order, with other lines between."""
    end = head.find(_HEADER_END)
    header = head if end < 0 else head[:end]
    identity, sent, body = (pattern.search(header) for pattern in _APART.values())
    if identity is None:
        return None
    stamp = Stamp(identity[1].decode(), int(identity[2]), int(identity[3]))
    if sent is not None:
        stamp = stamp._replace(kind=sent[3].decode(), intended_us=int(sent[1]), sent_us=int(sent[2]))
    return stamp._replace(checksum=int(body[1], 16)) if body is not None else stamp
