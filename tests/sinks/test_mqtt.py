"""The bundled MQTT receiver, packet by packet (numbers are sections of MQTT 3.1.1)."""

from __future__ import annotations

import asyncio
import struct
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.intake import Channels
from sinks.mqtt import MqttError, MqttReceiver, PacketReader, stamp_of_payload

CONNECT = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02ab"
CONNACK = b"\x20\x02\x00\x00"
PAYLOAD = b'{"id":"abcdefgh.0.7","kind":"reading","intended_us":1,"sent_us":2,"text":"xx"}'


class Transport:
    """What a client would see."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    abort = close


def publish(payload: bytes, *, qos: int, number: int = 1) -> bytes:
    content = b"\x00\x01t" + (struct.pack(">H", number) if qos else b"") + payload
    return bytes([0x30 | qos << 1, len(content)]) + content


def talk(*pieces: bytes, channels: Channels | None = None) -> tuple[Transport, Channels]:
    """What a client that sends these gets."""
    transport, channels = Transport(), channels or Channels()

    async def run() -> None:
        receiver = MqttReceiver(channels, set(), 1000)
        receiver.connection_made(cast("asyncio.BaseTransport", transport))
        for piece in pieces:
            receiver.data_received(piece)
        receiver.connection_lost(None)

    asyncio.run(run())
    return transport, channels


@pytest.mark.parametrize(
    ("packet", "answer"),
    [
        (publish(PAYLOAD, qos=0), b""),
        (publish(PAYLOAD, qos=1, number=513), b"\x40\x02\x02\x01"),
        (publish(PAYLOAD, qos=2, number=5), b"\x50\x02\x00\x05"),
        (b"\x62\x02\x00\x05", b"\x70\x02\x00\x05"),
        (b"\xc0\x00", b"\xd0\x00"),
        (b"\x82\x06\x00\x09\x00\x01t\x00", b"\x90\x03\x00\x09\x80"),
        (b"\xa2\x05\x00\x09\x00\x01t", b"\xb0\x02\x00\x09"),
    ],
    ids=["qos-0", "qos-1", "qos-2", "pubrel", "ping", "subscribe", "unsubscribe"],
)
def test_each_packet_has_its_answer(packet: bytes, answer: bytes) -> None:
    transport, channels = talk(CONNECT, packet)
    assert (transport.written, transport.closed) == (CONNACK + answer, False)
    counted = channels.runs.get("abcdefgh", {}).get("reading")
    assert (counted.distinct if counted else 0) == (1 if PAYLOAD in packet else 0)


def test_bytes_may_come_one_by_one_and_what_comes_twice_is_counted_so() -> None:
    stream = CONNECT + publish(PAYLOAD, qos=1) * 2 + b"\xe0\x00"
    transport, channels = talk(*(stream[at : at + 1] for at in range(len(stream))))
    assert transport.written == CONNACK + b"\x40\x02\x00\x01" * 2
    assert transport.closed
    ledger = channels.runs["abcdefgh"]["reading"]
    assert (ledger.deliveries, ledger.duplicates, list(ledger.senders[0].ranges())) == (2, 1, [(7, 7)])


@pytest.mark.parametrize(
    "stream",
    [
        publish(PAYLOAD, qos=0),
        CONNECT + CONNECT,
        CONNECT + b"\x36\x05\x00\x01t\x00\x01",
        CONNECT + b"\x32\x03\x00\x01t",
        CONNECT + b"\x30\xff\x7f",
        CONNECT + b"\x30\xff\xff\xff\xff\x01",
        CONNECT + b"\x30\x01\x00",
        b"\x10\x00",
        b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x02ab",
        b"\x10\x07\x00\x04MQTT\x04",
        CONNECT + b"\xf0\x00",
    ],
    ids=[
        "before-connect", "connect-twice", "qos-3", "no-number", "too-long", "endless-length", "no-topic",
        "empty-connect", "other-version", "short-connect", "reserved-type",
    ],
)  # fmt: skip
def test_a_client_that_breaks_the_rules_is_closed(stream: bytes) -> None:
    transport, channels = talk(stream)
    assert transport.closed
    assert channels.runs == {}


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_raise_an_error(garbage: bytes, connected: bool) -> None:
    talk(CONNECT * connected + garbage)


@given(st.lists(st.binary(max_size=60), max_size=6), st.integers(1, 40))
def test_packets_come_out_as_they_went_in(contents: list[bytes], step: int) -> None:
    stream = b"".join(bytes([0x30, len(content)]) + content for content in contents)
    reader, found = PacketReader(100), []
    for at in range(0, len(stream), step):
        found += reader.feed(stream[at : at + step])
    assert found == [(3, 0, content) for content in contents]


def test_a_length_of_four_bytes_is_read() -> None:
    assert PacketReader(2**28).feed(b"\x30\x80\x80\x01" + bytes(16384)) == [(3, 0, bytes(16384))]
    with pytest.raises(MqttError):
        PacketReader(16383).feed(b"\x30\x80\x80\x01")


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b'{"id":', b'{"id":1}', b'{"id":"abcdefgh.0.1","kind":"A","intended_us":1,"sent_us":1}']
)
def test_other_payloads_have_no_stamp(payload: bytes) -> None:
    assert stamp_of_payload(payload) is None


def test_an_idle_client_is_closed_after_one_and_a_half_of_its_keep_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> list[float]:
        waits: list[float] = []
        loop = asyncio.get_running_loop()
        later = loop.call_later

        def note(delay_s: float, *rest: Any) -> asyncio.TimerHandle:
            waits.append(delay_s)
            return later(delay_s, *rest)

        monkeypatch.setattr(loop, "call_later", note)
        receiver = MqttReceiver(Channels(), set(), 100)
        receiver.connection_made(cast("asyncio.BaseTransport", Transport()))
        receiver.data_received(CONNECT)
        receiver.data_received(b"\xc0\x00")
        receiver.connection_lost(None)
        return waits

    assert asyncio.run(run()) == [10.0, 90.0, 90.0]
