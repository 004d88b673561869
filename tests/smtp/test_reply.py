"""Replies: split anywhere, bounded everywhere."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.smtp.outcome import OutcomeClass, Phase
from loadkit.smtp.reply import (
    MAX_LINE_BYTES,
    MAX_LINES,
    Reply,
    ReplyError,
    ReplyReader,
    extensions,
    refusal,
    whole_replies,
    whole_reply,
)

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_characters="\x7f"), max_size=40)


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[tuple[int, tuple[bytes, ...]]]]:
    replies = draw(st.lists(st.tuples(st.integers(200, 599), st.lists(TEXT, min_size=1, max_size=4)), max_size=4))
    stream, expected = b"", []
    for code, texts in replies:
        lines = [text.encode() for text in texts]
        for line in lines[:-1]:
            stream += b"%d-%b\r\n" % (code, line)
        stream += b"%d %b\r\n" % (code, lines[-1])
        expected.append((code, tuple(lines)))
    return stream, expected


@given(streams(), st.lists(st.integers(0, 400)))
def test_replies_are_the_same_wherever_the_stream_is_cut(
    stream: tuple[bytes, list[tuple[int, tuple[bytes, ...]]]], cuts: list[int]
) -> None:
    data, expected = stream
    reader, found = ReplyReader(), []
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    for start, end in pairwise(edges):
        found += reader.feed(data[start:end])
    assert [(reply.code, reply.lines) for reply in found] == expected
    assert not reader.partial


@given(st.binary(max_size=80) | st.binary(max_size=30).map(lambda tail: b"250 ok\r\n" + tail))
def test_the_cached_paths_agree_with_the_reader(data: bytes) -> None:
    reader = ReplyReader()
    try:
        replies = reader.feed(data)
    except ReplyError:
        replies = []
        assert whole_reply(data) is None
    else:
        if reader.partial:
            replies = []
    assert list(whole_replies(data)) == replies
    if whole_reply(data) is not None:
        assert [whole_reply(data)] == replies


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"250 " + b"x" * MAX_LINE_BYTES + b"\r\n", "reply_line_too_long"),
        (b"250 " + b"x" * MAX_LINE_BYTES, "reply_line_too_long"),
        (b"250-x\r\n" * (MAX_LINES + 1), "reply_too_many_lines"),
        (b"250 a\x00b\r\n", "reply_control_character"),
        (b"250 a\x1bb\r\n", "reply_control_character"),
        (b"250-a\r\n251 b\r\n", "reply_malformed"),
        (b"199 low\r\n", "reply_malformed"),
        (b"600 high\r\n", "reply_malformed"),
        (b"hello\r\n", "reply_malformed"),
        (b"\r\n", "reply_malformed"),
        (b"25\r\n", "reply_malformed"),
    ],
)
def test_what_is_no_reply_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ReplyError) as error:
        ReplyReader().feed(data)
    assert error.value.reason == reason


@pytest.mark.parametrize(
    ("data", "code", "enhanced"),
    [
        (b"250 2.1.0 Ok\r\n", 250, "2.1.0"),
        (b"550 5.1.1\r\n", 550, "5.1.1"),
        (b"250 2.1 no\r\n", 250, ""),
        (b"250\r\n", 250, ""),
        (b"451 4.7.0 bare line feed\n", 451, "4.7.0"),
    ],
)
def test_codes(data: bytes, code: int, enhanced: str) -> None:
    reply = whole_reply(data)
    assert reply is not None
    assert (reply.code, reply.enhanced, reply.positive) == (code, enhanced, code < 300)


def test_a_reply_that_is_no_refusal_is_against_the_protocol() -> None:
    assert refusal(Reply(354, (b"go",), positive=False), Phase.RCPT).kind is OutcomeClass.PROTOCOL
    assert refusal(Reply(452, (b"4.2.2 full",), positive=False), Phase.RCPT).enhanced == "4.2.2"


def test_extensions() -> None:
    reply = Reply(250, (b"mail.example", b"size 1000", b"PIPELINING", b"AUTH PLAIN LOGIN", b""), positive=True)
    assert extensions(reply) == {b"SIZE": b"1000", b"PIPELINING": b"", b"AUTH": b"PLAIN LOGIN"}
