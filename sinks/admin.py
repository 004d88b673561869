"""The admin interface of a sink over HTTP: health, ledger, counters, behaviour, and metrics for Prometheus."""

from __future__ import annotations

import hmac
import ipaddress
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import yaml
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from loadkit.errors import LoadkitError, ScenarioError, UsageError
from sinks.behaviour.profile import load_profile, parse_profile, profile_names
from sinks.metrics import metrics_of
from sinks.options import parse_place

if TYPE_CHECKING:
    from sinks.behaviour.profile import Profile
    from sinks.options import SinkOptions
    from sinks.serve import Server

MAX_BODY_BYTES = 2**20

_LOOPBACK_NAMES = ("localhost", "localhost.localdomain")


class Admin:
    """The answers of the admin interface.

    Args:
        server: The sink it is about.
        profile: How the sink behaves when it starts.
    """

    def __init__(self, server: Server, profile: Profile | None) -> None:
        self._server = server
        self._profile = profile

    def routes(self) -> list[web.RouteDef]:
        """Paths and what answers them."""
        return [
            web.get("/health", self.health),
            web.get("/ledger", self.ledger),
            web.get("/counters", self.counters),
            web.get("/profile", self.profile),
            web.put("/profile", self.behave),
            web.delete("/profile", self.stop_behaving),
            web.get("/metrics", self.metrics),
        ]

    async def health(self, _request: web.Request) -> web.Response:
        """Whether it serves, and which processes do."""
        return web.json_response({"status": "ok", "pids": self._server.pids})

    async def ledger(self, request: web.Request) -> web.Response:
        """What arrived, of all runs or of the one named by ``?run=``, in the form of the ledger file."""
        intake = await self._server.collect()
        return web.json_response(intake.to_dict(request.query.get("run")))

    async def counters(self, request: web.Request) -> web.Response:
        """Sums over all runs or of the one named by ``?run=``, connections, and what the behaviour did."""
        intake = await self._server.collect()
        run = request.query.get("run")
        ledgers = [one for name, one in intake.runs.items() if run in (None, name)]
        if run is None:
            ledgers.append(intake.unidentified)
        names = ("deliveries", "duplicates", "unknown", "corrupted", "recipients", "size_bytes")
        sums = {name: sum(getattr(ledger, name) for ledger in ledgers) for name in names}
        return web.json_response({**sums, "runs": len(intake.runs), **intake.counters.to_dict()})

    async def profile(self, _request: web.Request) -> web.Response:
        """How it behaves, as YAML, and the names of the profiles that are shipped."""
        names = ", ".join(profile_names())
        plain = self._profile.model_dump(by_alias=True, exclude_unset=True, mode="json") if self._profile else {}
        text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)
        return web.Response(text=f"# shipped: {names}\n{text}", content_type="application/yaml")

    async def behave(self, request: web.Request) -> web.Response:
        """Behave as the body says: the name of a shipped profile, or a profile in YAML."""
        text = (await request.read()).decode("utf-8", "replace").strip()
        profile = load_profile(text) if text in profile_names() else parse_profile(text, "<request>")
        await self._server.behave(profile)
        self._profile = profile
        return web.json_response({"profile": profile.name})

    async def stop_behaving(self, _request: web.Request) -> web.Response:
        """Take everything at once."""
        await self._server.behave(None)
        self._profile = None
        return web.json_response({"profile": None})

    async def metrics(self, _request: web.Request) -> web.Response:
        """Counters and latencies in Prometheus' text format."""
        return web.Response(
            body=metrics_of(await self._server.collect()), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )


@asynccontextmanager
async def open_admin(server: Server, options: SinkOptions) -> AsyncIterator[str]:
    """Serve the admin interface for as long as the block lasts.

    Args:
        server: The sink it is about.
        options: The sink's options; they say where the admin interface listens.

    Yields:
        Its address as a URL.

    Raises:
        UsageError: If the place can't be used, or is open to others without a token.
    """
    assert options.admin is not None
    host, port = parse_place(options.admin)
    token = _token(options.admin_token_env)
    profile = load_profile(options.profile) if options.profile else None
    if token is None and not _is_loopback(host):
        raise UsageError(
            f"the admin interface on {host} would be open to everybody",
            hint="give the name of a variable with a token by --admin-token-env, or listen on 127.0.0.1",
        )
    application = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[_told_errors, _guard(token)])
    application.add_routes(Admin(server, profile).routes())
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise UsageError(f"the admin interface can't listen on {options.admin}: {error.strerror}") from error
        address = runner.addresses[0]
        yield f"http://{f'[{address[0]}]' if ':' in address[0] else address[0]}:{address[1]}"
    finally:
        await runner.cleanup()


def _token(token_env: str | None) -> str | None:
    if token_env is None:
        return None
    token = os.environ.get(token_env)
    if not token:
        raise UsageError(f"the environment variable {token_env} is not set", hint=f"export {token_env}=...")
    return token


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in _LOOPBACK_NAMES


def _guard(token: str | None) -> Middleware:
    """Lets in who shows the token; without one, who asks for this machine by name or address.

    A web page elsewhere that makes its own name stand for 127.0.0.1 still asks for that name.
    """

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if token is not None:
            shown = request.headers.get("Authorization", "")
            if not hmac.compare_digest(shown.encode(), f"Bearer {token}".encode()):
                return web.json_response({"error": "show the token as Authorization: Bearer"}, status=401)
        elif not _is_loopback(request.url.host or ""):
            return web.json_response({"error": "ask for 127.0.0.1 or localhost"}, status=403)
        return await handler(request)

    return guard


@web.middleware
async def _told_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tells what is wrong with a request, every problem of a profile included."""
    try:
        return await handler(request)
    except ScenarioError as error:
        return web.json_response({"error": str(error), "problems": [str(one) for one in error.problems]}, status=400)
    except UsageError as error:
        return web.json_response({"error": str(error), "hint": error.hint}, status=400)
    except LoadkitError as error:
        return web.json_response({"error": str(error), "hint": error.hint}, status=500)
