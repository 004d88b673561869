"""The lowest layer of a conversation: bytes in, replies out, reasons to wait, and bounds on all of them."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from sinks.server import GOODBYE

if TYPE_CHECKING:
    from sinks.fast_sink import FastSink

# Reasons to go no further, as bits.
PAUSED, BLOCKED, ANSWERING, UPGRADING = 1, 2, 4, 8
"""The sink is paused; the client doesn't read its replies; an answer takes its time; TLS begins."""
DEAF, GONE = 16, 32
"""What comes is read and dropped; the connection is closed."""

MAX_REPLIES_BYTES = 65_536


class Stream(ABC, asyncio.Protocol):
    """One connection, whatever is spoken on it.

    Input waits in `_input` from `_position` on; `_step` takes the next piece of it. While there is a reason to wait,
    nothing is taken and nothing is read, so that what waits is at most what one read brought and an unfinished line.

    Args:
        sink: The sink that accepted the connection.
    """

    __slots__ = (
        "_holds",
        "_idle_sweeps",
        "_input",
        "_leaving",
        "_position",
        "_replies",
        "_replies_bytes",
        "_sink",
        "_transport",
        "_write",
    )

    _transport: asyncio.Transport
    _write: Callable[[bytes], None]

    def __init__(self, sink: FastSink) -> None:
        self._sink = sink
        self._holds = 0
        self._leaving = False
        self._idle_sweeps = 0
        self._input = b""
        self._position = 0
        self._replies: list[bytes] = []
        self._replies_bytes = 0

    @abstractmethod
    def _step(self) -> bool:
        """Greet, or take the next line or piece of content; False where that has not come yet."""

    @property
    @abstractmethod
    def _may_leave(self) -> bool:
        """Whether no transaction is under way."""

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the sink's connections and greet; asyncio calls it."""
        # Those of uvloop are no subclass.
        self._use(cast("asyncio.Transport", transport))
        self._sink.join(self)
        self._work()

    def _use(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._write = transport.write

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - any end will do
        """Leave the sink's connections; asyncio calls it."""
        self._holds |= GONE
        self._drop_input()
        self._sink.part(self)

    def pause_writing(self) -> None:
        """Take no more commands from a client that doesn't read its replies; asyncio calls it."""
        self.hold(BLOCKED)

    def resume_writing(self) -> None:
        """Go on; asyncio calls it."""
        self.release(BLOCKED)

    def data_received(self, data: bytes) -> None:
        """Go through what came; asyncio calls it."""
        if not self._holds & (DEAF | GONE):
            self._input = self._input + data if self._input else data
            self._work()

    # What the sink calls.

    def leave(self) -> None:
        """Say 421 and close, after the transaction that is under way."""
        self._leaving = True
        self._work()

    def abort(self) -> None:
        """Close at once."""
        self._holds |= GONE
        self._drop_input()
        self._transport.abort()

    def pause(self) -> None:
        """Stop reading."""
        self.hold(PAUSED)

    def resume(self) -> None:
        """Read on."""
        self.release(PAUSED)

    def sweep(self, most: int) -> None:
        """Close the connection if the client did nothing for a while.

        Args:
            most: How many sweeps may pass over an idle connection.
        """
        if self._holds & ~BLOCKED:
            return
        self._idle_sweeps += 1
        if self._idle_sweeps > most:
            self.say(b"421 4.4.2 Idle for too long\r\n")
            self.close()

    # Holding and going on.

    def hold(self, reason: int) -> None:
        """Go no further and read no more until the reason is released."""
        if not self._holds & ~DEAF:
            self._transport.pause_reading()
        self._holds |= reason

    def release(self, reason: int) -> None:
        """Go on, unless there is another reason to wait."""
        if not self._holds & reason:
            return
        self._holds &= ~reason
        self._work()
        if not self._holds & ~DEAF:
            self._transport.resume_reading()

    def ignore_client(self) -> None:
        """Read on and heed nothing any more."""
        self._holds |= DEAF
        self._drop_input()

    def _work(self) -> None:
        """Go through what has come until something holds."""
        while not self._holds:
            if self._leaving and self._may_leave:
                self.say(GOODBYE)
                self.close()
            elif not self._step():
                break
        self._input, self._position = self._input[self._position :], 0
        self._flush()

    def _drop_input(self) -> None:
        self._input, self._position = b"", 0

    # Replies.

    def say(self, reply: bytes) -> None:
        """Send a reply, together with others as long as there is more to go through."""
        self._replies.append(reply)
        self._replies_bytes += len(reply)
        if self._replies_bytes > MAX_REPLIES_BYTES:
            self._flush()

    def _flush(self) -> None:
        if not self._replies:
            return
        replies = b"".join(self._replies)
        self._replies.clear()
        self._replies_bytes = 0
        if not self._transport.is_closing():
            self._write(replies)

    def close(self) -> None:
        """Close in good order, after the replies."""
        self._flush()
        self._holds |= GONE
        self._drop_input()
        self._transport.close()
