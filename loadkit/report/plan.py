"""Plans for a terminal: what was measured, and for each tier the choice, its axes, its money and what to measure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from loadkit.analysis.results import shown
from loadkit.plan.availability import downtime_minutes, percent
from loadkit.plan.sizing import Cells
from loadkit.report.tables import NONE, Row, spaced, table
from loadkit.units import format_rate

if TYPE_CHECKING:
    from loadkit.plan.extrapolation import Axis
    from loadkit.plan.measured import Measured
    from loadkit.plan.outcome import Choice, MixCost, Plan, Reason, TierPlan
    from loadkit.plan.uncertain import Spread

_DIGITS = 3


def render_plan(plan: Plan) -> RenderableType:
    """A plan, for `rich.console.Console.print`."""
    blocks: list[RenderableType] = [_section("MEASURED", _measured(plan.measured))]
    blocks += [_tier(plan, tier) for tier in plan.tiers]
    blocks.append(_section("ASSUMED", _assumed(plan)))
    blocks.append(_section("TO KNOW", table("lw", (("!", one) for one in plan.remarks))))
    return Group(*spaced(blocks))


def render_comparison(plan: Plan) -> RenderableType:
    """What a million messages cost on each type, the cheapest first, for `rich.console.Console.print`."""
    return Group(
        *spaced([_section(f"{tier.name}: COST OF A MILLION MESSAGES", _compared(tier)) for tier in plan.tiers])
    )


def range_of(spread: Spread) -> str:
    """From P10 to P90, in three digits."""
    low, high = number(spread.p10), number(spread.p90)
    return low if low == high else f"{low} to {high}"


def number(value: float) -> str:
    """A number in three digits, with all its zeros: 1,230,000."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else NONE
    digits = _DIGITS - 1 - math.floor(math.log10(abs(value)))
    text = f"{round(value, digits):,.{max(digits, 0)}f}"
    return text.rstrip("0").rstrip(".") if digits > 0 else text


def _section(name: str, content: RenderableType) -> RenderableType:
    return Group(Text(name, "bold"), Padding(content, (0, 0, 0, 2)))


def _measured(every: Sequence[Measured]) -> RenderableType:
    rows = []
    for one in every:
        vcpus = "" if one.node.vcpus is None else f", {one.node.vcpus} virtual CPUs"
        capacity = one.capacity_per_s
        span = "" if capacity.certain else f" ({shown(capacity.low)} to {shown(capacity.high)})"
        boxes = f" each of {one.boxes} boxes" if one.boxes > 1 else ""
        rows.append((f"{one.node.instance_type or 'unknown machine'}{vcpus}:", f"{shown(capacity.mid)}/s{span}{boxes}"))
    return table("lw", rows)


def _tier(plan: Plan, tier: TierPlan) -> RenderableType:
    first = tier.choices[0]
    promised = "" if tier.promised is None else f", {percent(tier.promised)} promised"
    title = Text.assemble(
        (f"{'LOAD' if tier.promised is None else 'TIER'} {tier.name}", "bold"),
        f"  {format_rate(tier.load.most_per_s)} at the peak, {format_rate(float(tier.load.mean_per_s.mean()))} on "
        f"average{promised}",
    )
    parts: list[RenderableType] = [title, Padding(_choice(plan, tier, first), (0, 0, 0, 2))]
    sections = {
        "AXES": table("lrrrl", map(_axis, first.axes), ("", "wanted", "measured", "times", "grade")),
        "MONTH": _month(plan, first),
        "WAYS TO BUY": table("lrlw", map(_mix, first.mixes), ("", plan.currency, "pays above", "")),
        "CHOICES": table(
            "lrlrrl",
            [_row(choice) for choice in tier.choices],
            ("", "nodes", "set by", plan.currency, "regret", "not taken for"),
        ),
    }
    if tier.services:
        sections["INSTEAD OF SERVERS"] = table(
            "lrww", [(one.name, range_of(one.monthly), one.basis, _words(one.reason)) for one in tier.services]
        )
    steps = (*first.experiments, plan.measured[0].next_experiment)
    sections["NEXT"] = table("lw", (("-", one) for one in steps))
    for name, content in sections.items():
        parts.append(Padding(_section(name, content), (0, 0, 0, 2)))
    return Group(*parts)


def _choice(plan: Plan, tier: TierPlan, choice: Choice) -> RenderableType:
    """What is said of the choice that is taken, or of the nearest where none is."""
    return table("lw", list(_choice_rows(plan, tier, choice)))


def _choice_rows(plan: Plan, tier: TierPlan, choice: Choice) -> Iterator[Row]:
    taken = "take" if tier.chosen is choice else "none will do; the nearest"
    yield taken, f"{choice.instance_type}{f', {choice.mix}' if choice.mix else ''}"
    if choice.reason is not None:
        yield "but", choice.reason.words
    support = choice.support
    yield "grade", support.value + ("" if support.single_number else ": a range and what it assumes, no single number")
    fleet = choice.fleet
    cells = "" if fleet.cells.count == 1 else f" in {fleet.cells.count} cells of {format_rate(fleet.cells.rate_per_s)}"
    zones = f"{fleet.zones} zones, of which one may be lost" if fleet.zones > 1 else "one zone"
    needed = f"{_amount(choice, fleet.needed)} needed{_each(fleet.cells)}"
    spares = "spare" if fleet.spares == 1 else "spares"
    yield (
        "nodes",
        f"{_amount(choice, fleet.nodes)}{cells}: {needed}, {fleet.spares} {spares}, {zones}; {fleet.limiting} sets it",
    )
    if choice.transferred:
        yield "taken over", choice.transferred
    availability = choice.availability
    down = downtime_minutes(availability.together)
    yield "availability", f"{availability.words} ({down:.3g} minutes down in 30 days)"
    yield from _money_rows(plan, choice)


def _each(cells: Cells) -> str:
    return " in each" if cells.count > 1 else ""


def _money_rows(plan: Plan, choice: Choice) -> Iterator[Row]:
    if choice.monthly is None or choice.per_million is None or choice.bill is None:
        return
    doubt = (
        f", indicative: {choice.bill.indicative_share:.0%} rests on prices of grade C or D" if choice.indicative else ""
    )
    yield "a month", f"{_amount(choice, choice.monthly)} {plan.currency}{doubt}"
    yield "a million", f"{_amount(choice, choice.per_million)} {plan.currency}"
    if choice.over_budget is not None and plan.budget is not None:
        yield "budget", f"{choice.over_budget:.0%} of draws cost more than {number(plan.budget)} {plan.currency}"
    if choice.drivers:
        drivers = ", ".join(f"{name} ({weight:+.2f})" for name, weight in choice.drivers.items())
        yield "driven by", f"{drivers}; correlation of ranks with the cost"
    if choice.balancer_demand:
        yield "balancer", f"{choice.balancer_demand} set its capacity units"


def _amount(choice: Choice, spread: Spread) -> str:
    """The median with its range where a single number is allowed, else the range."""
    span = range_of(spread)
    middle = number(spread.p50)
    return f"{middle} ({span})" if choice.support.single_number and span != middle else span


def _axis(axis: Axis) -> Row:
    wanted, measured = (NONE if one is None else f"{shown(one)} {axis.unit}" for one in (axis.wanted, axis.measured))
    # A unit such as /s stands without a space.
    wanted, measured = (one.replace(" /", "/") for one in (wanted, measured))
    return axis.name, wanted, measured, NONE if axis.extent is None else f"{axis.extent:.3g}", axis.support.value


def _month(plan: Plan, choice: Choice) -> RenderableType:
    """The bill of the median case; without single numbers, what share of the cost each part has."""
    if choice.bill is None:
        return Text(NONE)
    if not choice.support.single_number:
        rows = [(name, range_of(part)) for name, part in choice.parts.items()]
        return table("lr", rows, ("", plan.currency))
    lines: list[Row] = [
        (
            line.service_name,
            f"{line.sku_id}: {line.charge_description}",
            f"{line.pricing_quantity.normalize():,f} {line.pricing_unit}",
            f"{line.effective_cost:,}",
            line.grade.value,
        )
        for line in choice.bill.lines
    ]
    lines.append(("sum", "every input at its median", "", f"{choice.bill.total:,}", ""))
    return table("lwrrl", lines, ("", "", "quantity", plan.currency, "grade"))


def _mix(mix: MixCost) -> Row:
    cost = NONE if mix.monthly is None else range_of(mix.monthly)
    share = NONE if mix.break_even is None else f"{mix.break_even:.0%} of hours"
    return mix.name, cost, share, mix.remark


def _row(choice: Choice) -> Row:
    cost = NONE if choice.monthly is None else range_of(choice.monthly)
    regret = NONE if choice.expected_regret is None else number(choice.expected_regret)
    return (
        choice.instance_type,
        range_of(choice.fleet.nodes),
        choice.fleet.limiting,
        cost,
        regret,
        _short(choice.reason),
    )


def _short(reason: Reason | None) -> str:
    if reason is None:
        return ""
    if reason.constraint == "cost" and reason.value is not None and reason.limit:
        return f"cost, {reason.value / reason.limit - 1:+.1%}"
    if reason.constraint == "availability" and reason.value is not None:
        return f"availability, {percent(reason.value)}"
    return reason.constraint


def _words(reason: Reason | None) -> str:
    return "" if reason is None else reason.words


def _compared(tier: TierPlan) -> RenderableType:
    priced = [choice for choice in tier.choices if choice.per_million is not None]
    priced.sort(key=lambda choice: 0.0 if choice.per_million is None else choice.per_million.p50)
    rows = [
        (
            choice.instance_type,
            f"{shown(choice.capacity_per_s.low)} to {shown(choice.capacity_per_s.high)}",
            *(number(value) for value in (choice.per_million.p10, choice.per_million.p50, choice.per_million.p90)),
            "measured" if not choice.transferred else f"not measured: {choice.transferred}",
        )
        for choice in priced
        if choice.per_million is not None
    ]
    return table("lrrrrw", rows, ("", "a node's /s", "P10", "P50", "P90", ""))


def _assumed(plan: Plan) -> RenderableType:
    """Every assumption, in two columns."""
    every = [("*" if one.given else "", one.name, one.value or NONE) for one in plan.stated]
    half = -(-len(every) // 2)
    pairs = zip(every[:half], [*every[half:], ("", "", "")], strict=False)
    note = "* chosen, others by default; - by the scenario or the ladder"
    drawn = f"; {plan.draws.count:,} draws of seed {plan.draws.seed}"
    return Group(table("llllll", [(*left, *right) for left, right in pairs]), Text(note + drawn, "dim"))
