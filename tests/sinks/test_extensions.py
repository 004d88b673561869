"""CHUNKING and LMTP, alike with both engines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.mail import RUN, RawClient, message
from support.sink import RunningSink, running_sink

from sinks.options import Engine

MAX_SIZE_BYTES = 100_000


@pytest.fixture(scope="module", params=list(Engine))
def sink(request: pytest.FixtureRequest) -> Iterator[RunningSink]:
    with running_sink(engine=request.param, max_size_bytes=MAX_SIZE_BYTES) as running:
        yield running


@pytest.fixture(scope="module", params=list(Engine))
def lmtp(request: pytest.FixtureRequest) -> Iterator[RunningSink]:
    with running_sink(engine=request.param, lmtp=True, max_size_bytes=MAX_SIZE_BYTES) as running:
        yield running


@pytest.fixture
def client(sink: RunningSink) -> Iterator[RawClient]:
    with RawClient(sink.host, sink.port) as connected:
        yield connected


@pytest.fixture
def run(request: pytest.FixtureRequest) -> str:
    """A run id that no other test uses."""
    return f"t{abs(hash(request.node.name)) % 10**12:012d}"


def sequences(sink: RunningSink, run: str) -> list[tuple[int, int]]:
    ledger = sink.collect().runs.get(run)
    return list(ledger.senders[0].ranges()) if ledger else []


def envelope(client: RawClient, recipients: int = 1) -> None:
    assert client.ask(b"MAIL FROM:<a@example.com>") == 250
    for number in range(recipients):
        assert client.ask(b"RCPT TO:<user%d@example.com>" % number) == 250


def bdat(client: RawClient, content: bytes, *, last: bool = True) -> int:
    client.send(b"BDAT %d%b\r\n" % (len(content), b" LAST" if last else b"") + content)
    return client.code()


@pytest.mark.parametrize("sizes", [[1000], [1, 2, 3, 5, 8, 981], [1000, 0], [0, 1000]])
def test_chunks_make_one_message(client: RawClient, sink: RunningSink, run: str, sizes: list[int]) -> None:
    envelope(client)
    content = (message(0, run=run) + b"\r\n.\r\nMAIL FROM:<smuggled@example.com>\r\n" + b"x" * 1000)[:1000]
    start = 0
    for number, size in enumerate(sizes):
        assert bdat(client, content[start : start + size], last=number == len(sizes) - 1) == 250
        start += size
    ledger = sink.collect().runs[run]
    assert (ledger.deliveries, ledger.size_bytes) == (1, 1000)
    assert client.ask(b"NOOP") == 250


def test_empty_last_chunk_ends_a_message(client: RawClient, sink: RunningSink, run: str) -> None:
    envelope(client)
    assert bdat(client, message(4, run=run), last=False) == 250
    assert bdat(client, b"") == 250
    assert sequences(sink, run) == [(4, 4)]


def test_chunk_without_recipients_is_read_and_refused(client: RawClient, sink: RunningSink, run: str) -> None:
    assert bdat(client, message(0, run=run) + b"QUIT\r\n") == 503
    assert client.ask(b"NOOP") == 250
    assert sequences(sink, run) == []


def test_data_after_chunks_is_refused(client: RawClient) -> None:
    envelope(client)
    assert bdat(client, b"Subject: x\r\n", last=False) == 250
    assert client.ask(b"DATA") == 503


@pytest.mark.parametrize("argument", [b"", b" x", b" -1", b" 5 FIRST", b" 99999999999999999999999"])
def test_wrong_chunk_closes_so_that_content_is_no_command(client: RawClient, argument: bytes) -> None:
    envelope(client)
    client.send(b"BDAT" + argument + b"\r\nRSET\r\n")
    assert client.code() == 501
    assert client.reply() == []


def test_chunks_over_the_limit_are_read_and_refused(client: RawClient, sink: RunningSink, run: str) -> None:
    envelope(client)
    assert bdat(client, message(0, run=run) + b"x" * MAX_SIZE_BYTES) == 552
    envelope(client)
    assert bdat(client, message(1, run=run)) == 250
    assert sequences(sink, run) == [(1, 1)]


def test_reset_forgets_chunks(client: RawClient, sink: RunningSink, run: str) -> None:
    envelope(client)
    assert bdat(client, message(0, run=run), last=False) == 250
    assert client.ask(b"RSET") == 250
    envelope(client)
    assert bdat(client, message(1, run=run)) == 250
    assert sequences(sink, run) == [(1, 1)]


def test_lmtp_answers_for_each_recipient(lmtp: RunningSink, run: str) -> None:
    with RawClient(lmtp.host, lmtp.port, greet=False) as client:
        assert client.reply() == [b"220 sink.test LMTP loadkit sink"]
        assert client.ask(b"EHLO client.test") == 500
        assert client.ask(b"HELO client.test") == 500
        assert client.ask(b"LHLO client.test") == 250
        client.begin(3)
        client.send(message(0, run=run) + b".\r\n")
        assert [client.code() for _ in range(3)] == [250] * 3
        envelope(client, 2)
        client.send(b"BDAT %d LAST\r\n" % len(message(1, run=run)) + message(1, run=run))
        assert [client.code() for _ in range(2)] == [250] * 2
        client.begin(2)
        client.send(b"x" * MAX_SIZE_BYTES + b"\r\n.\r\n")
        assert [client.code() for _ in range(2)] == [552] * 2
        assert client.ask(b"NOOP") == 250
    ledger = lmtp.collect().runs[run]
    assert (ledger.deliveries, ledger.recipients) == (2, 5)
    assert RUN not in lmtp.collect().runs
