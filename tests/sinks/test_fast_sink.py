"""What only the fast sink does: its quick way, its bounds and its idle timeout, without sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from support.mail import RUN, message
from support.unplugged import MAX_SIZE_BYTES, Line, Unplugged, settle

from loadkit.smtp.outcome import Phase
from sinks.answers import Answer, Ending
from sinks.fast.commands import MAX_LINE_BYTES, Mail, is_plain, read_bdat, read_mail, read_rcpt
from sinks.fast.conversation import Conversation
from sinks.fast.quick import QuickConversation
from sinks.fast.stream import MAX_REPLIES_BYTES
from sinks.fast_sink import FastSink
from sinks.options import Engine
from sinks.server import MAX_RECIPIENTS, Service

BEGIN = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def codes(replies: bytes) -> list[int]:
    return [int(line[:3]) for line in replies.splitlines() if line[3:4] == b" "]


async def connected(unplugged: Unplugged, **options: int) -> Line:
    line = await unplugged.connect(**options)
    line.connection.data_received(b"EHLO c\r\n")
    line.drain()
    return line


def ask(line: Line, data: bytes) -> list[int]:
    line.connection.data_received(data)
    return codes(line.drain())


@pytest.mark.parametrize(
    ("argument", "mail"),
    [
        (b"FROM:<a@example.com>", Mail(b"a@example.com", 0)),
        (b"from: <a@example.com> SIZE=17 body=8bitmime smtputf8", Mail(b"a@example.com", 17)),
        (b"FROM:<>", Mail(b"", 0)),
        (b'FROM:<"a b>"@example.com>', Mail(b'"a b>"@example.com', 0)),
        (b"FROM:<@relay.example,@two.example:a@example.com>", Mail(b"a@example.com", 0)),
        (b"FROM:<a@[IPv6:2001:db8::1]>", Mail(b"a@[IPv6:2001:db8::1]", 0)),
        (b"FROM:<postmaster>", Mail(b"postmaster", 0)),
        (b"FROM:a@example.com", b"501"),
        (b"FROM:<a@example.com", b"553"),
        (b"FROM:<a b@example.com>", b"553"),
        (b"FROM:<@example.com>", b"553"),
        (b"FROM:<a@example.com>SIZE=1", b"553"),
        (b"FROM:<a@example.com> SIZE=x", b"501"),
        (b"FROM:<a@example.com> SIZE", b"501"),
        (b"FROM:<a@example.com> BODY=BINARYMIME", b"501"),
        (b"FROM:<a@example.com> SMTPUTF8=1", b"501"),
        (b"FROM:<a@example.com> RET=HDRS", b"555"),
        (b"TO:<a@example.com>", b"501"),
    ],
)
def test_mail_is_read(argument: bytes, mail: Mail | bytes) -> None:
    read = read_mail(argument, extended=True)
    assert (read if isinstance(read, Mail) else read[:3]) == mail


def test_parameters_need_ehlo() -> None:
    assert read_mail(b"FROM:<a@example.com> SIZE=1", extended=False) == (
        b"501 Syntax: MAIL FROM:<address> [SP <mail-parameters>]\r\n"
    )


def test_recipients_and_chunks_are_read() -> None:
    assert read_rcpt(b"TO:<b@example.com>") == (b"b@example.com",)
    assert [read_rcpt(argument)[:3] for argument in (b"TO:<>", b"TO:<b@c> NOTIFY=NEVER", b"TO:<b@@c>")] == [
        *(b"501", b"555", b"553")
    ]
    assert [read_bdat(argument) for argument in (b"10", b"0 last", b"-1", b"", b"1 2", b"9" * 19)] == [
        *((10, False), (0, True), None, None, None, None)
    ]


@pytest.mark.parametrize("path", [b"a@b", b"a.b+c=d@sub-1.example.com", b"{x}|~@example.com"])
def test_plain_paths_are_valid(path: bytes) -> None:
    assert is_plain(path)
    assert read_rcpt(b"TO:<%b>" % path) == (path,)


@pytest.mark.parametrize("path", [b"", b"@", b"a@", b"@b", b"a", b"a@b@c", b"a b@c", b"a>b@c", b"a\r\n@c", b"\xfc@c"])
def test_other_paths_are_not_plain(path: bytes) -> None:
    assert not is_plain(path)


def test_the_quick_way_is_taken_and_tells_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        unplugged = Unplugged(Engine.FAST)
        line = await connected(unplugged)
        steps: list[bytes] = []

        def step(conversation: Conversation) -> bool:
            steps.append(conversation._input)
            return False

        monkeypatch.setattr(Conversation, "_step", step)
        for seq in range(3):
            assert ask(line, b"MAIL FROM:<quick@example.com> SIZE=1024\r\n") == [250]
            assert ask(line, b"RCPT TO:<b@example.com>\r\n") == [250]
            assert ask(line, b"DATA\r\n") == [354]
            assert ask(line, message(seq) + b".\r\n") == [250]
            assert ask(line, BEGIN) == [250, 250, 354]
            assert ask(line, message(10 + seq) + b".\r\n") == [250]
        assert steps == []
        ledger = unplugged.sink.intake.runs[RUN]
        assert list(ledger.senders[0].ranges()) == [(0, 2), (10, 12)]
        assert ledger.size_bytes == sum(len(message(seq)) for seq in (0, 1, 2, 10, 11, 12))

    run(test())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (b"MAIL FROM:<big@example.com> SIZE=%d\r\n" % (MAX_SIZE_BYTES + 1), [552]),
        (b"MAIL FROM:<%b@example.com>\r\n" % (b"a" * MAX_LINE_BYTES), [500]),
        (b"MAIL FROM:<a@example.com>\r\nDATA\r\n", [250, 503]),
        (b"RCPT TO:<b@example.com>\r\n", [503]),
        (b"DATA\r\n", [503]),
        (BEGIN + b"..\r\n.\r\n", [250, 250, 354, 250]),
        (BEGIN + b".\r\n", [250, 250, 354, 250]),
        (b"MAIL FROM:<a@example.com>\r\n" + b"RCPT TO:<b@example.com>\r\n" * 1001, [250] * 1001 + [452]),
    ],
)
def test_what_is_unusual_is_told_apart_by_the_quick_way(given: bytes, expected: list[int]) -> None:
    async def test() -> None:
        unplugged = Unplugged(Engine.FAST)
        # The second time a command may be known.
        for _ in range(2):
            line = await connected(unplugged)
            assert ask(line, given) == expected
        assert MAX_RECIPIENTS == 1000
        assert unplugged.errors == []

    run(test())


def test_known_senders_are_held_to_the_limit_of_their_connection() -> None:
    async def test() -> None:
        command = b"MAIL FROM:<limit@example.com> SIZE=15000\r\n"
        assert ask(await connected(Unplugged(Engine.FAST)), command) == [250]
        small = Unplugged(Engine.FAST, Service(10_000))
        assert ask(await connected(small), command) == [552]
        helo = await small.connect()
        ask(helo, b"HELO c\r\n")
        assert ask(helo, command) == [501]

    run(test())


def test_stuffed_dots_are_taken_out() -> None:
    async def test() -> None:
        unplugged = Unplugged(Engine.FAST)
        line = await connected(unplugged)
        for body, size in ((b"..x\r\n", 4), (b"x\r\n..\r\n", 6), (b"1.5\r\n", 5), (b"", 0)):
            before = unplugged.sink.intake.runs[RUN].size_bytes if RUN in unplugged.sink.intake.runs else 0
            ask(line, BEGIN)
            assert ask(line, message(0, body=body) + b".\r\n") == [250]
            assert unplugged.sink.intake.runs[RUN].size_bytes - before == len(message(0, body=b"")) + size

    run(test())


def test_a_client_that_does_not_read_is_not_served_on() -> None:
    async def test() -> None:
        unplugged = Unplugged(Engine.FAST)
        line = await connected(unplugged, room_bytes=10_000)
        line.connection.data_received(b"HELP\r\n" * 40_000)
        assert not line.reading
        assert len(line.written) <= 10_000 + MAX_REPLIES_BYTES + 200
        answered = 0
        while not line.reading:
            answered += len(codes(line.drain()))
            await settle()
        answered += len(codes(line.drain()))
        assert answered == 40_000

    run(test())


def test_pausing_within_a_message_loses_nothing() -> None:
    async def test() -> None:
        unplugged = Unplugged(Engine.FAST)
        line = await connected(unplugged)
        assert ask(line, BEGIN) == [250, 250, 354]
        unplugged.sink.pause()
        assert not line.reading
        assert ask(line, message(5) + b".\r\n") == []
        unplugged.sink.resume()
        assert codes(line.drain()) == [250]
        assert line.reading
        assert list(unplugged.sink.intake.runs[RUN].senders[0].ranges()) == [(5, 5)]

    run(test())


def test_a_client_that_comes_in_a_pause_waits_for_its_greeting() -> None:
    async def test() -> None:
        unplugged = Unplugged(Engine.FAST)
        unplugged.sink.pause()
        line = await unplugged.connect()
        assert line.drain() == b""
        unplugged.sink.resume()
        assert codes(line.drain()) == [220]

    run(test())


def test_idle_connections_are_closed_and_busy_ones_are_not() -> None:
    async def test() -> None:
        unplugged = Unplugged(Engine.FAST)
        assert isinstance(unplugged.sink, FastSink)
        idle, loris, busy, reading = [await connected(unplugged) for _ in range(4)]
        ask(reading, BEGIN)
        for sweep in range(1, 14):
            ask(busy, b"NOOP\r\n")
            ask(loris, b"N")
            ask(reading, b"x\r\n")
            for connection in (idle, loris, busy, reading):
                assert isinstance(connection.connection, QuickConversation)
                connection.connection.sweep(10)
            assert [idle.closing, loris.closing, busy.closing, reading.closing] == [sweep > 10] * 2 + [False] * 2
        assert codes(idle.drain()) == [421]

    run(test())


class Scripted:
    """A behaviour and its visit at once: answers by phase, once each, and what it was asked."""

    max_size_bytes = None

    def __init__(self, **answers: Answer) -> None:
        self.answers = answers
        self.asked: list[tuple[str, bytes, int, int | None]] = []
        self.resets = 0
        self.left = 0

    def visit(self, _source: str) -> Scripted:
        return self

    def meet(
        self, phase: Phase, _now: float, *, argument: bytes = b"", size_bytes: int = 0, seq: int | None = None
    ) -> Answer | None:
        self.asked.append((phase.value, argument, size_bytes, seq))
        return self.answers.pop(phase.value, None)

    def reset(self) -> None:
        self.resets += 1

    def leave(self) -> None:
        self.left += 1


def behaving(**answers: Answer) -> tuple[Unplugged, Scripted]:
    unplugged, script = Unplugged(Engine.FAST), Scripted(**answers)
    unplugged.sink.behaviour = script  # type: ignore[assignment]
    return unplugged, script


def test_a_behaviour_is_asked_at_every_step() -> None:
    async def test() -> None:
        unplugged, script = behaving()
        line = await connected(unplugged)
        content = message(3)
        ask(line, b"MAIL FROM:<a@example.com> SIZE=99\r\nRCPT TO:<b@example.com>\r\nRCPT TO:<bad\r\nDATA\r\n")
        assert ask(line, content + b".\r\n") == [250]
        ask(line, b"MAIL FROM:<>\r\nRCPT TO:<c@example.com>\r\nBDAT 2\r\nxyBDAT 0 LAST\r\nQUIT\r\n")
        await settle()
        assert script.asked == [
            ("banner", b"", 0, None),
            ("ehlo", b"c", 0, None),
            ("mail", b"a@example.com", 99, None),
            ("rcpt", b"b@example.com", 0, None),
            ("data", b"", 0, None),
            ("dot", b"", len(content), 3),
            ("mail", b"", 0, None),
            ("rcpt", b"c@example.com", 0, None),
            ("data", b"", 0, None),
            ("dot", b"", 2, None),
        ]
        # EHLO and two transactions.
        assert (script.resets, script.left) == (3, 1)

    run(test())


def test_refused_chunk_is_dropped_and_so_are_those_behind_it() -> None:
    async def test() -> None:
        unplugged, _ = behaving(data=Answer(b"452 4.3.1 Full\r\n"))
        line = await connected(unplugged)
        transaction = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n"
        assert ask(line, transaction) == [250, 250, 452, 503]
        assert ask(line, transaction) == [250, 250, 250, 250]
        assert unplugged.sink.intake.deliveries == 1

    run(test())


def test_input_waits_behind_a_delay() -> None:
    async def test() -> None:
        unplugged, _ = behaving(mail=Answer(delay_s=0.01), dot=Answer(delay_s=0.01, copies=2))
        line = await connected(unplugged)
        assert ask(line, BEGIN + message(1) + b".\r\nNOOP\r\n") == []
        assert not line.reading
        replies: list[int] = []
        while len(replies) < 5:
            replies += codes(line.drain())
            assert unplugged.sink.intake.deliveries == (2 if len(replies) > 3 else 0)
            await asyncio.sleep(0.001)
        assert replies == [250, 250, 354, 250, 250]
        assert line.reading

    run(test())


@pytest.mark.parametrize("ending", [Ending.HANG, Ending.HALF_CLOSE])
def test_what_comes_after_the_end_is_read_and_dropped(ending: Ending) -> None:
    async def test() -> None:
        unplugged, _ = behaving(mail=Answer(ending=ending))
        line = await connected(unplugged)
        for _ in range(3):
            assert ask(line, b"MAIL FROM:<a@b>\r\nNOOP\r\n" + b"x" * 100_000) == []
            assert line.reading
        assert line.ended is (ending is Ending.HALF_CLOSE)
        assert isinstance(line.connection, Conversation)
        assert line.connection._input == b""
        line.connection.sweep(0)
        assert not line.closing

    run(test())


def test_leaving_within_a_delay_ends_the_visit_once_more_at_most() -> None:
    async def test() -> None:
        unplugged, script = behaving(mail=Answer(delay_s=60))
        line = await connected(unplugged)
        ask(line, b"MAIL FROM:<a@b>\r\n")
        line.close()
        await settle()
        assert script.left == 1
        assert unplugged.sink.connections == set()
        assert unplugged.errors == []

    run(test())
