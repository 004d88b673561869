"""The bundled sink as a child process: the far end of a run that names no target."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadkit.errors import LoadkitError
from loadkit.measure.ledger import DeliveryLedger
from sinks.ledger_file import read_ledger
from sinks.options import SinkOptions, command_line, environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sinks.intake import Intake

START_DEADLINE_S = 20.0
STOP_DEADLINE_S = 30.0
LEDGER_DEADLINE_S = 30.0
_POLL_S = 0.02


class SinkError(LoadkitError):
    """The bundled sink did not start or left no ledger."""


class BundledSink:
    """A running sink, and what arrived there; `host`, `port`, `admin` and `receivers` say where it listens."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._read_bytes = 0
        listening = self._wait_until_listening()
        self.host: str = listening["host"]
        self.port: int = listening["port"]
        self.admin: str | None = listening["admin"]
        self.receivers: dict[str, str] = {
            protocol: listening[protocol] for protocol in ("http", "mqtt") if protocol in listening
        }

    @property
    def relayed(self) -> bool:
        """The run's mail goes straight to it."""
        return False

    def fetch(self, run_id: str) -> DeliveryLedger:
        """What arrived of a run so far.

        Raises:
            SinkError: If the sink ended before, or doesn't answer.
        """
        return self._collect().runs.get(run_id) or DeliveryLedger(run_id)

    def fetch_channels(self, run_id: str) -> Mapping[str, DeliveryLedger]:
        """What arrived by other channels, by kind; for the rest as `fetch`."""
        return self._collect().channels.runs.get(run_id, {})

    def _collect(self) -> Intake:
        self._process.send_signal(signal.SIGUSR1)
        try:
            event = self._wait_for("ledger", LEDGER_DEADLINE_S)
        except TimeoutError:
            raise SinkError("the bundled sink left no ledger", hint=self._last_words()) from None
        return read_ledger(Path(event["file"]))

    def _wait_until_listening(self) -> dict[str, Any]:
        try:
            return self._wait_for("listening", START_DEADLINE_S)
        except TimeoutError:
            raise SinkError("the bundled sink did not start", hint=self._last_words()) from None

    def _wait_for(self, name: str, deadline_s: float) -> dict[str, Any]:
        """The next event of that name among those that the sink tells.

        Raises:
            TimeoutError: If it doesn't come in time, or the sink has ended.
        """
        deadline = time.monotonic() + deadline_s
        while time.monotonic() < deadline:
            running = self._process.poll() is None
            told = (self._folder / "stdout").read_bytes()
            while (end := told.find(b"\n", self._read_bytes)) >= 0:
                event = json.loads(told[self._read_bytes : end])
                assert isinstance(event, dict)
                self._read_bytes = end + 1
                if event["event"] == name:
                    return event
            if not running:
                break
            time.sleep(_POLL_S)
        raise TimeoutError

    def _last_words(self) -> str:
        return (self._folder / "stderr").read_text(errors="replace").strip().rpartition("\n")[2]


@contextmanager
def bundled_sink(options: SinkOptions) -> Iterator[BundledSink]:
    """Run a sink on a free loopback port for as long as the block lasts.

    Args:
        options: How it is; where it listens and how it tells events is not up to them.

    Yields:
        The running sink.

    Raises:
        SinkError: If it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="loadkit-sink-") as name, _start(options, Path(name)) as process:
        try:
            yield BundledSink(process, Path(name))
        finally:
            _end(process)


def _start(options: SinkOptions, folder: Path) -> subprocess.Popen[bytes]:
    # Its standard input is a pipe from here, so that it ends with this process, however that dies.
    own = replace(options, port=0, json=True, stop_on_eof=True, ledger=folder / "ledger.json")
    with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
        # Files, so that no pipe can fill; its own session, so that Ctrl-C reaches only the run, which drains first.
        return subprocess.Popen(  # noqa: S603 - our own module with our own options
            command_line(own),
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            env=environment(),
            start_new_session=True,
        )


def _end(process: subprocess.Popen[bytes]) -> int:
    """Stop the sink, by force where it does not obey; returns its exit code."""
    process.terminate()
    try:
        return process.wait(STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
