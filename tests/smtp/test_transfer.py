"""Encodings: whatever a text says and wherever its fields stand, the standard library reads what was meant."""

from __future__ import annotations

import email
import html
import re
from email.policy import SMTP

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.smtp.fields import Correspondents, Encoded, Field, NumberedAddress, Pattern, Piece, Text
from loadkit.smtp.transfer import base64_lines, choose_transfer, encode_subject, encode_text

PEOPLE = Correspondents(NumberedAddress("发件人", "例子.test", 10), NumberedAddress("o'hara&=?_", "example.com", 1000))
VALUES = (123, 4, 41, b"2026-11-24", 255, 2**127)
SAID = {Field.RECIPIENT: "o'hara&=?_123@example.com", Field.SENDER: "发件人4@例子.test", Field.NUMBER: "41"}
FIELDS = st.sampled_from(list(SAID))
LETTERS = st.text(st.sampled_from("aZ 0=.?_%é订\n<&"), max_size=120)


def texts(letters: st.SearchStrategy[str]) -> st.SearchStrategy[Text]:
    """Text and fields, no two texts side by side, none empty."""
    pieces = st.lists(letters.filter(bool) | FIELDS, max_size=8)
    return pieces.map(
        lambda drawn: tuple(
            piece
            for index, piece in enumerate(drawn)
            if not (isinstance(piece, str) and index and isinstance(drawn[index - 1], str))
        )
    )


def said(text: Text) -> str:
    return "".join(piece if isinstance(piece, str) else SAID[piece] for piece in text)


def filled(pieces: tuple[Piece, ...]) -> bytes:
    """What a message has: encoded pieces by themselves, the others together."""
    return Pattern(
        [base64_lines(piece.content.fill(VALUES)) if isinstance(piece, Encoded) else piece for piece in pieces]
    ).fill(VALUES)


@pytest.mark.parametrize("transfer", ["8bit", "quoted-printable", "base64"])
@settings(max_examples=40, deadline=None)
@given(text=texts(LETTERS))
def test_any_text_is_read_as_it_was_meant(transfer: str, text: Text) -> None:
    text = (*text, "\n") if not text or not isinstance(text[-1], str) else (*text[:-1], f"{text[-1]}\n")
    content = filled(encode_text(text, transfer, PEOPLE))  # type: ignore[arg-type]

    header = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {transfer}\r\n\r\n"
    message = email.message_from_bytes(header.encode() + content, policy=SMTP)
    assert message.get_payload(decode=True).decode().replace("\r\n", "\n") == said(text)  # type: ignore[union-attr]
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", content)
    if transfer != "8bit":
        assert content.isascii()
        assert max(map(len, content.split(b"\r\n"))) <= 76
        assert not re.search(rb"[ \t]\r\n", content)


def test_addresses_in_html_are_character_references() -> None:
    text: Text = ("<p>", Field.RECIPIENT, "</p>\n")

    for transfer in ("7bit", "quoted-printable"):
        content = filled(encode_text(text, transfer, PEOPLE, markup=True)).replace(b"=\r\n", b"").replace(b"=3D", b"=")
        assert b"<p>o&#x27;hara&amp;=?_123@example.com</p>" in content
        assert html.unescape(content.decode()) == "<p>o'hara&=?_123@example.com</p>\r\n"


@settings(max_examples=60, deadline=None)
@given(texts(st.text(st.sampled_from('aZ 0=.?_%é订<"('), max_size=60)))
def test_any_subject_is_read_as_it_was_meant(text: Text) -> None:
    value = Pattern(encode_subject(text, PEOPLE, utf8=False)).fill(VALUES)

    assert value.isascii()
    assert max(map(len, value.split(b"\r\n"))) <= 998
    message = email.message_from_bytes(b"Subject: " + value + b"\r\n\r\n", policy=SMTP)
    assert str(message["Subject"]).strip() == said(text).strip()


def test_a_subject_may_be_utf8() -> None:
    text: Text = ("订单 ", Field.NUMBER)

    assert Pattern(encode_subject(text, PEOPLE, utf8=True)).fill(VALUES).decode() == "订单 41"
    assert Pattern(encode_subject(text, PEOPLE, utf8=False)).fill(VALUES) == (
        b"=?utf-8?b?6K6i5Y2VIA==?=\r\n =?utf-8?q?41?="
    )


@pytest.mark.parametrize(
    ("sample", "utf8", "transfer"),
    [
        ("plain\n", False, "7bit"),
        ("plain\n", True, "7bit"),
        ("Vielen Dank für Ihre Bestellung\n", False, "quoted-printable"),
        ("订单已收到\n", False, "base64"),
        ("订单已收到\n", True, "8bit"),
        ("x" * 998 + "\n", False, "7bit"),
        ("x" * 999 + "\n", False, "quoted-printable"),
        ("订" * 333 + "\n", True, "base64"),
    ],
    ids=[
        "ASCII",
        "ASCII for SMTPUTF8",
        "German",
        "Chinese",
        "Chinese for SMTPUTF8",
        "long",
        "too long",
        "too long 8bit",
    ],
)
def test_the_plainest_encoding_that_carries_a_text_is_chosen(sample: str, utf8: bool, transfer: str) -> None:
    assert choose_transfer(sample, utf8=utf8) == transfer


def test_only_what_follows_the_first_field_is_encoded_for_each_message() -> None:
    fixed, varied = encode_text(("x" * 120, Field.NUMBER, "\n"), "base64", PEOPLE)

    assert fixed == base64_lines(b"x" * 114)
    assert isinstance(varied, Encoded)
    assert varied.content.fill(VALUES) == b"xxxxxx41\r\n"
