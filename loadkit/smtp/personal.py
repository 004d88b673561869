"""Messages that differ in what they say: fixed bytes with gaps, filled for each by a few formatting operations."""

from __future__ import annotations

import random
from binascii import b2a_base64
from collections.abc import Iterator, Sequence
from email.utils import formatdate
from time import gmtime, strftime
from typing import Any
from zlib import crc32

from loadkit.smtp.checksum import LEAST_BYTES, Known, append
from loadkit.smtp.fields import Encoded, Field, Pattern, Piece, Slot
from loadkit.smtp.message import BODY_LINE_BYTES, IDENTIFYING_BYTES, Particulars, dot_stuff, filler, filler_checksum
from loadkit.smtp.mime import FILLER, Letter
from loadkit.smtp.signing import SEAL_LENGTH, DkimSigner
from loadkit.smtp.transfer import base64_lines

# Only tells messages apart, those of several processes too; what is sent when does not depend on it.
_RANDOM = random.Random()
_bits = _RANDOM.getrandbits
# A line of it differs from message to message at a fifth of the cost of encoding random bytes for each.
_SEALS = b2a_base64(_RANDOM.randbytes(4200), newline=False)
_SEAL_BITS = 12


class PersonalTemplate:
    """A message kind's bytes with gaps; a `Template` for messages that are not all alike.

    Args:
        letter: What the messages look like.
        seal: Header lines before all others, such as those of `sized_signature`.
        signer: Signs each message.

    Attributes:
        padded: Whether filler brings the message to the wanted size.
        longest_header_bytes: Length of the longest header line, without CRLF, where its fields are as long as they get.
        needs: Extensions without which the content can't be sent.
        minimum_bytes: Size of the smallest message that has the longest fields, identifying headers of usual length
            included.
    """

    __slots__ = (
        "_dates",
        "_encoded",
        "_fixed_bytes",
        "_header",
        "_plain",
        "_sealed",
        "_signer",
        "_start_sum",
        "_wire",
        "longest_header_bytes",
        "minimum_bytes",
        "needs",
        "padded",
    )

    def __init__(self, letter: Letter, *, seal: Sequence[bytes | Slot] = (), signer: DkimSigner | None = None) -> None:
        content = letter.content()
        self._header = Pattern([*seal, *letter.header(), content.header, b"\r\n"])
        self._encoded = tuple(piece.content for piece in content.body if isinstance(piece, Encoded))
        body = _numbered(content.body)
        self._plain = _Layout(body)
        stuffed = list(_stuffed(body))
        self._wire = self._plain if stuffed == body else _Layout(stuffed)
        self._start_sum = crc32(self._plain.before)
        self._sealed = bool(seal)
        self._signer = signer
        self._dates: tuple[int, bytes, bytes] = (-1, b"", b"")
        self.padded = letter.padded
        self._fixed_bytes = BODY_LINE_BYTES + self._plain.fixed_bytes + (signer.size_bytes() if signer else 0)
        people = letter.correspondents
        longest = self._values(Particulars(2**31 - 1, 2e9, people.sender.count - 1, people.recipient.count - 1))
        header, varied = self._header.fill(longest), self._plain.varied.fill(longest)
        least = IDENTIFYING_BYTES - BODY_LINE_BYTES + self._fixed_bytes + len(header) + len(varied)
        self.minimum_bytes = least + (2 if self.padded else 0)
        whole = b"".join((header, self._plain.before, varied, self._plain.behind.content, self._plain.tail.content))
        self.longest_header_bytes = max(map(len, header.split(b"\r\n")))
        self.needs = _needs(letter, header, whole)

    def render_data(self, ids: bytes, size_bytes: int, particulars: Particulars) -> bytes:
        """What is sent after 354; see `Template.render_data`.

        Args:
            ids: Lines from `IdHeaders`.
            size_bytes: Wanted size of the content; without meaning where the template is not padded.
            particulars: What the fields of this message say.
        """
        return b"".join((*self._parts(ids, size_bytes, particulars, self._wire), b".\r\n"))

    def render_bdat(self, ids: bytes, size_bytes: int, particulars: Particulars) -> bytes:
        """The one BDAT command that carries the whole content (RFC 3030); arguments as for `render_data`."""
        content = self._parts(ids, size_bytes, particulars, self._plain)
        return b"".join((b"BDAT %d LAST\r\n" % sum(map(len, content)), *content))

    def _parts(self, ids: bytes, size_bytes: int, particulars: Particulars, layout: _Layout) -> tuple[bytes, ...]:
        values = self._values(particulars)
        plain = self._plain
        header, varied = self._header.fill(values), plain.varied.fill(values)
        padding = b""
        if self.padded:
            padding = filler(size_bytes - self._fixed_bytes - len(ids) - len(header) - len(varied))
        checksum = plain.behind.after(crc32(varied, self._start_sum))
        if len(padding) < LEAST_BYTES:
            # Over 4 KiB this is 1.2 us, a fifth of the whole rendering.
            checksum = crc32(padding, checksum)
        else:
            checksum = append(checksum, len(padding), filler_checksum(padding))
        checksum = plain.tail.after(checksum)
        checked = b"%bX-Loadkit-Body: %08x\r\n" % (ids, checksum)
        signature = b""
        if self._signer is not None:
            parts = (checked, header, plain.before, varied, plain.behind.content, padding, plain.tail.content)
            signature = self._signer.sign(b"".join(parts))
        if layout is not plain:
            varied = layout.varied.fill(values)
        return checked, signature, header, layout.before, varied, layout.behind.content, padding, layout.tail.content

    def _values(self, particulars: Particulars) -> tuple[Any, ...]:
        """What fills the gaps, in the order of `Field`; behind them what has to be encoded."""
        seq, unix_s, sender, recipient = particulars
        second = int(unix_s)
        dates = self._dates
        if second != dates[0]:
            day = strftime("%Y-%m-%d", gmtime(second)).encode()
            self._dates = dates = (second, day, formatdate(second).encode())
        seal = b""
        if self._sealed:
            start = _bits(_SEAL_BITS)
            seal = _SEALS[start : start + SEAL_LENGTH]
        values = (recipient, sender, seq, dates[1], _bits(64), _bits(128), dates[2], second, seal)
        if self._encoded:
            return values + tuple([base64_lines(content.fill(values)) for content in self._encoded])
        return values


class _Layout:
    """A body as sent or as it is: what stands before the first gap, from there to the last, and behind it.

    Args:
        body: Its pieces.
    """

    __slots__ = ("before", "behind", "fixed_bytes", "tail", "varied")

    def __init__(self, body: Sequence[bytes | Slot]) -> None:
        end = body.index(FILLER) if FILLER in body else len(body)
        gaps = [index for index in range(end) if isinstance(body[index], Slot)]
        first, last = (gaps[0], gaps[-1] + 1) if gaps else (end, end)
        self.before = _joined(body[:first])
        self.varied = Pattern(body[first:last])
        self.behind = Known(_joined(body[last:end]))
        self.tail = Known(_joined(body[end + 1 :]))
        self.fixed_bytes = len(self.before) + len(self.behind.content) + len(self.tail.content)


def _joined(pieces: Sequence[bytes | Slot]) -> bytes:
    return Pattern(pieces).fill(())


def _numbered(body: Sequence[Piece]) -> list[bytes | Slot]:
    """The pieces with a gap, numbered behind the fields, in place of each that has to be encoded."""
    places = iter(range(len(Field), len(Field) + len(body)))
    return [Slot(next(places), b"%b") if isinstance(piece, Encoded) else piece for piece in body]


def _stuffed(body: Sequence[bytes | Slot]) -> Iterator[bytes | Slot]:
    """The pieces dot-stuffed. A field never begins with a dot, nor does base64."""
    begins_line = True
    for piece in body:
        if isinstance(piece, bytes):
            stuffed = dot_stuff(piece)
            yield stuffed if begins_line or not piece.startswith(b".") else stuffed[1:]
        else:
            yield piece
        # Filler and encoded content are whole lines.
        begins_line = piece.endswith(b"\r\n") if isinstance(piece, bytes) else piece.place not in _IN_LINE


_IN_LINE = frozenset(Field)


def _needs(letter: Letter, header: bytes, whole: bytes) -> tuple[bytes, ...]:
    utf8 = (b"SMTPUTF8",) if letter.utf8 or not header.isascii() else ()
    return utf8 if letter.transfer != "8bit" and whole.isascii() else (*utf8, b"8BITMIME")
