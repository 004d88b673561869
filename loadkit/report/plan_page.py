"""A plan as a page: tiers with their grades first, then nodes, money, what it rests on, and what to measure next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from loadkit.analysis.results import shown
from loadkit.report.blocks import Block, Facts, Grid, Listing, Mark, Prose, Section
from loadkit.report.definitions import OF_PLAN, definitions
from loadkit.report.page import Chapter, Headline, Page, render_page
from loadkit.report.plan_sentences import retold
from loadkit.report.plan_tier import overview_grid, tier_blocks
from loadkit.report.plan_whatif import whatif_blocks, whatif_script
from loadkit.report.plan_words import GRADES, tier_title
from loadkit.report.tables import NONE
from loadkit.report.words import ENGLISH, Words

if TYPE_CHECKING:
    from loadkit.plan.measured import Measured
    from loadkit.plan.outcome import Plan


def plan_page(plan: Plan, t: Words = ENGLISH) -> str:
    """A plan as one HTML file that needs no network.

    Args:
        plan: The plan.
        t: The language.
    """
    chapter = plan_chapter(plan, t)
    subtitle = t(
        "Prices of {catalog}, {region}; {draws} draws of what is uncertain, seed {seed}",
        catalog=plan.catalog,
        region=plan.region,
        draws=f"{plan.draws.count:,}",
        seed=plan.draws.seed,
    )
    return render_page(Page(chapter.title, subtitle, (chapter,), words=t, scripts=(whatif_script(),)))


def plan_chapter(plan: Plan, t: Words = ENGLISH, name: str = "plan") -> Chapter:
    """A plan as a chapter of a page.

    Args:
        plan: The plan.
        t: The language.
        name: The chapter's id, which ids of its parts begin with.

    Returns:
        The chapter; its page needs `whatif_script` among its scripts.
    """
    sections = [
        Section(f"{name}-tiers", t("At a glance"), tuple(_overview(plan, t))),
        *(
            Section(f"{name}-{place}", tier_title(tier), tuple(tier_blocks(plan, tier, f"{name}-{place}", t)))
            for place, tier in enumerate(plan.tiers, 1)
        ),
        Section(f"{name}-what-if", t("What if"), tuple(whatif_blocks(plan, f"{name}-form", t))),
        Section(f"{name}-basis", t("What it rests on"), tuple(_basis(plan, t))),
        definitions(f"{name}-definitions", OF_PLAN, t),
    ]
    return Chapter(name, t("Capacity plan"), _headline(plan, t), tuple(sections))


def _headline(plan: Plan, t: Words) -> Headline:
    names = ", ".join(tier.name for tier in plan.tiers)
    lacking = [tier.name for tier in plan.tiers if tier.chosen is None]
    if lacking:
        return Headline(t("✗ NONE WILL DO"), t("for {tiers}", tiers=", ".join(lacking)), "bad")
    support = max((tier.choices[0].support for tier in plan.tiers), key=lambda one: one.rank)
    if not support.single_number:
        text = t("{tiers}: too far beyond what was measured for single numbers", tiers=names)
        return Headline(t("! RANGES ONLY"), text, "warn")
    return Headline(t("✓ PLANNED"), t("{tiers}: {grade} at worst", tiers=names, grade=t(GRADES[support][0])), "good")


def _overview(plan: Plan, t: Words) -> Iterator[Block]:
    yield overview_grid(plan, t)
    yield Prose(
        t("Nodes and costs are from P10 to P90: in one draw of ten it is less, in one of ten more."),
        "quiet",
    )


def _basis(plan: Plan, t: Words) -> Iterator[Block]:
    yield Facts(tuple((_machine(one, t), _capacity(one)) for one in plan.measured))
    yield Listing(tuple(retold(remark, t) for remark in plan.remarks))
    rows = tuple(
        (
            one.name,
            one.value or NONE,
            Mark(t("● stated"), "good") if one.given else t("default") if one.value else t("by scenario or ladder"),
            t(one.meaning),
        )
        for one in plan.stated
    )
    caption = t("Assumptions: change one with --assume {example}", example="headroom=0.6")
    yield Grid((t("assumption"), t("value"), t("whose"), t("meaning")), rows, "lrll", caption)


def _machine(measured: Measured, t: Words) -> str:
    name = measured.node.instance_type or t("unknown machine")
    if measured.node.vcpus is None:
        return name
    return t("{machine}, {count} virtual CPUs", machine=name, count=measured.node.vcpus)


def _capacity(measured: Measured) -> str:
    capacity = measured.capacity_per_s
    span = "" if capacity.certain else f" ({shown(capacity.low)} to {shown(capacity.high)})"
    return f"{shown(capacity.mid)}/s{span}"
