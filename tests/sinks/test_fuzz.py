"""Whatever a client sends, and however it is cut up, no sink stumbles, loses its place or grows.

``LOADKIT_FUZZ_EXAMPLES=200000`` makes a long run of it.
"""

from __future__ import annotations

import asyncio
import os
import re
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.mail import RUN, message
from support.unplugged import CREDENTIALS, MAX_SIZE_BYTES, Unplugged, settle

from sinks.fast.commands import MAX_LOGIN_LINE_BYTES
from sinks.options import Engine
from sinks.server import Service

EXAMPLES = int(os.environ.get("LOADKIT_FUZZ_EXAMPLES", "60"))
# aiosmtpd repeats an unknown command, with a CR that stands in it.
REPLIES = re.compile(rb"(?:[2-5]\d\d[ -][^\n]*\r\n)*")
MAX_HELD_BYTES = 2**18

fuzz = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
both_engines = pytest.mark.parametrize("engine", list(Engine))

WORDS = [
    *(b"EHLO client.test", b"HELO client.test", b"LHLO client.test", b"RSET", b"NOOP", b"NOOP x", b"HELP", b"QUIT x"),
    *(b"MAIL FROM:<a@example.com>", b"MAIL FROM:<> SIZE=10", b"mail from:<a@[192.0.2.1]> BODY=8BITMIME SMTPUTF8"),
    *(b"MAIL FROM:<a@example.com> SIZE=99999", b"MAIL FROM:a@b", b'RCPT TO:<"x y"@example.com>', b"RCPT TO:<b@c>"),
    *(b"RCPT TO:<b@example.com>", b"RCPT TO:<@c>", b"rcpt to: <b@example.com>", b"DATA", b"data", b"DATA x"),
    *(b"AUTH PLAIN", b"AUTH PLAIN AGpvZQBzZWNyZXQ=", b"AUTH LOGIN", b"am9l", b"c2VjcmV0", b"*", b"AUTH CRAM-MD5"),
    *(
        b"BDAT 7\r\nabcdefg",
        b"BDAT 5 LAST\r\n.\r\n.\r\n"[:-2],
        b"BDAT 0 LAST",
        b"VRFY a",
        b"",
        b".",
        b"..",
        b"\n.",
        b"\r.",
    ),
    *(b"\xff\xfe", b"\0", b"x" * 3000, b"y" * 13_000),
]
LINE_ENDS = st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r", b"\r\r\n", b""])
LINES = st.builds(lambda word, end: word + end, st.sampled_from(WORDS) | st.binary(max_size=20), LINE_ENDS)


def transaction(seq: int, body: bytes, recipients: int) -> bytes:
    """A whole transaction, as a client that knows the rules sends it."""
    content = b"\r\n" + message(seq, body=body + b"\r\n")
    return b"".join(
        (
            b"MAIL FROM:<a@example.com>\r\n",
            b"RCPT TO:<b@example.com>\r\n" * recipients,
            b"DATA",
            content.replace(b"\r\n.", b"\r\n.."),
            b".\r\n",
        )
    )


WHOLE = st.builds(
    transaction,
    st.integers(0, 100),
    st.binary(max_size=60) | st.sampled_from([b".", b"\n.\n", b"\r.\r", b"\r\n.\n", b"\n.\r\n", b"z" * 30_000]),
    st.integers(1, 3),
)
STREAMS = st.lists(LINES | WHOLE, max_size=14).map(b"".join)


class Arrived(NamedTuple):
    """What came into the ledger: how much, which messages of the run, of what size in all."""

    deliveries: int
    known: list[tuple[int, int]]
    size_bytes: int


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    """The stream in pieces that end at these places, modulo its length."""
    ends = sorted({place % len(stream) for place in places} | {len(stream)}) if stream else []
    return [stream[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def run(engine: Engine, pieces: list[bytes], *, credentials: bool = False, lmtp: bool = False) -> tuple[bytes, Arrived]:
    """Replies to the pieces and what arrived; fails if anything went wrong in the sink."""

    async def converse() -> tuple[bytes, Arrived]:
        service = Service(MAX_SIZE_BYTES, credentials=CREDENTIALS if credentials else None, lmtp=lmtp)
        unplugged = Unplugged(engine, service)
        replies = await unplugged.converse(pieces)
        intake = unplugged.sink.intake
        assert not unplugged.errors
        assert not unplugged.sink.connections
        ledger = intake.runs.get(RUN)
        known = list(ledger.senders[0].ranges()) if ledger else []
        size_bytes = sum(each.size_bytes for each in (*intake.runs.values(), intake.unidentified))
        return replies, Arrived(intake.deliveries, known, size_bytes)

    return asyncio.run(converse())


@both_engines
@fuzz
@given(noise=st.lists(st.binary(max_size=300) | LINES, max_size=12), options=st.tuples(st.booleans(), st.booleans()))
def test_noise_is_answered_by_replies_only(engine: Engine, noise: list[bytes], options: tuple[bool, bool]) -> None:
    replies, _ = run(engine, noise, credentials=options[0], lmtp=options[1])
    assert REPLIES.fullmatch(replies)
    # How aiosmtpd tells of an exception in itself; that a client leaves within a line is one to it.
    assert b"500 Error: (" not in replies.replace(b"500 Error: (IncompleteReadError)", b"")


@fuzz
@given(
    greeting=st.sampled_from([b"EHLO c\r\n", b"HELO c\r\n", b"LHLO c\r\n", b""]),
    stream=STREAMS,
    places=st.lists(st.integers(0, 10**6), max_size=30),
    options=st.tuples(st.booleans(), st.booleans()),
)
def test_pieces_make_no_difference(
    greeting: bytes, stream: bytes, places: list[int], options: tuple[bool, bool]
) -> None:
    credentials, lmtp = options
    # A challenge of CRAM-MD5 is never the same.
    stream = greeting + stream.replace(b"CRAM-MD5", b"PLAIN")
    whole = run(Engine.FAST, [stream], credentials=credentials, lmtp=lmtp)
    assert run(Engine.FAST, cut(stream, places), credentials=credentials, lmtp=lmtp) == whole
    lines = re.findall(rb"[^\n]*\n|[^\n]+", stream)
    assert run(Engine.FAST, lines, credentials=credentials, lmtp=lmtp) == whole
    if len(stream) < 1000:
        assert run(Engine.FAST, [bytes([byte]) for byte in stream], credentials=credentials, lmtp=lmtp) == whole


@both_engines
@fuzz
@given(
    messages=st.lists(WHOLE, min_size=1, max_size=5),
    between=st.lists(st.sampled_from([b"", b"NOOP\r\n", b"RSET\r\n", b"RCPT TO:<b@c>\r\n"]), min_size=5, max_size=5),
    places=st.lists(st.integers(0, 10**6), max_size=30),
)
def test_valid_conversations_pass_in_any_pieces(
    engine: Engine, messages: list[bytes], between: list[bytes], places: list[int]
) -> None:
    stream = b"".join(
        (b"EHLO c\r\n", *(more + whole for more, whole in zip(between, messages, strict=False)), b"QUIT\r\n")
    )
    replies, arrived = run(engine, cut(stream, places))
    codes = [line[:3] for line in replies.splitlines() if line[3:4] == b" "]
    expected = [b"220", b"250"]
    for more, whole in zip(between, messages, strict=False):
        expected += {b"": [], b"RCPT TO:<b@c>\r\n": [b"503"]}.get(more, [b"250"])
        too_big = len(whole) > MAX_SIZE_BYTES
        expected += [b"250"] * (1 + whole.count(b"RCPT TO:<b@example.com>\r\n")) + [
            b"354",
            b"552" if too_big else b"250",
        ]
    assert codes == [*expected, b"221"]
    seqs = [int(re.findall(rb"Subject: (\d+)", whole)[0]) for whole in messages if len(whole) <= MAX_SIZE_BYTES]
    assert arrived.deliveries == len(seqs)
    assert {seq for first, last in arrived.known for seq in range(first, last + 1)} == set(seqs)


@both_engines
@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\0.\r\n"])
def test_only_one_sequence_ends_content(engine: Engine, end: bytes) -> None:
    begin = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"
    stream = b"EHLO c\r\n" + begin + message(0) + b"text" + end + begin + message(1) + b"text\r\n.\r\n"
    replies, arrived = run(engine, [stream])
    assert [line[:3] for line in replies.splitlines() if line[3:4] == b" "] == [
        *(b"220", b"250", b"250", b"250", b"354", b"250")
    ]
    assert arrived[:2] == (1, [(0, 0)])


@both_engines
@pytest.mark.parametrize("endless", [b"x" * 50_000, b"MAIL FROM:<" + b"a" * 50_000, b"\n" * 2_000, b"\r" * 50_000])
def test_endless_input_is_not_kept(engine: Engine, endless: bytes) -> None:
    async def flood() -> None:
        unplugged = Unplugged(engine)
        line = await unplugged.connect()
        for prefix in (b"", b"EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\nX-Long: "):
            line.connection.data_received(prefix)
            for _ in range(20):
                await settle()
                assert line.reading
                line.connection.data_received(endless)
                await settle()
                assert kept_bytes(line.connection) <= MAX_HELD_BYTES
        assert not unplugged.errors
        line.close()
        await settle()

    asyncio.run(flood())


def kept_bytes(connection: object) -> int:
    """Input that a connection of either engine holds."""
    held = getattr(connection, "_input", None)
    if held is not None:
        assert len(held) <= MAX_LOGIN_LINE_BYTES + 2
        return len(held)
    return len(connection._reader._buffer)  # type: ignore[attr-defined]
