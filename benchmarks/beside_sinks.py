"""Sinks beside each other: CPU per message of the receiver under the same load on another core."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import commands
from benchmarks.receivers import Receiver, our_sink, smtp_sink
from benchmarks.running import Command, Finding, alternate, run


@dataclass(frozen=True, slots=True)
class Load:
    """Work for a receiver.

    Args:
        name: What it is called in the results.
        command: Makes the command that sends a number of messages to a port.
    """

    name: str
    command: Callable[[int, int], Command]


def per_message_us(receiver: Receiver, load: Load, messages: int) -> float:
    """CPU per message in microseconds, connections and idling left out by subtracting a short run."""
    short = messages // 6
    costs = []
    for count in (short, messages):
        before_s = receiver.cpu_s()
        run(load.command(receiver.port, count))
        costs.append(receiver.cpu_s() - before_s)
    return (costs[1] - costs[0]) / (messages - short) * 1e6


def compare_sinks(messages: int, rounds: int) -> list[Finding]:
    """Compare the fast sink with smtp-sink and the default sink.

    Messages of loadkit carry ids, times and checksums, so that the ledger has its whole work with them; those of
    smtp-source carry none.

    Args:
        messages: How many a long run sends.
        rounds: How often each is measured.
    """
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)

        blast = Load("loadkit blast", lambda port, count: commands.loadkit(port, count, folder, "--no-pipelining"))
        smtp_source = Load("smtp-source", commands.smtp_source)
        fast = stack.enter_context(our_sink("fast", folder))
        theirs = stack.enter_context(smtp_sink())
        default = stack.enter_context(our_sink("aiosmtpd", folder))

        def compare(load: Load, other: Receiver, bound: float, count: int) -> Finding:
            title = f"{fast.name} / {other.name}, {load.name}"
            measures = [partial(per_message_us, receiver, load, count) for receiver in (fast, other)]
            return Finding.ratio(title, list(alternate(title, rounds, measures)), bound)

        return [
            compare(blast, theirs, 1.0, messages),
            compare(smtp_source, theirs, 1.0, messages),
            compare(blast, default, 1 / 5, messages // 4),
        ]
