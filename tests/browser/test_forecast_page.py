"""The page of `loadkit check --html` in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadkit.report.forecast import outlook_of
from loadkit.report.forecast_page import forecast_page
from loadkit.scenario.load import parse_scenario

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

pytestmark = [pytest.mark.real, pytest.mark.slow]

SALE = """\
scenario: sale
campaign:
  start: 2026-11-10T00:00
  duration: 2d
  rate: 50/s
  events: [{name: opening, at: 2026-11-11T00:00, duration: 4h, rate: 350/s}]
  test: {compress: {from: 2d, to: 8m}}
messages: {note: {size: 2KiB}}
"""


def test_both_curves_are_drawn_in_light_and_dark_without_a_network(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "sale.html"
    file.write_text(forecast_page(outlook_of(parse_scenario(SALE), service_time_s=0.05)), encoding="utf-8")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    for scheme, paper, line in (("light", "255, 255, 255", "37, 99, 235"), ("dark", "18, 22, 31", "122, 167, 255")):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.wait_for_function(
            "line => [...document.querySelectorAll('.curve .scatterlayer path.js-line')]"
            ".filter(path => getComputedStyle(path).stroke == line).length == 2",
            arg=f"rgb({line})",
        )
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == f"rgb({paper})"
    for curve, last in (("calendar", "11-12 00:00"), ("run", "8m00s")):
        ticks = page.locator(f"#curve-{curve} .xtick text")
        assert (ticks.count(), ticks.last.text_content()) == (9, last)
        assert page.locator(f"#curve-{curve} .annotation-text").all_text_contents() == [
            "2026-11-10",
            "opening",
            "2026-11-11",
        ]
    assert page.locator("tr", has_text="peak rate").inner_text().split("\t")[1:] == [
        "400/s on 2026-11-11 00:00",
        "400/s after 4m00s",
    ]
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
