"""The words of plan pages: grades with their signs, names of what is bought and of what limits, amounts as ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadkit.plan.extrapolation import Support
from loadkit.report.blocks import Mark
from loadkit.report.plan import number
from loadkit.report.tables import NONE
from loadkit.report.words import Words, marked
from loadkit.units import format_rate

if TYPE_CHECKING:
    from loadkit.plan.outcome import Choice, TierPlan
    from loadkit.plan.uncertain import Spread
    from loadkit.report.blocks import Tone

GRADES: dict[Support, tuple[str, Tone]] = {
    Support.MEASURED: (marked("✓ measured"), "good"),
    Support.SUPPORTED: (marked("✓ supported"), "good"),
    Support.MODELLED: (marked("~ modelled"), "warn"),
    Support.RANGE_ONLY: (marked("! range only"), "warn"),
    Support.UNSUPPORTED: (marked("✗ unsupported"), "bad"),
}

NAMES = {
    "compute": marked("servers"),
    "disk": marked("disks"),
    "balancer": marked("load balancers"),
    "egress": marked("traffic to the internet"),
    "storage": marked("stored logs and mail"),
    "cpu": marked("processor"),
    "network": marked("network"),
    "connections": marked("connections"),
    "concurrency": marked("concurrency"),
    "cores": marked("cores"),
    "boxes": marked("nodes"),
    "rate": marked("rate"),
    "routing": marked("routing"),
    "sessions": marked("sessions"),
    "virtual CPUs": marked("virtual CPUs"),
    "nodes": marked("nodes"),
    "cells": marked("cells"),
    "hourly": marked("by the hour"),
    "monthly base": marked("base by the month"),
    "yearly base": marked("base by the year"),
    "yearly base, spot peak": marked("base by the year, half the peak from the spot market"),
    "demand": marked("forecast of the load"),
    "message_size": marked("message size"),
    "retry": marked("messages sent again"),
    "idle": marked("idle time of connections"),
    "box_loss": marked("loss among many nodes"),
    "capacity": marked("capacity of a node"),
    "new connections": marked("new connections"),
    "open connections": marked("open connections"),
    "bytes": marked("bytes"),
    "Elastic Compute Service": marked("servers"),
    "Block storage": marked("disks"),
    "Load balancer": marked("load balancers"),
    "Internet traffic": marked("traffic to the internet"),
    "Object storage": marked("stored logs and mail"),
    "base load, by the hour": marked("base load, by the hour"),
    "base load, monthly subscription": marked("base load, by the month"),
    "base load, yearly subscription": marked("base load, by the year"),
    "above the base load, by the hour": marked("above the base load, by the hour"),
    "above the base load, from the spot market": marked("above the base load, from the spot market"),
    "disks of the nodes": marked("disks of the nodes"),
    "being there": marked("existence"),
    "capacity units": marked("capacity units"),
    "bytes sent to the internet": marked("bytes sent to the internet"),
    "kept": marked("kept"),
    "written": marked("written"),
}
"""What planner and bills name, as pages call it; disks as a resource and as something bought have one name."""

_PRICE_OF = "price of "


def named(name: str, t: Words) -> str:
    """Something that the planner names, in the reader's language; names of types and the like stay as they are."""
    if name.startswith(_PRICE_OF):
        return t("price: {what}", what=named(name.removeprefix(_PRICE_OF), t))
    return t(NAMES[name]) if name in NAMES else name


def tier_title(tier: TierPlan) -> str:
    """A tier with its peak."""
    rate = format_rate(tier.load.most_per_s)
    return rate if tier.name == rate else f"{tier.name}, {rate}"


def grade(support: Support, t: Words) -> Mark:
    """A grade with its sign and tone."""
    word, tone = GRADES[support]
    return Mark(t(word), tone)


def span_of(spread: Spread, t: Words) -> str:
    """From P10 to P90."""
    low, high = number(spread.p10), number(spread.p90)
    return low if low == high else t("{low} to {high}", low=low, high=high)


def amount(choice: Choice, spread: Spread, t: Words) -> tuple[str, str]:
    """What may be said of an outcome, and what goes with it: the median and its range, or the range alone."""
    span, middle = span_of(spread, t), number(spread.p50)
    return (middle, span if span != middle else "") if choice.support.single_number else (span, "")


def quantiles(choice: Choice, spread: Spread | None) -> tuple[str, ...]:
    """What stands in the columns of `quantile_header`."""
    places = len(quantile_header(choice))
    if spread is None:
        return (NONE,) * places
    ends = number(spread.p10), number(spread.p90)
    return ends if places == len(ends) else (ends[0], number(spread.p50), ends[1])


def quantile_header(choice: Choice) -> tuple[str, ...]:
    """P10, P50 and P90; no P50 where no single number may be said."""
    return ("P10", "P50", "P90") if choice.support.single_number else ("P10", "P90")
