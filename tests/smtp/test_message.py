"""Messages: exact sizes, stuffed dots, no bare line ends."""

from __future__ import annotations

import email
import re
import zlib
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.smtp.attachment import AttachedFile
from loadkit.smtp.message import (
    BODY_HEADER,
    BODY_LINE_BYTES,
    ID_HEADER,
    SENT_HEADER,
    IdHeaders,
    Template,
    dot_stuff,
    normalise_line_ends,
)

IDS = IdHeaders("abcdefgh", 3).lines(1041, 1.5, 2.25, b"order_notice")
BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
# Contents in which dots and line ends of every kind are frequent.
CONTENTS = st.binary(max_size=60) | st.lists(
    st.sampled_from([b".", b"..", b"\r", b"\n", b"\r\n", b"a", b"\r\n.\r\n", b"\n.\n", b"\r.\r"]), max_size=20
).map(b"".join)


def unstuff(wire: bytes) -> bytes:
    """What a receiver makes of content with its end mark (RFC 5321 section 4.5.2), a line at a time."""
    content, ended = [], False
    for line in re.findall(rb"(?s:.*?)\r\n|(?s:.+)", wire):
        assert not ended, "content goes on behind the final dot"
        assert line.endswith(b"\r\n")
        ended = line == b".\r\n"
        if not ended:
            content.append(line[1:] if line[:1] == b"." else line)
    assert ended
    return b"".join(content)


def unchunk(wire: bytes) -> bytes:
    """What a receiver makes of the one BDAT command (RFC 3030)."""
    command, _, content = wire.partition(b"\r\n")
    assert command == b"BDAT %d LAST" % len(content)
    return content


def parse(content: bytes) -> EmailMessage:
    """What the standard library makes of it."""
    return email.message_from_bytes(content, policy=SMTP)


# --- line ends and dots ---


@settings(deadline=None)
@given(CONTENTS)
def test_line_ends_become_crlf_and_the_last_line_ends(raw: bytes) -> None:
    normal = normalise_line_ends(raw)
    assert not BARE.search(normal)
    assert normal.endswith(b"\r\n")
    assert normalise_line_ends(normal) == normal
    lines = re.split(rb"\r\n|\r|\n", raw)
    if lines[-1] == b"" and len(lines) > 1:
        lines.pop()
    assert normal[:-2].split(b"\r\n") == lines


@settings(max_examples=300, deadline=None)
@given(CONTENTS)
def test_a_receiver_gets_the_content_as_it_was(raw: bytes) -> None:
    content = normalise_line_ends(raw)
    stuffed = dot_stuff(content)
    assert not BARE.search(stuffed)
    assert unstuff(stuffed + b".\r\n") == content
    assert len(stuffed) - len(content) == sum(line.startswith(b".") for line in content.split(b"\r\n"))


@pytest.mark.parametrize(
    ("content", "stuffed"),
    [
        (b".\r\n", b"..\r\n"),
        (b"..\r\n", b"...\r\n"),
        (b"a.\r\n.b\r\n", b"a.\r\n..b\r\n"),
        (b"a\r\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n"),
        (b"\r\n\r\n.", b"\r\n\r\n.."),
        (b" .\r\n", b" .\r\n"),
    ],
)
def test_dots_are_stuffed(content: bytes, stuffed: bytes) -> None:
    assert dot_stuff(content) == stuffed


# --- sizes ---


def check_sum(content: bytes) -> None:
    """The line behind the ids names the CRC-32 of the body: of all behind the first empty line."""
    header, _, body = content.partition(b"\r\n\r\n")
    (told,) = re.findall(rb"^X-Loadkit-Body: ([0-9a-f]{8})$", header.replace(b"\r\n", b"\n"), re.MULTILINE)
    assert int(told, 16) == zlib.crc32(body)


def made(*files: tuple[str, int, str]) -> tuple[AttachedFile, ...]:
    """Files by name, size in bytes and content type."""
    return tuple(AttachedFile.random(*file) for file in files)


TEMPLATES = {
    "text": Template.sized(subject="Order received", sender_domain="example.com"),
    "subject in any script": Template.sized(subject="订单已收到 Grüße " * 12, sender_domain="example.com"),
    "attachments": Template.with_attachments(
        subject="Notice",
        sender_domain="example.com",
        attachments=made(("a.pdf", 300, "application/pdf"), ("通知.csv", 1, "text/csv"), ("empty.bin", 0, "image/png")),
    ),
}


def check_size(template: Template, size: int) -> None:
    least = len(IDS) + BODY_LINE_BYTES + len(template.head) + len(template.tail) + 2
    wire = template.render_data(IDS, size)
    content = unstuff(wire)
    assert len(content) == max(size, least)
    assert not BARE.search(content)
    assert content.startswith(IDS)
    check_sum(content)
    assert max(map(len, content.split(b"\r\n"))) <= 998  # RFC 5322 section 2.1.1
    assert unchunk(template.render_bdat(IDS, size)) == content


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_size_is_exact(name: str) -> None:
    template = TEMPLATES[name]
    least = len(IDS) + BODY_LINE_BYTES + len(template.head) + len(template.tail) + 2
    for size in (0, 1, *range(least - 80, least + 400)):
        check_size(template, size)


# The filler is a block of 256 lines, repeated for larger bodies.
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000) | st.integers(19_900, 20_600), st.sampled_from(sorted(TEMPLATES)))
def test_large_sizes_are_exact(size: int, name: str) -> None:
    check_size(TEMPLATES[name], size)


def test_a_large_message_has_its_size_too() -> None:
    check_size(TEMPLATES["text"], 3_000_001)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 10**12)), max_size=12))
def test_what_was_rendered_before_does_not_matter(sends: list[tuple[int, int]]) -> None:
    template = Template.sized(subject="x", sender_domain="example.com")
    for size, seq in sends:
        ids = IdHeaders("abcdefgh", 0).lines(seq, 1.5, 2.5, b"x")
        fresh = replace(template)  # the same headers, and nothing rendered yet
        assert template.render_data(ids, size) == ids + fresh.render_data(ids, size)[len(ids) :]
        assert unstuff(template.render_data(ids, size)) == unchunk(template.render_bdat(ids, size))


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_smallest_size_told_is_exact(name: str) -> None:
    template = TEMPLATES[name]
    ids = IdHeaders("abcdefgh12345678", 9_999).lines(2**31, 1_800_000_000.0, 1_800_000_000.0, b"k" * 40)
    assert len(ids) + BODY_LINE_BYTES <= 250
    for size in (template.minimum_bytes, template.minimum_bytes + 1):
        assert len(unstuff(template.render_data(ids, size))) == size


# --- what is in them ---


@pytest.mark.parametrize("subject", ["Order received", "订单已收到", "Grüße " * 30, "a" * 300, "1 < 2 = 3?"])
def test_headers_say_what_they_were_given(subject: str) -> None:
    template = Template.sized(subject=subject, sender_domain="mail.example.com")
    message = parse(unstuff(template.render_data(IDS, 4000)))
    assert message["Subject"].strip() == subject.strip()
    assert message["From"] == "loadkit <loadkit@mail.example.com>"
    assert message.get_content_type() == "text/plain"
    assert message["Date"].datetime is not None
    assert message.get_content().isascii()
    assert message.defects == []
    assert template.needs == ()
    assert template.head.isascii()


def test_attachments_are_mime() -> None:
    attachments = (
        ("a b.pdf", 5000, "application/pdf"),
        ("通知书.csv", 57, "text/csv"),
        ("one.bin", 1, "application/octet-stream"),
        ("none.png", 0, "image/png"),
    )
    template = Template.with_attachments(subject="Notice", sender_domain="example.com", attachments=made(*attachments))
    message = parse(unstuff(template.render_data(IDS, 12_000)))
    assert message.get_content_type() == "multipart/mixed"
    *attached, text = message.iter_parts()
    found = [(part.get_filename(), len(part.get_payload(decode=True)), part.get_content_type()) for part in attached]
    assert found == list(attachments)
    assert [part.get_content_disposition() for part in attached] == ["attachment"] * 4
    assert text.get_content_type() == "text/plain"
    assert len(text.get_content()) > 1000
    assert [part.defects for part in message.walk()] == [[]] * 6
    assert message["X-Loadkit-Id"] == "abcdefgh.3.1041"


def test_attachments_are_the_same_in_every_process() -> None:
    def make() -> bytes:
        template = Template.with_attachments(
            subject="x", sender_domain="example.com", attachments=made(("a.bin", 500, "image/png"))
        )
        return template.head.partition(b"\r\n\r\n")[2]

    assert make() == make()


OWN = {
    "line feeds": (b"Subject: a\n\nhello\n", b"Subject: a\r\n\r\nhello\r\n", ()),
    "carriage returns": (b"Subject: a\r\rhello\r", b"Subject: a\r\n\r\nhello\r\n", ()),
    "all kinds": (b"Subject: a\r\n\nb\rc\n\rd", b"Subject: a\r\n\r\nb\r\nc\r\n\r\nd\r\n", ()),
    "no last line end": (b"Subject: a\n\nhello", b"Subject: a\r\n\r\nhello\r\n", ()),
    "dots": (b"Subject: a\n\n.\n..\n.b\n", b"Subject: a\r\n\r\n.\r\n..\r\n.b\r\n", ()),
    "a lone dot at the end": (b"Subject: a\n\n.", b"Subject: a\r\n\r\n.\r\n", ()),
    "no body": (b"Subject: a\n\n", b"Subject: a\r\n\r\n", ()),
    "8 bit": (
        "Subject: a\nContent-Type: text/plain; charset=utf-8\n\nGrüße\n".encode(),
        "Subject: a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße\r\n".encode(),
        (b"8BITMIME",),
    ),
}


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("size", [0, 100, 50_000])
def test_own_messages_are_sent_as_they_are(name: str, size: int) -> None:
    raw, sent, needs = OWN[name]
    template = Template.from_eml(raw)
    content = unstuff(template.render_data(IDS, size))
    assert unchunk(template.render_bdat(IDS, size)) == content
    assert content[: len(IDS)] == IDS
    assert content[len(IDS) + BODY_LINE_BYTES :] == sent
    check_sum(content)
    assert template.needs == needs
    message = parse(content)
    assert message["Subject"] == "a"
    assert message["X-Loadkit-Id"] == "abcdefgh.3.1041"


@pytest.mark.parametrize(
    ("raw", "needs"),
    [
        ("Subject: 订单\n\nhello\n".encode(), (b"SMTPUTF8", b"8BITMIME")),
        ("Subject: a\n\n订单\n".encode(), (b"8BITMIME",)),
        # Headers in other encodings than UTF-8 are no mail by any standard, and yet there is such mail.
        ("Subject: 订单\n\nhello\n".encode("gbk"), (b"8BITMIME",)),
    ],
    ids=["UTF-8 header", "UTF-8 body", "GBK header"],
)
def test_own_messages_need_what_they_hold(raw: bytes, needs: tuple[bytes, ...]) -> None:
    assert Template.from_eml(raw).needs == needs


@settings(deadline=None)
@given(CONTENTS)
def test_any_own_message_survives(raw: bytes) -> None:
    template = Template.from_eml(raw)
    content = unstuff(template.render_data(IDS, 0))
    assert content.startswith(IDS + BODY_HEADER + b": ")
    assert content[len(IDS) + BODY_LINE_BYTES :] == normalise_line_ends(raw)
    assert unchunk(template.render_bdat(IDS, 0)) == content
    assert len(content) <= template.minimum_bytes
    check_sum(content)


def test_a_message_without_body_has_the_sum_of_nothing() -> None:
    assert b"\r\nX-Loadkit-Body: 00000000\r\nSubject: a\r\n" in Template.from_eml(b"Subject: a").render_data(IDS, 0)


# --- identifying headers ---


@settings(deadline=None)
@given(
    st.from_regex(r"[a-z0-9]{8,16}", fullmatch=True),
    st.integers(0, 10**9),
    st.integers(0, 2**31),
    st.floats(0, 4e9),
    st.floats(0, 4e9),
)
def test_the_ledger_reads_the_id(run: str, sender: int, seq: int, intended_unix_s: float, sent_unix_s: float) -> None:
    lines = IdHeaders(run, sender).lines(seq, intended_unix_s, sent_unix_s, b"order_notice")
    assert lines.endswith(b"\r\n")
    assert not BARE.search(lines)
    headers = dict(line.split(b": ", 1) for line in lines[:-2].split(b"\r\n"))
    assert headers.pop(ID_HEADER) == f"{run}.{sender}.{seq}".encode()
    *times, kind = headers.pop(SENT_HEADER).split(b" ")
    assert [int(number) for number in times] == [int(intended_unix_s * 1e6), int(sent_unix_s * 1e6)]
    assert kind == b"order_notice"
    assert headers == {b"Message-ID": f"<{seq}.{sender}.{run}@loadkit.invalid>".encode()}


def test_the_headers_word_for_word() -> None:
    assert IDS == (
        b"X-Loadkit-Id: abcdefgh.3.1041\r\n"
        b"X-Loadkit-Sent: 1500000 2250000 order_notice\r\n"
        b"Message-ID: <1041.3.abcdefgh@loadkit.invalid>\r\n"
    )
