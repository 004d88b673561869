"""Messages that are not all alike: right sizes, checksums and structure, whatever they hold."""

from __future__ import annotations

import email
import itertools
import re
import zlib
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.smtp.attachment import AttachedFile
from loadkit.smtp.fields import Correspondents, NumberedAddress, parse_text
from loadkit.smtp.message import BODY_LINE_BYTES, IdHeaders, Particulars
from loadkit.smtp.mime import Letter
from loadkit.smtp.personal import PersonalTemplate
from loadkit.smtp.signing import sized_signature
from loadkit.smtp.transfer import Transfer

IDS = IdHeaders("abcdefgh", 3).lines(41, 1.7e9, 1.7e9, b"notice")
MESSAGE = Particulars(41, 1_700_000_000.25, 3, 4711)
PEOPLE = Correspondents(NumberedAddress("shop", "example.com", 10), NumberedAddress("o'hara&=", "example.com", 10_000))
BODY = "亲爱的 {recipient}:\n.order {number} of {date}\n{random}\n.\n..x {sender}\n"
LETTER = Letter(PEOPLE, parse_text("订单 {number} 已收到"), body=parse_text(BODY))
FILES = (
    AttachedFile.random("通知.bin", 300, "application/pdf"),
    AttachedFile("dots.txt", b".\n..\n.x", "application/octet-stream"),
)
SEAL = sized_signature("example.com", "s1", 2048)
BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


def content_of(template: PersonalTemplate, size: int = 0, message: Particulars = MESSAGE) -> bytes:
    """What a receiver makes of the content, which is the same by DATA and by BDAT up to what is random."""
    wire = template.render_data(IDS, size, message)
    assert wire.endswith(b"\r\n.\r\n")
    assert b"\r\n.\r\n" not in wire[:-5]
    lines = wire[:-3].split(b"\r\n")
    content = b"\r\n".join(line.removeprefix(b".") for line in lines)
    assert len([line for line in lines if line.startswith(b".")]) == wire.count(b"\r\n..")
    chunk = template.render_bdat(IDS, size, message)
    command, _, chunked = chunk.partition(b"\r\n")
    assert command == b"BDAT %d LAST" % len(chunked)
    assert len(chunked) == len(content)
    for each in (content, chunked):
        header, _, body = each.partition(b"\r\n\r\n")
        (told,) = re.findall(rb"\r\nX-Loadkit-Body: ([0-9a-f]{8})\r\n", header)
        assert int(told, 16) == zlib.crc32(body)
        assert not BARE.search(each)
        assert max(map(len, each.split(b"\r\n"))) <= 998
    return content


def parse(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=SMTP)
    assert [defect for part in message.walk() for defect in part.defects] == []
    return message


def text_of(part: EmailMessage) -> str:
    return str(part.get_content()).replace("\r\n", "\n")


VARIANTS = list(
    itertools.product(
        (None, "8bit", "quoted-printable", "base64"), (0, 9000), (False, True), (None, 1500), (False, True)
    )
)


@pytest.mark.parametrize(("transfer", "size", "rich", "smime", "unique"), VARIANTS)
def test_every_combination_is_parsed_as_it_was_meant(
    transfer: Transfer | None, size: int, rich: bool, smime: int | None, unique: bool
) -> None:
    letter = replace(
        LETTER,
        html=parse_text("<p>{recipient}</p>\n.a{color:red}\n") if rich else None,
        attachments=FILES if rich else (),
        transfer=transfer,
        unique=unique,
        padded=size > 0,
        smime_bytes=smime,
    )
    template = PersonalTemplate(letter, seal=SEAL)
    content = content_of(template, size)

    assert len(content) == size if size else len(content) <= template.minimum_bytes <= len(content) + 200
    message = parse(content)
    assert str(message["Subject"]) == "订单 41 已收到"
    assert message["From"] == "loadkit <shop3@example.com>"
    assert message["To"] == "o'hara&=4711@example.com"
    assert message["Date"].datetime.timestamp() == 1_700_000_000
    leaves = [part for part in message.walk() if not part.is_multipart()]
    text = text_of(leaves[0])
    assert re.fullmatch(
        r"亲爱的 o'hara&=4711@example.com:\n.order 41 of 2023-11-14\n[0-9a-f]{16}\n.\n..x shop3@example.com\n"
        + (r"\nReference: [0-9a-f]{32}\n" if unique else "")
        + (r"[A-Za-z0-9 \n]*" if transfer == "8bit" and size and not rich else ""),
        text,
    ), text
    if rich:
        assert text_of(leaves[1]).startswith("<p>o&#x27;hara&amp;=4711@example.com</p>\n.a{color:red}\n")
        assert ("<!-- " in text_of(leaves[1])) == unique
        found = [(part.get_filename(), part.get_payload(decode=True), part.get_content_type()) for part in leaves[2:4]]
        assert found == [(file.name, file.content, file.type) for file in FILES]
    if smime is not None:
        assert message.get_content_type() == "multipart/signed"
        assert message.get_param("protocol") == leaves[-1].get_content_type() == "application/pkcs7-signature"
        assert leaves[-1].get_filename() == "smime.p7s"
        assert len(leaves[-1].get_payload(decode=True)) == smime


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30_000), st.integers(0, 2**31 - 1), st.integers(0, 9), st.integers(0, 9999))
def test_sizes_are_exact_whatever_the_fields_are(size: int, seq: int, sender: int, recipient: int) -> None:
    template = PersonalTemplate(replace(LETTER, padded=True, transfer="8bit", unique=True), seal=SEAL)
    content = content_of(template, size, Particulars(seq, 1.7e9, sender, recipient))

    assert len(content) == size or (size < template.minimum_bytes and len(content) <= template.minimum_bytes)


def test_the_smallest_size_told_is_that_of_the_longest_fields() -> None:
    ids = IdHeaders("abcdefgh12345678", 9_999).lines(2**31 - 1, 1.8e9, 1.8e9, b"k" * 40)
    for padded in (False, True):
        template = PersonalTemplate(replace(LETTER, padded=padded), seal=SEAL)
        wire = template.render_bdat(ids, 0, Particulars(2**31 - 1, 1.8e9, 9, 9999))
        content = wire.partition(b"\r\n")[2]
        assert len(content) - len(ids) - BODY_LINE_BYTES == template.minimum_bytes - 250


def test_messages_differ_only_where_they_should() -> None:
    plain = PersonalTemplate(Letter(PEOPLE, ("x",), body=("hello\n",)))
    unique = PersonalTemplate(Letter(PEOPLE, ("x",), body=("hello\n",), unique=True))
    bare = PersonalTemplate(Letter(PEOPLE, ("x",), unique=True, padded=True))

    def bodies(template: PersonalTemplate) -> set[bytes]:
        return {content_of(template, 2000).partition(b"\r\n\r\n")[2] for _ in range(50)}

    assert bodies(plain) == {b"hello\r\n"}
    assert len(bodies(unique)) == len(bodies(bare)) == 50


def test_dates_follow_the_time_of_sending() -> None:
    template = PersonalTemplate(Letter(PEOPLE, ("{date}",), body=parse_text("{date}")))
    texts = []
    for second in (0.0, 86_399.9, 86_400.0, 0.5):
        message = parse(content_of(template, 0, Particulars(1, second, 0, 0)))
        texts.append((text_of(message), message["Date"].datetime.timestamp()))

    assert texts == [("1970-01-01\n", 0), ("1970-01-01\n", 86_399), ("1970-01-02\n", 86_400), ("1970-01-01\n", 0)]


def test_only_one_recipient_is_named() -> None:
    message = parse(content_of(PersonalTemplate(replace(LETTER, names_recipient=False))))

    assert message["To"] == "undisclosed-recipients:;"


def test_nothing_is_needed_that_the_content_does_not_have() -> None:
    chinese, ascii_only = Letter(PEOPLE, ("订单",), body=("订单\n",)), Letter(PEOPLE, ("x",), body=("x\n",))
    abroad = Correspondents(PEOPLE.sender, NumberedAddress("用户", "例子.test", 5))

    assert PersonalTemplate(chinese).needs == PersonalTemplate(ascii_only).needs == ()
    assert PersonalTemplate(replace(chinese, transfer="8bit")).needs == (b"8BITMIME",)
    assert PersonalTemplate(replace(ascii_only, transfer="8bit")).needs == (b"8BITMIME",)
    assert PersonalTemplate(replace(chinese, utf8=True)).needs == (b"SMTPUTF8", b"8BITMIME")
    assert PersonalTemplate(replace(ascii_only, utf8=True)).needs == (b"SMTPUTF8",)
    assert PersonalTemplate(replace(ascii_only, correspondents=abroad)).needs == (b"SMTPUTF8", b"8BITMIME")


def test_headers_may_be_utf8() -> None:
    people = Correspondents(NumberedAddress("发件人", "例子.test", 5), NumberedAddress("用户", "例子.test", 5))
    content = content_of(
        PersonalTemplate(replace(LETTER, correspondents=people, utf8=True)), 0, MESSAGE._replace(recipient=2)
    )

    assert "\r\nSubject: 订单 41 已收到\r\n".encode() in content
    message = email.message_from_bytes(content, policy=SMTPUTF8)
    assert (message["From"], message["To"]) == ("loadkit <发件人3@例子.test>", "用户2@例子.test")
    assert text_of(message).startswith("亲爱的 用户2@例子.test:\n")


def test_a_percent_sign_is_a_letter_like_any_other() -> None:
    people = Correspondents(NumberedAddress("a%d%b", "example.com", 5), NumberedAddress("100%", "example.com", 5))
    for transfer in ("7bit", "quoted-printable", "base64"):
        letter = Letter(
            people, parse_text("50 % {number}"), body=parse_text("5 %d {recipient} %%\n"), transfer=transfer
        )
        message = parse(content_of(PersonalTemplate(letter), 0, MESSAGE._replace(recipient=2)))
        assert (str(message["Subject"]), text_of(message)) == ("50 % 41", "5 %d 100%2@example.com %%\n")


@pytest.mark.parametrize("size", [0, 10_000, 160_000, 700_001])
def test_the_checksum_of_long_messages_is_right(size: int) -> None:
    files = (AttachedFile.random("a.bin", 40_000, "application/pdf"),) if size != 10_000 else ()
    template = PersonalTemplate(
        replace(LETTER, attachments=files, padded=size > 0, smime_bytes=65_000 if files else None)
    )
    content = content_of(template, size)
    assert len(content) == size or not template.padded
