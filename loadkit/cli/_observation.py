"""The process that observes the target's host while a run goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from loadkit.errors import UsageError
from loadkit.measure.target import LOCAL, Observed, TargetSample
from loadkit.observe.node import QUERY_DEADLINE_S
from loadkit.observe.request import parse_source
from sinks.options import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadkit.observe.request import ObserveRequest
    from loadkit.scenario.guardrails import TargetAddress

STOP_S = QUERY_DEADLINE_S + 5.0
_MOST_NOTES = 6


class Observation:
    """A process that observes; whatever happens to it is a note and no failure of the run.

    Args:
        request: What it observes.
        folder: Where its words are kept while the run goes on.
    """

    def __init__(self, request: ObserveRequest, folder: Path) -> None:
        self._source = request.source
        self._told = folder / "told"
        self._errors = folder / "errors"
        # A process of its own: the load generator's loop must never wait for this.
        with self._told.open("wb") as told, self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "loadkit.observe"],
                stdin=subprocess.PIPE,
                stdout=told,
                stderr=errors,
                env=environment(),
                start_new_session=True,  # Ctrl-C is for the run
            )
        self._say(request.to_dict())

    def finish(self, started_at: float) -> Observed:
        """End it.

        Args:
            started_at: Unix time of the run's start.

        Returns:
            What it saw of the run, with times since its start.
        """
        self._say({"start_s": started_at, "end_s": time.time()})
        notes = []
        try:
            if self._process.wait(STOP_S):
                notes.append(f"observing ended early: {self._last_words()}")
        except subprocess.TimeoutExpired:
            notes.append(f"observing did not end within {STOP_S:g} s")
        self.close()
        samples = []
        for line in self._told.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                told = json.loads(line)
                if "note" in told:
                    notes.append(str(told["note"]))
                else:
                    samples.append(TargetSample(**told["sample"]))
            except (ValueError, KeyError, TypeError):
                continue  # torn by whatever ended the process
        seen = (replace(one, at_s=one.at_s - started_at) for one in samples)
        return Observed(self._source, tuple(one for one in seen if one.at_s > 0), tuple(notes[:_MOST_NOTES]))

    def close(self) -> None:
        """Make sure that it is gone."""
        self._process.kill()
        self._process.wait()

    def _say(self, message: dict[str, object]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it ended, and `finish` tells why

    def _last_words(self) -> str:
        lines = self._errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else f"exit code {self._process.returncode}"


@contextmanager
def observing(source: str | None, target: TargetAddress) -> Iterator[Observation | None]:
    """Have the target's host observed.

    Args:
        source: ``local`` or a URL; None to observe nothing.
        target: Where load goes.

    Raises:
        UsageError: If the source is none, or this machine is not the target's.
    """
    if source is None:
        yield None
        return
    request = parse_source(source)
    if source == LOCAL and not target.loopback:
        raise UsageError(
            f"--observe local goes with a target on this machine, and {target} is none",
            hint="name its node_exporter, such as --observe http://host:9100/metrics",
        )
    request = replace(request, port=target.port, generator_pid=os.getpid())
    with tempfile.TemporaryDirectory(prefix="loadkit-observe-") as folder:
        observation = Observation(request, Path(folder))
        try:
            yield observation
        finally:
            observation.close()
