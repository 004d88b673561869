"""A sink in this process: started, asked for what arrived, told to behave otherwise, stopped."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from sinks.intake import Intake
from sinks.interruptions import follow_outages
from sinks.ledger_file import remove_parts, resume_ledger, write_ledger
from sinks.listener import service_for, sink_for

if TYPE_CHECKING:
    import socket

    from sinks.behaviour.memory import Memory
    from sinks.behaviour.profile import Profile
    from sinks.options import SinkOptions
    from sinks.server import Sink

FLUSH_S = 1.0
"""How often the ledger is written: a process that is killed loses what it acknowledged since."""


class SingleProcess:
    """A running sink in this process.

    Args:
        sink: The started sink.
        options: Its options.
    """

    def __init__(self, sink: Sink, options: SinkOptions) -> None:
        self._sink = sink
        self._options = options
        self._memory: Memory | None = None
        self._tasks = [asyncio.create_task(follow_outages(sink))]
        if options.ledger is not None:
            self._tasks.append(asyncio.create_task(self._keep_ledger()))

    @classmethod
    async def start(cls, options: SinkOptions, listener: socket.socket) -> Self:
        """Start a sink.

        Args:
            options: What to run.
            listener: The bound socket, which the sink takes over.

        Raises:
            UsageError: If credentials, certificate, profile or ledger can't be read.
            ScenarioError: If the profile is wrong.
        """
        intake = Intake()
        if options.ledger is not None:
            if options.resume:
                intake = resume_ledger(options.ledger)
            write_ledger(intake, options.ledger)
            remove_parts(options.ledger)
        sink = sink_for(options, service_for(options), intake)
        self = cls(sink, options)
        if options.profile:
            from sinks.behaviour.profile import load_profile  # noqa: PLC0415 - see behave

            await self.behave(load_profile(options.profile))
        await sink.start(listener)
        return self

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that serve clients: this one."""
        return (os.getpid(),)

    async def collect(self) -> Intake:
        """What arrived so far."""
        return self._sink.collect()

    async def behave(self, profile: Profile | None) -> None:
        """Behave as a profile says towards the connections to come; None takes everything at once."""
        if profile is None:
            self._sink.behave(None)
            return
        from sinks.behaviour import Behaviour  # noqa: PLC0415 - a sink without profile starts 0.2 s sooner
        from sinks.behaviour.memory import Memory  # noqa: PLC0415 - likewise

        if self._memory is None:
            self._memory = Memory.shared(self._options.memory) if self._options.memory else Memory()
        now = self._sink.loop.time()
        self._sink.behave(Behaviour(profile, self._memory, now=now, index=self._options.index))

    async def stop(self) -> Intake:
        """End it; returns all that arrived."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._sink.stop()
        return self._sink.collect()

    async def _keep_ledger(self) -> None:
        assert self._options.ledger is not None
        written = -1
        while True:
            await asyncio.sleep(FLUSH_S)
            intake = self._sink.collect()
            if intake.deliveries != written:
                written = intake.deliveries
                write_ledger(intake, self._options.ledger, durable=False)
