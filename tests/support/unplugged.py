"""A sink's connection without a socket: bytes come in exactly the pieces that a test wants."""

from __future__ import annotations

import asyncio
from typing import Any

from sinks.aiosmtpd_sink import AiosmtpdSink
from sinks.fast_sink import FastSink
from sinks.options import Credentials, Engine
from sinks.server import Service, Sink

CREDENTIALS = Credentials(b"joe", b"secret")
MAX_SIZE_BYTES = 20_000
_TURNS = 6
"""Turns of the event loop within which every engine has done what it can with what came."""


class Line(asyncio.Transport):
    """Collects what a connection writes; a connection that blocks is told so above `room_bytes`."""

    def __init__(self, connection: asyncio.Protocol, room_bytes: int = 2**30) -> None:
        super().__init__()
        self.connection = connection
        self.room_bytes = room_bytes
        self.written = bytearray()
        self.reading = True
        self.closing = False
        self.ended = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.1", 12345) if name == "peername" else default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self.connection = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended, "written after the end"
        room = len(self.written) <= self.room_bytes
        self.written += data
        if room and len(self.written) > self.room_bytes:
            self.connection.pause_writing()

    def drain(self) -> bytes:
        """Take what was written, as a client that reads at last."""
        taken = bytes(self.written)
        self.written.clear()
        if len(taken) > self.room_bytes:
            self.connection.resume_writing()
        return taken

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.connection.connection_lost, None)

    abort = close


class Unplugged:
    """A sink in this event loop, and what went wrong in it.

    Args:
        engine: What speaks.
        service: What it offers.
    """

    def __init__(self, engine: Engine, service: Service | None = None) -> None:
        service = service or Service(MAX_SIZE_BYTES)
        self.sink: Sink = FastSink(service) if engine is Engine.FAST else AiosmtpdSink(service)
        self.errors: list[dict[str, Any]] = []
        self.sink.loop.set_exception_handler(lambda _, context: self.errors.append(context))

    async def connect(self, room_bytes: int = 2**30) -> Line:
        """Open a connection."""
        connection = self.sink.connection()
        assert isinstance(connection, asyncio.Protocol)
        line = Line(connection, room_bytes)
        connection.connection_made(line)
        await settle()
        return line

    async def converse(self, pieces: list[bytes]) -> bytes:
        """Send pieces over a new connection, leave, and return all replies."""
        line = await self.connect()
        # No event loop ever delivers nothing.
        for piece in filter(None, pieces):
            if line.closing:
                break
            line.connection.data_received(piece)
            await settle()
        if not line.closing:
            line.connection.eof_received()
            line.close()
        await settle()
        return bytes(line.written)


async def settle() -> None:
    """Let the sink do what it can."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
