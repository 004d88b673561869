from __future__ import annotations

import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.content import HEAD_BYTES, ContentReader

# Pieces that matter to the end mark and to dot-stuffing come often.
CONTENTS = st.lists(
    st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"a", b"\r\n.", b"..", b"\r\n\r\n"]), max_size=40
).map(b"".join)


def on_the_wire(content: bytes) -> bytes:
    """What a client sends for a content: RFC 5321, section 4.5.2."""
    stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
    return stuffed + (b"" if not content or content.endswith(b"\r\n") else b"\r\n") + b".\r\n"


def with_line_end(content: bytes) -> bytes:
    return content if not content or content.endswith(b"\r\n") else content + b"\r\n"


def read(chunks: list[bytes]) -> tuple[ContentReader, bytes]:
    reader = ContentReader()
    for number, chunk in enumerate(chunks):
        rest = reader.feed(chunk)
        if rest is not None:
            return reader, rest + b"".join(chunks[number + 1 :])
    raise AssertionError("no end found")


@given(
    CONTENTS, st.lists(st.integers(0, 120), max_size=12), st.sampled_from([b"", b"QUIT\r\n", b".\r\n", b"\r\n.\r\n"])
)
def test_content_comes_back_however_the_stream_is_cut(content: bytes, cuts: list[int], following: bytes) -> None:
    wire = on_the_wire(content) + following
    edges = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    chunks = [wire[start:end] for start, end in pairwise(edges)]
    reader, rest = read(chunks)
    whole = with_line_end(content)
    assert (reader.size_bytes, rest) == (len(whole), following)
    header, blank, body = whole.partition(b"\r\n\r\n")
    assert reader.head.startswith(header + blank)
    assert whole.startswith(reader.head)
    assert reader.checksum == zlib.crc32(body)


def test_byte_by_byte_is_the_same() -> None:
    content = b"Subject: x\r\n\r\n.hidden\r\n..two\r\nlast\r\n"
    reader, rest = read([bytes([byte]) for byte in on_the_wire(content)])
    assert (reader.head, reader.size_bytes, rest) == (b"Subject: x\r\n\r\n", len(content), b"")


def test_empty_content() -> None:
    reader, rest = read([b".\r\nQUIT\r\n"])
    assert (reader.head, reader.size_bytes, rest) == (b"", 0, b"QUIT\r\n")


@pytest.mark.parametrize("mark", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\n\n.\r\n\n"])
def test_other_line_ends_do_not_end_the_content(mark: bytes) -> None:
    assert ContentReader().feed(b"a" + mark + b"MAIL FROM:<smuggled@example.com>") is None


def test_only_the_head_is_kept() -> None:
    reader = ContentReader()
    assert all(reader.feed(b"x" * 65536) is None for _ in range(100))
    assert reader.feed(b"\r\n.\r\n") == b""
    assert reader.head == b"x" * HEAD_BYTES
    assert reader.size_bytes == 6553600 + 2


def test_dots_are_unstuffed_beyond_the_head() -> None:
    content = (b"." * 70 + b"\r\n") * 1000
    reader, _ = read([on_the_wire(content)])
    assert reader.size_bytes == len(content)
    assert content.startswith(reader.head[:-1])


def test_checksum_of_a_long_body() -> None:
    body = (b"." * 70 + b"\r\n") * 1000
    reader, _ = read([on_the_wire(b"Subject: x\r\n\r\n" + body)])
    assert reader.checksum == zlib.crc32(body)


def test_a_header_longer_than_what_is_kept_has_no_checksum() -> None:
    reader, _ = read([on_the_wire(b"X: y\r\n" * HEAD_BYTES + b"\r\nbody\r\n")])
    assert reader.checksum is None


@given(CONTENTS, st.integers(1, 50))
def test_content_without_dots_stuffed_is_read_alike(content: bytes, step: int) -> None:
    whole = with_line_end(content)
    plain, (stuffed, _) = ContentReader(), read([on_the_wire(content)])
    for start in range(0, len(whole), step):
        plain.add(whole[start : start + step])
    assert (plain.size_bytes, plain.checksum) == (stuffed.size_bytes, stuffed.checksum)
