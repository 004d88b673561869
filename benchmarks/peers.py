"""The generators that are compared: each sends a number of messages over twenty kept connections."""

from __future__ import annotations

import sys
from pathlib import Path

SESSIONS = 20
SIZE_BYTES = 1024
HERE = Path(__file__).parent

Command = list[str]


def loadkit(port: int, messages: int, results: Path, *options: str) -> Command:
    """Our own, with everything on: run folder, histograms, verdict."""
    target = f"smtp://127.0.0.1:{port}"
    work = ["--messages", str(messages), "--sessions", str(SESSIONS), "--size", f"{SIZE_BYTES}B"]
    return [sys.executable, "-m", "loadkit", "blast", target, *work, "--quiet", "--results", str(results), *options]


def smtp_source(port: int, messages: int) -> Command:
    """Postfix's own, in C; it knows neither pipelining nor latency."""
    work = ["-s", str(SESSIONS), "-m", str(messages), "-l", str(SIZE_BYTES), "-d"]
    return ["smtp-source", *work, "-f", "a@example.com", "-t", "b@example.com", f"127.0.0.1:{port}"]


def aiosmtplib(port: int, messages: int) -> Command:
    """aiosmtplib, one connection per task."""
    return [sys.executable, str(HERE / "with_aiosmtplib.py"), str(port), str(messages), str(SESSIONS), str(SIZE_BYTES)]


def locust_smtplib(port: int, messages: int) -> Command:
    """Locust with smtplib, as people write it by hand."""
    return [sys.executable, str(HERE / "with_smtplib.py"), str(port), str(messages), str(SESSIONS), str(SIZE_BYTES)]
