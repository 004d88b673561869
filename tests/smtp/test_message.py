"""Messages: exact sizes, stuffed dots, no bare line ends."""

from __future__ import annotations

import email
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.measure.ledger import parse_id_header
from loadkit.smtp.message import IdHeaders, Template, dot_stuff, normalise_line_ends

IDS = IdHeaders("abcdefgh", 3).lines(1041, 1.5, 2.25)
BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


def unstuff(wire: bytes) -> bytes:
    """What a receiver makes of content with its end mark (RFC 5321 section 4.5.2)."""
    assert wire.endswith(b"\r\n.\r\n")
    lines = wire[:-3].split(b"\r\n")
    assert b"." not in lines
    return b"\r\n".join(line.removeprefix(b".") for line in lines)


@given(st.binary())
def test_any_content_comes_out_as_it_went_in(raw: bytes) -> None:
    content = normalise_line_ends(raw)
    assert not BARE.search(content)
    assert unstuff(dot_stuff(content) + b".\r\n") == content


@given(st.integers(0, 3000))
def test_sizes_are_exact(size: int) -> None:
    template = Template.sized(subject="Grüße 你好", sender_domain="example.com")
    least = len(IDS) + len(template.head) + 2
    wire = template.render_data(IDS, size)
    content = unstuff(wire)
    assert len(content) == max(size, least)
    assert not BARE.search(content)
    command, _, chunk = template.render_bdat(IDS, size).partition(b"\r\n")
    assert command == b"BDAT %d LAST" % len(content)
    assert chunk == content


def test_rendering_again_gives_each_size_anew() -> None:
    template = Template.sized(subject="x", sender_domain="example.com")
    for size in (1000, 1000, 2000, 1000):
        assert len(unstuff(template.render_data(IDS, size))) == size


def test_attachments_are_mime() -> None:
    template = Template.with_attachments(
        subject="Notice", sender_domain="example.com", attachments=(("a b.pdf", 5000, "application/pdf"),)
    )
    message = email.message_from_bytes(unstuff(template.render_data(IDS, 12_000)))
    attachment, text = list(message.walk())[1:]
    assert attachment.get_filename() == "a b.pdf"
    assert len(bytes(attachment.get_payload(decode=True))) == 5000
    assert text.get_content_type() == "text/plain"
    assert parse_id_header(message["X-Loadkit-Id"].encode()) is not None


@pytest.mark.parametrize(
    ("raw", "needs"), [(b"Subject: a\n\n.dot\n..\n", ()), (b"Subject: \xc3\xa9\n\n", (b"8BITMIME",))]
)
def test_own_messages_are_sent_as_they_are(raw: bytes, needs: tuple[bytes, ...]) -> None:
    template = Template.from_eml(raw)
    assert unstuff(template.render_data(IDS, 0)) == IDS + normalise_line_ends(raw)
    assert template.needs == needs


def test_the_id_is_read_by_the_ledger() -> None:
    lines = dict(line.split(b": ", 1) for line in IDS.split(b"\r\n")[:-1])
    identity = parse_id_header(lines[b"X-Loadkit-Id"])
    assert identity is not None
    assert (identity.run, identity.sender, identity.seq) == ("abcdefgh", 3, 1041)
    assert lines[b"X-Loadkit-Sent"] == b"1500000 2250000"
