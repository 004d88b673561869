"""A sink in several processes that share one port, one core each: started, asked for their ledgers, stopped."""

from __future__ import annotations

import asyncio
import json
import signal
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loadkit.errors import LoadkitError
from sinks.intake import Intake, read_ledger
from sinks.options import SinkOptions, command_line, environment

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Worker:
    """One of the processes: an ordinary sink that ends when its standard input does.

    Args:
        process: The process.
        ledger: Its ledger file.
    """

    process: Process
    ledger: Path

    @classmethod
    async def start(cls, options: SinkOptions, ledger: Path) -> Worker:
        """Start a process; it may not be listening yet.

        Args:
            options: Options of the whole sink, with its port.
            ledger: File for this process's ledger.
        """
        own = replace(options, processes=1, ledger=ledger, reuse_port=True, stop_on_eof=True, json=True)
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command_line(own),
            env=environment(),
            stdin=pipe,
            stdout=pipe,
            start_new_session=True,  # Ctrl-C reaches the parent only, which stops its processes in order
        )
        return cls(process, ledger)

    async def until(self, event: str) -> None:
        """Wait for an event of this name.

        Raises:
            LoadkitError: If the process ends first.
        """
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            if json.loads(line)["event"] == event:
                return
        raise LoadkitError("a process of the sink ended by itself", hint="its own message stands above")

    async def collect(self) -> Intake:
        """What arrived so far."""
        self.process.send_signal(signal.SIGUSR1)
        await self.until("ledger")
        return read_ledger(self.ledger)

    async def stop(self) -> Intake:
        """End the process; returns all that arrived."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()
        return read_ledger(self.ledger)


@dataclass(frozen=True, slots=True)
class Workers:
    """The processes of one sink.

    Args:
        workers: The processes, all listening.
    """

    workers: tuple[Worker, ...]

    @classmethod
    async def start(cls, options: SinkOptions, folder: Path, commands: asyncio.Queue[signal.Signals]) -> Workers:
        """Start the processes and wait until all of them listen.

        Args:
            options: Options of the sink, with a port that the caller holds by a bound socket.
            folder: Folder for the processes' ledgers.
            commands: Gets SIGCHLD when a process ends.

        Raises:
            LoadkitError: If one ends before it listens.
        """
        files = [folder / f"ledger-{number}.json" for number in range(options.processes)]
        self = cls(tuple([await Worker.start(options, file) for file in files]))
        await asyncio.gather(*(worker.until("listening") for worker in self.workers))
        for worker in self.workers:
            ended = asyncio.ensure_future(worker.process.wait())
            ended.add_done_callback(lambda _: commands.put_nowait(signal.SIGCHLD))
        return self

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that serve clients."""
        return tuple(worker.process.pid for worker in self.workers)

    async def collect(self) -> Intake:
        """What arrived so far."""
        return _merged(await asyncio.gather(*(worker.collect() for worker in self.workers)))

    async def stop(self) -> Intake:
        """End the processes; returns all that arrived."""
        return _merged(await asyncio.gather(*(worker.stop() for worker in self.workers)))


def _merged(intakes: Iterable[Intake]) -> Intake:
    whole = Intake()
    for intake in intakes:
        whole.merge(intake)
    return whole
