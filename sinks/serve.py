"""Runs a sink until it is told to stop, and tells on standard output what happens to it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from loadkit.errors import LoadkitError
from sinks.ledger_file import write_ledger
from sinks.listener import bind, fastest_loop
from sinks.options import SinkOptions, Tls
from sinks.processes import Workers
from sinks.single import SingleProcess

if TYPE_CHECKING:
    from sinks.behaviour.profile import Profile
    from sinks.intake import Intake

_WORDS = {
    "listening": "listening on {host} port {port}, process {pid}",
    "admin": "admin interface on {url}",
    "receiver": "messages by other channels on {url}",
    "ledger": "{deliveries} deliveries so far, ledger in {file}",
    "behaving": "behaving like {profile}",
    "stopped": "stopped after {deliveries} deliveries",
}
_ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
_MAX_LINE_BYTES = 2**21


class Server(Protocol):
    """A sink in one or several processes."""

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that serve clients."""

    async def collect(self) -> Intake:
        """What arrived so far."""

    async def behave(self, profile: Profile | None) -> None:
        """Behave as a profile says towards the connections to come."""

    async def stop(self) -> Intake:
        """End it; returns all that arrived."""


@dataclass(frozen=True, slots=True)
class Announcer:
    """Tells events, one line each.

    Args:
        output: Where to.
        as_json: As JSON objects rather than in words.
    """

    output: TextIO
    as_json: bool

    def __call__(self, event: str, **details: Any) -> None:
        """Tell an event.

        Args:
            event: Its name, a key of `_WORDS`.
            details: JSON values.
        """
        line = json.dumps({"event": event, **details}) if self.as_json else f"sink: {_WORDS[event].format(**details)}"
        try:
            self.output.write(line + "\n")
            self.output.flush()
        except BrokenPipeError:
            # Who started the sink may have gone; that must cost neither the ledger nor, at the end, the exit code.
            _leave_to_nobody(self.output)


def _leave_to_nobody(output: TextIO) -> None:
    """Let what is and will be written to a stream go nowhere, without an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, output.fileno())
    os.close(nowhere)


def main(options: SinkOptions, output: TextIO | None = None) -> None:
    """Run a sink until SIGTERM or SIGINT; SIGUSR1 writes the ledger meanwhile.

    Args:
        options: What to run.
        output: Where events are told, standard output unless given: ``listening`` (host, port, pid, pids,
            certificate, admin, and where there are receivers http and mqtt), ``ledger`` (file, deliveries),
            ``behaving`` (profile) and ``stopped`` (deliveries).

    Raises:
        UsageError: If the sink can't start or the ledger can't be written.
        ScenarioError: If the profile is wrong.
        LoadkitError: If one of several processes ended by itself.
    """
    with tempfile.TemporaryDirectory(prefix="loadkit-sink-") as name:
        folder = Path(name)
        if options.tls is not Tls.NONE and options.certificate is None:
            from sinks.certificate import write_certificate  # noqa: PLC0415 - most sinks need none

            options = replace(options, certificate=write_certificate(folder))
        with asyncio.Runner(loop_factory=fastest_loop()) as runner:
            runner.run(_Serving(options, Announcer(output or sys.stdout, options.json)).run(folder))


class _Serving:
    """Start, obey commands, stop."""

    def __init__(self, options: SinkOptions, announce: Announcer) -> None:
        self._options = options
        self._announce = announce
        self._commands: asyncio.Queue[signal.Signals | dict[str, Any]] = asyncio.Queue()
        self._line = b""

    async def run(self, folder: Path) -> None:
        options = self._options
        self._listen_for_commands()
        async with AsyncExitStack() as stack:
            server = await self._start(stack, folder)
            while (command := await self._commands.get()) not in _ENDS:
                await self._obey(server, command)
            intake = await server.stop()
        self._publish(intake)
        self._announce("stopped", deliveries=intake.deliveries)
        if command is signal.SIGCHLD:
            hint = "its own message stands above" + ("; --resume goes on counting" if options.ledger else "")
            raise LoadkitError("a process of the sink ended by itself", hint=hint)

    async def _start(self, stack: AsyncExitStack, folder: Path) -> Server:
        options = self._options
        listener = stack.enter_context(bind(replace(options, reuse_port=options.reuse_port or options.processes > 1)))
        host, port = listener.getsockname()[:2]
        if options.processes > 1:
            server: Server = await Workers.start(replace(options, port=port), folder, self._commands)
        else:
            server = await SingleProcess.start(options, listener)
        receivers: dict[str, str] = {}
        if options.http is not None or options.mqtt is not None:
            from sinks.receivers import open_receivers  # noqa: PLC0415 - most sinks need none

            server, receivers = await stack.enter_async_context(open_receivers(server, options))
        admin = None
        if options.admin is not None:
            from sinks.admin import open_admin  # noqa: PLC0415 - aiohttp is heavy

            admin = await stack.enter_async_context(open_admin(server, options))
        certificate = str(options.certificate) if options.certificate else None
        pids = server.pids
        self._announce(
            "listening",
            host=host,
            port=port,
            pid=os.getpid(),
            pids=pids,
            certificate=certificate,
            admin=admin,
            **receivers,
        )
        if not options.json:
            for url in receivers.values():
                self._announce("receiver", url=url)
        if admin and not options.json:
            self._announce("admin", url=admin)
        return server

    def _listen_for_commands(self) -> None:
        """Queue signals and requests, so that they are obeyed one after the other."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            loop.add_signal_handler(number, self._commands.put_nowait, number)
        if self._options.stop_on_eof:
            loop.add_reader(sys.stdin.fileno(), self._read_requests)

    def _read_requests(self) -> None:
        """Queue the requests that come on standard input; its end is a command to stop."""
        read = os.read(sys.stdin.fileno(), 65_536)
        if not read:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._commands.put_nowait(signal.SIGTERM)
        *lines, self._line = (self._line + read)[-_MAX_LINE_BYTES:].split(b"\n")
        for line in lines:
            # Whatever else is written there is none of ours.
            with suppress(ValueError):
                request = json.loads(line)
                if isinstance(request, dict):
                    self._commands.put_nowait(request)

    async def _obey(self, server: Server, command: signal.Signals | dict[str, Any]) -> None:
        match command:
            case signal.SIGUSR1 | {"do": "ledger"}:
                self._publish(await server.collect())
            case {"do": "behave", "profile": text}:
                from sinks.behaviour.profile import Profile  # noqa: PLC0415 - only where behaviours change

                profile = Profile.model_validate_json(text) if text else None
                await server.behave(profile)
                self._announce("behaving", profile=profile.name if profile else None)

    def _publish(self, intake: Intake) -> None:
        if self._options.ledger:
            write_ledger(intake, self._options.ledger)
            self._announce("ledger", file=str(self._options.ledger), deliveries=intake.deliveries)
