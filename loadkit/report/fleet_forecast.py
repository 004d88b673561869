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
from loadkit.plan.fleet_cost import COMPARED, cheapest
from loadkit.report.sparkline import BLOCKS, sparkline, time_axis
from loadkit.report.tables import NONE, table
from loadkit.units import format_duration, format_rate

if TYPE_CHECKING:
    from loadkit.plan.fleet_cost import MonthCost
    from loadkit.plan.outlook import FleetForecast
    from loadkit.plan.prospect import Prospect
    from loadkit.plan.scale_out import ScaleOut
    from loadkit.scenario.curve import Floats

Label = Callable[[float], str]

FLEET_HEADER = ("", "survives", "late in worst hour", "most waiting", "drains in", "node hours")
DELAY_HEADER = ("", "p50", "p95", "p99")
COST_HEADER = ("", *COMPARED)
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
        f"at {label(load.peak_s)}"
    )
    rows = rows_of(forecast)
    sections = {
        f"FLEETS  {goal.text} in every hour": table("llrrrr", map(fleet_cells, rows), FLEET_HEADER),
        "DELAY  of all messages, service included": table("lrrr", map(delay_cells, rows), DELAY_HEADER),
        "WAITING": table("ll", _pictures(forecast, label, marks)),
    }
    if forecast.costs:
        sections[f"COST OF A MONTH  {cost_title(forecast)}"] = table("lrrr", cost_rows(forecast), COST_HEADER)
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
    """A value and its interval, where it has one that can be seen."""
    value, low, high = (write(one) for one in (estimate.value, estimate.low, estimate.high))
    return value if low == high else f"{value} ({low} to {high})"


def duration(value_s: float) -> str:
    """A time in words; what doesn't end is so called."""
    return "not within it" if math.isinf(value_s) else format_duration(value_s)


def count(value: float) -> str:
    """A number of messages or hours: whole ones from ten on, and none below one."""
    if 0 < value < 1:
        return "<1"
    return shown(value) if value < 10 else f"{value:,.0f}"  # noqa: PLR2004 - two digits


def fleet_cells(prospect: Prospect) -> tuple[str, ...]:
    """A fleet as cells below `FLEET_HEADER`."""
    return (
        prospect.name,
        prospect.verdict,
        ranged(prospect.late, "{:.2%}".format),
        ranged(prospect.backlog, count),
        ranged(prospect.drain_s, duration),
        "-" if prospect.policy is None else ranged(prospect.node_hours, count),
    )


def delay_cells(prospect: Prospect) -> tuple[str, ...]:
    """A fleet as cells below `DELAY_HEADER`."""
    return (prospect.name, *(ranged(one, duration) for one in prospect.delays.values()))


def cost_rows(forecast: FleetForecast) -> Iterator[tuple[str, ...]]:
    """Each policy's cost by how servers are bought, as cells below `COST_HEADER`."""
    for prospect in forecast.prospects:
        costs = {one.mix: one for one in forecast.costs if one.policy == prospect.name}
        cells = (_money(costs[mix]) if mix in costs else NONE for mix in COMPARED)
        yield prospect.name, *cells


def cost_title(forecast: FleetForecast) -> str:
    """The currency of the costs, and that they are indicative where that is so."""
    indicative = any(one.bill.indicative for one in forecast.costs)
    return forecast.costs[0].bill.currency + (", indicative: much of it rests on doubtful prices" if indicative else "")


def _money(cost: MonthCost) -> str:
    if cost.cost.low == cost.cost.high:
        return f"{cost.bill.total:,}"
    return ranged(cost.cost, "{:,.0f}".format)


def _pictures(forecast: FleetForecast, label: Label, marks: str) -> Iterator[tuple[str, str]]:
    for prospect in rows_of(forecast):
        peaks = column_maxima(prospect.course.backlog, _COLUMNS)
        # What is less than a message for each session is no backlog to look at.
        yield prospect.name, sparkline(np.where(peaks < 1, 0.0, peaks), marks) + f"  up to {count(peaks.max())}"
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
        f"How many nodes are enough without any change? {ranged(forecast.enough, count)}, "
        f"so that {forecast.setting.goal.text} in every hour."
    )
    for one in forecast.scale_outs:
        yield f"When must {one.policy} scale out? {_scale_out(one, label)}"
    yield from _cost_answers(forecast)


def _cost_answers(forecast: FleetForecast) -> Iterator[str]:
    """What elasticity saves, of those policies that survive."""
    surviving = [one for one in forecast.prospects if one.policy is not None and one.verdict == "yes"]
    costs = {one.name: cost for one in surviving if (cost := cheapest(forecast.costs, one.name)) is not None}
    constant = [costs[one.name] for one in surviving if one.policy and one.policy.constant and one.name in costs]
    if not constant:
        return
    without = min(constant, key=lambda one: one.bill.total)
    currency = without.bill.currency
    yield (
        f"What does the month cost? Without elasticity {without.bill.total:,} {currency} ({without.policy}, "
        f"{without.mix})."
    )
    for one in surviving:
        if one.policy and not one.policy.constant and one.name in costs:
            cost = costs[one.name]
            change = float(cost.bill.total / without.bill.total) - 1
            yield f"With {one.name} {cost.bill.total:,} {currency} ({cost.mix}): {change:+.1%}."


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
            f"No less than {format_duration(one.lead_s)} ahead, which is {label(one.order_s)}: its {one.nodes:,} nodes "
            "must have been ordered by then."
        )
    if one.order_s == 0:
        return f"At once: the {one.nodes:,} nodes that are enough must be there from the start."
    return (
        f"No later than {label(one.order_s)}: the {one.nodes:,} nodes that are enough must have been ordered by then."
    )
