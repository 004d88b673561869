"""Behaviours on real sockets: what a profile says is what a client sees, whichever engine speaks."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.mail import RUN, RawClient, message
from support.sink import RunningSink, running_sink
from support.waiting import wait_until

from sinks.options import Engine

pytestmark = pytest.mark.parametrize("engine", list(Engine))


@contextmanager
def behaving(folder: Path, engine: Engine, profile: str, **options: Any) -> Iterator[RunningSink]:
    file = folder / "profile.yaml"
    file.write_text(f"profile: test\n{profile}\n")
    with running_sink(engine=engine, profile=str(file), **options) as running:
        yield running


def send(client: RawClient, seq: int, *, recipient: bytes = b"user@example.com") -> int:
    """Send a message in one go of commands; returns the first code that ends it."""
    for command, expected in ((b"MAIL FROM:<a@example.com>", 250), (b"RCPT TO:<%b>" % recipient, 250), (b"DATA", 354)):
        code = client.ask(command)
        if code != expected:
            return code
    client.send(message(seq) + b".\r\n")
    return client.code()


def sequences(sink: RunningSink) -> list[tuple[int, int]]:
    ledger = sink.collect().runs.get(RUN)
    return list(ledger.senders[0].ranges()) if ledger else []


def test_messages_are_lost_and_doubled_as_chosen(engine: Engine, tmp_path: Path) -> None:
    lost, doubled = list(range(3, 71, 4)), [0, 1, 8, 50, 99]
    assert len(lost) == 17
    profile = (
        f"faults: [{{phase: dot, when: {{sequence: {lost}}}, do: lose}},"
        f" {{phase: dot, when: {{sequence: {doubled}}}, do: double}}]"
    )
    with behaving(tmp_path, engine, profile) as sink, RawClient(sink.host, sink.port) as client:
        assert [send(client, seq) for seq in range(100)] == [250] * 100
        intake = sink.collect()
    ledger = intake.runs[RUN]
    arrived = {seq for first, last in ledger.senders[0].ranges() for seq in range(first, last + 1)}
    assert set(range(100)) - arrived == set(lost)
    assert (ledger.deliveries, ledger.duplicates) == (100 - 17 + 5, 5)
    assert intake.counters.answers == {"dot lose": 17, "dot double": 5}


@pytest.mark.parametrize("delay_s", [0.0, 0.3])
def test_a_client_that_ends_its_side_behind_its_last_command_is_answered(
    engine: Engine, delay_s: float, tmp_path: Path
) -> None:
    profile = f"service: {{dot: {{constant: {delay_s * 1e3:.0f}ms}}}}"
    with behaving(tmp_path, engine, profile) as sink, RawClient(sink.host, sink.port) as client:
        client.begin()
        client.send(message(0) + b".\r\nQUIT\r\n")
        client.socket.shutdown(socket.SHUT_WR)
        assert [client.code(), client.code(), client.code()] == [250, 221, 0]
        assert sequences(sink) == [(0, 0)]


@pytest.mark.parametrize(("phase", "code"), [("ehlo", 250), ("mail", 250), ("rcpt", 250), ("data", 354), ("dot", 250)])
def test_every_phase_can_be_refused_and_the_next_message_passes(
    engine: Engine, phase: str, code: int, tmp_path: Path
) -> None:
    profile = f'faults: [{{phase: {phase}, when: {{nth: 1}}, do: {{reply: "452 4.3.1 Not now"}}}}]'
    with behaving(tmp_path, engine, profile) as sink, RawClient(sink.host, sink.port, greet=False) as client:
        assert client.code() == 220
        first = client.ask(b"EHLO client.test")
        if phase == "ehlo":
            assert first == 452
            first = client.ask(b"EHLO client.test")
        assert first == 250
        if phase != "ehlo":
            assert send(client, 0) == 452
            assert client.ask(b"RSET") == 250
        assert send(client, 1) == 250
        assert sequences(sink) == [(1, 1)]


def test_421_closes(engine: Engine, tmp_path: Path) -> None:
    profile = 'faults: [{phase: mail, do: {reply: "421 4.7.0 Too much"}}]'
    with behaving(tmp_path, engine, profile) as sink, RawClient(sink.host, sink.port) as client:
        client.send(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\n")
        assert client.reply() == [b"421 4.7.0 Too much"]
        assert client.reply() == []


@pytest.mark.parametrize("phase", ["banner", "mail", "dot"])
def test_reset_cuts_the_connection_off(engine: Engine, phase: str, tmp_path: Path) -> None:
    profile = f"faults: [{{phase: {phase}, do: reset}}]"
    with behaving(tmp_path, engine, profile) as sink, pytest.raises(ConnectionResetError):
        talk_on(sink)


def talk_on(sink: RunningSink) -> None:
    with RawClient(sink.host, sink.port, greet=False) as client:
        client.code()
        client.ask(b"EHLO client.test")
        send(client, 0)
        client.code()


def test_close_ends_in_order(engine: Engine, tmp_path: Path) -> None:
    with (
        behaving(tmp_path, engine, "faults: [{phase: rcpt, do: close}]") as sink,
        RawClient(sink.host, sink.port) as client,
    ):
        assert send(client, 0) == 0


def test_half_close_says_no_more_and_still_reads(engine: Engine, tmp_path: Path) -> None:
    with (
        behaving(tmp_path, engine, "faults: [{phase: mail, do: half_close}]") as sink,
        RawClient(sink.host, sink.port) as client,
    ):
        assert client.ask(b"MAIL FROM:<a@example.com>") == 0
        for _ in range(3):
            client.send(b"NOOP\r\n" * 1000)
        assert sink.collect().counters.connections_open == 1


def test_hang_answers_nothing_any_more(engine: Engine, tmp_path: Path) -> None:
    with (
        behaving(tmp_path, engine, "faults: [{phase: mail, do: hang}]") as sink,
        RawClient(sink.host, sink.port) as client,
    ):
        client.send(b"MAIL FROM:<a@example.com>\r\nNOOP\r\n")
        client.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.socket.recv(1)
        client.send(b"x" * 200_000)
        assert sink.collect().counters.connections_open == 1


def test_garbage_is_no_reply(engine: Engine, tmp_path: Path) -> None:
    with (
        behaving(tmp_path, engine, "faults: [{phase: mail, when: {nth: 1}, do: garbage}]") as sink,
        RawClient(sink.host, sink.port) as client,
    ):
        client.send(b"MAIL FROM:<a@example.com>\r\n")
        assert client.socket.recv(1) == b"\xff"


def test_slow_reply_comes_in_pieces(engine: Engine, tmp_path: Path) -> None:
    with (
        behaving(tmp_path, engine, "faults: [{phase: mail, do: {slow_reply: 300ms}}]") as sink,
        RawClient(sink.host, sink.port) as client,
    ):
        begun = time.monotonic()
        client.send(b"MAIL FROM:<a@example.com>\r\n")
        first = client.socket.recv(100)
        assert 0 < len(first) < len(b"250 OK\r\n")
        assert first + client.reply()[0] == b"250 OK"
        assert time.monotonic() - begun >= 0.29


def test_delays_hold_up_the_reply_and_what_waits_behind_it(engine: Engine, tmp_path: Path) -> None:
    with (
        behaving(tmp_path, engine, "service: {rcpt: {constant: 100ms}, dot: {constant: 100ms}}") as sink,
        RawClient(sink.host, sink.port) as client,
    ):
        begun = time.monotonic()
        client.send(b"MAIL FROM:<a@example.com>\r\n" + b"RCPT TO:<b@example.com>\r\n" * 3 + b"DATA\r\n")
        assert [client.code() for _ in range(5)] == [250, 250, 250, 250, 354]
        assert time.monotonic() - begun >= 0.3
        client.send(message(0) + b".\r\nNOOP\r\n")
        assert [client.code() for _ in range(2)] == [250, 250]
        assert time.monotonic() - begun >= 0.4
        assert sink.collect().runs[RUN].recipients == 3


def test_slow_read_holds_up_a_sender(engine: Engine, tmp_path: Path) -> None:
    profile = "faults: [{phase: data, do: {slow_read: 100ms}}]"
    with behaving(tmp_path, engine, profile) as sink, RawClient(sink.host, sink.port) as client:
        client.begin()
        begun = time.monotonic()
        client.send(message(0, body=b"x" * 78 + b"\r\n") + b"y" * 8_000_000 + b"\r\n.\r\n")
        assert client.code() == 250
        assert time.monotonic() - begun >= 0.5


def test_the_profiles_limit_is_offered_and_kept(engine: Engine, tmp_path: Path) -> None:
    with behaving(tmp_path, engine, "limits: {size: 10KiB}") as sink, RawClient(sink.host, sink.port) as client:
        client.send(b"EHLO client.test\r\n")
        assert b"250-SIZE 10240" in client.reply()
        assert client.ask(b"MAIL FROM:<a@example.com> SIZE=10241") == 552
        client.begin()
        client.send(message(0) + b"x" * 11_000 + b"\r\n.\r\n")
        assert client.code() == 552
        assert send(client, 1) == 250


def test_connections_over_the_limit_are_turned_away(engine: Engine, tmp_path: Path) -> None:
    with (
        behaving(tmp_path, engine, "limits: {per_source: {concurrent: 2}}") as sink,
        RawClient(sink.host, sink.port) as first,
        RawClient(sink.host, sink.port) as second,
    ):
        with RawClient(sink.host, sink.port, greet=False) as third:
            assert third.code() == 421
            assert third.reply() == []
        second.ask(b"QUIT")
        second.close()
        wait_until(lambda: sink.collect().counters.connections_open == 1, "the second is gone")
        with RawClient(sink.host, sink.port, greet=False) as third:
            assert third.code() == 220
        assert first.ask(b"NOOP") == 250


def test_outage_stops_reading_and_goes_on(engine: Engine, tmp_path: Path) -> None:
    profile = "outages: [{at: 1s, for: 1s, kind: stop_reading}]"
    with behaving(tmp_path, engine, profile) as sink, RawClient(sink.host, sink.port) as client:
        longest_s, begun = 0.0, time.monotonic()
        while time.monotonic() - begun < 2.3:
            asked = time.monotonic()
            assert client.ask(b"NOOP") == 250
            longest_s = max(longest_s, time.monotonic() - asked)
        assert 0.8 < longest_s < 1.5


@pytest.mark.parametrize("kind", ["refuse", "restart"])
@pytest.mark.parametrize("processes", [1, 2])
def test_outage_refuses_and_accepts_again_on_the_same_port(
    engine: Engine, kind: str, processes: int, tmp_path: Path
) -> None:
    profile = f"outages: [{{at: 2s, for: 1s, kind: {kind}}}]"
    with behaving(tmp_path, engine, profile, processes=processes) as sink:
        with RawClient(sink.host, sink.port) as client:
            wait_until(lambda: not accepts(sink), "connections are refused")
            if kind == "restart":
                assert client.reply() == []
            else:
                assert client.ask(b"NOOP") == 250
        wait_until(lambda: accepts(sink), "connections are accepted again")
        with RawClient(sink.host, sink.port) as client:
            assert send(client, 0) == 250


def accepts(sink: RunningSink) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((sink.host, sink.port)) == 0


def test_greylisting_holds_across_processes(engine: Engine, tmp_path: Path) -> None:
    profile = "greylist: {delay: 1s, window: 60s}"
    with behaving(tmp_path, engine, profile, processes=2) as sink:
        begun = time.monotonic()
        codes = []
        while 250 not in codes:
            with RawClient(sink.host, sink.port) as client:
                codes.append(send(client, 0))
            assert time.monotonic() - begun < 10
        assert set(codes) == {451, 250}
        assert time.monotonic() - begun >= 1.0
        # From now on the triple is known, whichever process is asked.
        for seq in range(1, 20):
            with RawClient(sink.host, sink.port) as client:
                assert send(client, seq) == 250
