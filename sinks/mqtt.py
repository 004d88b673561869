"""An MQTT 3.1.1 broker without subscribers: it acknowledges and counts what is published, and keeps nothing.

Numbers of sections are those of MQTT Version 3.1.1, OASIS Standard, 29 October 2014.
"""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from loadkit.smtp.stamp import Stamp, stamp_of

if TYPE_CHECKING:
    from sinks.intake import Channels

# Control packet types, 2.2.1.
_CONNECT, _PUBLISH, _PUBREL, _PINGREQ, _DISCONNECT = 1, 3, 6, 12, 14
_SUBSCRIBE, _UNSUBSCRIBE = 8, 10

_CONNACK_ACCEPTED = b"\x20\x02\x00\x00"
_CONNACK_OTHER_VERSION = b"\x20\x02\x00\x01"
_PROTOCOL_311 = b"\x00\x04MQTT\x04"
_ANSWERS: dict[int, Callable[[bytes], bytes]] = {
    _PUBREL: lambda ident: b"\x70\x02" + ident,
    _SUBSCRIBE: lambda ident: b"\x90\x03" + ident + b"\x80",  # a failure, since nobody is sent anything
    _UNSUBSCRIBE: lambda ident: b"\xb0\x02" + ident,
    _PINGREQ: lambda _: b"\xd0\x00",
}
"""Answers to packets by type; given the packet identifier."""
_MAX_LENGTH_BYTES = 4
_CONNECT_S = 10.0


class MqttError(Exception):
    """A client does not follow the protocol; its connection is closed (4.8)."""


class PacketReader:
    """Cuts a stream into control packets.

    Args:
        max_packet_bytes: Longest packet that is taken.
    """

    def __init__(self, max_packet_bytes: int) -> None:
        self._max_packet_bytes = max_packet_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, int, bytes]]:
        """Take bytes.

        Returns:
            The packets that are complete now: type, flags and what follows the fixed header.

        Raises:
            MqttError: If a length is malformed or too large.
        """
        self._buffer += data
        packets = []
        while (head := self._head()) is not None:
            start, length = head
            if len(self._buffer) < start + length:
                break
            packets.append((self._buffer[0] >> 4, self._buffer[0] & 0x0F, bytes(self._buffer[start : start + length])))
            del self._buffer[: start + length]
        return packets

    def _head(self) -> tuple[int, int] | None:
        """Where the next packet's content starts and how long it is, if that is there (2.2.3)."""
        length = 0
        for place in range(_MAX_LENGTH_BYTES):
            if len(self._buffer) < place + 2:
                return None
            byte = self._buffer[place + 1]
            length |= (byte & 0x7F) << (7 * place)
            if not byte & 0x80:
                if length > self._max_packet_bytes:
                    raise MqttError(f"a packet of {length} bytes")
                return place + 2, length
        raise MqttError("a length of more than four bytes")


class MqttReceiver(asyncio.Protocol):
    """One client.

    Args:
        channels: Takes what it publishes.
        open_ones: The open connections; it joins and leaves by itself.
        max_packet_bytes: Longest packet that is taken.
    """

    def __init__(self, channels: Channels, open_ones: set[MqttReceiver], max_packet_bytes: int) -> None:
        self._channels = channels
        self._open_ones = open_ones
        self._reader = PacketReader(max_packet_bytes)
        self._transport: asyncio.Transport
        self._connected = False
        self._silence_s = _CONNECT_S
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._open_ones.add(self)
        self._rearm()

    def connection_lost(self, _error: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._open_ones.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        try:
            for kind, flags, content in self._reader.feed(data):
                answer = self._answer(kind, flags, content)
                if answer:
                    self._transport.write(answer)
        except (MqttError, struct.error, IndexError, UnicodeDecodeError):
            self._transport.close()
            return
        self._rearm()

    def pause_writing(self) -> None:
        """A client that does not read its acknowledgements gets no more room for them."""
        self.abort()

    def _rearm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._silence_s:
            self._timer = asyncio.get_running_loop().call_later(self._silence_s, self.abort)

    def _answer(self, kind: int, flags: int, content: bytes) -> bytes:
        if kind == _CONNECT:
            return self._connect(content)
        if not self._connected:
            raise MqttError("a packet before CONNECT")  # 3.1
        if kind == _PUBLISH:
            return self._publish(flags, content)
        if kind == _DISCONNECT:
            self._transport.close()
            return b""
        if kind in _ANSWERS:
            return _ANSWERS[kind](content[:2])
        raise MqttError(f"a packet of type {kind}")

    def _connect(self, content: bytes) -> bytes:
        if self._connected:
            raise MqttError("a second CONNECT")  # 3.1
        if not content.startswith(_PROTOCOL_311):
            self._transport.write(_CONNACK_OTHER_VERSION)
            raise MqttError("another version")
        self._connected = True
        (keep_alive_s,) = struct.unpack_from(">H", content, 8)
        self._silence_s = 1.5 * keep_alive_s  # 3.1.2.10; 0 is for ever
        return _CONNACK_ACCEPTED

    def _publish(self, flags: int, content: bytes) -> bytes:
        qos = (flags >> 1) & 3
        if qos == 3:  # noqa: PLR2004 - 3.3.1.2 forbids it
            raise MqttError("QoS 3")
        (topic_bytes,) = struct.unpack_from(">H", content)
        start = 2 + topic_bytes
        ident = content[start : start + 2] if qos else b""
        if qos and len(ident) < 2:  # noqa: PLR2004 - a packet identifier
            raise MqttError("no packet identifier")
        payload = content[start + len(ident) :]
        self._channels.take(stamp_of_payload(payload), size_bytes=len(payload), now=time.time())
        return (b"", b"\x40\x02", b"\x50\x02")[qos] + ident


def stamp_of_payload(payload: bytes) -> Stamp | None:
    """The stamp of a published message of ours, which is a JSON object that has it."""
    if not payload.startswith(b'{"id":'):
        return None
    try:
        told = json.loads(payload)
        return stamp_of(str(told["id"]), f"{told['intended_us']} {told['sent_us']} {told['kind']}")
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
