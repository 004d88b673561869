"""The summary of a run for a terminal: thresholds and validity first, then what was seen, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import (
    Group,
    RenderableType,
)
from rich.padding import Padding
from rich.text import Text

from loadkit.measure.histogram import smallest_sample
from loadkit.measure.validity import Verdict
from loadkit.report.channels import channels_section
from loadkit.report.delivery import delivery_section
from loadkit.report.diagnosis import diagnosis_section
from loadkit.report.tables import (
    TOO_SMALL,
    Row,
    figure_table,
    figures,
    milliseconds,
    share,
    spaced,
    table,
)
from loadkit.report.target import target_section
from loadkit.report.validity import validity_section
from loadkit.scenario.thresholds import parse_threshold
from loadkit.smtp.outcome import TRANSACTION_PHASES, OutcomeClass
from loadkit.units import format_duration

if TYPE_CHECKING:
    from loadkit.measure.ends import OutcomeLine
    from loadkit.measure.reconciliation import Reconciliation
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
    """What was seen, with more digits than elsewhere: a value just beyond its limit should not look equal to it."""
    if line.observed is None:
        return _unobserved(line)
    if line.check.startswith("count") or (line.metric == "backlog" and "/" not in line.check):
        return f"was {line.observed:,.0f}"
    if "%" in line.check:
        return f"was {line.observed * 100:.6g}%"
    if "/" in line.check:
        return f"was {line.observed:,.2f}/s"
    return f"was {line.observed * 1e3:,.2f} ms"


def _unobserved(line: ThresholdLine) -> str:
    quantile = parse_threshold(line.metric, line.check).quantile
    return "nothing to observe" if quantile is None else f"{TOO_SMALL}: below {smallest_sample(quantile):,}"


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
        *(Text(sentence) for sentence in _advice(summary, head)),
        Text("To repeat the run:"),
        Text(f"  {shlex.join(head.command)}"),
        Text("To see this summary again:"),
        Text(f"  {shlex.join(('loadkit', 'report', str(head.path)))}"),
    )


def _advice(summary: Summary, head: RunHead) -> Iterator[str]:
    if summary.verdict is Verdict.INVALID:
        yield "The run says nothing about the target: change what VALIDITY names after each !, and run again."
    elif summary.verdict is Verdict.INTERRUPTED:
        yield "The run was cut short, so its thresholds prove nothing: let it come to its end."
    elif summary.verdict is Verdict.FAILED:
        yield from _unmet(summary)
        if summary.ledger is not None:
            yield from _unfaithful(summary, summary.ledger, head.run_id)
    elif not summary.thresholds:
        yield "No threshold was set, so nothing was demanded of the target: add thresholds to the scenario."


def _unmet(summary: Summary) -> Iterator[str]:
    failed = [line.metric for line in summary.thresholds if line.passed is False]
    if failed:
        yield f"Thresholds not met: {len(failed)} of {len(summary.thresholds)}."
    if any(metric.startswith(("transaction_duration", "service_duration")) for metric in failed):
        yield from _slowest_step(summary)
    if any(metric.startswith("transaction_failed") for metric in failed):
        yield from _commonest_failure(summary.outcomes)
    if any(metric.startswith("arrivals_dropped") for metric in failed):
        yield "Arrivals were dropped because all sessions were busy: raise sessions.max, or lower the rate."
    if summary.course is not None and summary.course.backlog.grows:
        yield "Mail is accepted faster than it is delivered: lower the rate, or speed up what delivers it."
    if any(line.passed is None for line in summary.thresholds):
        yield "A threshold had too few values to be judged: let the measured stages last longer."


def _slowest_step(summary: Summary) -> Iterator[str]:
    steps = {"waiting for a session": summary.wait}
    steps |= {phase.value: summary.phases[phase.value] for phase in TRANSACTION_PHASES if phase.value in summary.phases}
    means_s = {name: latency.mean_s for name, latency in steps.items() if latency.mean_s}
    if means_s:
        slowest = max(means_s, key=means_s.__getitem__)
        yield f"Slowest step of a message: {slowest}, {milliseconds(means_s[slowest])} ms on average."


def _commonest_failure(lines: Sequence[OutcomeLine]) -> Iterator[str]:
    failures = [line for line in lines if line.kind != OutcomeClass.ACCEPTED]
    if failures:
        first, total = failures[0], sum(line.count for line in failures)
        yield f"Most frequent failure: {_ending(first)}, {first.count:,} of {total:,}."


def _unfaithful(summary: Summary, ledger: Reconciliation, run_id: str) -> Iterator[str]:
    drained = summary.course is None or summary.course.drained
    counts = {
        "lost" if drained else "not arrived within the drain time": ledger.lost,
        "duplicated": ledger.duplicated,
        "corrupted": ledger.corrupted,
        "unexpected": ledger.unexpected,
    }
    wrong = [f"{count:,} {name}" for name, count in counts.items() if count]
    if wrong:
        yield (
            f"What arrived is not what the target accepted: {', '.join(wrong)}. "
            f"A message carries its number in X-Loadkit-Id: {run_id}.<sender>.<number>."
        )
