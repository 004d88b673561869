"""Text with personal fields, made into bytes with gaps that one formatting operation fills for each message."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from operator import itemgetter
from typing import Any, NamedTuple

_WORD = r"[A-Za-z][A-Za-z0-9_]*"
_BRACES = re.compile(rf"\{{\{{({_WORD})\}}\}}|\{{({_WORD})\}}")


class Field(IntEnum):
    """What differs from message to message; the number is its place among a message's values."""

    RECIPIENT = 0
    SENDER = 1
    NUMBER = 2
    DATE = 3
    RANDOM = 4
    UNIQUE = 5
    MAIL_DATE = 6
    SECOND = 7
    SEAL = 8


FIELDS = {
    "recipient": Field.RECIPIENT,
    "sender": Field.SENDER,
    "number": Field.NUMBER,
    "date": Field.DATE,
    "random": Field.RANDOM,
}
"""The fields that texts may hold, by the names that people write."""

# Of the addresses only the number differs, so the rest of them becomes part of the fixed bytes.
_FORMS = {
    Field.NUMBER: b"%d",
    Field.DATE: b"%b",
    Field.RANDOM: b"%016x",
    Field.UNIQUE: b"%032x",
    Field.MAIL_DATE: b"%b",
    Field.SECOND: b"%d",
    Field.SEAL: b"%b",
}
_LONGEST = {
    Field.NUMBER: str(2**31 - 1),
    Field.DATE: "2026-12-31",
    Field.RANDOM: "f" * 16,
    Field.UNIQUE: "f" * 32,
}

Text = tuple[str | Field, ...]
"""Text and the fields in it, in their order."""
Escape = Callable[[str], str]
"""Writes a piece of text as its surroundings need it."""


class Slot(NamedTuple):
    """A gap.

    Args:
        place: Which of a message's values fills it.
        form: How, in the notation of ``%``; may have fixed bytes around.
    """

    place: int
    form: bytes


class Encoded(NamedTuple):
    """Content that is filled first and then encoded as base64.

    Args:
        content: What is encoded.
    """

    content: Pattern


Piece = bytes | Slot | Encoded


class Pattern:
    """Pieces to be filled with the values of a message.

    Args:
        pieces: Fixed bytes and gaps.
    """

    __slots__ = ("_form", "_pick")

    def __init__(self, pieces: Iterable[bytes | Slot]) -> None:
        pieces = list(pieces)
        places = [piece.place for piece in pieces if isinstance(piece, Slot)]
        self._form = b"".join(piece.form if isinstance(piece, Slot) else piece.replace(b"%", b"%%") for piece in pieces)
        self._pick: Callable[[Sequence[Any]], Any] = itemgetter(*places) if places else _none

    def fill(self, values: Sequence[Any]) -> bytes:
        """The bytes for a message with these values."""
        filled: bytes = self._form % self._pick(values)
        return filled


def _none(_values: Sequence[Any]) -> tuple[()]:
    return ()


@dataclass(frozen=True, slots=True)
class NumberedAddress:
    """Addresses that differ by a number.

    Args:
        local_part: What stands before the number.
        domain: What stands behind the @.
        count: How many there are; numbers go from 0.
    """

    local_part: str
    domain: str
    count: int

    def at(self, number: int) -> str:
        """The address of a number, modulo how many there are."""
        return f"{self.local_part}{number % self.count}@{self.domain}"

    def form(self, escape: Escape = str) -> bytes:
        """The address in the notation of ``%``."""
        head, tail = (escape(text).encode().replace(b"%", b"%%") for text in (self.local_part, f"@{self.domain}"))
        return b"%b%%d%b" % (head, tail)


@dataclass(frozen=True, slots=True)
class Correspondents:
    """Whom a message is from and to.

    Args:
        sender: The senders.
        recipient: The recipients.
    """

    sender: NumberedAddress
    recipient: NumberedAddress

    def slot(self, field: Field, escape: Escape = str) -> Slot:
        """The gap for a field.

        Args:
            field: Which.
            escape: For the letters of an address; the other fields have none that need it.
        """
        address = self._address(field)
        return Slot(field, _FORMS[field] if address is None else address.form(escape))

    def sample(self, text: Text) -> str:
        """A text with each field as long as it gets."""
        return "".join(piece if isinstance(piece, str) else self._longest(piece) for piece in text)

    def _longest(self, field: Field) -> str:
        address = self._address(field)
        return _LONGEST[field] if address is None else address.at(address.count - 1)

    def _address(self, field: Field) -> NumberedAddress | None:
        return {Field.RECIPIENT: self.recipient, Field.SENDER: self.sender}.get(field)


def parse_text(text: str) -> Text:
    """Text with fields such as ``{recipient}``; ``{{recipient}}`` stands for the word in braces itself.

    Braces around anything but one word are text like any other, as in style sheets.
    """
    return tuple(piece for piece in _pieces(text) if piece != "")


def unknown_fields(text: str) -> list[str]:
    """Words in single braces that are no fields."""
    return [match[2] for match in _BRACES.finditer(text) if match[2] and match[2] not in FIELDS]


def _pieces(text: str) -> Iterator[str | Field]:
    plain, end = "", 0
    for match in _BRACES.finditer(text):
        plain += text[end : match.start()]
        end = match.end()
        if match[2] in FIELDS:
            yield plain
            yield FIELDS[match[2]]
            plain = ""
        else:
            plain += f"{{{match[1] or match[2]}}}"
    yield plain + text[end:]
