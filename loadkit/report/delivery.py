"""The part of a run's summary about its far end: what arrived, when, and what piled up in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from loadkit.report.tables import Row, figure_table, figures, spaced, table, with_unit
from loadkit.report.words import ENGLISH, Words
from loadkit.units import format_rate

if TYPE_CHECKING:
    from loadkit.measure.delivery import Backlog, DeliveryCourse
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
    for sentence, alarming in course_sentences(summary, course):
        yield Text(f"! {sentence}", "yellow") if alarming else Text(sentence)


def course_sentences(summary: Summary, course: DeliveryCourse, t: Words = ENGLISH) -> Iterator[tuple[str, bool]]:
    """How mail arrived over time, in sentences, each with whether it is alarming.

    Args:
        summary: What the run came to.
        course: Its course.
        t: The language.
    """
    of_mail = [line.accepted_per_s for line in summary.channels if line.protocol == "smtp"]
    accepted = of_mail[0] if of_mail else summary.flows["accepted"].per_s
    if accepted is not None and course.delivered_per_s is not None:
        yield (
            t(
                "In the measured stages accepted at {accepted}, delivered at {delivered}.",
                accepted=format_rate(accepted),
                delivered=format_rate(course.delivered_per_s),
            ),
            False,
        )
    yield _backlog(course.backlog, t), False
    if course.backlog.grows:
        yield t("The backlog grows: mail is accepted faster than it is delivered."), True
    if not course.drained:
        yield t("Not drained: the wait ended before everything accepted had arrived."), True
    elif course.drain_s is not None:
        drain = with_unit(course.drain_s)
        yield t("Drained: the last delivery came {drain} after the last accepting reply.", drain=drain), False
    if course.clock_behind:
        yield (
            t(
                "{count} arrived before they were sent: the sink's clock is behind this one, and the times until "
                "arrival are too short.",
                count=f"{course.clock_behind:,}",
            ),
            True,
        )


def _backlog(backlog: Backlog, t: Words) -> str:
    end, most = f"{backlog.end:,}", f"{backlog.max:,}"
    if backlog.slope_per_s is None:
        return t("Backlog: {end} at the end of arrivals, {most} at most.", end=end, most=most)
    return t(
        "Backlog: {end} at the end of arrivals, {most} at most, rising by {slope}/s (95 %: {low}/s to {high}/s).",
        end=end,
        most=most,
        slope=f"{backlog.slope_per_s:,.2f}",
        low=f"{backlog.slope_low_per_s:,.2f}",
        high=f"{backlog.slope_high_per_s:,.2f}",
    )


def _counts(ledger: Reconciliation, *, drained: bool) -> RenderableType:
    rows = ledger_rows(ledger, drained=drained)
    return table("wrw", ((name, f"{count:,}", Text(note if count else "", "dim")) for name, count, note in rows))


def ledger_rows(ledger: Reconciliation, *, drained: bool, t: Words = ENGLISH) -> list[tuple[str, int, str]]:
    """Accepted against delivered: name, count and what it means or where.

    Args:
        ledger: The counts.
        drained: Whether all that was accepted had arrived when the wait for it ended.
        t: The language.
    """
    ranges = _ranges(ledger.lost_ranges, t)
    late = t("within the drain time; {ranges}", ranges=ranges)
    rows = [
        (t("accepted by the target"), ledger.accepted, ""),
        (t("delivered to the sink"), ledger.delivered, ""),
        (t("lost"), ledger.lost, ranges) if drained else (t("not arrived"), ledger.lost, late),
        (t("duplicated"), ledger.duplicated, ""),
        (t("corrupted"), ledger.corrupted, t("delivered with another body than was sent")),
        (t("unexpected"), ledger.unexpected, t("delivered, though refused or never sent")),
        (t("unanswered"), ledger.unanswered, t("delivered, though the final reply never came")),
        (t("unknown"), ledger.unknown, t("delivered without a usable id")),
    ]
    if ledger.unreported:
        note = t("delivered, and their worker was lost before it told of them")
        rows.append((t("unreported"), ledger.unreported, note))
    return rows


def _ranges(ranges: Sequence[tuple[int, int, int]], t: Words) -> str:
    by_sender = groupby(ranges[:_LISTED_RANGES], key=lambda one: one[0])
    texts = [
        t("sender {number}: {ranges}", number=sender, ranges=", ".join(_range(*one[1:]) for one in group))
        for sender, group in by_sender
    ]
    if len(ranges) > _LISTED_RANGES:
        texts.append(t("more in ledger.json"))
    return "; ".join(texts)


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
