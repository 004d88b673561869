"""Ends of long commands by a signal."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from loadkit.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@contextmanager
def stoppable(stopped: list[int]) -> Iterator[None]:
    """SIGTERM raises KeyboardInterrupt, as Ctrl-C does, in the block.

    Args:
        stopped: Takes the number of the signal.
    """

    def stop(number: int, _: FrameType | None) -> None:
        stopped.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def stopped_code(stopped: list[int]) -> ExitCode:
    """The exit code of a command that was stopped, by what `stoppable` kept."""
    return ExitCode.TERMINATED if signal.SIGTERM in stopped else ExitCode.INTERRUPTED
