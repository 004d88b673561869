"""The report of a search for capacity, or of any runs at several loads, as a page."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadkit.analysis.results import shown
from loadkit.report.blocks import Block, Code, Facts, Grid, Listing, Prose, Section, Tile, Tiles
from loadkit.report.capacity import CRITERIA, bracket, facts_of, lowest_of, rate_text, trial_words
from loadkit.report.definitions import OF_LADDER, definitions
from loadkit.report.fit_blocks import latency_blocks, scalability_blocks
from loadkit.report.fit_figures import quantile_name
from loadkit.report.page import Chapter, Headline, Page
from loadkit.report.retelling import retell
from loadkit.report.run_sentences import OF_CURVES, OF_LADDERS
from loadkit.report.search_figure import search_figure
from loadkit.report.tables import NONE, milliseconds
from loadkit.report.target import demand_header, demand_rows, demand_sentences
from loadkit.report.words import ENGLISH, Words
from loadkit.units import format_duration

if TYPE_CHECKING:
    from loadkit.analysis.demand import DemandFit
    from loadkit.analysis.latency_fit import LatencyFit
    from loadkit.analysis.scalability_fit import ScalabilityFit
    from loadkit.analysis.search import GoalResult, Search
    from loadkit.analysis.search_trials import DoneTrial
    from loadkit.measure.ladder import Ladder


@dataclass(frozen=True, slots=True)
class LadderView:
    """What is known of runs at several loads.

    Args:
        name: The folder's name.
        scenario: The scenario's name.
        command: What began it; empty where it was no search.
        state: Whether the search is at its end, and why; empty where it was no search.
        search: The search; None where the runs are of no search.
        ladder: The runs as trials.
        latency: Latency against rate; None where it could not be fitted.
        scalability: Throughput against concurrency; likewise.
        by_little: Whether concurrency is by Little's law, and not a number of sessions that was set.
        refusals: Why something could not be fitted, and what would help.
        demand: What messages take of the target's resources; None where nobody looked or too little was seen.
        shared: Whether load generator and target shared a machine.
    """

    name: str
    scenario: str
    command: tuple[str, ...]
    state: str
    search: Search | None
    ladder: Ladder
    latency: LatencyFit | None
    scalability: ScalabilityFit | None
    by_little: bool
    refusals: tuple[str, ...]
    demand: DemandFit | None
    shared: bool


def ladder_page(view: LadderView, t: Words = ENGLISH) -> Page:
    """A page about runs at several loads.

    Args:
        view: What is known of them.
        t: The language.
    """
    parts = [
        Section("capacity", t("Capacity"), tuple(_capacity(view, t))),
        Section("trials", t("Trials"), tuple(_trials(view, t))),
        Section("latency", t("Response time against rate"), tuple(_latency(view, t))),
        Section("scalability", t("Throughput against concurrency"), tuple(_scalability(view, t))),
        Section("demand", t("What gives out first"), tuple(_demand(view, t))),
        Section("next", t("What would tell most"), tuple(_next(view, t))),
        Section("card", t("Ladder card"), tuple(_card(view, t))),
        definitions("definitions", OF_LADDER, t),
    ]
    sections = tuple(part for part in parts if part.blocks)
    title = t("Ladder: {scenario}", scenario=view.scenario)
    return Page(title, view.name, (Chapter("chapter", title, _headline(view, t), sections),), words=t)


def _headline(view: LadderView, t: Words) -> Headline:
    results = view.search.results() if view.search else ()
    if not results:
        count = len(view.ladder.rates) + len(view.ladder.sessions)
        return Headline(t("{count} trials", count=count), view.scenario)
    if all(result.lower_per_s is not None for result in results):
        lowest = rate_text(lowest_of(results))
        return Headline(f"✓ {lowest}", t("is the largest rate found that meets every goal"), "good")
    if all(result.lower_per_s is not None or result.upper_per_s is not None for result in results):
        return Headline(t("✗ NOT MET"), t("no rate was found that surely meets every goal"), "bad")
    return Headline(t("! UNKNOWN"), t("the trials did not tell"), "warn")


def _capacity(view: LadderView, t: Words) -> Iterator[Block]:
    if view.search is None:
        return
    results = view.search.results()
    lowest = lowest_of(results)
    yield Tiles(tuple(_tile(result, t) for result in results))
    rows = tuple(
        (
            result.goal.text,
            bracket(result, t),
            t(CRITERIA[result.criterion]) if result.criterion else NONE,
            "; ".join(facts_of(result, lowest, t)),
        )
        for result in results
    )
    yield Grid((t("goal"), t("bracket"), t("limiting criterion"), t("evidence")), rows, "llll")
    for place, result in enumerate(results):
        yield search_figure(f"goal-{place}", view.search, place, result, t)


def _tile(result: GoalResult, t: Words) -> Tile:
    if result.lower_per_s is None:
        return Tile(result.goal.text, NONE, t("no rate surely meets it"), "bad")
    upper = (
        t("no upper bound") if result.upper_per_s is None else t("less than {rate}", rate=rate_text(result.upper_per_s))
    )
    return Tile(result.goal.text, rate_text(result.lower_per_s), upper, "good")


def _trials(view: LadderView, t: Words) -> Iterator[Block]:
    if view.search is not None:
        goals = view.search.settings.goals
        header = (t("trial"), t("why"), t("rate"), t("for"), t("messages"), *(goal.text for goal in goals))
        rows = tuple(_trial_row(view.search, done, t) for done in view.search.done)
        yield Grid(header, rows, "rlrrr" + "l" * len(goals))
    elif view.ladder.rates:
        names = [quantile_name(quantile) for quantile in view.ladder.quantiles]
        cells = tuple(
            (one.run, rate_text(one.rate_per_s), *(milliseconds(one.quantiles_s[q]) for q in view.ladder.quantiles))
            for one in view.ladder.rates
        )
        header = (t("run"), t("rate"), *(f"{name}, ms" for name in names))
        yield Grid(header, cells, "l" + "r" * (len(header) - 1), t("Trials at a rate"))
    if view.ladder.sessions:
        lines = tuple((one.run, str(one.sessions), rate_text(one.accepted_per_s)) for one in view.ladder.sessions)
        yield Grid((t("run"), t("sessions"), t("accepted")), lines, "lrr", t("Trials of so many sessions"))
    if view.ladder.left_out:
        left = tuple((one.run, retell(one.reason, OF_LADDERS, t)) for one in view.ladder.left_out)
        yield Grid((t("run"), t("reason")), left, "ll", t("Left out of the curves"))


def _trial_row(search: Search, done: DoneTrial, t: Words) -> tuple[str, ...]:
    words = trial_words(search, done, t)
    # Why a trial is void needs more room than its number of messages.
    return (*words[:4], NONE, words[4], *words[6:]) if done.seen.invalid else words


def _latency(view: LadderView, t: Words) -> Iterator[Block]:
    if view.latency is not None:
        yield from latency_blocks("latency-figure", view.latency, t("rate, messages/s"), t)


def _scalability(view: LadderView, t: Words) -> Iterator[Block]:
    if view.scalability is None:
        return
    axes = (t("messages under way") if view.by_little else t("sessions"), t("accepted, messages/s"))
    yield from scalability_blocks("scalability-figure", view.scalability, axes, t)
    if view.by_little:
        yield Prose(t("Concurrency is by Little's law: accepted rate times mean service time of each trial."), "quiet")


def _demand(view: LadderView, t: Words) -> Iterator[Block]:
    if view.demand is None:
        return
    header = demand_header(view.demand, t)
    caption = t("Resources of the target, intervals at {level}", level=f"{view.demand.level:.0%}")
    yield Grid(header, tuple(demand_rows(view.demand)), "lrrrr", caption)
    for sentence in demand_sentences(view.demand, shared=view.shared, t=t):
        yield Prose(sentence)


def _next(view: LadderView, t: Words) -> Iterator[Block]:
    steps = []
    widest = _widest(view.search.results()) if view.search else None
    if widest is not None and view.search is not None and widest.width is not None:
        wanted, width = f"{view.search.settings.width:.0%}", f"{widest.width:.1%}"
        if widest.width > view.search.settings.width * 1.001:
            text = t(
                "The bracket of {goal} is {width} wide and {wanted} was wanted: go on with more time.",
                goal=widest.goal.text,
                width=width,
                wanted=wanted,
            )
            steps.append(f"{text} loadkit capacity --resume {view.name}")
    if view.latency is not None:
        rate, why = view.latency.next_trial
        steps.append(
            t("For the latency curve a trial at {rate}/s: {why}", rate=shown(rate), why=retell(why, OF_CURVES, t))
        )
    if view.scalability is not None:
        trial = view.scalability.next_trial
        place = shown(trial.concurrency)
        steps.append(
            t(
                "For the throughput curve a trial at concurrency {n}: {why}",
                n=place,
                why=retell(trial.reason, OF_CURVES, t),
            )
        )
    steps += [retell(one, OF_CURVES, t) for one in view.refusals]
    if steps:
        yield Listing(tuple(steps))


def _widest(results: Sequence[GoalResult]) -> GoalResult | None:
    known = [result for result in results if result.width is not None]
    return max(known, key=lambda result: result.width or 0.0, default=None)


def _card(view: LadderView, t: Words) -> Iterator[Block]:
    search = view.search
    if search is None:
        return
    budget = search.settings.budget_s
    pairs = [
        (t("scenario"), view.scenario),
        (t("state"), retell(view.state, OF_LADDERS, t)),
        (t("time of all trials"), format_duration(search.took_s)),
        (t("budget"), NONE if math.isinf(budget) else format_duration(budget)),
        (t("width wanted"), f"{search.settings.width:.0%}"),
        (t("seed"), str(search.settings.seed)),
    ]
    yield Facts(tuple(pairs))
    yield Prose(t("To repeat the search:"))
    yield Code(shlex.join(view.command))
