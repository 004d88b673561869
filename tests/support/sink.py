"""The bundled sink in a process of its own, for tests that send to it."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support import forked

from sinks.intake import Intake
from sinks.ledger_file import read_ledger
from sinks.options import SinkOptions, command_line, environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TIMEOUT_S = 15.0


class RunningSink:
    """A sink that listens; ask it what arrived, freeze it, stop it.

    Args:
        options: What to run; its ledger file must be set.
        variables: Variables beside this process's own, such as credentials.
        prefix: What its command starts with.
    """

    def __init__(
        self, options: SinkOptions, variables: Mapping[str, str] | None = None, prefix: Sequence[str] = ()
    ) -> None:
        assert options.ledger is not None
        self.ledger_file = options.ledger
        self.process = forked.start(
            [*prefix, *command_line(options)],
            env={**environment(), **(variables or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read_lines, daemon=True).start()
        self._paused = False
        try:
            event = self.until("listening")
        except BaseException:
            self.process.kill()
            raise
        self.host: str = event["host"]
        self.port: int = event["port"]
        self.pid: int = event["pid"]
        self.pids: tuple[int, ...] = tuple(event["pids"])
        self.admin: str | None = event["admin"]
        self.certificate = Path(event["certificate"]) if event["certificate"] else None

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def until(self, event: str) -> dict[str, Any]:
        """Wait for an event of this name and return it."""
        while line := self._lines.get(timeout=TIMEOUT_S):
            told: dict[str, Any] = json.loads(line)
            if told["event"] == event:
                return told
        raise AssertionError(f"the sink ended with {self.process.wait()} before it told {event!r}")

    def pause(self) -> None:
        """Freeze every process that serves clients: connections stay open and nothing is answered."""
        self._paused = True
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let the sink go on."""
        self._paused = False
        for pid in self.pids:
            os.kill(pid, signal.SIGCONT)

    def collect(self) -> Intake:
        """What arrived so far."""
        self.process.send_signal(signal.SIGUSR1)
        self.until("ledger")
        return read_ledger(self.ledger_file)

    def stop(self) -> Intake:
        """End the sink, if it still runs, and return all that arrived."""
        if self.process.poll() is None:
            if self._paused:
                self.resume()
            self.process.terminate()
        assert self.process.stdin is not None
        self.process.stdin.close()
        code = self.process.wait(TIMEOUT_S)
        assert code == 0, f"the sink ended with {code}"
        return read_ledger(self.ledger_file)


@contextmanager
def running_sink(
    variables: Mapping[str, str] | None = None, *, prefix: Sequence[str] = (), **options: Any
) -> Iterator[RunningSink]:
    """Run a sink on a free port of loopback.

    Args:
        variables: Variables beside this process's own, such as credentials.
        prefix: What its command starts with.
        options: Fields of `SinkOptions`.
    """
    with tempfile.TemporaryDirectory(prefix="loadkit-test-") as folder:
        defaults = {"port": 0, "json": True, "stop_on_eof": True, "ledger": Path(folder) / "ledger.json"}
        sink = RunningSink(SinkOptions(**{**defaults, **options}), variables, prefix)
        try:
            yield sink
        finally:
            if sink.process.poll() is None:
                sink.stop()
