"""loadkit's bounds as a generator: CPU per message against its peers, and the pacer's precision."""

from __future__ import annotations

import json
import tempfile
from functools import partial
from pathlib import Path

from benchmarks import commands
from benchmarks.receivers import smtp_sink
from benchmarks.running import Command, Finding, Make, alternate, each_us, run


def pacing(port: int, results: Path) -> Finding:
    """5,000 Poisson arrivals per second from one core."""
    options = ["--rate", "5000/s", "--duration", "10s", "--pipelining", "--json"]
    command = commands.loadkit(port, 1, results, *options)
    del command[command.index("--messages") : command.index("--messages") + 2]
    summary = json.loads(run(command).output)
    lag_ms = summary["generator"]["lag_p99_s"] * 1e3
    flows = {flow: summary["flows"][flow]["count"] for flow in ("offered", "started", "shed")}
    met = lag_ms <= 2 and not flows["shed"] and flows["started"] / flows["offered"] >= 0.999
    detail = f"shed {flows['shed']} of {flows['offered']:,}"
    return Finding("pacing at 5,000/s, p99 of schedule lag in ms", lag_ms, 2.0, detail, met)


def compare_generators(messages: int, rounds: int) -> list[Finding]:
    """Compare loadkit with its peers as a generator.

    Args:
        messages: How many a long run sends.
        rounds: How often each is measured.
    """
    with tempfile.TemporaryDirectory() as name, smtp_sink() as receiver:
        folder, port = Path(name), receiver.port
        ours = partial(_ours, port, folder)
        source = partial(commands.smtp_source, port)
        lengths = (messages // 6, messages)
        slow = (messages // 12, messages // 4)

        def compare(title: str, mine: Make, theirs: Make, bound: float, lengths: tuple[int, int]) -> Finding:
            measures = [partial(each_us, make, lengths) for make in (mine, theirs)]
            return Finding.ratio(title, list(alternate(title, rounds, measures)), bound)

        return [
            compare("loadkit / smtp-source", ours, source, 1.15, lengths),
            compare("loadkit pipelining / smtp-source", partial(ours, pipelining=True), source, 0.65, lengths),
            compare("loadkit / Locust + smtplib", ours, partial(commands.locust_smtplib, port), 1 / 3, slow),
            compare("loadkit / aiosmtplib", ours, partial(commands.aiosmtplib, port), 1 / 5, slow),
            pacing(port, folder),
        ]


def _ours(port: int, results: Path, messages: int, *, pipelining: bool = False) -> Command:
    return commands.loadkit(port, messages, results, "--pipelining" if pipelining else "--no-pipelining")
