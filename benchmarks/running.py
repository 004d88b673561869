"""The one home for running, pinning, measuring and alternating."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Self, TypeVar

import psutil

CORES = sorted(os.sched_getaffinity(0))
GENERATOR_CORE, RECEIVER_CORE = CORES[0], CORES[-1]

# A blast at full speed is INVALID as a measurement of the target; here only its own cost counts.
FINE = (0, 4)
DEADLINE_S = 600.0

Command = list[str]
Make = Callable[[int], Command]
"""Makes the command that does a number of pieces of work."""
Measure = Callable[[], float]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took.

    Args:
        cpu_s: CPU seconds, those of its children included.
        wall_s: Seconds from its start to its end.
        output: What it wrote on stdout.
    """

    cpu_s: float
    wall_s: float
    output: str = ""

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.cpu_s - other.cpu_s, self.wall_s - other.wall_s)


def pinned(command: Command, core: int) -> Command:
    """The command held on one core."""
    return ["taskset", "-c", str(core), *command]


@contextmanager
def started(
    command: Command, *, core: int | None = GENERATOR_CORE, output: IO[bytes] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A command that runs; at the end of the block it is waited for, and it and its children are killed on an error.

    Args:
        command: What to run.
        core: The core that it is held on; None for all.
        output: Where its stdout goes.

    Raises:
        SystemExit: It failed.
    """
    argv = command if core is None else pinned(command, core)
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=output or subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
        if process.wait() not in FINE:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def run(command: Command, *, core: int | None = GENERATOR_CORE, stop_after_s: float | None = None) -> Cost:
    """Run a command to its end.

    Args:
        command: What to run.
        core: The core that it is held on; None for all.
        stop_after_s: When to end it by force, for one that has no end of its own.

    Raises:
        SystemExit: It failed, or didn't end within ten minutes.
    """
    with tempfile.TemporaryFile() as output:
        began_s = time.monotonic()
        with started(command, core=core, output=output) as process:
            timer = threading.Timer(stop_after_s or DEADLINE_S, os.killpg, (process.pid, signal.SIGKILL))
            timer.start()
            try:
                _, status, usage = os.wait4(process.pid, 0)
            finally:
                timer.cancel()
            wall_s = time.monotonic() - began_s
            code = os.waitstatus_to_exitcode(status)
            process.returncode = 0 if stop_after_s and code == -signal.SIGKILL else code
        output.seek(0)
        return Cost(usage.ru_utime + usage.ru_stime, wall_s, output.read().decode(errors="replace"))


def each_us(make: Make, lengths: tuple[int, int]) -> float:
    """CPU of one piece of work in microseconds, start-up left out by subtracting a short run from a long one."""
    short, long = lengths
    return (run(make(long)).cpu_s - run(make(short)).cpu_s) / (long - short) * 1e6


def cpu_s(pid: int) -> float:
    """CPU seconds that a process and those it started have used so far, while they run."""
    process = psutil.Process(pid)
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return float(sum(used.user + used.system for used in times))


def alternate(name: str, rounds: int, measures: Sequence[Callable[[], T]]) -> Iterator[tuple[T, ...]]:
    """Take each measure once a round, so that what else the machine does meets all alike; every other round backwards.

    Args:
        name: What is measured, for the progress on stderr.
        rounds: How often.
        measures: Each takes one measurement.
    """
    for number in range(rounds):
        order = range(len(measures)) if number % 2 == 0 else range(len(measures) - 1, -1, -1)
        taken = {place: measures[place]() for place in order}
        print(f"  {name}: round {number + 1} of {rounds}", file=sys.stderr)
        yield tuple(taken[place] for place in range(len(measures)))


@dataclass(frozen=True, slots=True)
class Spread:
    """Median of rounds, with the smallest and the largest."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values), len(values))


@dataclass(frozen=True, slots=True)
class Finding:
    """Something measured against its bound.

    Args:
        name: What was measured.
        value: The figure.
        bound: What it must keep to.
        detail: How it was come by, in words.
        met: Whether it does.
    """

    name: str
    value: float
    bound: float
    detail: str
    met: bool

    @classmethod
    def ratio(cls, name: str, pairs: Sequence[tuple[float, ...]], bound: float) -> Self:
        """The median of the ratios of pairs against the most that it may be."""
        spread = Spread.of([mine / other for mine, other in pairs])
        detail = f"{spread.low:.2f} to {spread.high:.2f} in {spread.rounds} rounds"
        return cls(name, spread.median, bound, detail, spread.median <= bound)

    def __str__(self) -> str:
        missed = "" if self.met else "  MISSED"
        return f"{self.name}: {self.value:.2f} (bound {self.bound:.2f}; {self.detail}){missed}"


def machine() -> dict[str, object]:
    """Where and beside what it was measured: cores and load."""
    return {"cores": len(CORES), "load_1_5_15_min": [round(load, 2) for load in os.getloadavg()]}
