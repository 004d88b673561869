"""A search in words."""

from __future__ import annotations

import io

import pytest
from rich.console import Console, RenderableType

from loadkit.analysis.evidence import Observation
from loadkit.analysis.goals import parse_goal
from loadkit.analysis.search import Search
from loadkit.analysis.search_trials import NextTrial, SearchSettings
from loadkit.report.capacity import rate_text, render_results, render_search

SETTINGS = SearchSettings((parse_goal("p(99) < 500ms"), parse_goal("success >= 99.95%")), start_per_s=400, budget_s=90)


def text(renderable: RenderableType) -> str:
    output = io.StringIO()
    Console(file=output, width=120).print(renderable)
    return output.getvalue()


def after(*seen: Observation) -> Search:
    search = Search(SETTINGS)
    for one in seen:
        trial = search.next_action()
        assert isinstance(trial, NextTrial)
        search = search.with_trial(trial, one)
    return search


def observation(*, slow: int = 0, failed: int = 0, invalid: str = "") -> Observation:
    return Observation((4000,) * 10, (failed,) * 10, ((slow + failed,) * 10, (failed,) * 10), (5.0,) * 10, invalid)


@pytest.mark.parametrize(
    ("rate", "wanted"),
    [(None, "?"), (0.01234, "0.01234/s"), (57.87, "57.87/s"), (1234.5, "1,234/s"), (1e5, "100,000/s")],
)
def test_rates_have_four_digits(rate: float | None, wanted: str) -> None:
    assert rate_text(rate) == wanted


def test_a_search_under_way() -> None:
    shown = text(render_search(after(observation(), observation(invalid="no core was free")), "trial 3 at 792.0/s"))

    assert "1  ramp  400.0/s  10s" in shown
    assert "0.00% bad meets it" in shown
    assert "void: no core was free" in shown
    assert "p(99) < 500ms: at least 400.0/s" in shown
    assert "1m10s of the budget left; trial 3 at 792.0/s" in shown


def test_what_rules_a_rate_out() -> None:
    shown = text(render_results(after(observation(), observation(slow=400))))
    assert "p(99) < 500ms: 400.0/s, and less than 792.0/s, which latency rules out (width 98.0%)" in shown
    assert "success >= 99.95%: at least 792.0/s" in shown

    refused = text(render_results(after(observation(failed=400))))
    assert "no rate was found that surely meets it; 400.0/s is too much" in refused


def test_nothing_is_known_of_what_was_void() -> None:
    shown = text(render_results(after(observation(invalid="no core was free"))))
    assert "nothing is known" in shown
    assert "1 void" in shown
