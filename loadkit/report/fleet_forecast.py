"""A campaign against fleets for a terminal: the policies side by side, what waits when, and the answers in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from loadkit.analysis.results import Estimate, shown
from loadkit.plan.fleet_cost import cheapest
from loadkit.report.sparkline import BLOCKS, sparkline, time_axis
from loadkit.report.tables import table
from loadkit.units import format_duration, format_rate

if TYPE_CHECKING:
    from loadkit.plan.fleet_cost import MonthCost
    from loadkit.plan.fluid import Floats
    from loadkit.plan.outlook import FleetForecast, Prospect, ScaleOut

Label = Callable[[float], str]

_HEADER = ("", "survives", "most waiting", "p50", "p95", "p99", "drains in", "node hours")
_COLUMNS = 60


def render_fleet_forecast(forecast: FleetForecast, label: Label, *, marks: str = BLOCKS) -> RenderableType:
    """A forecast, for `rich.console.Console.print`.

    Args:
        forecast: What to show.
        label: A moment in words, for seconds since the start.
        marks: What curves are drawn with.
    """
    load, goal = forecast.setting.load, forecast.setting.goal
    title = Text(
        f"{load.arrivals.sum():,.0f} messages in {format_duration(load.duration_s)}, "
        f"{format_rate(float(load.rates_per_s.max()))} in the busiest {format_duration(load.step_s)}, "
        f"{label(load.peak_s)}"
    )
    sections = {
        f"POLICIES  {goal.text} in every hour": table("llrrrrrr", map(_row, rows_of(forecast)), _HEADER),
        "WAITING": table("lr", _pictures(forecast, label, marks)),
    }
    if forecast.costs:
        sections["COST OF A MONTH"] = table("llrl", map(cost_cells, forecast.costs), ("", "servers bought", "", ""))
    sections["ANSWERS"] = table("w", ((line,) for line in answers(forecast, label)))
    sections["RESTS ON"] = table("w", ((line,) for line in forecast.rests_on))
    parts: list[RenderableType] = [title]
    for name, content in sections.items():
        parts += ["", Text(name, "bold"), Padding(content, (0, 0, 0, 2))]
    return Group(*parts)


def rows_of(forecast: FleetForecast) -> tuple[Prospect, ...]:
    """The fleets and then the tiers."""
    return (*forecast.prospects, *forecast.tiers)


def ranged(estimate: Estimate, write: Callable[[float], str]) -> str:
    """A value and its interval, where it has one."""
    value, low, high = (write(one) for one in (estimate.value, estimate.low, estimate.high))
    return value if low == high else f"{value} ({low} to {high})"


def duration(value_s: float) -> str:
    """A time in words; what doesn't end is so called."""
    return "not in this time" if math.isinf(value_s) else format_duration(value_s)


def cells_of(prospect: Prospect) -> tuple[str, ...]:
    """A fleet as cells of a table, behind its name."""
    return (
        prospect.verdict,
        ranged(prospect.backlog, shown_count),
        *(ranged(one, duration) for one in prospect.delays.values()),
        ranged(prospect.drain_s, duration),
        "-" if prospect.policy is None else ranged(prospect.node_hours, shown_count),
    )


def shown_count(value: float) -> str:
    """A number of messages or hours: whole ones from ten on."""
    return shown(value) if value < 10 else f"{value:,.0f}"  # noqa: PLR2004 - two digits


def cost_cells(cost: MonthCost) -> tuple[str, str, str, str]:
    """A month's cost as cells of a table: policy, how servers are bought, total, and whether it is indicative."""
    total = f"{cost.bill.total:,} {cost.bill.currency}"
    if cost.cost.low < cost.cost.high:
        total += f" ({cost.cost.low:,.0f} to {cost.cost.high:,.0f})"
    return cost.policy, cost.mix, total, "indicative" if cost.bill.indicative else ""


def _row(prospect: Prospect) -> tuple[str, ...]:
    return (prospect.name, *cells_of(prospect))


def _pictures(forecast: FleetForecast, label: Label, marks: str) -> Iterator[tuple[str, str]]:
    for prospect in rows_of(forecast):
        peaks = column_maxima(prospect.course.backlog, _COLUMNS)
        # What is less than a message for each session is no backlog to look at.
        yield prospect.name, sparkline(np.where(peaks < 1, 0.0, peaks), marks) + f"  up to {shown_count(peaks.max())}"
    yield "", time_axis(forecast.setting.load.duration_s, _COLUMNS, label)


def column_maxima(values: Floats, columns: int) -> Floats:
    """The highest value in each of so many equal parts; shape (columns,)."""
    places = np.arange(columns) * len(values) // columns
    maxima: Floats = np.maximum.reduceat(values, places)
    return maxima


def answers(forecast: FleetForecast, label: Label) -> Iterator[str]:
    """The answers in words.

    Args:
        forecast: What they rest on.
        label: A moment in words, for seconds since the start.
    """
    for prospect in forecast.prospects:
        yield f"Does {prospect.name} survive? {_verdict(prospect)}"
    for prospect in forecast.tiers:
        rate = format_rate(float(prospect.course.capacity_per_s[0]))
        yield f"Does the tier {prospect.name} ({rate}) survive? {_verdict(prospect)}"
    yield (
        f"How many nodes are enough without any change? {ranged(forecast.enough, shown_count)}, "
        f"so that {forecast.setting.goal.text} in every hour."
    )
    for one in forecast.scale_outs:
        yield f"When must {one.policy} scale out? {_scale_out(one, label)}"
    yield from _cost_answers(forecast)


def _cost_answers(forecast: FleetForecast) -> Iterator[str]:
    """What elasticity saves, of those policies that survive."""
    surviving = [one.policy for one in forecast.prospects if one.policy is not None and one.verdict == "yes"]
    costs = {policy.name: cheapest(forecast.costs, policy.name) for policy in surviving}
    priced = [(policy, cost) for policy in surviving if (cost := costs[policy.name]) is not None]
    constant = min((cost.bill.total for policy, cost in priced if policy.constant), default=None)
    if constant is None:
        return
    for policy, cost in priced:
        if not policy.constant:
            yield (
                f"What does the month cost with and without elasticity? {cost.bill.total:,} {cost.bill.currency} with "
                f"{policy.name} ({cost.mix}), {constant:,} with as many nodes all the time: "
                f"{float(cost.bill.total / constant) - 1:+.1%}."
            )


def _verdict(prospect: Prospect) -> str:
    if prospect.verdict == "yes":
        return f"Yes: in its worst hour {prospect.late.high:.2%} are late."
    late = f"in its worst hour {ranged(prospect.late, '{:.2%}'.format)} are late"
    return f"No: {late}." if prospect.verdict == "no" else f"It depends on a node's capacity: {late}."


def _scale_out(one: ScaleOut, label: Label) -> str:
    if one.order_s is None:
        return "It need not."
    if math.isinf(one.order_s):
        return f"No time is early enough: with its {one.nodes:,} nodes the objective does not hold."
    if one.lead_s is not None:
        return (
            f"{format_duration(one.lead_s)} ahead at the latest, that is {label(one.order_s)}: its {one.nodes:,} "
            "nodes must have been ordered by then."
        )
    if one.order_s == 0:
        return f"At once: the {one.nodes:,} nodes that are enough must be there from the start."
    return (
        f"{label(one.order_s)} at the latest: the {one.nodes:,} nodes that are enough must have been ordered by then."
    )
