"""A search for capacity in words: its trials, and what it came to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from loadkit.analysis.evidence import Bound
from loadkit.analysis.goals import Criterion
from loadkit.analysis.search import Books, GoalResult, Search
from loadkit.analysis.search_trials import DoneTrial, Purpose
from loadkit.report.tables import share
from loadkit.report.words import ENGLISH, Words, marked
from loadkit.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SIGNS = {
    Bound.LOWER: marked("meets it"),
    Bound.UPPER: marked("too much"),
    Bound.OPEN: marked("open"),
    Bound.UNDECIDED: marked("undecided"),
}
PURPOSES = {
    Purpose.RAMP: marked("ramp"),
    Purpose.SEARCH: marked("search"),
    Purpose.CONFIRM: marked("confirm"),
    Purpose.CHECK: marked("check"),
}
CRITERIA = {
    Criterion.LATENCY: marked("latency"),
    Criterion.ERRORS: marked("errors"),
    Criterion.BACKLOG: marked("backlog"),
}


def rate_text(rate_per_s: float | None) -> str:
    """A rate to four digits, or a question mark."""
    if rate_per_s is None:
        return "?"
    digits = max(0, 3 - math.floor(math.log10(rate_per_s)))
    return f"{rate_per_s:,.{digits}f}/s"


def trial_words(search: Search, done: DoneTrial, t: Words = ENGLISH) -> tuple[str, ...]:
    """A trial as cells: number, why, rate, messages, then for each goal what was bad and what the load is by now."""
    seen, trial = done.seen, done.trial
    head = (
        str(trial.number),
        t(PURPOSES[trial.purpose]),
        rate_text(trial.rate_per_s),
        format_duration(trial.duration_s),
    )
    if seen.invalid:
        return (*head, t("void: {why}", why=seen.invalid), *("" for _ in search.settings.goals))
    books, total = Books.of(search), sum(seen.offered)
    cells = []
    for place, bad in enumerate(seen.bad):
        evidence = books.evidence[place].get(trial.step)
        word = "" if evidence is None or trial.purpose is Purpose.CHECK else f" {t(SIGNS[evidence.bound])}"
        cells.append(t("{share} bad", share=share(sum(bad), total)) + word)
    return (*head, f"{total:,}", *cells)


def render_trials(search: Search) -> Table:
    """The trials so far."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("trial", "why", "rate", "for", "messages", *(goal.text for goal in search.settings.goals)):
        table.add_column(name, justify="right" if name in ("trial", "rate", "for", "messages") else "left")
    for done in search.done:
        table.add_row(*trial_words(search, done))
    return table


def render_results(search: Search) -> RenderableType:
    """What is known of each goal, and what the checks around the result saw."""
    results = search.results()
    lowest = lowest_of(results)
    lines = [line for result in results for line in _result_lines(result, lowest)]
    return Group(*lines, *_check_lines(search))


def _result_lines(result: GoalResult, lowest: float | None) -> Iterator[Text]:
    yield Text.assemble((result.goal.text, "bold"), f": {bracket(result)}")
    yield Text(f"  {'; '.join(facts_of(result, lowest))}")


def facts_of(result: GoalResult, lowest: float | None, t: Words = ENGLISH) -> Iterator[str]:
    """What to know with the bracket of a goal.

    Args:
        result: What is known of the goal.
        lowest: The smallest lower bound of all goals, or None.
        t: The language.
    """
    yield t("{count} trials", count=result.trials)
    if result.void:
        yield t("{count} void", count=result.void)
    if result.out_of_reach_per_s is not None:
        yield t("the load generator can't drive {rate}", rate=rate_text(result.out_of_reach_per_s))
    if result.undecided_per_s:
        yield t("undecided at {rates}", rates=", ".join(map(rate_text, result.undecided_per_s)))
    # The smallest of the goals' bounds is the capacity, and it alone is confirmed.
    if result.lower_per_s is not None and result.lower_per_s == lowest:
        yield t("confirmed by a longer trial") if result.confirmed else t("NOT CONFIRMED")


def lowest_of(results: Sequence[GoalResult]) -> float | None:
    """The smallest lower bound of all goals, which is the capacity; None if no goal has one."""
    return min((result.lower_per_s for result in results if result.lower_per_s is not None), default=None)


def bracket(result: GoalResult, t: Words = ENGLISH) -> str:
    """The bracket of a goal in words."""
    if result.lower_per_s is None and result.upper_per_s is None:
        return t("nothing is known")
    lower, upper = rate_text(result.lower_per_s), rate_text(result.upper_per_s)
    why = t(", which {criterion} rules out", criterion=t(CRITERIA[result.criterion])) if result.criterion else ""
    if result.lower_per_s is None:
        return t("no rate was found that surely meets it; {upper} is too much{why}", upper=upper, why=why)
    if result.upper_per_s is None:
        return t("at least {lower}", lower=lower)
    assert result.width is not None
    width = f"{result.width:.1%}"
    return t("{lower}, and less than {upper}{why} (width {width})", lower=lower, upper=upper, why=why, width=width)


def _check_lines(search: Search) -> Iterator[Text]:
    shown = [one for one in search.done if one.trial.purpose in (Purpose.CONFIRM, Purpose.CHECK)]
    if shown:
        last = shown[-1].trial.step
        base = search.settings.rate_per_s(last)
        for one in sorted((one for one in shown if one.trial.step == last), key=lambda one: one.trial.rate_per_s):
            bad = ", ".join(share(sum(counts), sum(one.seen.offered)) for counts in one.seen.bad)
            words = f"void: {one.seen.invalid}" if one.seen.invalid else f"bad by goal {bad}"
            yield Text(f"  at {one.trial.rate_per_s / base:.0%}, {rate_text(one.trial.rate_per_s)}: {words}")


def render_search(search: Search, now: str) -> RenderableType:
    """A search under way: trials, brackets, time left, and what is being done."""
    settings = search.settings
    left = ""
    if not math.isinf(settings.budget_s):
        left = f"{format_duration(round(max(0.0, settings.budget_s - search.took_s)))} of the budget left; "
    return Group(render_trials(search), render_results(search), Text(f"{left}{now}", style="dim"))
