"""Content transfer encodings and encoded headers (RFC 2045, RFC 2047) of text with gaps."""

from __future__ import annotations

import html
import struct
from binascii import b2a_base64
from collections.abc import Iterator
from email import quoprimime
from email.header import Header
from typing import Literal

from loadkit.smtp.fields import Correspondents, Encoded, Escape, Field, Pattern, Piece, Slot, Text

Transfer = Literal["7bit", "8bit", "quoted-printable", "base64"]

MAX_LINE_BYTES = 998
"""Without its CRLF (RFC 5322 section 2.1.1)."""

_BASE64_LINE = 76
_BYTES_PER_BASE64_LINE = 57
_LITERAL_IN_WORDS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_FIRST_PRINTABLE, _LAST_PRINTABLE = 33, 126


def choose_transfer(sample: str, *, utf8: bool) -> Transfer:
    """The plainest encoding that carries a text to any server, or to one with SMTPUTF8.

    Args:
        sample: The text with its fields as long as they get.
        utf8: Whether the message is only for servers with SMTPUTF8, which take 8-bit text as well (RFC 6531).
    """
    if longest_line_bytes(sample) <= MAX_LINE_BYTES:
        if sample.isascii():
            return "7bit"
        if utf8:
            return "8bit"
    encoded = sample.encode()
    foreign = sum(byte > _LAST_PRINTABLE for byte in encoded)
    return "quoted-printable" if 3 * foreign + len(encoded) - foreign <= len(encoded) * 4 / 3 else "base64"


def longest_line_bytes(text: str) -> int:
    """Length of the longest line in bytes."""
    return max(len(line.encode()) for line in text.split("\n"))


def encode_text(
    text: Text, transfer: Transfer, correspondents: Correspondents, *, markup: bool = False
) -> tuple[Piece, ...]:
    """A text in CRLF lines as it is transferred.

    Args:
        text: Text and fields, in lines that each end in LF.
        transfer: The encoding.
        correspondents: Whose addresses the fields stand for.
        markup: Whether it is HTML, where an address may need character references.
    """
    escape = html.escape if markup else str
    if transfer == "quoted-printable":
        return tuple(_quoted_printable(text, correspondents, lambda letters: _quote(escape(letters))))
    pieces: list[bytes | Slot] = [
        _crlf(piece) if isinstance(piece, str) else correspondents.slot(piece, escape) for piece in text
    ]
    if transfer != "base64":
        return tuple(pieces)
    if not any(isinstance(piece, Slot) for piece in pieces):
        return (base64_lines(Pattern(pieces).fill(())),)
    # Whole lines before the first field are the same in every message.
    first = pieces[0] if isinstance(pieces[0], bytes) else b""
    fixed_bytes = len(first) - len(first) % _BYTES_PER_BASE64_LINE
    varied = Encoded(Pattern([first[fixed_bytes:], *pieces[1 if first else 0 :]]))
    return (base64_lines(first[:fixed_bytes]), varied) if fixed_bytes else (varied,)


def base64_lines(content: bytes) -> bytes:
    """Content in lines of base64."""
    text = b2a_base64(content, newline=False)
    whole, rest = divmod(len(text), _BASE64_LINE)
    # Cut by struct at half the cost of slices.
    lines = struct.unpack(f"{_BASE64_LINE}s" * whole + f"{rest}s" * (rest > 0), text)
    return b"\r\n".join(lines) + b"\r\n"


def encode_subject(text: Text, correspondents: Correspondents, *, utf8: bool) -> tuple[bytes | Slot, ...]:
    """The value of a subject: as it is where it is ASCII or may be UTF-8, else in encoded words (RFC 2047)."""
    if utf8 or correspondents.sample(text).isascii():
        return tuple(piece.encode() if isinstance(piece, str) else correspondents.slot(piece) for piece in text)
    pieces: list[bytes | Slot] = []
    for piece in text:
        # The white space between encoded words is not shown (RFC 2047 section 6.2), so each piece has words of its own.
        pieces.append(b"\r\n " if pieces else b"")
        if isinstance(piece, str):
            pieces.append(Header(piece, "utf-8", header_name="Subject").encode(linesep="\r\n").encode())
        else:
            slot = correspondents.slot(piece, _quote_in_word)
            pieces.append(Slot(slot.place, b"=?utf-8?q?%b?=" % slot.form))
    return tuple(pieces)


def _quoted_printable(text: Text, correspondents: Correspondents, escape: Escape) -> Iterator[bytes | Slot]:
    """Fields stand on lines of their own, between soft line breaks, so that no line grows too long by them."""
    for piece, following in zip(text, (*text[1:], "\n"), strict=True):
        if isinstance(piece, Field):
            yield correspondents.slot(piece, escape)
        else:
            yield quoprimime.body_encode(piece.encode().decode("latin-1"), eol="\r\n").encode("ascii")
        ends_line = isinstance(piece, str) and piece.endswith("\n")
        if not ends_line and not (isinstance(following, str) and following.startswith("\n")):
            yield b"=\r\n"


def _crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def _quote(text: str) -> str:
    return "".join(
        chr(byte) if _FIRST_PRINTABLE <= byte <= _LAST_PRINTABLE and byte != ord("=") else f"={byte:02X}"
        for byte in text.encode()
    )


def _quote_in_word(text: str) -> str:
    return "".join(chr(byte) if chr(byte) in _LITERAL_IN_WORDS else f"={byte:02X}" for byte in text.encode())
