"""The generators that run beside each other: how each is started, and why one is left out."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks import commands
from benchmarks.running import Command

ABILITIES = Path(__file__).with_name("abilities.yaml")


@dataclass(frozen=True, slots=True)
class Work:
    """What a generator is to do.

    Args:
        port: Where the receiver listens.
        messages: How many it sends.
        folder: For its files.
    """

    port: int
    messages: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Peer:
    """A generator.

    Args:
        name: What it is called in the results and among the abilities.
        command: Makes its command.
        program: The program that it needs; empty for our own interpreter's.
        package: Debian's package, or the Python module, that it is from.
        share: Of the messages of the fastest, so that slow ones take no longer.
        step: Its messages are a multiple of this.
        rate_per_s: Where it sends without end: messages a second that its time is reckoned by.
    """

    name: str
    command: Callable[[Work], Command]
    program: str
    package: str
    share: float = 1.0
    step: int = commands.SESSIONS
    rate_per_s: float | None = None

    def lengths(self, messages: int) -> tuple[int, int]:
        """Messages of a short and of a long run where the fastest sends so many."""
        long = max(2, round(messages * self.share / self.step)) * self.step
        return max(1, long // self.step // 6) * self.step, long

    def left_out(self) -> str:
        """Why it can't run here; empty if it can."""
        found = shutil.which(self.program) if self.program else importlib.util.find_spec(self.package)
        return "" if found else f"not installed ({self.package})"


PEERS = (
    Peer("loadkit", lambda work: commands.loadkit(work.port, work.messages, work.folder), "", "loadkit"),
    Peer(
        "loadkit, pipelining",
        lambda work: commands.loadkit(work.port, work.messages, work.folder, "--pipelining"),
        "",
        "loadkit",
    ),
    Peer("smtp-source", lambda work: commands.smtp_source(work.port, work.messages), "smtp-source", "postfix"),
    Peer("postal", lambda work: commands.postal(work.port, work.folder), "postal", "postal", 1 / 25, 200, 400.0),
    Peer("swaks", lambda work: commands.swaks(work.port, work.messages, work.folder), "swaks", "swaks", 1 / 2000, 1),
    Peer("aiosmtplib", lambda work: commands.aiosmtplib(work.port, work.messages), "", "aiosmtplib", 1 / 4),
    Peer("Locust + smtplib", lambda work: commands.locust_smtplib(work.port, work.messages), "", "locust", 1 / 4),
)


def jmeter_left_out() -> str:
    """Why JMeter isn't among those that run: no test plan is kept, for Debian's can't run one that sends mail."""
    if shutil.which("jmeter") is None:
        return "not installed (jmeter)"
    return "Debian's package has no SMTP Sampler (ApacheJMeter_mail.jar)"


def read_lacks() -> dict[str, dict[str, str]]:
    """By tool and feature, what it can't do or only partly, with the source."""
    data: dict[str, Any] = yaml.safe_load(ABILITIES.read_text())
    return {
        tool: {data["features"][key]: f"{told} [{source}]" for key, (told, source) in has.items() if told != "yes"}
        for tool, has in data["tools"].items()
    }
