"""The summary of a run for a terminal: thresholds and validity first, then what was seen, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import (
    Group,
    RenderableType,
)
from rich.padding import Padding
from rich.text import Text

from loadkit.measure.validity import Verdict
from loadkit.report.advice import advice
from loadkit.report.channels import channels_section
from loadkit.report.delivery import delivery_section
from loadkit.report.diagnosis import diagnosis_section
from loadkit.report.tables import (
    Row,
    figure_table,
    figures,
    share,
    spaced,
    table,
)
from loadkit.report.target import target_section
from loadkit.report.thresholds import observed, unobserved
from loadkit.report.validity import validity_section
from loadkit.smtp.outcome import OutcomeClass
from loadkit.units import format_duration

if TYPE_CHECKING:
    from loadkit.measure.ends import OutcomeLine
    from loadkit.measure.store import RunHead
    from loadkit.measure.summary import Latency, Part, Summary, ThresholdLine

_LISTED_OUTCOMES = 10
_MARKS = {True: ("✓ passed", "green"), False: ("✗ failed", "red"), None: ("? unknown", "yellow")}
_VERDICT_STYLES = {
    Verdict.PASSED: "bold green",
    Verdict.FAILED: "bold red",
    Verdict.INVALID: "bold yellow",
    Verdict.INTERRUPTED: "bold yellow",
}


def render_summary(summary: Summary, head: RunHead) -> RenderableType:
    """The summary as a rich text; nothing in it rests on colour, and 80 columns are enough.

    Args:
        summary: What the run came to.
        head: Which run.

    Returns:
        Something for `rich.console.Console.print`.
    """
    sections = {
        "THRESHOLDS": _thresholds(summary.thresholds),
        "VALIDITY": validity_section(summary),
        "TRANSACTIONS": _transactions(summary),
    }
    if summary.channels:
        sections["CHANNELS"] = channels_section(summary)
    if summary.diagnosis:
        sections["DIAGNOSIS"] = diagnosis_section(summary.diagnosis)
    if summary.ledger is not None:
        sections["DELIVERY"] = delivery_section(summary, summary.ledger)
    if summary.target is not None:
        sections["TARGET"] = target_section(summary.target)
    sections["NEXT"] = _next(summary, head)
    parts: list[RenderableType] = [_title(summary, head)]
    for title, content in sections.items():
        parts += ["", Text(title, "bold"), Padding(content, (0, 0, 0, 2))]
    return Group(*parts)


def _title(summary: Summary, head: RunHead) -> Text:
    verdict = (summary.verdict.value.upper(), _VERDICT_STYLES[summary.verdict])
    return Text.assemble(verdict, f"  {head.scenario} -> {head.target}  in {format_duration(summary.duration_s)}")


# Sections, in the order they are shown.


def _thresholds(lines: Sequence[ThresholdLine]) -> RenderableType:
    if not lines:
        return Text("none in the scenario")
    return table("lwww", ((Text(*_MARKS[line.passed]), line.metric, line.check, _observed(line)) for line in lines))


def _observed(line: ThresholdLine) -> str:
    return unobserved(line) if line.observed is None else f"was {observed(line)}"


def _transactions(summary: Summary) -> RenderableType:
    whole = {
        "response time": summary.response_time,
        "service time": summary.service_time,
        "wait for a session": summary.wait,
    }
    blocks: list[RenderableType] = [_latencies("ms", whole), Text(_legend(summary), "dim")]
    blocks += [
        _parts(of, parts) for of, parts in (("kind", summary.kinds), ("stage", summary.stages)) if len(parts) > 1
    ]
    if summary.phases:
        blocks.append(_latencies("phase, ms", summary.phases))
    blocks.append(_outcomes("messages", summary.outcomes))
    if any(line.kind != OutcomeClass.ACCEPTED for line in summary.setups):
        blocks.append(_outcomes("session set-ups", summary.setups))
    return Group(*spaced(blocks))


def _legend(summary: Summary) -> str:
    start = "the intended time" if summary.open_loop else "the moment a session was free"
    return (
        f"Response time runs from {start}, service time from the first byte sent; both to the final reply, "
        "or to the failure of what failed."
    )


def _latencies(title: str, latencies: Mapping[str, Latency]) -> RenderableType:
    return figure_table("w", [(name, *figures(latency)) for name, latency in latencies.items()], (title,))


def _parts(of: str, parts: Mapping[str, Part]) -> RenderableType:
    rows: list[Row] = []
    for name, part in parts.items():
        rows.append((name, "response", *figures(part.response_time)))
        rows.append((Text(_failed(part), "dim"), "service", *figures(part.service_time)))
    return figure_table("wl", rows, (of, "ms"))


def _failed(part: Part) -> str:
    if part.accepted == part.completed:
        return "all accepted" if part.completed else "none ended"
    return f"{share(part.completed - part.accepted, part.completed)} failed"


def _outcomes(of: str, lines: Sequence[OutcomeLine]) -> RenderableType:
    total = sum(line.count for line in lines)
    if not total:
        return Text(f"No {of} ended.")
    rows = [
        (
            _ending(line),
            str(line.code or ""),
            line.enhanced,
            line.reason,
            f"{line.count:,}",
            share(line.count, total),
        )
        for line in lines[:_LISTED_OUTCOMES]
    ]
    rest = lines[_LISTED_OUTCOMES:]
    if rest:
        count = sum(line.count for line in rest)
        rows.append((f"{len(rest)} more ways", "", "", "see errors.json", f"{count:,}", share(count, total)))
    return table("wllwrr", rows, (f"how {of} ended", "code", "enhanced", "reason", "count", "share"))


def _ending(line: OutcomeLine) -> str:
    return f"{line.kind} at {line.phase}"


def _next(summary: Summary, head: RunHead) -> RenderableType:
    return Group(
        *(Text(sentence) for sentence in advice(summary, head.run_id)),
        Text("To repeat the run:"),
        Text(f"  {shlex.join(head.command)}"),
        Text("To see this summary again, or with --type html as a page with plots:"),
        Text(f"  {shlex.join(('loadkit', 'report', str(head.path)))}"),
    )
