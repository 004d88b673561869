"""The part of a run's summary about its channels, where it had others than mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from loadkit.report.tables import NONE, Row, figure_table, figures, share, spaced, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadkit.measure.summary import Summary


def channels_section(summary: Summary) -> RenderableType:
    """What each channel was offered and what became of it, and its response times.

    Args:
        summary: What the run came to.
    """
    sent = [line for line in summary.channels if not line.left_out]
    blocks: list[RenderableType] = [
        table(
            "wwrrrrrr",
            list(_counts(summary)),
            ("channel", "kind", "offered", "completed", "accepted", "failed", "shed", "arrived"),
        )
    ]
    times: list[Row] = [
        (line.channel, kind, *figures(summary.kinds[kind].response_time)) for line in sent for kind in line.kinds
    ]
    if times:
        blocks.append(figure_table("wl", times, ("response, ms", "kind")))
    failures = [
        (line.channel, f"{one.kind} at {one.phase}", str(one.code or ""), one.reason, f"{one.count:,}")
        for line in sent
        for one in line.failures
    ]
    if failures:
        blocks.append(table("wwllr", failures, ("channel", "how messages failed", "code", "reason", "count")))
    for line in summary.channels:
        if line.left_out:
            kinds = ", ".join(line.kinds)
            blocks.append(Text(f"! Left out: {line.channel}, with it {kinds}: {line.left_out}.", "yellow"))
    return Group(*spaced(blocks))


def _counts(summary: Summary) -> Iterator[Row]:
    for line in summary.channels:
        if line.left_out:
            continue
        for kind, one in line.kinds.items():
            yield (
                f"{line.channel} ({line.protocol})" if line.channel != line.protocol else line.channel,
                kind,
                f"{one.offered:,}",
                f"{one.completed:,}",
                f"{one.accepted:,}",
                share(one.completed - one.accepted, one.completed),
                f"{one.shed:,}",
                _arrived(line.protocol, one.delivered),
            )


def _arrived(protocol: str, delivered: int | None) -> str:
    if protocol == "smtp":
        return "see below"  # by the ledger
    return NONE if delivered is None else f"{delivered:,}"
