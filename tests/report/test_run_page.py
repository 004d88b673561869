"""The report of runs as a page: what stands where, and that it is what the run came to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from support.long_run import DAY_S, day_long_run
from support.recording import MadeUpRun

from loadkit.measure.reconciliation import Reconciliation
from loadkit.measure.store import open_run
from loadkit.report.blocks import Code, Facts, Figure, Grid, Listing, Prose, Tiles
from loadkit.report.page import render_page
from loadkit.report.run_page import MOST_POINTS, run_page
from loadkit.report.words import Words

if TYPE_CHECKING:
    from loadkit.report.page import Page

_Kind = TypeVar("_Kind")
LOST = Reconciliation(1100, 1098, 2, ((0, 5, 6),), 0, 0, 0, 0)
MOST_BYTES = 8_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return MadeUpRun(tmp_path_factory.mktemp("results")).finish(ledger=LOST)[0]


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return run_page([open_run(folder)])


def blocks_of(page: Page, section: str, kind: type[_Kind]) -> list[_Kind]:
    (found,) = (one for chapter in page.chapters for one in chapter.sections if one.name == section)
    return [block for block in found.blocks if isinstance(block, kind)]


def rows_of(grid: Grid) -> list[list[str]]:
    return [[str(cell) for cell in row] for row in grid.rows]


def test_the_verdict_and_the_thresholds_come_first(page: Page) -> None:
    (chapter,) = page.chapters
    assert (chapter.headline.word, chapter.headline.tone) == ("✗ FAILED", "bad")
    assert chapter.headline.text == "test → smtp://127.0.0.1:2525, 12s"
    assert chapter.sections[0].name == "verdict"
    (tiles,) = blocks_of(page, "verdict", Tiles)
    assert [(tile.name, tile.value) for tile in tiles.tiles] == [
        ("accepted", "90/s"),
        ("response p50", "30.02 ms"),
        ("response p95", "30.02 ms"),
        ("response p99", "30.02 ms"),
        ("failed", "10.00%"),
        ("lost", "2"),
    ]
    (grid,) = blocks_of(page, "verdict", Grid)
    assert rows_of(grid) == [
        ["transaction_duration", "p(95) < 1s", "30.02 ms", "✓ passed"],
        ["transaction_failed", "rate < 1%", "10%", "✗ failed"],
    ]
    (advice,) = blocks_of(page, "verdict", Listing)
    assert "Most frequent failure: permanent at rcpt, 100 of 100." in advice.items


def test_the_run_card_says_how_to_repeat_it(page: Page) -> None:
    assert [code.text for code in blocks_of(page, "card", Code)] == ["loadkit run"]
    (facts,) = blocks_of(page, "card", Facts)
    assert dict(facts.pairs)["began"] == "2023-11-14 22:13:20 UTC"


def test_errors_are_explained(page: Page) -> None:
    grid = blocks_of(page, "errors", Grid)[0]
    refused = rows_of(grid)[1]
    assert refused[:6] == ["✗ permanent", "rcpt", "550", "5.1.1", "100", "10.00%"]
    assert refused[6] == "there is no such mailbox at this domain (for good: the same message will not pass)"


def test_figures_hold_what_the_summary_counts(page: Page, folder: Path) -> None:
    flows = json.loads((folder / "summary.json").read_text())["flows"]
    (figure,) = blocks_of(page, "traffic", Figure)
    columns = figure.data[0].columns
    for name in ("offered", "completed", "accepted"):
        assert columns["at"].values[2] == 2
        assert sum(float(value or 0) for value in columns[name].values[2:]) == flows[name]["count"]
    assert [annotation["text"] for annotation in figure.layout["annotations"]] == ["warm-up (not measured)", "hold"]


def test_the_spectrum_reaches_the_maximum_and_says_where_it_is_unsure(page: Page) -> None:
    spectrum = blocks_of(page, "latency", Figure)[1]
    columns = spectrum.data[0].columns
    assert (columns["percentile"].values[0], columns["percentile"].values[-1]) == (0, 99.9)
    assert columns["v0"].values[-1] == pytest.approx(30, rel=0.002)
    # 1,000 messages bound the quantiles of which 1,000 are the smallest sample: ln 0.05 / ln q = 1,000.
    assert spectrum.layout["shapes"][0]["x0"] == pytest.approx(334.3, rel=0.001)


def test_the_ledger_is_told(page: Page) -> None:
    rows = {row[0]: row[1:] for row in rows_of(blocks_of(page, "delivery", Grid)[0])}
    assert rows["lost"] == ["2", "sender 0: 5-6"]
    assert rows["accepted by the target"][0] == "1,100"


def test_a_run_without_a_ledger_says_so(tmp_path: Path) -> None:
    page = run_page([open_run(MadeUpRun(tmp_path).finish()[0])])
    (prose,) = blocks_of(page, "delivery", Prose)
    assert "nothing is known of losses" in prose.text


def test_a_run_that_is_not_valid_says_so_and_why(tmp_path: Path) -> None:
    page = run_page([open_run(MadeUpRun(tmp_path, cpu=0.95).finish(ledger=LOST)[0])])
    assert page.chapters[0].headline.word == "! INVALID"
    (grid,) = blocks_of(page, "validity", Grid)
    assert rows_of(grid)[0][:3] == [
        "the generator used up its processor",
        "generator CPU 95% of a core in the busiest seconds (p95)",
        "below 80%",
    ]


def test_a_run_that_was_cut_short_has_a_page(tmp_path: Path) -> None:
    page = run_page([open_run(MadeUpRun(tmp_path).writer.folder)])
    assert page.chapters[0].headline.word == "! CUT SHORT"
    assert "flows" in render_page(page)


def test_several_runs_stand_in_one_page_with_one_library(folder: Path, tmp_path: Path) -> None:
    other = MadeUpRun(tmp_path).finish()[0]
    page = run_page([open_run(folder), open_run(other)])
    (grid,) = (block for block in page.overview[0].blocks if isinstance(block, Grid))
    assert [row[1:] for row in rows_of(grid)] == [["✗ FAILED", "90/s", "30.02", "30.02", "10.00%"]] * 2
    text = render_page(page)
    assert text.count("* plotly.js v") == 1
    assert 'id="run-1-flows"' in text
    assert 'id="run-2-flows"' in text


def test_a_page_in_chinese_has_the_same_numbers(page: Page, folder: Path) -> None:
    chinese = run_page([open_run(folder)], Words("zh"))
    assert chinese.chapters[0].headline.word == "✗ 未通过"
    for section, told in zip(page.chapters[0].sections, chinese.chapters[0].sections, strict=True):
        assert section.name == told.name
        assert section.title != told.title


def test_a_run_of_a_day_is_thinned_out(tmp_path: Path) -> None:
    page = run_page([open_run(day_long_run(tmp_path))])
    (figure,) = blocks_of(page, "traffic", Figure)
    seconds = figure.data[0].columns["at"].values
    assert (len(seconds), seconds[-1]) == (MOST_POINTS, DAY_S - 120)
    assert figure.note == "Each point is the mean of 120 seconds."
    assert "accepted_low" in figure.data[0].columns
    assert len(render_page(page).encode()) < MOST_BYTES
