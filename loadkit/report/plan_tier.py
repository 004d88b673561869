"""A tier of a plan on its page: what to take, how far that is supported, what it costs and why nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from loadkit.analysis.results import shown
from loadkit.plan.availability import downtime_minutes, percent
from loadkit.plan.extrapolation import Support
from loadkit.report.blocks import Block, Fold, Grid, Listing, Mark, Prose, Tile, Tiles
from loadkit.report.plan import number
from loadkit.report.plan_bill import bill_download, bill_grid
from loadkit.report.plan_figures import choices_figure, drivers_figure, parts_figure
from loadkit.report.plan_sentences import retold
from loadkit.report.plan_words import GRADES, amount, grade, named, quantile_header, quantiles, span_of
from loadkit.report.tables import NONE
from loadkit.units import format_rate

if TYPE_CHECKING:
    from loadkit.plan.extrapolation import Axis
    from loadkit.plan.outcome import Choice, Plan, TierPlan
    from loadkit.report.blocks import Tone
    from loadkit.report.words import Words

_LISTED = 8
_MOST_OVER = 0.5
"""If the budget is overrun in more of all draws than these it is likelier than not."""


def overview_grid(plan: Plan, t: Words) -> Grid:
    """All tiers, a row for each.

    Args:
        plan: The plan.
        t: The language.
    """
    header = (
        t("tier"),
        t("peak"),
        t("take"),
        t("grade"),
        t("nodes"),
        t("availability"),
        t("{currency} a month", currency=plan.currency),
        t("{currency} a million", currency=plan.currency),
    )
    return Grid(header, tuple(_overview_row(tier, t) for tier in plan.tiers), "lrllrlrr")


def tier_blocks(plan: Plan, tier: TierPlan, name: str, t: Words) -> Iterator[Block]:
    """Everything about a tier.

    Args:
        plan: The plan.
        tier: Its tier.
        name: What ids of its figures begin with.
        t: The language.
    """
    choice = tier.choices[0]
    yield Prose(_taken(tier, choice, t), "" if tier.chosen is choice else "bad")
    yield Prose(*_graded(choice, t))
    yield Tiles(tuple(_tiles(plan, choice, t)))
    yield Prose(_nodes_words(choice, t))
    if choice.transferred:
        yield Prose(t("Taken over from what was measured: {how}.", how=retold(choice.transferred, t)), "quiet")
    yield _axes(choice, t)
    yield from _money(plan, tier, name, t)
    yield from _choices(plan, tier, t)
    if tier.services:
        yield _services(plan, tier, t)
    yield from _bill(choice, f"{name}-{choice.instance_type}", t)
    steps = dict.fromkeys((*choice.experiments, plan.measured[0].next_experiment))
    yield Prose(t("What to measure next, what would tell most first:"))
    yield Listing(tuple(retold(step, t) for step in steps))


def _overview_row(tier: TierPlan, t: Words) -> tuple[str | Mark, ...]:
    choice = tier.choices[0]
    taken = choice.instance_type if tier.chosen is choice else Mark(t("✗ none will do"), "bad")
    cost = (span_of(one, t) if one is not None else NONE for one in (choice.monthly, choice.per_million))
    rate = format_rate(tier.load.most_per_s)
    return tier.name, rate, taken, grade(choice.support, t), span_of(choice.fleet.nodes, t), _kept(choice, t), *cost


def _kept(choice: Choice, t: Words) -> Mark | str:
    found = choice.availability
    reached = percent(found.together)
    if found.promised is None:
        return reached
    words = t("{reached} of {promised}", reached=reached, promised=percent(found.promised))
    return Mark(f"✓ {words}", "good") if found.met else Mark(f"✗ {words}", "bad")


def _taken(tier: TierPlan, choice: Choice, t: Words) -> str:
    load = t(
        "{peak} at the peak, {mean} on average.",
        peak=format_rate(tier.load.most_per_s),
        mean=format_rate(float(tier.load.mean_per_s.mean())),
    )
    what = f"{choice.instance_type} ({named(choice.mix, t)})" if choice.mix else choice.instance_type
    if tier.chosen is choice:
        return f"{load} {t('Take {what}.', what=what)}"
    why = "" if choice.reason is None else retold(choice.reason.words, t)
    return f"{load} {t('None will do. The nearest is {what}: {why}.', what=what, why=why)}"


def _graded(choice: Choice, t: Words) -> tuple[str, Tone]:
    word, tone = GRADES[choice.support]
    says = (
        t("the worst of its axes below is within three times what was measured.")
        if choice.support.single_number
        else t("too far beyond what was measured for single numbers; here are ranges, and what would tell more.")
    )
    return f"{t(word)}: {says}", tone


def _tiles(plan: Plan, choice: Choice, t: Words) -> Iterator[Tile]:
    value, note = amount(choice, choice.fleet.nodes, t)
    yield Tile(t("nodes"), value, note)
    if choice.monthly is not None and choice.per_million is not None:
        value, note = amount(choice, choice.monthly, t)
        yield Tile(t("{currency} a month", currency=plan.currency), value, note)
        value, note = amount(choice, choice.per_million, t)
        yield Tile(t("{currency} a million messages", currency=plan.currency), value, note)
    found = choice.availability
    down = t("{minutes} minutes down in 30 days", minutes=f"{downtime_minutes(found.together):.3g}")
    met: dict[bool | None, Tone] = {None: "", True: "good", False: "bad"}
    yield Tile(t("availability"), percent(found.together), down, met[found.met])
    if choice.bill is not None and choice.indicative:
        doubtful = t("of the bill rests on prices of grade C or D")
        yield Tile(t("! indicative"), f"{choice.bill.indicative_share:.0%}", doubtful, "warn")
    if choice.over_budget is not None and plan.budget is not None:
        limit = t("of draws cost more than {budget}", budget=f"{number(plan.budget)} {plan.currency}")
        yield Tile(
            t("over budget"), f"{choice.over_budget:.0%}", limit, "bad" if choice.over_budget > _MOST_OVER else ""
        )


def _nodes_words(choice: Choice, t: Words) -> str:
    fleet = choice.fleet
    said = t(
        "{needed} nodes carry the peak, {spares} more may fail, spread over {zones} zones; {resource} sets the number.",
        needed=span_of(fleet.needed, t),
        spares=fleet.spares,
        zones=fleet.zones,
        resource=named(fleet.limiting, t),
    )
    if fleet.zones > 1:
        said += " " + t("The loss of a zone leaves enough.")
    if fleet.cells.count > 1:
        rate = format_rate(fleet.cells.rate_per_s)
        said += " " + t("That is for each of {count} cells of {rate}.", count=fleet.cells.count, rate=rate)
    return f"{said} {retold(choice.availability.words, t)}."


def _axes(choice: Choice, t: Words) -> Grid:
    header = (t("axis"), t("wanted"), t("measured"), t("times"), t("grade"), t("what would tell"))
    rows = tuple(_axis(axis, t) for axis in choice.axes)
    return Grid(header, rows, "lrrrll", t("How far it goes beyond what was measured"))


def _axis(axis: Axis, t: Words) -> tuple[str | Mark, ...]:
    unit = named(axis.unit, t)
    gap = "" if unit.startswith("/") else " "
    wanted, measured = (NONE if one is None else f"{shown(one)}{gap}{unit}" for one in (axis.wanted, axis.measured))
    times = NONE if axis.extent is None else f"{axis.extent:.3g}"
    return named(axis.name, t), wanted, measured, times, grade(axis.support, t), retold(axis.experiment, t)


def _money(plan: Plan, tier: TierPlan, name: str, t: Words) -> Iterator[Block]:
    choice = tier.choices[0]
    if choice.monthly is None:
        return
    single = choice.support.single_number
    figure = choices_figure(f"{name}-choices", plan, tier, t) if single else None
    figure = figure or parts_figure(f"{name}-parts", plan, choice, t)
    if figure is not None:
        yield figure
    rows = [(named(part, t), *quantiles(choice, spread)) for part, spread in choice.parts.items()]
    rows.append((t("together"), *quantiles(choice, choice.monthly)))
    header = (t("{currency} a month", currency=plan.currency), *quantile_header(choice))
    yield Grid(header, tuple(rows), "l" + "r" * (len(header) - 1))
    drivers = drivers_figure(f"{name}-drivers", choice, t)
    if drivers is not None:
        yield drivers
    yield _mixes(plan, choice, t)


def _mixes(plan: Plan, choice: Choice, t: Words) -> Grid:
    rows = [
        (
            named(mix.name, t),
            *quantiles(choice, mix.monthly),
            f"{mix.base_nodes:,}" if mix.monthly is not None and choice.support.single_number else NONE,
            NONE if mix.break_even is None else t("{share} of hours", share=f"{mix.break_even:.0%}"),
            retold(mix.remark, t),
        )
        for mix in choice.mixes
    ]
    ends = (t("base nodes"), t("pays above"), t("to know"))
    header = (t("way to buy"), *quantile_header(choice), *ends)
    caption = t("Ways to buy, {currency} a month", currency=plan.currency)
    return Grid(header, tuple(rows), "l" + "r" * (len(header) - 2) + "l", caption)


def _choices(plan: Plan, tier: TierPlan, t: Words) -> Iterator[Block]:
    header = (
        t("instance type"),
        t("nodes"),
        t("set by"),
        t("{currency} a month", currency=plan.currency),
        t("regret"),
        t("why not"),
    )
    rows = tuple(_choice_row(choice, t) for choice in tier.choices)
    yield Grid(header, rows[:_LISTED], "lrlrrl", t("Choices, by what they are expected to cost"))
    if len(rows) > _LISTED:
        rest = Grid(header, rows[_LISTED:], "lrlrrl")
        yield Fold(t("{count} further choices", count=len(rows) - _LISTED), (rest,))


def _choice_row(choice: Choice, t: Words) -> tuple[str | Mark, ...]:
    cost = NONE if choice.monthly is None else span_of(choice.monthly, t)
    regret = NONE if choice.expected_regret is None else number(choice.expected_regret)
    why = Mark(t("✓ taken"), "good") if choice.reason is None else retold(choice.reason.words, t)
    return choice.instance_type, span_of(choice.fleet.nodes, t), named(choice.fleet.limiting, t), cost, regret, why


def _services(plan: Plan, tier: TierPlan, t: Words) -> Grid:
    rows = tuple(
        (
            one.name,
            span_of(one.monthly, t),
            span_of(one.per_million, t),
            retold(one.basis, t),
            retold(one.reason.words if one.reason else "", t),
        )
        for one in tier.services
    )
    header = (
        t("service"),
        t("{currency} a month", currency=plan.currency),
        t("{currency} a million messages", currency=plan.currency),
        t("what is billed"),
        t("to know"),
    )
    return Grid(header, rows, "lrrll", t("Mail services of the provider, instead of servers"))


def _bill(choice: Choice, file: str, t: Words) -> Iterator[Block]:
    if choice.bill is None:
        return
    blocks: list[Block] = [bill_grid(choice.bill, t), bill_download(file, choice.bill, t)]
    if choice.support in (Support.RANGE_ONLY, Support.UNSUPPORTED):
        warning = t("This is one case of many and no forecast: only the range above may be said.")
        blocks.insert(0, Prose(f"! {warning}", "warn"))
    yield Fold(t("Bill of the case in which every input is its median"), tuple(blocks))
