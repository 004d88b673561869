"""The part of a run's summary about the server's own limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from loadkit.report.tables import spaced, table

if TYPE_CHECKING:
    from loadkit.measure.rules import Finding


def diagnosis_section(findings: Sequence[Finding]) -> RenderableType:
    """What the server protected itself with, why, and what to do about each."""
    return Group(*spaced([Group(*_finding(finding)) for finding in findings]))


def _finding(finding: Finding) -> Iterator[RenderableType]:
    yield Text(f"! {finding.name}: {finding.seen}", "yellow")
    rows = (("why", finding.why), ("do", finding.fix), ("source", Text(finding.source, "dim")))
    yield Padding(table("lw", rows), (0, 0, 0, 2))
