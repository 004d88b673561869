"""Receivers of messages that come by other channels than SMTP: an HTTP API and an MQTT broker that take everything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from loadkit.errors import UsageError
from loadkit.smtp.stamp import stamp_of
from sinks.intake import Channels
from sinks.mqtt import MqttReceiver
from sinks.options import parse_place

if TYPE_CHECKING:
    from sinks.behaviour.profile import Profile
    from sinks.intake import Intake
    from sinks.options import SinkOptions
    from sinks.serve import Server

_STOP_S = 1.0


class ServerWithReceivers:
    """A sink and what its receivers took, as one.

    Args:
        server: The sink.
        channels: What they took.
    """

    def __init__(self, server: Server, channels: Channels) -> None:
        self._server = server
        self._channels = channels

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that serve clients."""
        return self._server.pids

    async def collect(self) -> Intake:
        """What arrived so far."""
        return self._with_channels(await self._server.collect())

    async def behave(self, profile: Profile | None) -> None:
        """Behave as a profile says towards the connections to come; receivers take everything."""
        await self._server.behave(profile)

    async def stop(self) -> Intake:
        """End it; returns all that arrived."""
        return self._with_channels(await self._server.stop())

    def _with_channels(self, intake: Intake) -> Intake:
        intake.channels = self._channels
        return intake


@asynccontextmanager
async def open_receivers(server: Server, options: SinkOptions) -> AsyncIterator[tuple[Server, dict[str, str]]]:
    """Receive messages for as long as the block lasts.

    Args:
        server: The sink that they belong to.
        options: Where they listen.

    Yields:
        The sink with what they take, and their addresses by protocol.

    Raises:
        UsageError: If a place can't be used.
    """
    channels = (await server.collect()).channels
    urls: dict[str, str] = {}
    async with AsyncExitStack() as stack:
        if options.http is not None:
            urls["http"] = await stack.enter_async_context(_http(channels, options.http, options.max_size_bytes))
        if options.mqtt is not None:
            urls["mqtt"] = await stack.enter_async_context(_mqtt(channels, options.mqtt, options.max_size_bytes))
        yield ServerWithReceivers(server, channels), urls


@asynccontextmanager
async def _http(channels: Channels, place: str, max_size_bytes: int) -> AsyncIterator[str]:
    host, port = parse_place(place)

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        stamp = stamp_of(request.headers.get("X-Loadkit-Id", ""), request.headers.get("X-Loadkit-Sent", ""))
        channels.take(stamp, size_bytes=len(body), now=time.time())
        return web.Response(status=202)

    application = web.Application(client_max_size=max_size_bytes)
    application.add_routes([web.route(method, "/{path:.*}", receive) for method in ("POST", "PUT")])
    # A client that is still connected at the end must not hold it up.
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=_STOP_S)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise UsageError(f"messages by HTTP can't be received on {place}: {error.strerror}") from error
        yield _url("http", runner.addresses[0])
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _mqtt(channels: Channels, place: str, max_size_bytes: int) -> AsyncIterator[str]:
    host, port = parse_place(place)
    open_ones: set[MqttReceiver] = set()
    try:
        listener = await asyncio.get_running_loop().create_server(
            lambda: MqttReceiver(channels, open_ones, max_size_bytes), host, port
        )
    except OSError as error:
        raise UsageError(f"messages by MQTT can't be received on {place}: {error.strerror}") from error
    try:
        yield _url("mqtt", listener.sockets[0].getsockname())
    finally:
        listener.close()
        for connection in tuple(open_ones):
            connection.abort()


def _url(scheme: str, address: tuple[str, int]) -> str:
    host, port = address[:2]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
