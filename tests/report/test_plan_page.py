"""Plans as pages, short of a browser."""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from support.planning import LARGE, MEASURED, TYPES, catalog, month, whole_plan

from loadkit.plan.assumptions import Assumptions
from loadkit.plan.hourly import steady_load
from loadkit.plan.planning import make_plan
from loadkit.plan.site import Order
from loadkit.report import plan_whatif
from loadkit.report.blocks import Fold, Grid, Markup, Prose, Tiles
from loadkit.report.plan_page import plan_chapter
from loadkit.report.plan_sentences import retold
from loadkit.report.plan_whatif import whatif_blocks
from loadkit.report.words import ENGLISH, Words

if TYPE_CHECKING:
    from loadkit.plan.outcome import Plan
    from loadkit.report.blocks import Block
    from loadkit.report.page import Chapter

CHINESE = Words("zh")


@pytest.fixture(scope="module")
def small() -> Plan:
    """Of a small ladder: everything is far beyond it."""
    return whole_plan(MEASURED)


@pytest.fixture(scope="module")
def large() -> Plan:
    """Of a large ladder."""
    return whole_plan(LARGE, order=Order(tiers=("basic",), instance_types=TYPES, draws=200, budget=3000.0))


def blocks_of(chapter: Chapter, section: str) -> tuple[Block, ...]:
    return next(one.blocks for one in chapter.sections if one.name == section)


def grid_of(blocks: tuple[Block, ...], caption: str) -> Grid:
    return next(one for one in blocks if isinstance(one, Grid) and one.caption.startswith(caption))


def tiles_of(blocks: tuple[Block, ...]) -> dict[str, tuple[str, str]]:
    tiles = next(one for one in blocks if isinstance(one, Tiles))
    return {tile.name: (tile.value, tile.note) for tile in tiles.tiles}


def test_the_headline_is_as_bad_as_the_worst_tier(small: Plan, large: Plan) -> None:
    assert plan_chapter(large).headline.word == "✓ PLANNED"
    ranges = replace(small, tiers=small.tiers[:2])
    assert plan_chapter(ranges).headline.word == "! RANGES ONLY"
    assert plan_chapter(small).headline.word == "✗ NONE WILL DO"
    assert plan_chapter(small).headline.text == "for enterprise"


def test_far_beyond_what_was_measured_there_are_ranges_alone(small: Plan) -> None:
    blocks = blocks_of(plan_chapter(small), "plan-2")
    tiles = tiles_of(blocks)
    assert re.fullmatch(r"[\d,.]+ to [\d,.]+", tiles["CNY a month"][0])
    assert tiles["CNY a month"][1] == ""
    parts = next(one for one in blocks if isinstance(one, Grid) and one.header[0] == "CNY a month")
    assert parts.header == ("CNY a month", "P10", "P90")
    bill = next(one for one in blocks if isinstance(one, Fold) and one.title.startswith("Bill"))
    assert isinstance(bill.blocks[0], Prose)
    assert bill.blocks[0].text.startswith("! This is one case of many")


def test_a_supported_plan_says_medians_with_ranges(large: Plan) -> None:
    choice = large.tiers[0].choices[0]
    assert choice.support.single_number
    assert choice.monthly is not None
    blocks = blocks_of(plan_chapter(large), "plan-1")
    value, note = tiles_of(blocks)["CNY a month"]
    assert float(value.replace(",", "")) == pytest.approx(choice.monthly.p50, rel=0.005)
    low, high = (float(one.replace(",", "")) for one in note.split(" to "))
    assert (low, high) == pytest.approx((choice.monthly.p10, choice.monthly.p90), rel=0.005)
    assert tiles_of(blocks)["over budget"][0] == f"{choice.over_budget:.0%}"
    rows = grid_of(blocks, "Choices").rows
    assert [row[0] for row in rows] == [one.instance_type for one in large.tiers[0].choices]
    assert str(rows[0][-1]) == "✓ taken"
    assert all(str(row[-1]).startswith(("costs ", "might cost ")) for row in rows[1:])


def test_the_bill_adds_up_and_can_be_taken_along(large: Plan) -> None:
    bill = large.tiers[0].choices[0].bill
    assert bill is not None
    blocks = blocks_of(plan_chapter(large), "plan-1")
    fold = next(one for one in blocks if isinstance(one, Fold) and one.title.startswith("Bill"))
    grid, link = fold.blocks
    assert isinstance(grid, Grid)
    assert isinstance(link, Markup)
    costs = [Decimal(str(row[7]).replace(",", "")) for row in grid.rows]
    assert sum(costs[:-1]) == costs[-1] == bill.total
    found = re.search(r"base64,([^\"]+)\"", link.html)
    assert found is not None
    rows = list(csv.DictReader(io.StringIO(base64.b64decode(found[1]).decode())))
    assert sum(Decimal(row["EffectiveCost"]) for row in rows) == bill.total
    assert rows[0]["BillingCurrency"] == "CNY"


def test_assumptions_that_somebody_stated_are_marked() -> None:
    plan = whole_plan(
        LARGE, order=Order(tiers=("basic",), instance_types=TYPES[:1], draws=20), assume=("headroom=0.6",)
    )
    rows = {str(row[0]): row for row in grid_of(blocks_of(plan_chapter(plan), "plan-basis"), "Assumptions").rows}
    assert [str(cell) for cell in rows["headroom"][1:3]] == ["0.6", "● stated"]
    assert str(rows["zones"][2]) == "default"
    assert str(rows["message_size"][2]) == "by scenario or ladder"
    assert len(rows) == len(Assumptions.model_fields)


def sentences_of(plan: Plan) -> Iterator[str]:
    """Everything that the planner says in sentences."""
    yield from plan.remarks
    yield plan.measured[0].next_experiment
    for tier in plan.tiers:
        for one in tier.services:
            yield one.basis
            yield from [one.reason.words] if one.reason else []
        for choice in tier.choices:
            yield from (choice.availability.words, choice.transferred, *choice.experiments)
            yield from (mix.remark for mix in choice.mixes)
            yield from [choice.reason.words] if choice.reason else []


def test_the_planners_sentences_are_known_in_chinese(small: Plan, large: Plan) -> None:
    unknown = replace(MEASURED, node=replace(MEASURED.node, instance_type=""))
    steady = make_plan(
        unknown, catalog(), steady_load(9000), order=Order(rate_per_s=9000, cell_rate_per_s=2000, draws=20)
    )
    said = {text for plan in (small, large, steady) for text in sentences_of(plan) if text}
    assert len(said) > 60
    assert sorted(text for text in said if not re.search(r"[\u4e00-\u9fff]", retold(text, CHINESE))) == []
    assert sorted(text for text in said if retold(text, ENGLISH) != text) == []


def test_a_sentence_takes_its_numbers_along() -> None:
    assert retold("drive 7 nodes at once behind one load balancer", CHINESE) == "在一个负载均衡后同时对 7 个节点加压"
    nested = retold("time for a message: the median response time at 140/s", CHINESE)
    assert nested.startswith("一封邮件的时间")
    assert nested.endswith("140/s 时响应时间的中位数")
    assert retold("nobody knows this sentence", CHINESE) == "nobody knows this sentence"


def test_without_a_price_or_with_too_many_draws_there_is_no_form(large: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_whatif, "MOST_CASES", 200)
    (prose,) = whatif_blocks(large, "form", ENGLISH)
    assert isinstance(prose, Prose)
    assert prose.text.startswith("The plan has too many draws")
    unpriced = {name: replace(catalog().instance_types[name], hourly=None) for name in TYPES[:1]}
    shop = replace(catalog(), instance_types=unpriced)
    plan = make_plan(MEASURED, shop, month(), order=Order(tiers=("basic",), draws=20))
    (prose,) = whatif_blocks(plan, "form", ENGLISH)
    assert isinstance(prose, Prose)
    assert prose.text.startswith("No type has a price")
    assert plan_chapter(plan).headline.word == "✗ NONE WILL DO"
