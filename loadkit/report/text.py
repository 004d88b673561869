"""The summary of a run for a terminal, in the order of k6: thresholds, validity, transactions, what next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loadkit.measure.summary import QUANTILES
from loadkit.measure.validity import Verdict
from loadkit.units import format_duration, format_rate, format_size

if TYPE_CHECKING:
    from loadkit.measure.ledger import Reconciliation
    from loadkit.measure.store import RunHead
    from loadkit.measure.summary import Latency, OutcomeLine, Part, Summary, ThresholdLine

_TOO_SMALL = "n too small"
_NONE = "-"
_MARKS = {True: Text("✓ passed", "green"), False: Text("✗ failed", "red"), None: Text("? no data", "yellow")}
_STYLES = {
    Verdict.PASSED: "bold green",
    Verdict.FAILED: "bold red",
    Verdict.INVALID: "bold yellow",
    Verdict.INTERRUPTED: "bold yellow",
}


def render_summary(summary: Summary, head: RunHead) -> RenderableType:
    """The summary as a rich text.

    Args:
        summary: What the run came to.
        head: Which run.
    """
    sections = [
        ("THRESHOLDS", _thresholds(summary.thresholds)),
        ("VALIDITY", _validity(summary)),
        ("TRANSACTIONS", _transactions(summary)),
        ("NEXT", _next(summary, head)),
    ]
    if summary.ledger is not None:
        sections.insert(3, ("DELIVERY", _delivery(summary.ledger)))
    parts: list[RenderableType] = [_title(summary, head)]
    for title, content in sections:
        parts += ["", Text(title, "bold"), Padding(content, (0, 0, 0, 2))]
    return Group(*parts)


def _title(summary: Summary, head: RunHead) -> Text:
    took = format_duration(summary.duration_s)
    return Text.assemble(
        (summary.verdict.value.upper(), _STYLES[summary.verdict]), f"  {head.scenario} -> {head.target}  in {took}"
    )


def _columns(rows: Iterable[Sequence[str | Text]], header: Sequence[str] = ()) -> Table:
    table = Table(box=None, show_header=bool(header), header_style="dim", padding=(0, 2, 0, 0))
    for position, name in enumerate(header):
        table.add_column(name, justify="left" if position == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _thresholds(lines: tuple[ThresholdLine, ...]) -> RenderableType:
    if not lines:
        return Text("none in the scenario")
    return _columns((_MARKS[line.passed], line.metric, line.check, _observed(line)) for line in lines)


def _observed(line: ThresholdLine) -> str:
    if line.observed is None:
        return _TOO_SMALL if "p(" in line.check else "nothing to observe"
    if "%" in line.check:
        return f"was {line.observed:.3%}"
    if "/s" in line.check:
        return f"was {format_rate(line.observed)}"
    if line.check.startswith("count"):
        return f"was {line.observed:,.0f}"
    return f"was {format_duration(line.observed)}"


def _validity(summary: Summary) -> RenderableType:
    state = Text("VALID", "green") if summary.validity.valid else Text("INVALID", "bold yellow")
    lines: list[RenderableType] = [state]
    lines += [Text(f"! {reason}", "yellow") for reason in summary.validity.reasons]
    flows = (
        (name, f"{flow.count:,}", _NONE if flow.per_s is None else format_rate(flow.per_s))
        for name, flow in summary.flows.items()
    )
    lines += [_columns(flows, ("", "messages", "rate")), _generator(summary), _whose(summary)]
    return Group(*lines)


def _generator(summary: Summary) -> Text:
    generator = summary.generator
    cpu = _NONE if generator.cpu_p95_ratio is None else f"{generator.cpu_p95_ratio:.0%}"
    memory = _NONE if generator.rss_max_bytes is None else format_size(generator.rss_max_bytes)
    return Text(
        f"generator  CPU p95 {cpu} of a core, schedule lag p99 {_duration(generator.lag_p99_s)}, "
        f"longest stall {_duration(generator.stall_max_s)}, memory {memory}"
    )


def _whose(summary: Summary) -> Text:
    if summary.validity.valid:
        return Text("The generator kept up: what is slow or refused below is the target's.")
    return Text("The generator did not do what it was told: nothing below may be blamed on the target.")


def _transactions(summary: Summary) -> RenderableType:
    rows: list[tuple[str, Latency]] = [
        ("response time", summary.response_time),
        ("service time", summary.service_time),
        ("wait for a session", summary.wait),
    ]
    parts: list[RenderableType] = [_latencies(rows)]
    for parts_of, of in ((summary.kinds, "kind"), (summary.stages, "stage")):
        if len(parts_of) > 1:
            parts += ["", _parts(parts_of, of)]
    parts += ["", _latencies([(f"phase {phase}", latency) for phase, latency in summary.phases.items()])]
    parts += ["", _outcomes(summary.outcomes, "outcomes of messages")]
    if any(line.kind != "accepted" for line in summary.setups):
        parts += ["", _outcomes(summary.setups, "outcomes of session set-ups")]
    return Group(*parts)


def _latencies(rows: list[tuple[str, Latency]]) -> RenderableType:
    header = ("ms", *QUANTILES, "max", "mean", "n")
    return _columns(
        (
            (name, *(_ms(latency, quantile) for quantile in QUANTILES), *_ends(latency), f"{latency.n:,}")
            for name, latency in rows
        ),
        header,
    )


def _ms(latency: Latency, quantile: str) -> str:
    value = latency.quantiles_s[quantile]
    if value is None:
        return _TOO_SMALL if latency.n else _NONE
    return f"{value * 1e3:,.2f}"


def _ends(latency: Latency) -> tuple[str, str]:
    return tuple(_NONE if value is None else f"{value * 1e3:,.2f}" for value in (latency.max_s, latency.mean_s))  # type: ignore[return-value]


def _parts(parts: dict[str, Part], of: str) -> RenderableType:
    header = (of, "accepted", "of", "response p50", "p95", "p99", "service p95")
    return _columns(
        (
            (
                name,
                f"{part.accepted:,}",
                f"{part.completed:,}",
                *(_ms(part.response_time, quantile) for quantile in ("p50", "p95", "p99")),
                _ms(part.service_time, "p95"),
            )
            for name, part in parts.items()
        ),
        header,
    )


def _outcomes(lines: tuple[OutcomeLine, ...], title: str) -> RenderableType:
    total = sum(line.count for line in lines)
    if not total:
        return Text(f"no {title}")
    return _columns(
        (
            (
                f"{line.kind} at {line.phase}",
                str(line.code or ""),
                line.enhanced,
                line.reason,
                f"{line.count:,}",
                f"{line.count / total:.2%}",
            )
            for line in lines
        ),
        (title, "code", "enhanced", "reason", "count", "share"),
    )


def _delivery(ledger: Reconciliation) -> RenderableType:
    lost = "".join(f" {first}-{last}" for _, first, last in ledger.lost_ranges[:5])
    rows = [
        ("accepted by the target", f"{ledger.accepted:,}", ""),
        ("delivered to the sink", f"{ledger.delivered:,}", ""),
        ("lost", f"{ledger.lost:,}", f"numbers{lost}" if lost else ""),
        ("duplicated", f"{ledger.duplicated:,}", ""),
        ("delivered, reply never came", f"{ledger.unanswered:,}", ""),
        ("delivered, though not accepted", f"{ledger.unexpected:,}", ""),
    ]
    return _columns(rows)


def _next(summary: Summary, head: RunHead) -> RenderableType:
    lines = []
    if summary.verdict is Verdict.INVALID:
        lines.append("Mend what VALIDITY names and run again: this run says nothing about the target.")
    elif summary.verdict is Verdict.INTERRUPTED:
        lines.append("The run was cut short; to repeat it whole:")
    elif summary.verdict is Verdict.FAILED:
        lines.append("A demand was not met; look at the slowest phase and the most frequent refusal above. To repeat:")
    else:
        lines.append("To repeat:")
    lines.append(f"  {' '.join(head.command)}")
    lines.append(f"To see this again: loadkit report {head.path}")
    return Text("\n".join(lines))


def _duration(value_s: float | None) -> str:
    return _NONE if value_s is None else format_duration(value_s)
