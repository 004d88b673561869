"""The fast sink: a protocol engine with no more work per message than the protocol needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.fast.guided import GuidedConversation
from sinks.fast.quick import QuickConversation
from sinks.fast.stream import Stream
from sinks.login import Login
from sinks.options import Tls
from sinks.server import HOSTNAME, IDENT, IDLE_TIMEOUT_S, Sink

if TYPE_CHECKING:
    import asyncio
    import socket

    from sinks.intake import Intake
    from sinks.server import Service

_SWEEPS = 10
"""An idle connection is closed after `IDLE_TIMEOUT_S` or at most a tenth of it later."""


class FastSink(Sink):
    """A sink that speaks the protocol itself, on callbacks.

    Args:
        service: What it offers.
        intake: What arrived before; a new one unless given.

    Attributes:
        login: Who may log in; None where nobody needs to.
        greeting: What it says first.
    """

    def __init__(self, service: Service, intake: Intake | None = None) -> None:
        super().__init__(service, intake)
        self.login = Login(service.credentials, HOSTNAME) if service.credentials else None
        self.greeting = b"220 %b %b %b\r\n" % (HOSTNAME.encode(), b"LMTP" if service.lmtp else b"ESMTP", IDENT.encode())
        self._sweeper: asyncio.TimerHandle | None = None

    def connection(self) -> Stream:
        """The protocol of one more client."""
        return GuidedConversation(self, self.behaviour) if self.behaviour else QuickConversation(self)

    def extensions(self, max_size_bytes: int, *, secure: bool) -> bytes:
        """The reply to EHLO or LHLO.

        Args:
            max_size_bytes: Largest message that the connection takes.
            secure: Whether the connection is under TLS.
        """
        offered = [HOSTNAME, f"SIZE {max_size_bytes}", "8BITMIME", "SMTPUTF8"]
        if self.service.tls is Tls.STARTTLS and not secure:
            offered.append("STARTTLS")
        if self.login:
            offered.append("AUTH " + " ".join(name.decode() for name in sorted(self.login.mechanisms)))
        lines = [*offered, "PIPELINING", "CHUNKING", "HELP"]
        return "".join(f"250{' ' if line is lines[-1] else '-'}{line}\r\n" for line in lines).encode()

    async def start(self, listener: socket.socket) -> None:
        """Accept connections.

        Args:
            listener: A bound socket; the sink listens on it, owns it and closes it.
        """
        await super().start(listener)
        if self._sweeper is None:
            self._sweep_later()

    async def stop(self, grace_s: float = 2.0) -> None:
        """Accept no more, let transactions under way end, close every connection.

        Args:
            grace_s: Seconds that transactions get; what is still open then is cut off.
        """
        await super().stop(grace_s)
        if self._sweeper:
            self._sweeper.cancel()
            self._sweeper = None

    def _sweep_later(self) -> None:
        self._sweeper = self.loop.call_later(IDLE_TIMEOUT_S / _SWEEPS, self._sweep)

    def _sweep(self) -> None:
        """One timer for all connections: one for each would have to be set anew with each command."""
        for connection in tuple(self.connections):
            if isinstance(connection, Stream):
                connection.sweep(_SWEEPS)
        self._sweep_later()
