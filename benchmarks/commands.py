"""Commands of the generators that are compared: the same messages over twenty connections, as far as each can."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.running import Command

SESSIONS = 20
SIZE_BYTES = 1024
HERE = Path(__file__).parent


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


def postal(port: int, folder: Path) -> Command:
    """Postal, which sends until it is stopped; at most 1,000 messages on a connection, sizes up to 1 KiB."""
    users = folder / "users"
    users.write_text("b@example.com\n")
    # Its rate is per minute and by default 24,000; this one is out of reach.
    work = ["-m", "1", "-M", "1", "-t", str(SESSIONS), "-c", "1000", "-r", "100000000"]
    # It writes a log where it is started.
    return ["env", "-C", str(folder), "postal", *work, f"[127.0.0.1]{port}", str(users)]


def swaks(port: int, messages: int, folder: Path) -> Command:
    """swaks, which sends one message a process."""
    body = folder / "body"
    body.write_text("x" * (SIZE_BYTES - 16))
    one = "swaks --server 127.0.0.1 --port $0 --from a@example.com --to b@example.com --helo c.example.com --body @$2"
    return ["sh", "-ec", f"for i in $(seq $1); do {one} --silent 3; done", str(port), str(messages), str(body)]
