"""How far the reading of logs is, on stderr: a bar on a terminal, a line now and then anywhere else."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from loadkit.units import format_size

if TYPE_CHECKING:
    from types import TracebackType

LOG_INTERVAL_S = 10.0
QUIET_S = 0.5
"""A log that is read sooner needs no progress."""


class LogProgress:
    """Shows how much of some logs has been read.

    Args:
        output: Where to, normally standard error.
        total_bytes: Their size on disk; 0 where that is not known.
    """

    def __init__(self, output: TextIO, total_bytes: int) -> None:
        console = Console(file=output)
        self._output, self._total_bytes = output, total_bytes
        self._progress = Progress(
            TextColumn("reading"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            auto_refresh=False,
        )
        self._task = self._progress.add_task("reading", total=total_bytes or None)
        self._terminal = console.is_terminal
        self._started_s = self._shown_s = monotonic()
        self._started = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._started:
            self._progress.stop()

    def update(self, bytes_read: int) -> None:
        """Show that so many bytes have been read from the disk."""
        now_s = monotonic()
        if self._terminal:
            if now_s - self._started_s >= QUIET_S:
                self._show(bytes_read)
        elif now_s - self._shown_s >= LOG_INTERVAL_S:
            self._shown_s = now_s
            of_all = f" of {format_size(self._total_bytes)}" if self._total_bytes else ""
            self._output.write(f"read {format_size(bytes_read)}{of_all}\n")
            self._output.flush()

    def _show(self, bytes_read: int) -> None:
        if not self._started:
            self._progress.start()
            self._started = True
        self._progress.update(self._task, completed=bytes_read, refresh=True)
