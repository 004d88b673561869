"""Runs a sink until it is told to stop, and tells on standard output what happens to it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TextIO

from loadkit.errors import LoadkitError
from sinks.aiosmtpd_sink import AiosmtpdSink
from sinks.certificate import write_certificate
from sinks.intake import Intake, write_ledger
from sinks.listener import bind, fastest_loop, service_for
from sinks.options import SinkOptions, Tls
from sinks.processes import Workers

_WORDS = {
    "listening": "listening on {host} port {port}, process {pid}",
    "ledger": "{deliveries} deliveries so far, ledger in {file}",
    "stopped": "stopped after {deliveries} deliveries",
}


class Server(Protocol):
    """A sink in one or several processes."""

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that serve clients."""

    async def collect(self) -> Intake:
        """What arrived so far."""

    async def stop(self) -> Intake:
        """End it; returns all that arrived."""


@dataclass(frozen=True, slots=True)
class InProcess:
    """A sink in this process.

    Args:
        sink: The started sink.
    """

    sink: AiosmtpdSink

    @property
    def pids(self) -> tuple[int, ...]:
        """This process."""
        return (os.getpid(),)

    async def collect(self) -> Intake:
        """What arrived so far."""
        return self.sink.intake

    async def stop(self) -> Intake:
        """End it; returns all that arrived."""
        await self.sink.stop()
        return self.sink.intake


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
            event: Its name: listening, ledger or stopped.
            details: JSON values.
        """
        line = json.dumps({"event": event, **details}) if self.as_json else f"sink: {_WORDS[event].format(**details)}"
        # Who started the sink may have gone; that must not cost the ledger.
        with suppress(BrokenPipeError):
            self.output.write(line + "\n")
            self.output.flush()


def main(options: SinkOptions, output: TextIO | None = None) -> None:
    """Run a sink until SIGTERM or SIGINT; SIGUSR1 writes the ledger meanwhile.

    Args:
        options: What to run.
        output: Where events are told, standard output unless given: ``listening`` (host, port, pid, pids,
            certificate), ``ledger`` (file, deliveries) and ``stopped`` (deliveries).

    Raises:
        UsageError: If the sink can't start or the ledger can't be written.
        LoadkitError: If one of several processes ended by itself.
    """
    with tempfile.TemporaryDirectory(prefix="loadkit-sink-") as name:
        folder = Path(name)
        if options.tls is not Tls.NONE and options.certificate is None:
            options = replace(options, certificate=write_certificate(folder))
        with asyncio.Runner(loop_factory=fastest_loop()) as runner:
            runner.run(_serve(options, folder, Announcer(output or sys.stdout, options.json)))


async def _serve(options: SinkOptions, folder: Path, announce: Announcer) -> None:
    """Start, obey commands, stop."""
    service = service_for(options)
    commands: asyncio.Queue[signal.Signals] = asyncio.Queue()
    _listen_for_commands(options, commands)
    if options.ledger:
        write_ledger(Intake(), options.ledger)
    with bind(replace(options, reuse_port=options.reuse_port or options.processes > 1)) as listener:
        host, port = listener.getsockname()[:2]
        if options.processes > 1:
            server: Server = await Workers.start(replace(options, port=port), folder, commands)
        else:
            sink = AiosmtpdSink(service)
            await sink.start(listener)
            server = InProcess(sink)
        certificate = str(options.certificate) if options.certificate else None
        announce("listening", host=host, port=port, pid=os.getpid(), pids=server.pids, certificate=certificate)
        while (command := await commands.get()) is signal.SIGUSR1:
            _publish(await server.collect(), options, announce)
        intake = await server.stop()
    _publish(intake, options, announce)
    announce("stopped", deliveries=intake.deliveries)
    if command is signal.SIGCHLD:
        raise LoadkitError("a process of the sink ended by itself", hint="its own message stands above")


def _listen_for_commands(options: SinkOptions, commands: asyncio.Queue[signal.Signals]) -> None:
    """Queue the signals, so that they are obeyed one after the other."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        loop.add_signal_handler(number, commands.put_nowait, number)
    if options.stop_on_eof:
        loop.add_reader(sys.stdin.fileno(), _read_input, loop, commands)


def _read_input(loop: asyncio.AbstractEventLoop, commands: asyncio.Queue[signal.Signals]) -> None:
    """Throw away what comes on standard input; its end is a command to stop."""
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin.fileno())
        commands.put_nowait(signal.SIGTERM)


def _publish(intake: Intake, options: SinkOptions, announce: Announcer) -> None:
    if options.ledger:
        write_ledger(intake, options.ledger)
        announce("ledger", file=str(options.ledger), deliveries=intake.deliveries)
