"""The part of a run's summary about its far end: what arrived, when, and what piled up in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from loadkit.report.tables import Row, figure_table, figures, spaced, table, with_unit
from loadkit.units import format_rate

if TYPE_CHECKING:
    from loadkit.measure.delivery import DeliveryCourse
    from loadkit.measure.reconciliation import Reconciliation
    from loadkit.measure.summary import Summary

_LISTED_RANGES = 5


def delivery_section(summary: Summary, ledger: Reconciliation) -> RenderableType:
    """What became of the accepted mail.

    Args:
        summary: What the run came to.
        ledger: Accepted against delivered.
    """
    blocks: list[RenderableType] = [_counts(ledger, drained=summary.course is None or summary.course.drained)]
    if summary.course is not None:
        blocks.append(Group(*_course(summary, summary.course)))
    if summary.end_to_end:
        rows: list[Row] = []
        for kind, latency in summary.end_to_end.items():
            rows.append((kind, "intended", *figures(latency.intended)))
            rows.append(("", "sent", *figures(latency.sent)))
        blocks.append(figure_table("wl", rows, ("until arrival, ms", "since")))
    return Group(*spaced(blocks))


def _course(summary: Summary, course: DeliveryCourse) -> Iterator[Text]:
    of_mail = [line.accepted_per_s for line in summary.channels if line.protocol == "smtp"]
    accepted, backlog = of_mail[0] if of_mail else summary.flows["accepted"].per_s, course.backlog
    if accepted is not None and course.delivered_per_s is not None:
        delivered = format_rate(course.delivered_per_s)
        yield Text(f"In the measured stages accepted at {format_rate(accepted)}, delivered at {delivered}.")
    slope = ""
    if backlog.slope_per_s is not None:
        slope = (
            f", rising by {backlog.slope_per_s:,.2f}/s "
            f"(95 %: {backlog.slope_low_per_s:,.2f}/s to {backlog.slope_high_per_s:,.2f}/s)"
        )
    yield Text(f"Backlog: {backlog.end:,} at the end of arrivals, {backlog.max:,} at most{slope}.")
    if backlog.grows:
        yield Text("! The backlog grows: mail is accepted faster than it is delivered.", "yellow")
    if not course.drained:
        yield Text("! Not drained: the wait ended before everything accepted had arrived.", "yellow")
    elif course.drain_s is not None:
        yield Text(f"Drained: the last delivery came {with_unit(course.drain_s)} after the last accepting reply.")
    if course.clock_behind:
        yield Text(
            f"! {course.clock_behind:,} arrived before they were sent: the sink's clock is behind this one, and the "
            "times until arrival are too short.",
            "yellow",
        )


def _counts(ledger: Reconciliation, *, drained: bool) -> RenderableType:
    ranges = _ranges(ledger.lost_ranges)
    rows = [
        ("accepted by the target", ledger.accepted, ""),
        ("delivered to the sink", ledger.delivered, ""),
        ("lost", ledger.lost, ranges) if drained else ("not arrived", ledger.lost, f"within the drain time; {ranges}"),
        ("duplicated", ledger.duplicated, ""),
        ("corrupted", ledger.corrupted, "delivered with another body than was sent"),
        ("unexpected", ledger.unexpected, "delivered, though refused or never sent"),
        ("unanswered", ledger.unanswered, "delivered, though the final reply never came"),
        ("unknown", ledger.unknown, "delivered without a usable id"),
    ]
    if ledger.unreported:
        rows.append(("unreported", ledger.unreported, "delivered, and their worker was lost before it told of them"))
    return table("wrw", ((name, f"{count:,}", Text(note if count else "", "dim")) for name, count, note in rows))


def _ranges(ranges: Sequence[tuple[int, int, int]]) -> str:
    by_sender = groupby(ranges[:_LISTED_RANGES], key=lambda one: one[0])
    texts = [f"sender {sender}: {', '.join(_range(*one[1:]) for one in group)}" for sender, group in by_sender]
    if len(ranges) > _LISTED_RANGES:
        texts.append("more in ledger.json")
    return "; ".join(texts)


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
