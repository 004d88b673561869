"""Turns options into what a sink needs: a socket, a service, an event loop."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from loadkit.errors import UsageError
from sinks.options import Engine, Tls, read_credentials
from sinks.server import Service

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinks.intake import Intake
    from sinks.options import SinkOptions
    from sinks.server import Sink


def bind(options: SinkOptions) -> socket.socket:
    """Take the address and the port.

    Returns:
        A bound socket that doesn't listen yet.

    Raises:
        UsageError: If the address can't be taken.
    """
    try:
        return _bound(options, _free_port(options) if options.port == 0 else options.port)
    except OSError as error:
        place = f"{options.host} port {options.port}"
        raise UsageError(f"can't listen on {place}: {error.strerror}", hint="port 0 takes a free one") from error


def _free_port(options: SinkOptions) -> int:
    # A socket keeps its port while it doesn't listen only if it asked for that port by number.
    with _bound(options, 0) as probe:
        port: int = probe.getsockname()[1]
        return port


def _bound(options: SinkOptions, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        options.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if options.reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def service_for(options: SinkOptions) -> Service:
    """What a sink with these options offers its clients.

    Args:
        options: The options; with TLS they name a certificate.

    Raises:
        UsageError: If the credentials or the certificate can't be read.
    """
    credentials = read_credentials(options.auth) if options.auth else None
    context = None
    if options.tls is not Tls.NONE:
        from sinks.certificate import server_context  # noqa: PLC0415 - most sinks need none

        assert options.certificate is not None
        try:
            context = server_context(options.certificate, options.tls_minimum)
        except OSError as error:
            raise UsageError(f"{options.certificate} has no usable key and certificate: {error}") from error
    return Service(options.max_size_bytes, options.tls, context, credentials, options.lmtp)


def sink_for(options: SinkOptions, service: Service, intake: Intake) -> Sink:
    """A sink of the wanted engine, in the running event loop.

    Args:
        options: The options.
        service: What it offers.
        intake: What arrived before.
    """
    if options.engine is Engine.FAST:
        from sinks.fast_sink import FastSink  # noqa: PLC0415 - one engine is enough

        return FastSink(service, intake)
    from sinks.aiosmtpd_sink import AiosmtpdSink  # noqa: PLC0415 - likewise

    return AiosmtpdSink(service, intake)


def fastest_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """The factory of uvloop's event loop, or of asyncio's own where uvloop is not installed."""
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
