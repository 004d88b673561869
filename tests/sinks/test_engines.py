"""What a client sees, whichever engine speaks."""

from __future__ import annotations

import smtplib
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING

import pytest
from support.mail import RUN, RawClient, message
from support.sink import RunningSink, running_sink
from support.waiting import wait_until

from sinks.options import Engine
from sinks.server import MAX_RECIPIENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SIZE_BYTES = 100_000


@pytest.fixture(scope="module", params=list(Engine))
def shared(request: pytest.FixtureRequest) -> Iterator[RunningSink]:
    """One sink of each engine for all tests here; each uses a run id of its own."""
    with running_sink(engine=request.param, max_size_bytes=MAX_SIZE_BYTES) as running:
        yield running


@pytest.fixture(params=list(Engine))
def sink(request: pytest.FixtureRequest) -> Iterator[RunningSink]:
    """A plain sink of this test's own."""
    with running_sink(engine=request.param) as running:
        yield running


@pytest.fixture
def client(shared: RunningSink) -> Iterator[RawClient]:
    with RawClient(shared.host, shared.port) as connected:
        yield connected


@pytest.fixture
def run(request: pytest.FixtureRequest) -> str:
    """A run id that no other test uses."""
    return f"t{abs(hash(request.node.name)) % 10**12:012d}"


def sequences(sink: RunningSink, run: str) -> list[tuple[int, int]]:
    ledger = sink.collect().runs.get(run)
    return list(ledger.senders[0].ranges()) if ledger else []


def test_offers_its_extensions(shared: RunningSink) -> None:
    with RawClient(shared.host, shared.port, greet=False) as client:
        assert client.reply() == [b"220 sink.test ESMTP loadkit sink"]
        client.send(b"EHLO client.test\r\n")
        assert client.reply() == [
            b"250-sink.test",
            b"250-SIZE 100000",
            b"250-8BITMIME",
            b"250-SMTPUTF8",
            b"250-PIPELINING",
            b"250-CHUNKING",
            b"250 HELP",
        ]


def test_takes_messages_of_any_length_of_line(shared: RunningSink, run: str) -> None:
    bodies = [b"", b"one line\r\n", b"x" * 50_000 + b"\r\n", b".\r\n..\r\n.x\r\n", bytes(range(128, 256)) + b"\r\n"]
    with smtplib.SMTP(shared.host, shared.port) as sender:
        for seq, body in enumerate(bodies):
            assert sender.sendmail("a@example.com", ["b@example.com"], message(seq, run=run, body=body)) == {}
    ledger = shared.collect().runs[run]
    assert (ledger.deliveries, ledger.distinct) == (5, 5)
    assert ledger.size_bytes == sum(len(message(seq, run=run, body=body)) for seq, body in enumerate(bodies))


def test_whole_transactions_may_come_at_once(client: RawClient, shared: RunningSink, run: str) -> None:
    transaction = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nRCPT TO:<c@example.com>\r\nDATA\r\n%s.\r\n"
    client.send(b"".join(transaction % message(seq, run=run) for seq in range(50)) + b"QUIT\r\n")
    assert [client.code() for _ in range(50 * 5 + 1)] == [250, 250, 250, 354, 250] * 50 + [221]
    assert client.reply() == []
    assert sequences(shared, run) == [(0, 49)]


def test_refused_pipelined_commands_are_answered_in_order(client: RawClient) -> None:
    client.send(b"RCPT TO:<b@example.com>\r\nDATA\r\nMAIL FROM:<a@example.com>\r\nNONSENSE\r\nRSET\r\nNOOP\r\n")
    assert [client.code() for _ in range(6)] == [503, 503, 250, 500, 250, 250]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_content_may_come_in_small_pieces(client: RawClient, shared: RunningSink, run: str, size: int) -> None:
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.begin()
    wire = message(size, run=run, body=b"..dots\r\n") + b".\r\n"
    for start in range(0, len(wire), size):
        client.send(wire[start : start + size])
    assert client.code() == 250
    assert sequences(shared, run) == [(size, size)]


def test_empty_content_has_no_id(client: RawClient, shared: RunningSink) -> None:
    before = shared.collect().unidentified.deliveries
    client.begin()
    client.send(b".\r\n")
    assert client.code() == 250
    assert shared.collect().unidentified.deliveries == before + 1


def test_bare_line_feeds_smuggle_nothing(client: RawClient, shared: RunningSink, run: str) -> None:
    client.begin()
    smuggled = b"MAIL FROM:<x@example.com>\r\nRCPT TO:<y@example.com>\r\nDATA\r\n" + message(1, run=run)
    client.send(message(0, run=run) + b"\n.\n" + smuggled + b"\n.\r\n" + smuggled + b"\r\n.\r\n")
    assert client.code() == 250
    assert client.ask(b"NOOP") == 250
    assert sequences(shared, run) == [(0, 0)]


def test_size_is_refused_when_declared(client: RawClient) -> None:
    assert client.ask(b"MAIL FROM:<a@example.com> SIZE=100001") == 552
    assert client.ask(b"MAIL FROM:<a@example.com> SIZE=100000 BODY=8BITMIME") == 250


@pytest.mark.parametrize(("excess", "code"), [(0, 250), (1, 552)])
def test_size_is_refused_when_it_comes(
    client: RawClient, shared: RunningSink, run: str, excess: int, code: int
) -> None:
    client.begin()
    head = message(0, run=run, body=b"")
    client.send(head + b"x" * (MAX_SIZE_BYTES - len(head) - 2 + excess) + b"\r\n.\r\n")
    assert client.code() == code
    assert bool(sequences(shared, run)) is (code == 250)
    assert client.ask(b"MAIL FROM:<a@example.com>") == 250


def test_recipients_are_bounded(client: RawClient, shared: RunningSink, run: str) -> None:
    client.send(b"MAIL FROM:<a@example.com>\r\n" + b"RCPT TO:<b@example.com>\r\n" * (MAX_RECIPIENTS + 1) + b"DATA\r\n")
    codes = [client.code() for _ in range(MAX_RECIPIENTS + 3)]
    assert codes == [250] * (MAX_RECIPIENTS + 1) + [452, 354]
    client.send(message(0, run=run) + b".\r\n")
    assert client.code() == 250
    assert shared.collect().runs[run].recipients == MAX_RECIPIENTS


@pytest.mark.parametrize(
    "sender",
    [
        "<>",
        "<a@example.com>",
        "<a.b+c=d@sub-1.example.com>",
        '<"quoted name"@example.com>',
        "<a@[192.0.2.1]>",
        "<ü@exämple.com> SMTPUTF8",
        "<a@example.com> BODY=8BITMIME SIZE=100",
        " <a@example.com>",
    ],
)
def test_addresses_of_all_forms(client: RawClient, sender: str) -> None:
    assert client.ask(f"MAIL FROM:{sender}".encode()) == 250
    recipient = sender.partition(" SMTPUTF8")[0].partition(" BODY")[0]
    # RFC 5321 knows no empty recipient; aiosmtpd takes it.
    assert client.ask(f"RCPT TO:{recipient}".encode()) in ({250, 501} if sender == "<>" else {250})


@pytest.mark.parametrize("sender", ["<a@exa mple.com>", "<a@example.com> NONSENSE=1", ""])
def test_addresses_without_form(client: RawClient, sender: str) -> None:
    assert client.ask(f"MAIL FROM:{sender}".encode()) in {501, 553, 555}


def test_long_lines_are_refused_and_the_session_goes_on(client: RawClient) -> None:
    assert client.ask(b"MAIL FROM:<" + b"a" * 100_000 + b"@example.com>") == 500
    assert client.ask(b"NOOP") == 250


@pytest.mark.parametrize("how", ["close", "reset"])
def test_message_cut_off_does_not_count(shared: RunningSink, run: str, how: str) -> None:
    with RawClient(shared.host, shared.port) as client:
        client.begin()
        client.send(message(0, run=run))
        if how == "reset":
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with RawClient(shared.host, shared.port) as client:
        client.begin()
        client.send(message(1, run=run) + b".\r\n")
        assert client.code() == 250
    assert sequences(shared, run) == [(1, 1)]


def test_many_clients_at_once_are_counted_exactly(shared: RunningSink, run: str) -> None:
    clients, messages = 20, 15

    def send_all(client: int) -> None:
        with smtplib.SMTP(shared.host, shared.port) as sender:
            for number in range(messages):
                sender.sendmail("a@example.com", ["b@example.com"], message(client * messages + number, run=run))

    threads = [threading.Thread(target=send_all, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger = shared.collect().runs[run]
    assert (ledger.deliveries, ledger.duplicates) == (clients * messages, 0)
    assert sequences(shared, run) == [(0, clients * messages - 1)]


def test_arrival_times_are_those_of_the_clock(sink: RunningSink) -> None:
    before = time.time()
    with smtplib.SMTP(sink.host, sink.port) as sender:
        sender.sendmail("a@example.com", ["b@example.com"], message(0))
    ledger = sink.stop().runs[RUN]
    assert ledger.first_at == ledger.last_at is not None
    assert before <= ledger.last_at <= time.time()


def test_frozen_sink_answers_after_it_goes_on(sink: RunningSink) -> None:
    with RawClient(sink.host, sink.port) as client:
        sink.pause()
        client.send(b"NOOP\r\n")
        client.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.socket.recv(1)
        client.socket.settimeout(10)
        sink.resume()
        assert client.socket.recv(3) == b"250"


def test_stopping_waits_for_the_transaction_under_way(sink: RunningSink) -> None:
    with RawClient(sink.host, sink.port) as idle, RawClient(sink.host, sink.port) as busy:
        busy.begin()
        busy.send(message(7))
        sink.process.terminate()
        assert idle.reply() == [b"421 4.3.2 The sink is stopping"]
        assert idle.reply() == []
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((sink.host, sink.port))
        busy.send(b".\r\n")
        assert busy.code() == 250
        assert busy.code() == 421
        assert busy.reply() == []
    assert list(sink.stop().runs[RUN].senders[0].ranges()) == [(7, 7)]


@pytest.mark.slow
def test_stopping_does_not_wait_for_ever(sink: RunningSink) -> None:
    with RawClient(sink.host, sink.port) as busy:
        busy.begin()
        began = time.monotonic()
        assert sink.stop().deliveries == 0
        assert 1.5 < time.monotonic() - began < 5
        wait_until(lambda: busy.reply() == [], "the connection is cut")
