"""Replies: split anywhere, bounded everywhere."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase
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
TEXTS = TEXT.map(str.encode) | st.just(b"\ttab") | st.just(b"")
LINE_ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\n"])
CUTS = st.lists(st.integers(0, 400), max_size=12)
Expected = list[tuple[int, tuple[bytes, ...]]]


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, Expected]:
    """A stream of replies, and what they are."""
    replies = draw(st.lists(st.tuples(st.integers(200, 599), st.lists(TEXTS, min_size=1, max_size=4)), max_size=4))
    stream = b""
    for code, lines in replies:
        for line in lines[:-1]:
            stream += b"%d-%b%b" % (code, line, draw(LINE_ENDS))
        bare = not lines[-1] and draw(st.booleans())  # RFC 5321 section 4.2 lets a server leave out the blank
        stream += b"%d%b%b%b" % (code, b"" if bare else b" ", lines[-1], draw(LINE_ENDS))
    return stream, [(code, tuple(lines)) for code, lines in replies]


def read(pieces: list[bytes]) -> tuple[list[Reply], str, bool]:
    """The replies of a stream in pieces, how it broke, and whether part of one more is there."""
    reader, found = ReplyReader(), []
    for piece in pieces:
        try:
            found += reader.feed(piece)
        except ReplyError as error:
            return found + list(error.replies), error.reason, False
    return found, "", reader.partial


def cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(place for place in cuts if place < len(stream)), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


@settings(max_examples=200, deadline=None)
@given(streams(), CUTS)
def test_replies_are_the_same_wherever_the_stream_is_cut(stream: tuple[bytes, Expected], cuts: list[int]) -> None:
    data, expected = stream
    found, reason, partial = read(cut(data, cuts))
    assert [(reply.code, reply.lines) for reply in found] == expected
    assert [reply.positive for reply in found] == [code < 300 for code, _ in expected]
    assert (reason, partial) == ("", False)


def test_replies_are_the_same_cut_at_every_byte() -> None:
    data = b"250-mail.test\r\n250-SIZE 1000\r\n250 HELP\r\n354\r\n550 5.1.1 nobody\n"
    whole = read([data])
    assert [reply.code for reply in whole[0]] == [250, 354, 550]
    for place in range(len(data)):
        assert read([data[:place], data[place:]]) == whole
    assert read([data[place : place + 1] for place in range(len(data))]) == whole


FAULTS = st.binary(max_size=40) | st.sampled_from([b"xx\r\n", b"250-a\r\n251 b\r\n", b"250 a\rb\r\n", b"199 a\n"])


@settings(max_examples=200, deadline=None)
@given(streams(), FAULTS, CUTS)
def test_what_comes_before_a_fault_and_the_fault_are_the_same_wherever_the_stream_is_cut(
    stream: tuple[bytes, Expected], fault: bytes, cuts: list[int]
) -> None:
    data = stream[0] + fault
    whole = read([data])
    assert read(cut(data, cuts)) == whole
    assert len(whole[0]) >= len(stream[1])


def test_part_of_a_reply_is_noticed() -> None:
    reader = ReplyReader()
    assert not reader.partial
    for piece, partial in ((b"2", True), (b"50-a\r\n", True), (b"250 ", True), (b"b\r\n", False), (b"250-", True)):
        reader.feed(piece)
        assert reader.partial is partial


PIECES = st.sampled_from(
    [b"250", b" ok", b"-", b"\r\n", b"\n", b"\r", b"550 5.1.1 x\r\n", b"199", b"\x00", b" ", b"354 go\r\n"]
)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=80) | st.lists(PIECES, max_size=12).map(b"".join) | streams().map(lambda stream: stream[0]))
def test_the_cached_paths_agree_with_the_reader(data: bytes) -> None:
    replies, reason, partial = read([data])
    whole = not reason and not partial
    assert whole_replies(data) == (tuple(replies) if whole else ())
    single = whole and len(replies) == 1 and len(replies[0].lines) == 1
    assert whole_reply(data) == (replies[0] if single else None)


@pytest.mark.parametrize("length", [MAX_LINE_BYTES - 1, MAX_LINE_BYTES, MAX_LINE_BYTES + 1])
def test_the_cached_paths_agree_with_the_reader_at_the_longest_line(length: int) -> None:
    data = b"250 ".ljust(length - 1, b"x") + b"\n"
    assert len(data) == length
    (reply,) = ReplyReader().feed(data)
    assert whole_replies(data) == (reply,)
    # One line may go by the slower way, but never be taken for another.
    assert whole_reply(data) in (reply, None)


LONGEST = b"250 ".ljust(MAX_LINE_BYTES, b"x")


@pytest.mark.parametrize(
    "pieces",
    [
        [LONGEST + b"x\n"],
        [LONGEST + b"\r\n"],
        [LONGEST + b"x"],
        [b"250 ok\r\n" + LONGEST + b"x"],
        [LONGEST, b"x"],
        [b"250-a\r\n", LONGEST[:2000], LONGEST[2000:], b"x\r\n"],
        [b"x" * 10_000_000],
    ],
)
def test_a_line_has_a_greatest_length(pieces: list[bytes]) -> None:
    _, reason, _ = read(pieces)
    assert reason == "reply_line_too_long"


def test_a_line_of_the_greatest_length_is_taken() -> None:
    (reply,) = ReplyReader().feed(LONGEST + b"\n")
    assert len(reply.lines[0]) == MAX_LINE_BYTES - 4


@pytest.mark.parametrize("size", [1, 7, 1000, 100_000])
def test_a_reply_has_a_greatest_number_of_lines(size: int) -> None:
    most = b"250-x\r\n" * (MAX_LINES - 1)
    data = most + b"250 x\r\n"
    (reply,) = read([data[at : at + size] for at in range(0, len(data), size)])[0]
    assert len(reply.lines) == MAX_LINES
    for last in (b"250 x\r\n", b"250-x\r\n"):
        data = most + b"250-x\r\n" + last
        assert read([data[at : at + size] for at in range(0, len(data), size)])[1] == "reply_too_many_lines"


def test_the_bound_on_lines_is_for_each_reply() -> None:
    data = b"250-x\r\n250 x\r\n" * MAX_LINES
    assert len(ReplyReader().feed(data)) == MAX_LINES


@pytest.mark.parametrize(
    "shape", [b"250 a%cb\r\n", b"250 a%c\r\n", b"250 a%cb\n", b"%c250 a\r\n", b"250-%c\r\n250 a\r\n"]
)
def test_control_characters_are_refused(shape: bytes) -> None:
    for byte in {*range(32), 127} - set(b"\t\n"):
        assert read([shape % byte]) == ([], "reply_control_character", False), byte


def test_a_control_character_at_the_end_of_a_line_is_refused_by_its_name() -> None:
    assert read([b"250 a\x00\n"])[1] == "reply_control_character"


@pytest.mark.parametrize(
    "data",
    [
        b"250-a\r\n251 b\r\n",
        b"250-a\r\n251-b\r\n",
        b"250-a\r\n550 b\r\n",
        b"000 low\r\n",
        b"100 low\r\n",
        b"199 low\r\n",
        b"600 high\r\n",
        b"999 high\r\n",
        b"25 short\r\n",
        b"2500 long\r\n",
        b"250_ok\r\n",
        b"250\tok\r\n",
        b" 250 ok\r\n",
        b"+250 ok\r\n",
        b"2 0 ok\r\n",
        "\u0662\u0665\u0660 ok\r\n".encode(),
        b"hello\r\n",
        b"\r\n",
        b"\n",
        b"25\r\n",
    ],
)
def test_what_is_no_reply_is_refused(data: bytes) -> None:
    assert read([data]) == ([], "reply_malformed", False)
    assert read([data[at : at + 1] for at in range(len(data))]) == ([], "reply_malformed", False)
    assert whole_reply(data) is None
    assert whole_replies(data) == ()


@pytest.mark.parametrize("code", [200, 250, 299, 300, 354, 399, 400, 421, 499, 500, 554, 599])
def test_codes_in_range(code: int) -> None:
    for data in (b"%d ok\r\n" % code, b"%d\r\n" % code, b"%d-a\r\n%d ok\r\n" % (code, code)):
        (reply,) = ReplyReader().feed(data)
        assert (reply.code, reply.positive) == (code, code < 300)


@pytest.mark.parametrize(
    ("data", "enhanced"),
    [
        (b"250 2.1.0 Ok\r\n", "2.1.0"),
        (b"550 5.1.1\r\n", "5.1.1"),
        (b"450 4.255.999 x\r\n", "4.255.999"),
        (b"451 4.7.0 bare line feed\n", "4.7.0"),
        (b"250-2.0.0 first\r\n250 2.1.5 last\r\n", "2.1.5"),
        (b"250-2.0.0 first\r\n250 last\r\n", ""),
        (b"250 2.1 no\r\n", ""),
        (b"250 3.1.0 no\r\n", ""),
        (b"250 2.1.0.4 no\r\n", ""),
        (b"250 2.1000.0 no\r\n", ""),
        (b"250 2.1.0x no\r\n", ""),
        (b"250 ok 2.1.0\r\n", ""),
        (b"250 \r\n", ""),
        (b"250\r\n", ""),
    ],
)
def test_enhanced_codes(data: bytes, enhanced: str) -> None:
    (reply,) = whole_replies(data)
    assert reply.enhanced == enhanced


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply(452, (b"4.2.2 full",), positive=False), Outcome(OutcomeClass.TRANSIENT, Phase.RCPT, 452, "4.2.2")),
        (Reply(421, (b"bye",), positive=False), Outcome(OutcomeClass.TRANSIENT, Phase.RCPT, 421)),
        (Reply(550, (b"5.1.1 no",), positive=False), Outcome(OutcomeClass.PERMANENT, Phase.RCPT, 550, "5.1.1")),
        (
            Reply(354, (b"go",), positive=False),
            Outcome(OutcomeClass.PROTOCOL, Phase.RCPT, 354, reason="reply_unexpected"),
        ),
        (
            Reply(250, (b"2.0.0 ok",), positive=True),
            Outcome(OutcomeClass.PROTOCOL, Phase.RCPT, 250, reason="reply_unexpected"),
        ),
    ],
)
def test_refusals(reply: Reply, outcome: Outcome) -> None:
    assert refusal(reply, Phase.RCPT) == outcome


def test_extensions() -> None:
    lines = (b"SIZE.example", b"size 1000", b"PIPELINING", b"AUTH PLAIN LOGIN", b"", b" STARTTLS ", b"x-vendor a=b c")
    assert extensions(Reply(250, lines, positive=True)) == {
        b"SIZE": b"1000",
        b"PIPELINING": b"",
        b"AUTH": b"PLAIN LOGIN",
        b"STARTTLS": b"",
        b"X-VENDOR": b"a=b c",
    }
    assert extensions(Reply(250, (b"mail.test",), positive=True)) == {}
