"""Messages: rendered once per template, with only the identifying headers and the length varied per send."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Any, NamedTuple
from zlib import crc32

from loadkit.smtp.attachment import AttachedFile

ID_HEADER = b"X-Loadkit-Id"
SENT_HEADER = b"X-Loadkit-Sent"
BODY_HEADER = b"X-Loadkit-Body"
BODY_LINE_BYTES = len(b"X-Loadkit-Body: 01234567\r\n")

# 76 characters and CRLF: the line length that MIME recommends (RFC 2045 section 6.7).
_LINE = 78
_ALPHABET = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789     "
_LONE_LINE_END = re.compile(rb"\r\n|\r|\n")
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)
# The longest lines that `IdHeaders` is likely to make, and the line with the checksum.
IDENTIFYING_BYTES = 250
# Checksums of filler are kept for every step of it, as far as this; a longer body is summed from there on.
_STEP_BYTES = 256
_STEPS = 4096
_LONG_STEP_BYTES = 4096
_FILLER_SUMS = [0]
"""CRC-32 of filler by its length in `_LONG_STEP_BYTES`."""


def normalise_line_ends(content: bytes) -> bytes:
    """Content with every line end, bare CR and LF included, made CRLF, and ending in one (RFC 5321 section 2.3.8)."""
    normal = _LONE_LINE_END.sub(b"\r\n", content)
    return normal if normal.endswith(b"\r\n") else normal + b"\r\n"


def dot_stuff(content: bytes) -> bytes:
    """Content with a dot before every line that begins with one (RFC 5321 section 4.5.2); line ends must be CRLF."""
    return _LEADING_DOT.sub(b"..", content)


def filler_checksum(content: bytes) -> int:
    """The CRC-32 of what `filler` returned, of which all but the end is known from earlier calls."""
    # The last three bytes may be an end of their own.
    step = max(0, len(content) - 3) // _LONG_STEP_BYTES
    for start in range((len(_FILLER_SUMS) - 1) * _LONG_STEP_BYTES, step * _LONG_STEP_BYTES, _LONG_STEP_BYTES):
        _FILLER_SUMS.append(crc32(content[start : start + _LONG_STEP_BYTES], _FILLER_SUMS[-1]))
    return crc32(content[step * _LONG_STEP_BYTES :], _FILLER_SUMS[step])


class Particulars(NamedTuple):
    """What is particular to one message.

    Args:
        seq: Number of the message within its sender.
        sent_unix_s: When its transaction began, Unix seconds.
        sender: Index of its sender's address.
        recipient: Index of its first recipient's address.
    """

    seq: int
    sent_unix_s: float
    sender: int
    recipient: int


class IdHeaders:
    """Makes the header lines that let a sink tell which message arrived, and how long it took.

    Args:
        run_id: The run's id.
        sender: Number of the sender within the run.
    """

    __slots__ = ("_head", "_tail")

    def __init__(self, run_id: str, sender: int) -> None:
        self._head = f"X-Loadkit-Id: {run_id}.{sender}.".encode()
        self._tail = f".{sender}.{run_id}@loadkit.invalid>\r\n".encode()

    def lines(self, seq: int, intended_unix_s: float, sent_unix_s: float, kind: bytes) -> bytes:
        """The lines for one message.

        Args:
            seq: Number of the message within its sender.
            intended_unix_s: When the schedule wanted it sent, Unix seconds; written in whole microseconds.
            sent_unix_s: When its transaction began, likewise.
            kind: Name of the message kind, 1 to 40 of ``a-z 0-9 _ -``.
        """
        return b"%b%d\r\nX-Loadkit-Sent: %d %d %b\r\nMessage-ID: <%d%b" % (
            self._head,
            seq,
            intended_unix_s * 1e6,
            sent_unix_s * 1e6,
            kind,
            seq,
            self._tail,
        )


class _Filler:
    """Lines of text to cut bodies from; grows to the largest body asked for."""

    def __init__(self) -> None:
        generator = random.Random(0)
        self._block = b"".join(bytes(generator.choices(_ALPHABET, k=_LINE - 2)) + b"\r\n" for _ in range(256))
        self.text = self._block

    def grow(self, size_bytes: int) -> bytes:
        """Text of at least this size."""
        self.text = self._block * (size_bytes // len(self._block) + 1)
        return self.text


_FILLER = _Filler()


def filler(size_bytes: int) -> bytes:
    """CRLF lines of this size together, or one empty line if it is too small for any."""
    size = size_bytes - 2
    if size <= 0:
        return b"\r\n"
    text = _FILLER.text if size <= len(_FILLER.text) else _FILLER.grow(size)
    # A cut must not fall between CR and LF.
    return b"%bx\r\n" % text[: size - 1] if size % _LINE == _LINE - 1 else b"%b\r\n" % text[:size]


@dataclass(frozen=True, slots=True)
class Template:
    """A message kind's fixed bytes, ready to be sent many times.

    Args:
        head: Headers, blank line and fixed body, in CRLF lines, after which filler may follow.
        stuffed_head: The same, dot-stuffed.
        tail: What follows the filler, in CRLF lines that need no stuffing.
        padded: Whether filler brings the message to the wanted size.
        needs: Extensions without which the content can't be sent.
    """

    head: bytes
    stuffed_head: bytes
    tail: bytes = b""
    padded: bool = True
    needs: tuple[bytes, ...] = ()
    _last: list[Any] = field(default_factory=lambda: [None, None], init=False, repr=False, compare=False)
    _sums: list[int] = field(default_factory=list, init=False, repr=False, compare=False)
    """CRC-32 of the body after each `_STEP_BYTES` of filler."""

    def __post_init__(self) -> None:
        # The line end of the header line before it: a head may begin with the blank line.
        _, _, body = (b"\r\n" + self.head).partition(b"\r\n\r\n")
        self._sums.append(crc32(body))

    @classmethod
    def sized(cls, *, subject: str, sender_domain: str) -> Template:
        """A plain text message whose body is filler."""
        head = _headers(subject, sender_domain) + b"Content-Type: text/plain; charset=us-ascii\r\n\r\n"
        return cls(head, head)

    @classmethod
    def with_attachments(cls, *, subject: str, sender_domain: str, attachments: tuple[AttachedFile, ...]) -> Template:
        """A multipart message: the attachments, then a text part of filler.

        Args:
            subject: Subject in any script.
            sender_domain: Domain of the From header.
            attachments: The files.
        """
        boundary = b"=_loadkit_part"
        head = [
            _headers(subject, sender_domain),
            b'Content-Type: multipart/mixed; boundary="%b"\r\n\r\n' % boundary,
        ]
        for file in attachments:
            part = file.part()
            head.append(b"--%b\r\n%b\r\n%b" % (boundary, part.header, part.content))
        head.append(b"--%b\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n" % boundary)
        fixed = b"".join(head)
        return cls(fixed, dot_stuff(fixed), tail=b"--%b--\r\n" % boundary)

    @classmethod
    def from_eml(cls, raw: bytes) -> Template:
        """A message of the user's own, sent as it is behind the identifying headers."""
        content = normalise_line_ends(raw)
        header, _, _ = content.partition(b"\r\n\r\n")
        # A header in another encoding than UTF-8 is against every standard, and goes as it always did.
        utf8 = (b"SMTPUTF8",) if not header.isascii() and _is_utf8(header) else ()
        needs = utf8 if content.isascii() else (*utf8, b"8BITMIME")
        return cls(content, dot_stuff(content), padded=False, needs=needs)

    @property
    def minimum_bytes(self) -> int:
        """Size of the smallest message that this template makes, with identifying headers of usual length."""
        return IDENTIFYING_BYTES + len(self.head) + len(self.tail) + (2 if self.padded else 0)

    def render_data(self, ids: bytes, size_bytes: int, _particulars: Particulars | None = None) -> bytes:
        """What is sent after 354: the stuffed content and the final dot.

        The content is the identifying lines, a line ``X-Loadkit-Body`` with the CRC-32 of the unstuffed body in
        hexadecimal, and the template's own.

        Args:
            ids: Lines from `IdHeaders`.
            size_bytes: Wanted size of the content; smaller than the fixed parts means the fixed parts alone.
        """
        room, last = size_bytes - len(ids), self._last
        # Kinds of one size meet the same room again and again; it changes when the number gains a digit.
        if room == last[0]:
            if last[1] is None:
                last[1] = b"".join((*self._parts(room, self.stuffed_head), b".\r\n"))
            return b"%b%b" % (ids, last[1])
        last[:] = room, None
        return b"".join((ids, *self._parts(room, self.stuffed_head), b".\r\n"))

    def render_bdat(self, ids: bytes, size_bytes: int, _particulars: Particulars | None = None) -> bytes:
        """The one BDAT command that carries the whole content (RFC 3030); arguments as for `render_data`."""
        content = (ids, *self._parts(size_bytes - len(ids), self.head))
        return b"".join((b"BDAT %d LAST\r\n" % sum(map(len, content)), *content))

    def _parts(self, room_bytes: int, head: bytes) -> tuple[bytes, ...]:
        """The content behind the identifying lines: checksum, head, filler and the rest."""
        sums = self._sums
        size = room_bytes - len(self.head) - len(self.tail) - BODY_LINE_BYTES - 2
        if not self.padded:
            return b"X-Loadkit-Body: %08x\r\n" % sums[0], head
        if size <= 0:
            end = b"\r\n%b" % self.tail
            return b"X-Loadkit-Body: %08x\r\n" % crc32(end, sums[0]), head, end
        # A cut must not fall between CR and LF.
        size, end = (size - 1, b"x\r\n%b" % self.tail) if size % _LINE == _LINE - 1 else (size, b"\r\n%b" % self.tail)
        text = _FILLER.text if size <= len(_FILLER.text) else _FILLER.grow(size)
        step = min(size // _STEP_BYTES, _STEPS)
        if step >= len(sums):
            self._sum_up(text, step)
        # 0.5 us; over the whole body it would be 10 us for one of 12 KiB.
        body_sum = crc32(text[step * _STEP_BYTES : size] + end, sums[step])
        return b"X-Loadkit-Body: %08x\r\n" % body_sum, head, text[:size], end

    def _sum_up(self, text: bytes, step: int) -> None:
        for start in range((len(self._sums) - 1) * _STEP_BYTES, step * _STEP_BYTES, _STEP_BYTES):
            self._sums.append(crc32(text[start : start + _STEP_BYTES], self._sums[-1]))


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _headers(subject: str, sender_domain: str) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = f"loadkit <loadkit@{sender_domain}>"
    message["To"] = "undisclosed-recipients:;"
    message["Subject"] = subject
    message["Date"] = formatdate()
    message["MIME-Version"] = "1.0"
    return message.as_bytes().removesuffix(b"\r\n")
