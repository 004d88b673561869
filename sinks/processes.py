"""A sink in several processes that share one port, one core each: started, asked for their ledgers, stopped."""

from __future__ import annotations

import asyncio
import json
import signal
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from loadkit.errors import LoadkitError, UsageError
from sinks.intake import Intake
from sinks.ledger_file import merged, part_file, read_ledger, remove_parts, resume_ledger, write_ledger
from sinks.listener import service_for
from sinks.options import SinkOptions, command_line, environment

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from pathlib import Path

    from sinks.behaviour.profile import Profile


def refuse_single(profile: Profile) -> None:
    """Refuse a profile that only one process can serve.

    Raises:
        UsageError: If it is one.
    """
    if profile.single_process_reason:
        raise UsageError(
            f"several processes can't behave like {profile.name}: {profile.single_process_reason}",
            hint="run one process",
        )


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
    async def start(cls, options: SinkOptions) -> Self:
        """Start a process; it may not be listening yet.

        Args:
            options: Options of the process, its ledger among them.
        """
        assert options.ledger is not None
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command_line(options),
            env=environment(),
            stdin=pipe,
            stdout=pipe,
            start_new_session=True,  # Ctrl-C reaches the parent only, which stops its processes in order
        )
        return cls(process, options.ledger)

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

    async def ask(self, answer: str, **request: Any) -> None:
        """Send a request on standard input and wait for the event that answers it.

        Args:
            answer: Name of the event.
            request: JSON values.

        Raises:
            LoadkitError: If the process ends first.
        """
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        await self.until(answer)

    async def stop(self) -> Intake:
        """End the process; returns all that arrived, or all that it had written where it was killed."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()
        return read_ledger(self.ledger)


class Workers:
    """The processes of one sink.

    Args:
        workers: The processes, all listening.
        ledger: Ledger file of the whole sink.
    """

    def __init__(self, workers: tuple[Worker, ...], ledger: Path) -> None:
        self._workers = workers
        self._ledger = ledger
        self._turn = asyncio.Lock()

    @classmethod
    async def start(cls, options: SinkOptions, folder: Path, commands: asyncio.Queue[Any]) -> Self:
        """Start the processes and wait until all of them listen.

        Args:
            options: Options of the sink, with a port that the caller holds by a bound socket.
            folder: Folder for what the processes share, and for their ledgers if the sink has none.
            commands: Gets SIGCHLD when a process ends.

        Raises:
            UsageError: If the profile needs a single process, or the ledger can't be resumed.
            LoadkitError: If a process ends before it listens.
        """
        service_for(options)  # what is wrong is told once, not by every process
        if options.profile:
            from sinks.behaviour.profile import load_profile  # noqa: PLC0415 - a sink without profile starts 0.2 s sooner

            refuse_single(load_profile(options.profile))
        ledger = options.ledger or folder / "ledger.json"
        if options.resume:
            write_ledger(resume_ledger(ledger), part_file(ledger, 0))
            remove_parts(ledger, first=1)
        else:
            remove_parts(ledger)
            write_ledger(Intake(), ledger)
        workers = [
            await Worker.start(_options_of(index, options, ledger, folder / "memory"))
            for index in range(options.processes)
        ]
        await asyncio.gather(*(worker.until("listening") for worker in workers))
        for worker in workers:
            ended = asyncio.ensure_future(worker.process.wait())
            ended.add_done_callback(lambda _: commands.put_nowait(signal.SIGCHLD))
        return cls(tuple(workers), ledger)

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that serve clients."""
        return tuple(worker.process.pid for worker in self._workers)

    async def collect(self) -> Intake:
        """What arrived so far."""
        async with self._turn:
            await asyncio.gather(*(worker.ask("ledger", do="ledger") for worker in self._workers))
            return merged(read_ledger(worker.ledger) for worker in self._workers)

    async def behave(self, profile: Profile | None) -> None:
        """Behave as a profile says towards the connections to come.

        Raises:
            UsageError: If the profile needs a single process.
        """
        text = None
        if profile is not None:
            refuse_single(profile)
            text = profile.model_dump_json(by_alias=True, exclude_unset=True)
        async with self._turn:
            await asyncio.gather(*(worker.ask("behaving", do="behave", profile=text) for worker in self._workers))

    async def stop(self) -> Intake:
        """End the processes; returns all that arrived."""
        async with self._turn:
            intake = merged(await asyncio.gather(*(worker.stop() for worker in self._workers)))
            # Whole first: if this process ends in between, the parts still hold the truth.
            write_ledger(intake, self._ledger)
            remove_parts(self._ledger)
            return intake


def _options_of(index: int, options: SinkOptions, ledger: Path, memory: Path) -> SinkOptions:
    """What one of the processes is asked to do; the first one goes on counting where the sink resumes."""
    return replace(
        options,
        index=index,
        processes=1,
        ledger=part_file(ledger, index),
        memory=memory,
        resume=options.resume and index == 0,
        admin=None,
        admin_token_env=None,
        http=None,
        mqtt=None,
        reuse_port=True,
        stop_on_eof=True,
        json=True,
    )
