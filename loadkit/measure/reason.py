"""Why a run may not be believed, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Blame(StrEnum):
    """Whose doing it is that a run came out as it did: is it the tool or the server?"""

    SERVER = "server"
    """The generator kept up, so what is slow or refused is the server's, or that of the network before it."""
    TOOL = "tool"
    """The load generator or its machine was the limit."""
    UNKNOWN = "unknown"
    """The measurement is not valid, and what made it so is neither's alone."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a measurement is not valid.

    Args:
        name: A name from a closed list, for programs.
        seen: What was seen, in words.
        bound: What would have been valid, in words; empty where there is no measure.
        fix: What to do.
        tool: Whether the load generator or its machine alone is the cause.
    """

    name: str
    seen: str
    bound: str
    fix: str
    tool: bool = True

    def __str__(self) -> str:
        return "".join((self.seen, self.bound and f" (valid: {self.bound})", self.fix and f": {self.fix}"))
