"""The look at a target before a run, and how findings are shown."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from loadkit.cli._output import print_note, print_rendered_note
from loadkit.errors import LoadkitError, TargetError
from loadkit.preflight.finding import Finding, Preflight, Severity
from loadkit.preflight.request import ProbeRequest, needs_of
from loadkit.report.tables import table
from loadkit.units import format_duration
from sinks.options import environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadkit.scenario.guardrails import TargetAddress
    from loadkit.scenario.schema import Scenario

_TIMEOUT_S = 60.0
_MARKS = {
    Severity.OK: ("✓ ok", "green"),
    Severity.NOTE: ("· note", "cyan"),
    Severity.WARNING: ("! warning", "yellow"),
    Severity.PROBLEM: ("✗ problem", "bold red"),
}
_SPOILING = (Severity.WARNING, Severity.PROBLEM)


def preflight_before_run(scenario: Scenario, target: TargetAddress, *, quiet: bool) -> tuple[dict[str, str], ...]:
    """Look at a target, show what may spoil a run, and stop where one would be pointless.

    Args:
        scenario: What will be sent.
        target: Where to.
        quiet: Whether warnings are kept back; problems are shown in any case.

    Returns:
        All findings, for the run's folder.

    Raises:
        TargetError: If a run would be pointless.
        LoadkitError: If the look could not be done.
    """
    if not quiet:
        print_note(f"preflight: looking at {target}, --no-preflight leaves it out")
    outcome = _look(ProbeRequest(target, needs_of(scenario, target), sender_domain=scenario.senders.dns_domain))
    shown = [finding for finding in outcome.findings if finding.severity in _SPOILING]
    if shown and not (quiet and outcome.passed):
        print_rendered_note(findings_table(shown))
    if not outcome.passed:
        count = outcome.counts[Severity.PROBLEM]
        raise TargetError(
            f"preflight found {count} problem{'s' * (count != 1)} at {target}; nothing was sent",
            hint="mend what is named above; --no-preflight runs all the same",
        )
    return tuple(finding.to_dict() for finding in outcome.findings)


def _look(request: ProbeRequest) -> Preflight:
    # A process of its own: here gevent has patched sockets, on which asyncio's event loop must not run.
    command = [sys.executable, "-P", "-m", "loadkit.preflight"]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command,
            input=json.dumps(request.to_dict()),
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
            timeout=_TIMEOUT_S,
        )
        return Preflight.from_dict(json.loads(done.stdout))
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        said = getattr(error, "stderr", "") or str(error)
        raise LoadkitError(
            f"preflight could not be done: {str(said).strip().splitlines()[-1]}",
            hint="this is a bug in loadkit; --no-preflight runs without it",
        ) from error


def render_preflight(outcome: Preflight) -> RenderableType:
    """All findings as a rich text; nothing in it rests on colour, and 80 columns are enough."""
    counts = outcome.counts
    said = [f"{counts[one]} {one}{'s' * (counts[one] != 1)}" for one in reversed(Severity) if counts[one]]
    style = "bold green" if outcome.passed else "bold red"
    title = Text.assemble(
        ("READY" if outcome.passed else "NOT READY", style),
        f"  {outcome.target}  {', '.join(said[:3])}",
        f"  ({outcome.connections} connections, {format_duration(outcome.duration_s)})",
    )
    return Group(title, "", findings_table(outcome.findings))


def findings_table(findings: Sequence[Finding]) -> RenderableType:
    """One row for each finding."""
    return table("llw", ((Text(*_MARKS[one.severity]), one.subject, _words(one)) for one in findings))


def _words(finding: Finding) -> Text:
    parts: list[Any] = [finding.seen]
    if finding.why:
        parts.append((f"\n{finding.why}", "dim"))
    if finding.fix:
        parts.append(f"\n→ {finding.fix}")
    return Text.assemble(*parts)
