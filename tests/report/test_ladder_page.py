"""The report of searches and ladders as a page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from loadkit.analysis.evidence import Observation
from loadkit.analysis.goals import parse_goal
from loadkit.analysis.search import Search
from loadkit.analysis.search_trials import NextTrial, SearchSettings
from loadkit.cli._ladder_report import is_ladder, ladder_view
from loadkit.measure.ladder import Ladder
from loadkit.report.blocks import Figure, Grid, Listing, Prose, Tiles
from loadkit.report.capacity import rate_text
from loadkit.report.ladder_page import LadderView, ladder_page
from loadkit.report.page import render_page
from loadkit.report.words import Words

if TYPE_CHECKING:
    from loadkit.report.page import Page

EXAMPLE = Path(__file__).parents[2] / "results" / "example"
_Kind = TypeVar("_Kind")


def searched(limit_per_s: float, *, invalid_at: int = 0) -> Search:
    """A search to its end on a server that is slow above a rate."""
    search = Search(SearchSettings((parse_goal("p(99) < 500ms"), parse_goal("success >= 99%")), start_per_s=100))
    while isinstance(trial := search.next_action(), NextTrial):
        slow = 300 * (trial.rate_per_s > limit_per_s)
        invalid = "p99 schedule lag 99ms" if trial.number == invalid_at else ""
        seen = Observation((3000,) * 10, (slow,) * 10, ((slow,) * 10, (slow,) * 10), (5.0,) * 10, invalid)
        search = search.with_trial(trial, seen)
    return search


def page_of(search: Search, t: Words | None = None) -> Page:
    empty = Ladder((), (), ())
    command = ("loadkit", "capacity", "steady")
    view = LadderView("x-ladder", "steady", command, "complete", search, empty, None, None, True, (), None, False)
    return ladder_page(view, t or Words())


def blocks_of(page: Page, section: str, kind: type[_Kind]) -> list[_Kind]:
    (found,) = (one for one in page.chapters[0].sections if one.name == section)
    return [block for block in found.blocks if isinstance(block, kind)]


def test_the_capacity_comes_first_and_is_that_of_the_search() -> None:
    search = searched(700)
    page = page_of(search)
    result = search.results()[0]
    lower, upper = rate_text(result.lower_per_s), rate_text(result.upper_per_s)
    assert page.chapters[0].headline.word == f"✓ {lower}"
    (tiles,) = blocks_of(page, "capacity", Tiles)
    assert next((tile.name, tile.value, tile.note) for tile in tiles.tiles) == (
        "p(99) < 500ms",
        lower,
        f"less than {upper}",
    )
    assert 700 / 1.1 < float(result.lower_per_s or 0) < 700
    (grid,) = blocks_of(page, "capacity", Grid)
    assert grid.rows[0][2:] == ("backlog", f"{result.trials} trials; confirmed by a longer trial")


def test_every_valid_trial_is_drawn_by_what_it_says() -> None:
    search = searched(700, invalid_at=2)
    page = page_of(search)
    figure = blocks_of(page, "capacity", Figure)[0]
    assert [trace["name"] for trace in figure.traces] == ["meets it", "too much", "check"]
    assert len({trace["marker"]["symbol"] for trace in figure.traces}) == 3
    drawn = [number for table in figure.data for number in next(iter(table.columns.values())).values]
    assert sorted(map(str, drawn)) == sorted(str(one.trial.number) for one in search.done if not one.seen.invalid)
    (grid,) = blocks_of(page, "trials", Grid)
    assert grid.rows[1][4:] == ("-", "void: p99 schedule lag 99ms", "")


def test_a_search_that_found_nothing_says_so() -> None:
    page = page_of(searched(0))
    assert page.chapters[0].headline.word == "✗ NOT MET"
    (tiles,) = blocks_of(page, "capacity", Tiles)
    assert tiles.tiles[0].note == "no rate surely meets it"


@pytest.fixture(scope="module")
def example() -> LadderView:
    assert is_ladder(EXAMPLE)
    return ladder_view(EXAMPLE)


def test_runs_of_no_search_have_their_curves(example: LadderView) -> None:
    page = ladder_page(example)
    assert page.chapters[0].headline.word == "12 trials"
    (latency,) = blocks_of(page, "latency", Figure)
    curves = [trace["name"] for trace in latency.traces if trace.get("line", {}).get("dash")]
    assert curves == ["p50", "p90", "p95", "p99"]
    shown = {trace["legendgroup"] for trace in latency.traces if trace.get("visible") is True}
    assert shown == {"q3band"}
    assert len(latency.data[1].columns["trial"].values) == 5
    (throughput,) = blocks_of(page, "scalability", Figure)
    assert len(throughput.data[1].columns["n"].values) == 7
    assert example.scalability is not None
    assert example.scalability.n_max is not None
    estimates = {row[0]: row[1] for row in blocks_of(page, "scalability", Grid)[0].rows}
    assert estimates["N_max"] == f"{example.scalability.n_max.value:.2f}"
    (steps,) = blocks_of(page, "next", Listing)
    assert any(step.startswith("For the throughput curve a trial at concurrency") for step in steps.items)


def test_the_page_can_be_written_in_both_languages(example: LadderView) -> None:
    titles = {language: ladder_page(example, Words(language)).title for language in ("en", "zh")}
    assert titles == {"en": "Ladder: example", "zh": "阶梯:example".replace(":", "\uff1a")}
    chinese = ladder_page(example, Words("zh"))
    (steps,) = blocks_of(chinese, "next", Listing)
    warnings = [block.text for block in blocks_of(chinese, "latency", Prose)]
    assert warnings
    assert [text for text in (*steps.items, *warnings) if re.search(r"[a-z]+ [a-z]+ [a-z]+", text)] == []
    assert len(render_page(chinese)) > 4_000_000
