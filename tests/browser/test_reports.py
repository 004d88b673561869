"""Reports in a real browser: drawn without an error and without a network, legible anywhere, and right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.marked_texts import marked_texts
from support.recording import MadeUpRun
from support.waiting import wait_until

from loadkit.cli._ladder_report import ladder_view
from loadkit.measure.reconciliation import Reconciliation
from loadkit.measure.store import open_run
from loadkit.report.ladder_page import ladder_page
from loadkit.report.page import render_page
from loadkit.report.run_page import run_page
from loadkit.report.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from loadkit.report.page import Page as Report

pytestmark = [pytest.mark.real, pytest.mark.slow]

EXAMPLE = Path(__file__).parents[2] / "results" / "example"
LOST = Reconciliation(1100, 1098, 2, ((0, 5, 6),), 0, 0, 0, 0)
OPEN_MOST_S = 5.0
"""Processor time that opening and drawing a report may take; an idle machine needs well below 2 s."""
PHONE_WIDTH = 390


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return MadeUpRun(tmp_path_factory.mktemp("results")).finish(ledger=LOST)[0]


def opened(page: Page, report: Report, folder: Path) -> list[str]:
    """Opens a report and waits until it is drawn; gives what it asked of the network, and what was wrong."""
    file = folder / "page.html"
    file.write_text(render_page(report), encoding="utf-8")
    wrong: list[str] = []
    page.on("request", lambda request: wrong.append(request.url) if request.url != file.as_uri() else None)
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.goto(file.as_uri())
    page.locator("html[data-drawn=all]").wait_for(state="attached")
    assert processor_s(page) < OPEN_MOST_S
    return wrong


def processor_s(page: Page) -> float:
    """Processor time of the page's process, which does not grow when the machine is busy as time does."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return float(metrics["ProcessTime"])


def cells(page: Page, section: str, table: int = 0) -> list[list[str]]:
    rows = page.locator(f"#{section} table").nth(table).locator("tbody tr").all()
    return [row.locator("th, td").all_inner_texts() for row in rows]


def lines_drawn(page: Page) -> dict[str, int]:
    """How many lines and sets of points each plot has."""
    count = "plot => plot.querySelectorAll('.scatterlayer .trace').length"
    return {str(plot.get_attribute("id")): plot.evaluate(count) for plot in page.locator(".plot").all()}


def test_a_run_is_drawn_and_says_what_its_summary_says(
    page: Page, run_folder: Path, tmp_path: Path, shoot: Callable[[Page, str], None]
) -> None:
    assert opened(page, run_page([open_run(run_folder)]), tmp_path) == []
    assert lines_drawn(page) == {
        "flows": 4,
        "percentiles": 6,
        "spectrum": 2,
        "phases": 4,
        "failures": 1,
        "sessions": 3,
        "generator-cpu": 1,
        "generator-lateness": 2,
    }
    summary = json.loads((run_folder / "summary.json").read_text())
    assert [row[:2] for row in cells(page, "verdict")] == [
        [one["metric"], one["check"]] for one in summary["thresholds"]
    ]
    flows = {row[0]: row[1] for row in cells(page, "traffic")}
    assert flows == {name: f"{flow['count']:,}" for name, flow in summary["flows"].items()}
    response = cells(page, "latency")[0]
    assert response[1] == f"{summary['response_time']['quantiles_s']['p50'] * 1e3:.2f}"
    assert response[-1] == f"{summary['response_time']['n']:,}"
    shoot(page, "run-light")

    # By keyboard alone: past the contents, and into the table behind a plot.
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.locator("details[data-figure=flows] summary").press("Enter")
    page.locator("details[data-figure=flows] tbody tr").first.wait_for()
    rows = page.locator("details[data-figure=flows] tbody tr").all_inner_texts()
    assert rows[0].split() == ["0", "100", "100", "100", "100"]
    assert len(rows) == 12

    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 31)"
    page.locator("#flows .legendtext[style*='rgb(231, 234, 241)']").first.wait_for()
    shoot(page, "run-dark")
    page.set_viewport_size({"width": PHONE_WIDTH, "height": 800})
    drawn = "Math.max(...[...document.querySelectorAll('.main-svg')].map(svg => svg.getBoundingClientRect().right))"
    wait_until(lambda: page.evaluate(drawn) <= PHONE_WIDTH, "plots as narrow as the phone", poll_s=0.1)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE_WIDTH
    shoot(page, "run-phone")

    # On paper it is light and the plots are as wide as the sheet, whatever the screen was.
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert not page.locator("nav").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("#flows .main-svg").first.bounding_box()["width"] == pytest.approx(16.5 / 2.54 * 96, abs=1)  # type: ignore[index]


def test_a_ladder_is_drawn_with_its_curves(page: Page, tmp_path: Path, shoot: Callable[[Page, str], None]) -> None:
    view = ladder_view(EXAMPLE)
    assert opened(page, ladder_page(view), tmp_path) == []
    assert view.latency is not None
    # A curve and points for each quantile, and the two edges of one band.
    assert lines_drawn(page)["latency-figure"] == 2 * len(view.latency.quantiles) + 2
    assert [row[1] for row in cells(page, "trials", 1)] == [str(trial.sessions) for trial in view.ladder.sessions]
    assert view.scalability is not None
    assert {row[0] for row in cells(page, "scalability")} == {
        *(one.name for one in view.scalability.parameters),
        "N_max",
        "X_max",
    }
    shoot(page, "ladder-light")


MISSING_GLYPHS = """() => {
  const canvas = Object.assign(document.createElement("canvas"), {width: 24, height: 24});
  const pen = canvas.getContext("2d", {willReadFrequently: true});
  pen.font = `16px ${getComputedStyle(document.body).fontFamily}`;
  const drawn = text => {
    pen.clearRect(0, 0, 24, 24);
    pen.fillText(text, 2, 18);
    return pen.getImageData(0, 0, 24, 24).data.join();
  };
  const missing = new Set([drawn("\\u{10FFFE}"), drawn(" ")]);
  return [...new Set(document.body.innerText)].filter(one => one.trim() && missing.has(drawn(one)));
}"""


def test_chinese_lacks_no_text_and_no_glyph(
    page: Page, run_folder: Path, tmp_path: Path, shoot: Callable[[Page, str], None]
) -> None:
    assert opened(page, run_page([open_run(run_folder)], Words("zh")), tmp_path) == []
    assert page.locator("html").get_attribute("lang") == "zh-Hans"
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    shown = page.locator("body").inner_text()
    left = [text for text in marked_texts() if len(text.split()) > 2 and "{" not in text and text in shown]
    assert left == []
    assert "响应时间" in shown
    assert page.evaluate(MISSING_GLYPHS) == []
    shoot(page, "run-chinese")
