"""Sinks beside each other: CPU per message of the receiver under the same load on another core."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks import peers

ROUNDS = 5
GENERATOR_CORE, RECEIVER_CORE = 0, 1
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Load:
    """Work for a receiver.

    Args:
        name: What it is called in the results.
        command: Makes the command that sends a number of messages to a port.
    """

    name: str
    command: Callable[[int, int], peers.Command]


@dataclass(frozen=True, slots=True)
class Receiver:
    """A sink on the receiver's core.

    Args:
        name: What it is called in the results.
        process: The process.
        port: Where it listens.
    """

    name: str
    process: subprocess.Popen[bytes]
    port: int

    @classmethod
    def ours(cls, engine: str, folder: Path, *further: str) -> Self:
        """A loadkit sink with its ledger in a file, as `loadkit run` starts it."""
        ledger = folder / f"{'-'.join((engine, *further))}.json"
        options = ["--engine", engine, "--port", "0", "--ledger", str(ledger), *further]
        process = subprocess.Popen(
            ["taskset", "-c", str(RECEIVER_CORE), sys.executable, "-m", "sinks", *options], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        told = re.search(rb"port (\d+)", process.stdout.readline())
        if told is None:
            raise SystemExit(f"the {engine} sink didn't start")
        return cls(f"{engine} sink", process, int(told[1]))

    @classmethod
    def smtp_sink(cls) -> Self:
        """Postfix's own, in C; it counts nothing."""
        as_root = ["-u", "root"] if os.geteuid() == 0 else []
        for port in range(25_350, 25_450):
            command = ["taskset", "-c", str(RECEIVER_CORE), "smtp-sink", *as_root, f"127.0.0.1:{port}", "1000"]
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            time.sleep(0.5)
            if process.poll() is None:
                return cls("smtp-sink", process, port)
        raise SystemExit("no free port for smtp-sink")

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()

    def cpu_s(self) -> float:
        """CPU seconds used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S

    def per_message_us(self, load: Load, short: int, long: int) -> float:
        """CPU per message in microseconds, connections and idling left out by subtracting a short run."""
        costs = []
        for messages in (short, long):
            before = self.cpu_s()
            _send(load.command(self.port, messages))
            costs.append(self.cpu_s() - before)
        return (costs[1] - costs[0]) / (long - short) * 1e6


def compare(load: Load, ours: Receiver, theirs: Receiver, bound: float, messages: int) -> bool:
    """Alternate both under the load and print the median ratio against its bound."""
    pairs = []
    for _ in range(ROUNDS):
        pairs.append(tuple(receiver.per_message_us(load, messages // 6, messages) for receiver in (ours, theirs)))
        costs = f"{pairs[-1][0]:.1f} us against {pairs[-1][1]:.1f} us"
        print(f"  {ours.name} / {theirs.name}, {load.name}: {costs}", file=sys.stderr)
    ratios = sorted(mine / other for mine, other in pairs)
    ratio = statistics.median(ratios)
    spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f} in {ROUNDS} rounds"
    print(f"{ours.name} / {theirs.name}, {load.name}: ratio {ratio:.2f} (bound {bound:.2f}; {spread})")
    return ratio <= bound


def _send(command: peers.Command) -> None:
    done = subprocess.run(
        ["taskset", "-c", str(GENERATOR_CORE), *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    # A blast at full speed is INVALID as a measurement of the target; here it only has to send.
    if done.returncode not in (0, 4):
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")


def compare_sinks(messages: int) -> bool:
    """Compare the fast sink with smtp-sink and the default sink; True if every bound is met.

    Messages of loadkit carry ids, times and checksums, so that the ledger has its whole work with them; those of
    smtp-source carry none.

    Args:
        messages: How many a long run sends.
    """
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)

        blast = Load("loadkit blast", lambda port, count: peers.loadkit(port, count, folder, "--no-pipelining"))
        smtp_source = Load("smtp-source", peers.smtp_source)
        receivers = [Receiver.ours("fast", folder), Receiver.smtp_sink(), Receiver.ours("aiosmtpd", folder)]
        for receiver in receivers:
            stack.callback(receiver.stop)
        fast, smtp_sink, default = receivers
        met = [
            compare(blast, fast, smtp_sink, 1.0, messages),
            compare(smtp_source, fast, smtp_sink, 1.0, messages),
            compare(blast, fast, default, 1 / 5, messages // 4),
        ]
    return all(met)
