"""Receivers on a core of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.running import RECEIVER_CORE, Command, cpu_s, pinned

_COUNT = re.compile(rb"mesg=(\d+)")
_TAIL_BYTES = 200
_SETTLE_S, _SETTLE_DEADLINE_S = 0.2, 30.0


@dataclass(frozen=True, slots=True)
class Receiver:
    """A sink.

    Args:
        name: What it is called in the results.
        process: The process.
        port: Where it listens.
        counts: File that it writes its counts to; None where it doesn't.
    """

    name: str
    process: subprocess.Popen[bytes]
    port: int
    counts: Path | None = None

    def cpu_s(self) -> float:
        """CPU seconds used so far."""
        return cpu_s(self.process.pid)

    def messages(self) -> int:
        """How many messages it took so far."""
        assert self.counts is not None
        with self.counts.open("rb") as file:
            file.seek(max(0, self.counts.stat().st_size - _TAIL_BYTES))
            told = _COUNT.findall(file.read())
        return int(told[-1]) if told else 0

    def settled(self) -> int:
        """How many it took in all, once no more come: a generator that is ended by force leaves some on their way."""
        count, deadline_s = self.messages(), time.monotonic() + _SETTLE_DEADLINE_S
        while time.monotonic() < deadline_s:
            time.sleep(_SETTLE_S)
            before, count = count, self.messages()
            if count == before:
                return count
        raise SystemExit(f"messages still come in after {_SETTLE_DEADLINE_S:.0f} s")


@contextmanager
def our_sink(engine: str, folder: Path, *further: str) -> Iterator[Receiver]:
    """A loadkit sink with its ledger in a file, as `loadkit run` starts it."""
    ledger = folder / f"{'-'.join((engine, *further))}.json"
    options = ["--engine", engine, "--port", "0", "--ledger", str(ledger), *further]
    command = pinned([sys.executable, "-m", "sinks", *options], RECEIVER_CORE)
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    with _ended(process):
        assert process.stdout is not None
        told = re.search(rb"port (\d+)", process.stdout.readline())
        if told is None:
            raise SystemExit(f"the {engine} sink didn't start")
        yield Receiver(f"{engine} sink", process, int(told[1]))


@contextmanager
def smtp_sink(counts: Path | None = None) -> Iterator[Receiver]:
    """Postfix's own, in C.

    Args:
        counts: File for its counts; without, it doesn't count, which is cheaper.
    """
    as_root = ["-u", "root"] if os.geteuid() == 0 else []
    options = [*as_root, *(["-c"] if counts else [])]
    process, port = _on_free_port(["smtp-sink", *options], counts)
    with _ended(process):
        yield Receiver("smtp-sink", process, port, counts)


def _on_free_port(command: Command, counts: Path | None) -> tuple[subprocess.Popen[bytes], int]:
    # It can't listen on port 0 and tell which it got.
    for port in range(25_250 + os.getpid() % 1000, 27_000):
        with Path(counts or os.devnull).open("wb") as output:
            argv = pinned([*command, f"127.0.0.1:{port}", "1000"], RECEIVER_CORE)
            process = subprocess.Popen(argv, stdout=output, stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        if process.poll() is None:
            return process, port
    raise SystemExit("no free port for smtp-sink")


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
