"""What every sink is, whichever protocol engine it runs: a listener, its connections, an intake and a behaviour."""

from __future__ import annotations

import asyncio
import socket
import struct
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sinks.intake import Intake
from sinks.options import Credentials, Tls

if TYPE_CHECKING:
    import ssl

    from sinks.behaviour import Behaviour

HOSTNAME = "sink.test"
IDENT = "loadkit sink"
GOODBYE = b"421 4.3.2 The sink is stopping\r\n"
MAX_RECIPIENTS = 1000
IDLE_TIMEOUT_S = 300.0
BACKLOG = 4096


@dataclass(frozen=True, slots=True)
class Service:
    """What a sink offers its clients.

    Args:
        max_size_bytes: Largest message that is taken.
        tls: How connections come under TLS.
        tls_context: TLS settings, unless ``tls`` is none.
        credentials: The user that clients must log in as, if any.
        lmtp: Whether it speaks LMTP (RFC 2033) instead of SMTP.
    """

    max_size_bytes: int
    tls: Tls = Tls.NONE
    tls_context: ssl.SSLContext | None = field(default=None, repr=False)
    credentials: Credentials | None = None
    lmtp: bool = False


class SinkConnection(Protocol):
    """One client of a sink, as the sink itself sees it."""

    def leave(self) -> None:
        """Say 421 and close, after the transaction that is under way."""

    def abort(self) -> None:
        """Close at once."""

    def pause(self) -> None:
        """Stop reading."""

    def resume(self) -> None:
        """Read on."""


class Sink(ABC):
    """A server that takes every message and forgets all but its ledger entry.

    Args:
        service: What it offers.
        intake: What arrived before; a new one unless given.

    Attributes:
        behaviour: How it behaves towards the connections to come; None takes everything at once.
        behaviour_changed: Set when the behaviour became another one.
        connections: The open connections; they join and leave by themselves.
        reading: Whether clients are read; a client that comes meanwhile waits for its greeting.
    """

    def __init__(self, service: Service, intake: Intake | None = None) -> None:
        self.service = service
        self.intake = intake or Intake()
        self.behaviour: Behaviour | None = None
        self.behaviour_changed = asyncio.Event()
        self.connections: set[SinkConnection] = set()
        self.loop = asyncio.get_running_loop()
        self.reading = asyncio.Event()
        self.reading.set()
        self._listener: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._empty = asyncio.Event()

    @abstractmethod
    def connection(self) -> asyncio.BaseProtocol:
        """The protocol of one more client."""

    @property
    def max_size_bytes(self) -> int:
        """Largest message that is taken now."""
        limit = self.behaviour.max_size_bytes if self.behaviour else None
        return self.service.max_size_bytes if limit is None else min(limit, self.service.max_size_bytes)

    def join(self, connection: SinkConnection) -> None:
        """Count a connection that was made."""
        self.connections.add(connection)
        self.intake.counters.connections_total += 1
        if not self.reading.is_set():
            connection.pause()

    def part(self, connection: SinkConnection) -> None:
        """Forget a connection that was lost."""
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    def behave(self, behaviour: Behaviour | None) -> None:
        """Take another behaviour, for the connections to come."""
        self.collect()
        self.behaviour = behaviour
        self.behaviour_changed.set()

    def collect(self) -> Intake:
        """What arrived so far, and the counts of now."""
        counters = self.intake.counters
        counters.connections_open = len(self.connections)
        if self.behaviour is not None:
            counts = self.behaviour.counts
            counters.answers.update({f"{phase} {what}": count for (phase, what), count in counts.items()})
            counts.clear()
        return self.intake

    async def start(self, listener: socket.socket) -> None:
        """Accept connections.

        Args:
            listener: A bound socket; the sink listens on it, owns it and closes it.
        """
        self._listener = listener
        await self.accept()

    async def accept(self) -> None:
        """Accept connections, again after `refuse`."""
        assert self._listener is not None
        implicit = self.service.tls_context if self.service.tls is Tls.IMPLICIT else None
        self._server = await self.loop.create_server(
            self.connection, sock=self._listener.dup(), backlog=BACKLOG, ssl=implicit
        )

    def refuse(self) -> None:
        """Accept no more connections, so that the kernel refuses them; the port stays taken."""
        if self._server is not None:
            self._server.close()
            self._server = None
            assert self._listener is not None
            # Linux stops listening on a socket whose reading end is shut, and can begin again.
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RD)

    def pause(self) -> None:
        """Stop reading, on connections to come too."""
        self.reading.clear()
        for connection in tuple(self.connections):
            connection.pause()

    def resume(self) -> None:
        """Read on, if it was paused."""
        if self.reading.is_set():
            return
        self.reading.set()
        for connection in tuple(self.connections):
            connection.resume()

    def abort(self) -> None:
        """Cut off every connection."""
        for connection in tuple(self.connections):
            connection.abort()

    async def stop(self, grace_s: float = 2.0) -> None:
        """Accept no more, let transactions under way end, close every connection.

        Args:
            grace_s: Seconds that transactions get; what is still open then is cut off.
        """
        self.refuse()
        if self._listener is not None:
            self._listener.close()
        self.resume()
        self._empty.clear()
        for connection in tuple(self.connections):
            connection.leave()
        if self.connections:
            try:
                await asyncio.wait_for(self._empty.wait(), grace_s)
            except TimeoutError:
                self.abort()


def source_of(transport: asyncio.BaseTransport) -> str:
    """The address that a connection comes from."""
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if peer else ""


def reset(transport: asyncio.Transport) -> None:
    """Cut a connection off with a TCP reset instead of an orderly end."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None:
        # To linger for no time makes the kernel send RST (RFC 9293, section 3.10.5, ABORT).
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
