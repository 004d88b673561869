"""Messages: rendered once per template, with only the identifying headers and the length varied per send."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Any

ID_HEADER = b"X-Loadkit-Id"
SENT_HEADER = b"X-Loadkit-Sent"

# 76 characters and CRLF: the line length that MIME recommends (RFC 2045 section 6.7).
_LINE = 78
_ALPHABET = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789     "
_LONE_LINE_END = re.compile(rb"\r\n|\r|\n")
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)


def normalise_line_ends(content: bytes) -> bytes:
    """Content with every line end, bare CR and LF included, made CRLF, and ending in one (RFC 5321 section 2.3.8)."""
    normal = _LONE_LINE_END.sub(b"\r\n", content)
    return normal if normal.endswith(b"\r\n") else normal + b"\r\n"


def dot_stuff(content: bytes) -> bytes:
    """Content with a dot before every line that begins with one (RFC 5321 section 4.5.2); line ends must be CRLF."""
    return _LEADING_DOT.sub(b"..", content)


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

    def lines(self, seq: int, intended_unix_s: float, sent_unix_s: float) -> bytes:
        """The lines for one message.

        Args:
            seq: Number of the message within its sender.
            intended_unix_s: When the schedule wanted it sent, Unix seconds; written in whole microseconds.
            sent_unix_s: When its transaction began, likewise.
        """
        return b"%b%d\r\nX-Loadkit-Sent: %d %d\r\nMessage-ID: <%d%b" % (
            self._head,
            seq,
            intended_unix_s * 1e6,
            sent_unix_s * 1e6,
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
    _last: list[Any] = field(default_factory=lambda: [None, b""], init=False, repr=False, compare=False)

    @classmethod
    def sized(cls, *, subject: str, sender_domain: str) -> Template:
        """A plain text message whose body is filler."""
        head = _headers(subject, sender_domain) + b"Content-Type: text/plain; charset=us-ascii\r\n\r\n"
        return cls(head, head)

    @classmethod
    def with_attachments(
        cls, *, subject: str, sender_domain: str, attachments: tuple[tuple[str, int, str], ...]
    ) -> Template:
        """A multipart message: the attachments, then a text part of filler.

        Args:
            subject: Subject in any script.
            sender_domain: Domain of the From header.
            attachments: Name, decoded size in bytes and content type of each.
        """
        boundary = b"=_loadkit_part"
        head = [
            _headers(subject, sender_domain),
            b'Content-Type: multipart/mixed; boundary="%b"\r\n\r\n' % boundary,
        ]
        for name, size_bytes, content_type in attachments:
            part = EmailMessage(policy=SMTP)
            main, _, sub = content_type.partition("/")
            content = random.Random(name).randbytes(size_bytes)
            part.set_content(content, maintype=main, subtype=sub, disposition="attachment", filename=name)
            del part["MIME-Version"]
            head += [b"--%b\r\n" % boundary, normalise_line_ends(part.as_bytes())]
        head.append(b"--%b\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n" % boundary)
        fixed = b"".join(head)
        return cls(fixed, dot_stuff(fixed), tail=b"--%b--\r\n" % boundary)

    @classmethod
    def from_eml(cls, raw: bytes) -> Template:
        """A message of the user's own, sent as it is behind the identifying headers."""
        content = normalise_line_ends(raw)
        return cls(content, dot_stuff(content), padded=False, needs=() if content.isascii() else (b"8BITMIME",))

    @property
    def minimum_bytes(self) -> int:
        """Size of the smallest message that this template makes, with identifying headers of usual length."""
        return len(self.head) + len(self.tail) + (202 if self.padded else 200)

    def render_data(self, ids: bytes, size_bytes: int) -> bytes:
        """What is sent after 354: the stuffed content and the final dot.

        Args:
            ids: Lines from `IdHeaders`.
            size_bytes: Wanted size of the content; smaller than the fixed parts means the fixed parts alone.
        """
        room = size_bytes - len(ids)
        if room == self._last[0]:
            return b"%b%b" % (ids, self._last[1])
        padding = b"%b\r\n" % self._padding(room) if self.padded else b""
        rest = b"".join((self.stuffed_head, padding, self.tail, b".\r\n"))
        # Kinds of one size meet the same room again and again; it changes when the number gains a digit.
        self._last[:] = room, rest
        return ids + rest

    def render_bdat(self, ids: bytes, size_bytes: int) -> bytes:
        """The one BDAT command that carries the whole content (RFC 3030); arguments as for `render_data`."""
        content: tuple[bytes, ...] = (ids, self.head)
        if self.padded:
            content += (self._padding(size_bytes - len(ids)), b"\r\n", self.tail)
        return b"".join((b"BDAT %d LAST\r\n" % sum(map(len, content)), *content))

    def _padding(self, room_bytes: int) -> bytes:
        size = room_bytes - len(self.head) - len(self.tail) - 2
        if size <= 0:
            return b""
        text = _FILLER.text
        if size > len(text):
            text = _FILLER.grow(size)
        if size % _LINE == _LINE - 1:  # the cut would fall between CR and LF
            return text[: size - 1] + b"x"
        return text[:size]


def _headers(subject: str, sender_domain: str) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = f"loadkit <loadkit@{sender_domain}>"
    message["To"] = "undisclosed-recipients:;"
    message["Subject"] = subject
    message["Date"] = formatdate()
    message["MIME-Version"] = "1.0"
    return message.as_bytes().removesuffix(b"\r\n")
