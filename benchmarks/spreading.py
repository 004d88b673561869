"""What it costs to spread a run over workers: CPU per message of master and workers together against one process."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.peers import SESSIONS, SIZE_BYTES, Command

SCENARIO = """\
scenario: spread
target: {{url: 'smtp://127.0.0.1:{port}'}}
sessions: {{max: {sessions}, pipelining: false}}
load: {{executor: shared_messages, sessions: {sessions}, messages: {messages}}}
messages: {{plain: {{size: {size}B}}}}
"""


def closed_loop(port: int, folder: Path, workers: int, messages: int) -> Command:
    """A number of messages as fast as twenty sessions for each worker go; 0 workers is one process."""
    file = folder / f"{workers}-{messages}.yaml"
    sessions = SESSIONS * max(workers, 1)
    file.write_text(SCENARIO.format(port=port, sessions=sessions, messages=messages, size=SIZE_BYTES))
    spread = ["--workers", str(workers)] if workers else []
    return [sys.executable, "-m", "loadkit", "run", str(file), "--quiet", "--results", str(folder), *spread]
