"""Workers as child processes of the master."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import loadkit

_STOP_DEADLINE_S = 5.0
_SOURCE = Path(loadkit.__file__).parents[1]


class LocalWorker:
    """A worker on this machine, which ends with the block of `local_workers`.

    Args:
        host: Where the master listens.
        port: Its port.
        words: File for what the worker says.
    """

    def __init__(self, host: str, port: int, words: Path) -> None:
        self._words = words
        # -P: a folder named "loadkit" where the user happens to be must not win.
        command = [sys.executable, "-P", "-m", "loadkit", "worker", "--quiet"]
        path = os.pathsep.join(filter(None, (str(_SOURCE), os.environ.get("PYTHONPATH"))))
        with words.open("wb") as output:
            # A session of its own, so that Ctrl-C reaches only the master, which stops its workers in good order.
            self._process = subprocess.Popen(  # noqa: S603 - our own module with our own options
                [*command, "--master-host", host, "--master-port", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=output,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,
            )
        self.pid: int = self._process.pid

    def ended(self) -> str:
        """How it ended, in words; empty while it runs."""
        code = self._process.poll()
        if code is None:
            return ""
        last_words = self._words.read_text(errors="replace").strip().rpartition("\n")[2]
        told = f": {last_words}" if last_words else ""
        if code < 0:
            return f"its process was killed by {signal.Signals(-code).name}{told}"
        return f"its process ended with {code}{told}"

    def kill(self) -> None:
        """End it by force."""
        self._process.kill()

    def end(self) -> None:
        """Wait for its end, and end it by force where it doesn't come."""
        try:
            self._process.wait(_STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def local_workers(host: str, port: int, count: int) -> Iterator[tuple[LocalWorker, ...]]:
    """Run workers on this machine for as long as the block lasts.

    Args:
        host: Where the master listens.
        port: Its port.
        count: How many.
    """
    with tempfile.TemporaryDirectory(prefix="loadkit-workers-") as folder:
        workers = tuple(LocalWorker(host, port, Path(folder) / f"{number}.txt") for number in range(count))
        try:
            yield workers
        except BaseException:
            for worker in workers:
                worker.kill()
            raise
        finally:
            for worker in workers:
                worker.end()
