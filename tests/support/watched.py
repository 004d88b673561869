"""Runs that are looked at while they go on: metrics, web interface."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any, Self
from urllib.request import Request, urlopen

from support import forked
from support.runs import ROOT, TIMEOUT_S
from support.waiting import wait_until


class WatchedRun:
    """`loadkit run` on a scenario text, in a process of its own; results go to ``folder/results``.

    Args:
        folder: Where its files go.
        scenario: The scenario as YAML.
        options: Further options of the command.
        variables: Variables beside this process's own.
    """

    def __init__(self, folder: Path, scenario: str, *options: str, variables: dict[str, str] | None = None) -> None:
        self.results = folder / "results"
        self._stdout = folder / "stdout"
        self._stderr = folder / "stderr"
        file = folder / "scenario.yaml"
        file.write_text(scenario, encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "loadkit",
            "run",
            str(file),
            "--json",
            "--results",
            str(self.results),
            "--quiet",
        ]
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            self.process = forked.start(
                [*command, *options],
                cwd=ROOT,
                env=os.environ | {"NO_COLOR": "1"} | (variables or {}),
                stdout=stdout,
                stderr=stderr,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(TIMEOUT_S)

    @property
    def stderr(self) -> str:
        """What it said so far."""
        return self._stderr.read_text("utf-8")

    def announced(self, what: str) -> str:
        """The URL that follows ``what: `` on standard error."""
        found: list[str] = []

        def look() -> bool:
            assert self.process.poll() is None, self.stderr
            found[:] = re.findall(rf"^{what}: (http://\S+)", self.stderr, re.MULTILINE)
            return bool(found)

        wait_until(look, f"{what} is announced", timeout_s=20.0)
        return found[0]

    def summary(self) -> dict[str, Any]:
        """The summary; empty until it is printed."""
        text = self._stdout.read_text("utf-8")
        return dict(json.loads(text)) if text.endswith("}\n") else {}

    def interrupt(self) -> None:
        """As Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    def wait(self) -> int:
        """Wait for its end and give its exit code."""
        return int(self.process.wait(TIMEOUT_S))


def get(url: str, **headers: str) -> str:
    """What a URL answers."""
    with urlopen(Request(url, headers=headers), timeout=10) as answer:
        return str(answer.read().decode("utf-8"))
