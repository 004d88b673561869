"""The page of `loadkit plan --html` in a real browser."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from support.planning import LARGE, MEASURED, TYPES, month, whole_plan
from support.replanning import replanned, settings_of

from loadkit.plan.site import Order
from loadkit.plan.whatif import whatif_data
from loadkit.report.plan_page import plan_page
from loadkit.report.words import Words

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from loadkit.plan.outcome import Plan

pytestmark = [pytest.mark.real, pytest.mark.slow]

EXACT = ("needed", "nodes", "cells", "spares", "limiting", "grade", "single_number", "promised", "mix", "base_nodes")


@pytest.fixture(scope="module")
def plan() -> Plan:
    """A plan of three tiers, of which one may be said in single numbers."""
    return whole_plan(LARGE)


def opened(page: Page, folder: Path, plan: Plan, t: Words) -> list[str]:
    """Open a plan's page; what goes wrong on it, as far as it can be seen from outside."""
    file = folder / f"{t.language}.html"
    file.write_text(plan_page(plan, t), encoding="utf-8")
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on(
        "request", lambda request: None if request.url.startswith(("file:", "data:")) else wrong.append(request.url)
    )
    page.goto(file.as_uri(), timeout=60_000)
    page.wait_for_selector("html[data-drawn=all]")
    return wrong


def test_the_page_shows_the_plan_and_works_it_out_again(page: Page, plan: Plan, tmp_path: Path) -> None:
    wrong = opened(page, tmp_path, plan, Words())
    assert page.locator("#plan-1-choices .bars .point path, #plan-2-choices .bars .point path").count() > len(TYPES)
    figures = page.locator("figure .plot").count()
    assert page.locator("figure .plot .main-svg").count() >= figures >= len(plan.tiers)
    _the_bill_adds_up(page, plan)
    _the_form_answers(page)
    _the_form_refuses(page)
    _settings_are_as_planned(page, plan)
    assert wrong == []


def _the_bill_adds_up(page: Page, plan: Plan) -> None:
    bill = plan.tiers[0].choices[0].bill
    assert bill is not None
    shown = page.locator("#plan-1 details", has_text="Bill of the case").locator("tbody tr")
    texts = shown.locator("td:nth-child(8)").all_text_contents()
    costs = [round(100 * float(text.replace(",", ""))) for text in texts]
    assert len(costs) == len(bill.lines) + 1
    assert sum(costs[:-1]) == costs[-1] == round(100 * bill.total)


def _the_form_answers(page: Page) -> None:
    form = page.locator("form.whatif")
    says = form.locator(".says")
    planned = says.inner_text()
    form.get_by_label("message size, KiB (median)").fill("200")
    page.wait_for_selector(".whatif .bars .set")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert says.inner_text() != planned
    form.get_by_role("slider").press("ArrowLeft")
    form.get_by_role("button", name="As planned").press("Enter")
    assert says.inner_text() == planned


def _the_form_refuses(page: Page) -> None:
    page.locator("form.whatif").get_by_label("zones").fill("0")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.locator(".whatif .says").inner_text() == "A value is missing or out of bounds."


def _settings_are_as_planned(page: Page, plan: Plan) -> None:
    embedded = "JSON.parse(document.querySelector('form.whatif script').textContent).data"
    assert page.evaluate(embedded) == json.loads(json.dumps(whatif_data(plan)))
    order = Order(tiers=("all",), instance_types=TYPES, draws=150, seed=7, cell_rate_per_s=3000.0)
    small = whole_plan(MEASURED, order=order, assume=("kept_mail=0.3",), load=month())
    for one, seed in ((plan, 1), (small, 2)):
        settings = settings_of(one, 25, seed)
        asked = "([data, settings]) => settings.map(one => loadkitWhatIf.evaluate(data, one))"
        found: list[dict[str, Any]] = page.evaluate(asked, [whatif_data(one), settings])
        for setting, said in zip(settings, found, strict=True):
            wanted = replanned(one, setting)
            assert {name: said[name] for name in EXACT} == {name: wanted[name] for name in EXACT}, setting
            assert said["availability"] == pytest.approx(wanted["availability"], abs=1e-12)
            assert said["monthly"] == pytest.approx(wanted["monthly"], abs=0.01)
            for name, part in wanted["parts"].items():
                assert said["parts"][name] == pytest.approx(part, abs=0.01)


def test_the_page_is_chinese_too(page: Page, plan: Plan, tmp_path: Path) -> None:
    assert opened(page, tmp_path, plan, Words("zh")) == []
    assert page.locator("html").get_attribute("lang") == "zh-Hans"
    assert "个节点" in page.locator(".whatif .says").inner_text()
