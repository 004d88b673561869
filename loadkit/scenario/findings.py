"""Problems inside one block of a scenario, several at once, as an error that pydantic carries outwards."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a block.

    Args:
        message: What is wrong, in words.
        key: Path of the key below the block; empty for the block itself.
        fix: What to write instead; may be empty.
    """

    message: str
    key: KeyPath = ()
    fix: str = ""


class FindingsError(ValueError):
    """A block is wrong; holds every finding.

    Args:
        findings: At least one finding.
    """

    def __init__(self, *findings: Finding) -> None:
        super().__init__("; ".join(finding.message for finding in findings))
        self.findings = findings


def raise_findings(findings: Iterable[Finding]) -> None:
    """Raise `FindingsError` unless there are no findings.

    Raises:
        FindingsError: With all of them.
    """
    found = tuple(findings)
    if found:
        raise FindingsError(*found)


def suggest(word: str, known: Iterable[str]) -> str:
    """What the writer probably meant: the closest known word, else the list of all known words."""
    words = list(known)
    close = get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]}?"
    return f"one of: {', '.join(words)}" if words else ""
