"""What every sink is, whichever protocol engine it runs: a listener, its connections, an intake and a behaviour."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sinks.intake import Intake
from sinks.options import Credentials, Tls

if TYPE_CHECKING:
    import socket
    import ssl

    from sinks.behaviour import Behaviour

HOSTNAME = "sink.test"
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
        connections: The open connections; they join and leave by themselves.
        connections_total: How many there have been.
    """

    def __init__(self, service: Service, intake: Intake | None = None) -> None:
        self.service = service
        self.intake = intake or Intake()
        self.behaviour: Behaviour | None = None
        self.connections: set[SinkConnection] = set()
        self.connections_total = 0
        self.loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._paused = False
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
        self.connections_total += 1
        if self._paused:
            connection.pause()

    def part(self, connection: SinkConnection) -> None:
        """Forget a connection that was lost."""
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    async def start(self, listener: socket.socket) -> None:
        """Accept connections.

        Args:
            listener: A bound socket; the sink listens on it, owns it and closes it.
        """
        implicit = self.service.tls_context if self.service.tls is Tls.IMPLICIT else None
        self._server = await self.loop.create_server(self.connection, sock=listener, backlog=BACKLOG, ssl=implicit)

    def refuse(self) -> None:
        """Accept no more connections; `start` accepts again."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def pause(self) -> None:
        """Stop reading, on connections to come too."""
        self._paused = True
        for connection in tuple(self.connections):
            connection.pause()

    def resume(self) -> None:
        """Read on."""
        self._paused = False
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
        self.resume()
        self._empty.clear()
        for connection in tuple(self.connections):
            connection.leave()
        if self.connections:
            try:
                await asyncio.wait_for(self._empty.wait(), grace_s)
            except TimeoutError:
                self.abort()
