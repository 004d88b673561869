"""What it costs that messages differ: whole runs beside a constant body, and the rendering of each alone."""

from __future__ import annotations

import sys
import tempfile
import time
import timeit
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks import commands
from benchmarks.receivers import smtp_sink
from benchmarks.running import Command, Finding, alternate, each_us
from loadkit.scenario.load import parse_scenario
from loadkit.scenario.mix import Mix
from loadkit.smtp.message import IdHeaders, Particulars

SIZE_BYTES = 4096
RENDERING_BOUND = 1.25
KEY_BITS = 2048

_LETTER = 'subject: "Order {number}", body: "Dear {recipient},\\nyour order {number} of {date}: {random}\\n"'
_CHINESE = 'subject: "订单 {number}", body: "亲爱的 {recipient}\\n' + "订单已收到。\\n" * 80 + '{random}\\n"'
CONSTANT = f"size: {SIZE_BYTES}B"
ALL = f"{_LETTER}, size: {SIZE_BYTES}B, unique: true, signature: {{dkim: sized}}"
WHOLE_RUNS = {
    "personal fields, unique, DKIM-sized": ALL,
    "the same, Chinese text in base64": f"{_CHINESE}, size: {SIZE_BYTES}B, unique: true, signature: {{dkim: sized}}",
}
"""Kinds of messages whose whole runs are held to the bound."""
ALONE = {
    "constant body": CONSTANT,
    "personal fields": f"{_LETTER}, size: {SIZE_BYTES}B",
    "and unique": f"{_LETTER}, size: {SIZE_BYTES}B, unique: true",
    "and DKIM-sized": ALL,
    "and S/MIME-sized, 2 KiB of it": f"{ALL[:-1]}, smime: 1500B}}",
    "Chinese, 8bit": f"{_CHINESE}, size: {SIZE_BYTES}B, transfer: 8bit",
    "Chinese, base64": f"{_CHINESE}, size: {SIZE_BYTES}B",
    f"DKIM by dkimpy, RSA {KEY_BITS}": f"{_LETTER}, size: {SIZE_BYTES}B, signature: {{dkim: {{key: key.pem}}}}",
}
"""Kinds of messages that are only rendered, and not sent."""

BUDGET_S = 0.2
"""Seconds of each measurement of rendering alone."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Microseconds of CPU to render one message.

    Args:
        render_us: By the kind of message.
    """

    render_us: Mapping[str, float]

    def __str__(self) -> str:
        return "\n".join(f"to render: {name:<40}{cost_us:>10,.2f} us" for name, cost_us in self.render_us.items())


def compare_rendering(messages: int, rounds: int) -> list[Finding]:
    """Compare whole runs of messages that differ with runs of a constant body.

    Args:
        messages: How many a long run sends.
        rounds: How often each is measured.
    """
    found = []
    with tempfile.TemporaryDirectory() as name, smtp_sink() as receiver:
        folder = Path(name)
        for title, kind in WHOLE_RUNS.items():
            measures = [
                partial(each_us, partial(_run, receiver.port, folder, each), (messages // 6, messages))
                for each in (kind, CONSTANT)
            ]
            pairs = list(alternate(title, rounds, measures))
            found.append(Finding.ratio(f"{title} / constant body of 4 KiB", pairs, RENDERING_BOUND))
    return found


def measure_costs(rounds: int, budget_s: float = BUDGET_S) -> Costs:
    """Render messages without sending them.

    Args:
        rounds: How often each is measured, in alternation; the cheapest counts.
        budget_s: About how long each measurement takes.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_key(folder)
        timers = {
            title: timeit.Timer(render_once(kind, folder), timer=time.process_time) for title, kind in ALONE.items()
        }
        measures = [partial(_cost_us, timer, budget_s) for timer in timers.values()]
        costs_us = list(alternate("rendering", rounds, measures))
    return Costs(dict(zip(timers, map(min, zip(*costs_us, strict=True)), strict=True)))


def write_key(folder: Path) -> None:
    """Make the key that signs."""
    key = generate_private_key(65537, KEY_BITS)
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def render_once(kind: str, folder: Path) -> Callable[[], bytes]:
    """What renders a message of a kind.

    Args:
        kind: The kind's keys in YAML's flow form.
        folder: Where the key is.
    """
    load = "{executor: shared_messages, sessions: 1, messages: 1}"
    template = Mix(parse_scenario(_scenario(kind, load), base=folder)).templates[0][0]
    particulars = Particulars(41_234, 1_790_000_000.0, 7, 4711)
    lines = IdHeaders("benchmark", 0).lines(41_234, 1_790_000_000.0, 1_790_000_000.0, b"note")
    return lambda: template.render_data(lines, SIZE_BYTES, particulars)


def _scenario(kind: str, load: str) -> str:
    return f"scenario: rendering\nsessions: {{pipelining: false}}\nload: {load}\nmessages: {{note: {{{kind}}}}}\n"


def _run(port: int, folder: Path, kind: str, messages: int) -> Command:
    load = f"{{executor: shared_messages, sessions: {commands.SESSIONS}, messages: {messages}}}"
    file = folder / f"{abs(hash(kind))}_{messages}.yaml"
    file.write_text(_scenario(kind, load), encoding="utf-8")
    options = ["--target", f"smtp://127.0.0.1:{port}", "--quiet", "--results", str(folder)]
    return [sys.executable, "-m", "loadkit", "run", str(file), *options]


def _cost_us(timer: timeit.Timer, budget_s: float) -> float:
    once_s = timer.timeit(3) / 3
    count = max(3, int(budget_s / once_s))
    return timer.timeit(count) / count * 1e6
