"""Commands of runs that are spread over workers; 0 workers is one process without a master."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.commands import SESSIONS, SIZE_BYTES
from benchmarks.running import Command

SCENARIO = """\
scenario: spread
target: {{url: 'smtp://127.0.0.1:{port}'}}
sessions: {{max: {sessions}, pipelining: false}}
load: {load}
messages: {{plain: {{size: {size}B}}}}
"""


def closed_loop(port: int, folder: Path, workers: int, messages: int) -> Command:
    """A number of messages as fast as twenty sessions go."""
    load = f"{{executor: shared_messages, sessions: {SESSIONS}, messages: {messages}}}"
    return _run(port, folder, workers, load, str(messages))


def at_rate(port: int, folder: Path, rate_per_s: int, workers: int, messages: int) -> Command:
    """A number of messages at a rate of all workers together."""
    stage = f"{{name: hold, rate: {rate_per_s}/s, duration: {messages // rate_per_s}s}}"
    return _run(port, folder, workers, f"{{executor: arrival_rate, stages: [{stage}]}}", f"{rate_per_s}-{messages}")


def full_speed(port: int, folder: Path, workers: int, seconds: float) -> Command:
    """As fast as twenty sessions go, for a time."""
    load = f"{{executor: sessions, sessions: {SESSIONS}, duration: {seconds}s}}"
    return _run(port, folder, workers, load, f"full-{seconds}")


def _run(port: int, folder: Path, workers: int, load: str, name: str) -> Command:
    file = folder / f"{name}.yaml"
    file.write_text(SCENARIO.format(port=port, sessions=SESSIONS, load=load, size=SIZE_BYTES))
    spread = ["--workers", str(workers)] if workers else []
    return [sys.executable, "-m", "loadkit", "run", str(file), "--quiet", "--results", str(folder), *spread]
