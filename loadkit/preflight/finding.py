"""Findings: what was seen of a target, why it matters to a load test, what to do."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_TEXT = 160


class Severity(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing."""
    WARNING = "warning"
    """May spoil what is measured."""
    PROBLEM = "problem"
    """A run would be pointless."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the look at a target came to.

    Args:
        severity: How much it matters.
        subject: What it is about, such as ``port 25`` or ``SPF``.
        seen: What was seen.
        why: Why it matters; empty where all is well.
        fix: What to do; empty where nothing is to be done.
    """

    severity: Severity
    subject: str
    seen: str
    why: str = ""
    fix: str = ""

    def to_dict(self) -> dict[str, str]:
        """The finding as plain JSON values."""
        return {name: str(value) for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, str]) -> Finding:
        """The finding that `to_dict` wrote."""
        return cls(Severity(data["severity"]), data["subject"], data["seen"], data["why"], data["fix"])


@dataclass(frozen=True, slots=True)
class Preflight:
    """The outcome of a look at a target.

    Args:
        target: The target as URL.
        findings: In the order of the conversation.
        connections: How many TCP connections were opened for it.
        duration_s: How long it took.
    """

    target: str
    findings: tuple[Finding, ...]
    connections: int
    duration_s: float

    @property
    def counts(self) -> Counter[Severity]:
        """Findings by severity."""
        return Counter(finding.severity for finding in self.findings)

    @property
    def passed(self) -> bool:
        """Whether a run makes sense."""
        return not self.counts[Severity.PROBLEM]

    def to_dict(self) -> dict[str, Any]:
        """The outcome as plain JSON values."""
        return {
            "target": self.target,
            "passed": self.passed,
            "connections": self.connections,
            "duration_s": round(self.duration_s, 3),
            "findings": [finding.to_dict() for finding in self.findings],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Preflight:
        """The outcome that `to_dict` wrote."""
        findings = tuple(map(Finding.from_dict, data["findings"]))
        return cls(data["target"], findings, data["connections"], data["duration_s"])


def plain(text: str, longest: int = _LONGEST_TEXT) -> str:
    """A text of somebody else's as one line that neither a terminal nor JSON stumbles over."""
    line = "".join(letter if letter.isprintable() else " " for letter in text[: longest * 4])
    line = " ".join(line.split())
    return line if len(line) <= longest else line[: longest - 3] + "..."
