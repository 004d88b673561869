"""The channels of a run side by side: what each was offered, what became of it, and what arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadkit.measure.ends import OutcomeLine, is_measured, outcome_lines

if TYPE_CHECKING:
    from loadkit.measure.records import Route
    from loadkit.measure.statistics import OutcomeCount, RunStatistics


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """A message kind on its channel, over the measured stages; its response time is with the other kinds'.

    Args:
        offered: Messages that the schedule wanted sent.
        shed: Those of them that were given up because the channel's queue was full.
        completed: Messages that ended.
        accepted: Those of them that were accepted.
        delivered: Different messages that arrived at sinks over the whole run; None where nobody knows.
    """

    offered: int
    shed: int
    completed: int
    accepted: int
    delivered: int | None


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """What a channel came to.

    Args:
        channel: Its name.
        protocol: What is spoken.
        left_out: Why its messages were not sent, or empty.
        accepted_per_s: Rate of acceptances over whole seconds; None where there is none.
        kinds: Its message kinds.
        failures: How its measured messages ended that were not accepted, the most frequent first.
    """

    channel: str
    protocol: str
    left_out: str
    accepted_per_s: float | None
    kinds: dict[str, ChannelKind]
    failures: tuple[OutcomeLine, ...]


def channel_lines(
    statistics: RunStatistics, outcomes: Sequence[OutcomeCount], delivered: Mapping[str, int]
) -> tuple[ChannelLine, ...]:
    """Every channel of a run that has more than mail.

    Args:
        statistics: The run's counters.
        outcomes: How its messages ended.
        delivered: Different messages that arrived, by kind.
    """
    kinds_of: dict[Route, list[str]] = {}
    plan = statistics.plan
    for kind, route in zip(plan.kinds, plan.routes, strict=True) if plan.routes else ():
        kinds_of.setdefault(route, []).append(kind)
    return tuple(
        ChannelLine(
            route.channel,
            route.protocol,
            route.left_out,
            _accepted_per_s(statistics, kinds),
            {kind: _channel_kind(statistics, kind, delivered.get(kind)) for kind in kinds},
            outcome_lines(
                one
                for one in outcomes
                if one.kind in kinds and is_measured(plan, one.stage) and not one.outcome.accepted
            ),
        )
        for route, kinds in kinds_of.items()
    )


def _channel_kind(statistics: RunStatistics, kind: str, delivered: int | None) -> ChannelKind:
    offered, shed, completed, accepted = (
        statistics.count(name, kind=kind) for name in ("offered", "shed", "completed", "accepted")
    )
    return ChannelKind(offered, shed, completed, accepted, delivered)


def _accepted_per_s(statistics: RunStatistics, kinds: Sequence[str]) -> float | None:
    rates = [statistics.rate_per_s("accepted", kind=kind) for kind in kinds]
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known else None
