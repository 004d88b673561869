"""The trials of a search for capacity as a figure: how much was bad at each rate, and what that says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from loadkit.analysis.evidence import Bound
from loadkit.analysis.search import Books
from loadkit.analysis.search_trials import Purpose
from loadkit.report.blocks import Column, Data, Figure
from loadkit.report.capacity import SIGNS, rate_text
from loadkit.report.figures import Layout, column, limit, values_axis
from loadkit.report.words import marked

if TYPE_CHECKING:
    from loadkit.analysis.search import GoalResult, Search
    from loadkit.analysis.search_trials import DoneTrial
    from loadkit.report.words import Words

_FLOOR_SHARE = 0.05
"""Where no bad message is drawn, as a share of what is allowed: a logarithmic axis has no zero."""
_CHECKED = marked("check")
_LOOKS = {
    SIGNS[Bound.LOWER]: ("circle", "var(--good)"),
    SIGNS[Bound.UPPER]: ("x", "var(--bad)"),
    SIGNS[Bound.OPEN]: ("diamond-open", "var(--line-6)"),
    SIGNS[Bound.UNDECIDED]: ("diamond", "var(--warn)"),
    _CHECKED: ("square-open", "var(--line-4)"),
}


def search_figure(name: str, search: Search, place: int, result: GoalResult, t: Words) -> Figure:
    """The trials of a goal.

    Args:
        name: The figure's id.
        search: The search.
        place: Which of its goals.
        result: What is known of the goal.
        t: The language.
    """
    goal = search.settings.goals[place]
    floor = 100 * goal.allowed * _FLOOR_SHARE
    books = Books.of(search)
    groups: dict[str, list[DoneTrial]] = {}
    for done in search.done:
        if not done.seen.invalid:
            groups.setdefault(_says(books, place, done), []).append(done)
    data = tuple(_data(number, t(says), trials, place, t) for number, (says, trials) in enumerate(groups.items()))
    traces = tuple(
        _trace(number, t(says), says) | {"y": [max(_bad_percent(one, place), floor) for one in trials]}
        for number, (says, trials) in enumerate(groups.items())
    )
    note = t("A trial without a bad message is drawn at {floor}.", floor=f"{floor:.3g}%")
    says = t("Share of bad messages against the rate of each trial.")
    return Figure(name, t("Trials for {goal}", goal=goal.text), says, data, traces, _layout(result, t), note)


def _layout(result: GoalResult, t: Words) -> Layout:
    allowed = 100 * result.goal.allowed
    shape, words = limit(allowed, t("allowed: {share}", share=f"{allowed:.4g}%"))
    words |= {"y": math.log10(allowed)}  # annotations stand at logarithms, shapes at values
    shapes, annotations = _bounds(result, t)
    return {
        "hovermode": "closest",
        "xaxis": {"type": "log", "title": {"text": t("rate, messages/s")}, "dtick": "D2"},
        "yaxis": values_axis(t("bad, %"), logarithmic=True),
        "shapes": [shape, *shapes],
        "annotations": [words, *annotations],
    }


def _data(number: int, title: str, trials: Sequence[DoneTrial], place: int, t: Words) -> Data:
    columns = {
        f"trial{number}": Column(t("trial"), [one.trial.number for one in trials]),
        f"rate{number}": column(t("rate, messages/s"), [one.trial.rate_per_s for one in trials]),
        f"bad{number}": column(t("bad, %"), [_bad_percent(one, place) for one in trials]),
    }
    return Data(columns, title)


def _bad_percent(done: DoneTrial, place: int) -> float:
    return 100 * sum(done.seen.bad[place]) / max(sum(done.seen.offered), 1)


def _says(books: Books, place: int, done: DoneTrial) -> str:
    if done.trial.purpose is Purpose.CHECK:
        return _CHECKED
    return SIGNS[books.evidence[place][done.trial.step].bound]


def _trace(number: int, name: str, says: str) -> dict[str, Any]:
    symbol, colour = _LOOKS[says]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": f"@rate{number}",
        "customdata": f"@bad{number}",
        "text": f"@trial{number}",
        "name": name,
        "marker": {"symbol": symbol, "size": 12, "color": colour},
        "hovertemplate": "%{text}: %{x:,.5~g}/s, %{customdata:.3~g} %",
    }


def _bounds(result: GoalResult, t: Words) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Lines at the lower and the upper bound with their words."""
    shapes, annotations = [], []
    sides = (
        (result.lower_per_s, t("lower bound"), "right", "var(--good)", "solid"),
        (result.upper_per_s, t("upper bound"), "left", "var(--bad)", "dot"),
    )
    for rate, words, anchor, colour, dash in sides:
        if rate is None:
            continue
        look = {"dash": dash, "width": 1.5, "color": colour}
        shapes.append({"type": "line", "x0": rate, "x1": rate, "yref": "paper", "y0": 0, "y1": 1, "line": look})
        text = {"text": f"{words} {rate_text(rate)}", "x": math.log10(rate), "xanchor": anchor, "yref": "paper", "y": 1}
        annotations.append({**text, "yanchor": "top", "showarrow": False, "font": {"size": 11, "color": colour}})
    return shapes, annotations
