"""The target's host in words: what a run saw of it, and which of its resources gives out first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from loadkit.report.tables import NONE, table
from loadkit.report.words import ENGLISH, Words
from loadkit.units import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadkit.analysis.demand import DemandFit, ResourceDemand
    from loadkit.analysis.results import Estimate
    from loadkit.measure.target import TargetSummary

_RATIOS = {
    "cpu": "cpu_ratio",
    "cpu of the target's processes": "target_cpu_ratio",
    "cpu of the load generator": "generator_cpu_ratio",
    "memory": "memory_ratio",
    "busiest disk": "disk_busy_ratio",
    "busiest network interface": "network_ratio",
}
_BYTES = {
    "disks": ("disk_bytes_per_s", "read and written"),
    "network": ("network_bytes_per_s", "received and sent, without loopback"),
}
_SHARED = "The load generator and the target share this machine: each takes what the other could have used."


def target_section(target: TargetSummary) -> RenderableType:
    """What a run saw of the target's host, over its measured stages."""
    rows = [
        (words, f"{target.means[name]:.1%}", "of all cores" if "cpu" in name else "")
        for words, name in _RATIOS.items()
        if name in target.means
    ]
    rows += [
        (words, f"{format_size(target.means[name])}/s", of)
        for words, (name, of) in _BYTES.items()
        if name in target.means
    ]
    head = Text(f"observed by {target.source}, means of {target.samples:,} samples")
    parts: list[RenderableType] = [head]
    if rows:
        parts.append(table("lrw", rows))
    if target.shared:
        parts.append(Text(_SHARED))
    if target.notes:
        parts.append(table("lw", (("·", note) for note in target.notes)))
    return Group(*parts)


def render_demand(fit: DemandFit, *, shared: bool) -> RenderableType:
    """The resources of a node, and which of them gives out first.

    Args:
        fit: The fit.
        shared: Whether load generator and target shared a machine.
    """
    parts = [Text(sentence) for sentence in demand_sentences(fit, shared=shared)]
    body = Group(table("lrrrr", demand_rows(fit), demand_header(fit)), *parts)
    return Group(Text(f"BOTTLENECK, INTERVALS AT {fit.level:.0%}", "bold"), Padding(body, (0, 0, 0, 2)))


def demand_header(fit: DemandFit, t: Words = ENGLISH) -> tuple[str, ...]:
    """Names of the columns of `demand_rows`."""
    highest, limit = f"{fit.highest:,.0f}/s", f"{fit.resources[0].limit:.0%}"
    return (
        "",
        t("at rest"),
        t("ms per message"),
        t("at {rate}", rate=highest),
        t("reaches {limit} at", limit=limit),
    )


def demand_rows(fit: DemandFit) -> list[tuple[str, ...]]:
    """The resources of a node: use at rest, demand, use at the highest rate, and the rate that the limit allows."""
    return [_row(one, fit.highest) for one in fit.resources]


def _row(one: ResourceDemand, highest_per_s: float) -> tuple[str, ...]:
    used = max(one.background.value + one.demand.value * highest_per_s, 0.0)
    feels = one.demand.high > 0
    return (
        one.resource,
        f"{one.background.value:.1%}",
        _span(one.demand, 1e3, 4) if feels else NONE,
        f"{used:.1%}",
        f"{_span(one.cap, 1.0, 0)}/s" if math.isfinite(one.cap.value) else NONE,
    )


def _span(one: Estimate, factor: float, digits: int) -> str:
    low, value, high = (
        f"{factor * number:,.{digits}f}" if math.isfinite(number) else "none"
        for number in (one.low, one.value, one.high)
    )
    return f"{value} [{low}, {high}]"


def demand_sentences(fit: DemandFit, *, shared: bool, t: Words = ENGLISH) -> Iterator[str]:
    """Which resource gives out first, and what to know with that.

    Args:
        fit: The fit.
        shared: Whether load generator and target shared a machine.
        t: The language.
    """
    first = fit.bottleneck
    if first is None:
        yield t("No resource surely feels the load: measure at higher rates, or for longer.")
    else:
        yield t(
            "{resource} gives out first: {limit} of it at {rate} messages/s, {times} times the highest rate measured.",
            resource=first.resource,
            limit=f"{first.limit:.0%}",
            rate=f"{first.cap.value:,.0f}",
            times=f"{first.cap.value / fit.highest:.1f}",
        )
    vague = [one.resource for one in fit.resources if one.demand.low <= 0]
    if vague and first is not None:
        yield t("Not surely moved by the load: {resources}.", resources=", ".join(vague))
    if shared:
        yield t("Load generator and target shared a machine: its own CPU is taken off, what it slowed down is not.")
