"""What every reader of a log format has in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from loadkit.logs.block import Block
from loadkit.logs.gathering import Gathered

TRUNCATED = "a message without its size or recipients, perhaps cut short"
NO_DATE = "no date and time at the start"
TOO_LONG = "longer than 64 KiB"


class LogReader(Protocol):
    """Finds in blocks of lines what one mail server writes about messages."""

    name: str
    """The format's name for people."""
    dated: bool
    """Whether every line begins with a date and time."""

    def recognises(self, block: Block) -> int:
        """How many lines of a block are of this format."""

    def read(self, block: Block, file: str) -> None:
        """Gather what a block says.

        Args:
            block: The lines.
            file: Name of their file, for the places of broken lines.
        """

    def finish(self) -> None:
        """Gather what was still open when the last log ended."""


def note_lines(gathered: Gathered, block: Block, file: str, reason: str, lines: Iterable[int]) -> None:
    """Count broken lines of a block by their indexes."""
    gathered.broken.add(reason, file, (block.number_of(int(line)) for line in lines))
