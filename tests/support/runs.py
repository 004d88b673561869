"""Runs of loadkit in a process of their own, since Locust patches the process that imports it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support import forked

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]

TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """What a run left.

    Args:
        exit_code: The process's exit code.
        summary: Its summary; empty if none was printed.
        stderr: What it said.
        folder: The run folder, or None.
    """

    exit_code: int
    summary: dict[str, Any]
    stderr: str
    folder: Path | None

    @property
    def reasons(self) -> list[str]:
        """Why it is not valid: what was seen, and the fix."""
        return [f"{reason['seen']}: {reason['fix']}" for reason in self.summary["validity"]["reasons"]]

    @property
    def outcomes(self) -> dict[tuple[str, str, int, str], int]:
        """Counts by class, phase, code and reason."""
        return _by_end(self.summary["outcomes"])

    @property
    def setups(self) -> dict[tuple[str, str, int, str], int]:
        """The same of session set-ups."""
        return _by_end(self.summary["setups"])


def _by_end(lines: list[dict[str, Any]]) -> dict[tuple[str, str, int, str], int]:
    return {(one["kind"], one["phase"], one["code"], one["reason"]): one["count"] for one in lines}


def start_run(
    folder: Path,
    scenario: str,
    *options: str,
    variables: dict[str, str] | None = None,
    prefix: Sequence[str] = (),
    genuine: bool = False,
) -> Any:
    """Start `loadkit run` on a scenario text, behind a prefix of the command; results go to ``folder/results``.

    A genuine run has a Python of its own, and memory that it shares with nobody.
    """
    file = folder / "scenario.yaml"
    file.write_text(scenario, encoding="utf-8")
    command = [sys.executable, "-m", "loadkit", "run", str(file), "--json", "--results", str(folder / "results")]
    return forked.start(
        [*prefix, *command, *options],
        genuine=genuine,
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1"} | (variables or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish_run(folder: Path, process: Any) -> FinishedRun:
    """Wait for the end of a run."""
    try:
        out, err = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    folders = sorted((folder / "results").glob("[!.]*"))
    return FinishedRun(process.returncode, json.loads(out) if out else {}, err, folders[-1] if folders else None)


def run_scenario(
    folder: Path,
    scenario: str,
    *options: str,
    variables: dict[str, str] | None = None,
    prefix: Sequence[str] = (),
    genuine: bool = False,
) -> FinishedRun:
    """Run a scenario text to its end."""
    with start_run(folder, scenario, *options, variables=variables, prefix=prefix, genuine=genuine) as process:
        return finish_run(folder, process)


def scenario_text(url: str, *, messages: int = 3, sessions: int = 1, **blocks: str) -> str:
    """A closed loop of few messages with short timeouts.

    Args:
        url: The target.
        messages: How many.
        sessions: Over how many connections.
        blocks: Further top-level blocks in YAML flow form; ``sessions_block`` adds keys to sessions.
    """
    further = "".join(f", {blocks.pop('sessions_block')}" if "sessions_block" in blocks else "")
    target = blocks.pop("target_block", "")
    timeouts = ", ".join(
        f"{phase}: 700ms"
        for phase in ["connect", "banner", "tls", "ehlo", "auth", "mail", "rcpt", "data", "dot", "quit"]
    )
    lines = [
        "scenario: test",
        f"target: {{url: '{url}'{', ' + target if target else ''}}}",
        f"sessions: {{timeouts: {{{timeouts}}}{further}}}",
        blocks.pop(
            "load",
            f"load: {{executor: shared_messages, sessions: {sessions}, messages: {messages}, grace: 2s}}",
        ),
        blocks.pop("messages_block", "messages: {note: {size: 1KiB}}"),
        *(f"{name}: {value}" for name, value in blocks.items()),
    ]
    return "\n".join(lines) + "\n"
