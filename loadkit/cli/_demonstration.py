"""The parts of a demonstration: its search, its plan, its page, and what it found in ten lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loadkit.analysis.goals import parse_goal
from loadkit.analysis.results import shown
from loadkit.analysis.search_trials import SearchSettings
from loadkit.cli._bundled import find_scenario
from loadkit.cli._climb import begin, climbed
from loadkit.cli._ladder_report import ladder_view
from loadkit.plan.catalog_load import load_catalog
from loadkit.plan.hourly import hourly_load
from loadkit.plan.measured import read_measured
from loadkit.plan.planning import make_plan
from loadkit.plan.site import Order
from loadkit.report.ladder_page import LadderView, ladder_page
from loadkit.report.page import Page, render_page
from loadkit.report.plan import number, range_of
from loadkit.report.plan_page import plan_chapter
from loadkit.report.plan_whatif import whatif_script
from loadkit.scenario.load import load_scenario
from loadkit.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loadkit.analysis.search import GoalResult
    from loadkit.cli._ladder import Ladder
    from loadkit.plan.outcome import Plan, TierPlan

OBJECTIVES = ("p(99) < 500ms", "success >= 99%")
START_PER_S = 60.0
WIDTH = 0.1
BUDGET_S = 130.0
CONFIRM_TRIALS = 2
MAIL, CALENDAR = "smoke", "mixed_month"
SERVER = "station"


def search_small_server(results_dir: Path, stopped: list[int], *, quiet: bool) -> Ladder:
    """Search the capacity of the sink that behaves as a small mail server.

    Args:
        results_dir: Takes the ladder's folder.
        stopped: Takes the number of the signal that ended it.
        quiet: Show no trials while they are made.

    Raises:
        LoadkitError: If a trial could not be made.
    """
    goals = tuple(parse_goal(text) for text in OBJECTIVES)
    settings = SearchSettings(goals, START_PER_S, width=WIDTH, budget_s=BUDGET_S, confirm_trials=CONFIRM_TRIALS)
    ladder = begin(load_scenario(find_scenario(MAIL)), settings, results_dir, ("--sink-profile", SERVER))
    return climbed(ladder, stopped, quiet=quiet)


@dataclass(frozen=True, slots=True)
class Demonstration:
    """What a demonstration found.

    Args:
        ladder: The search and its folder.
        view: What the ladder tells.
        plan: The tiers.
    """

    ladder: Ladder
    view: LadderView
    plan: Plan

    @classmethod
    def of(cls, ladder: Ladder) -> Demonstration:
        """Fit and plan from a ladder.

        Raises:
            RefusedError: If the ladder tells no capacity.
        """
        load = hourly_load(load_scenario(find_scenario(CALENDAR)))
        plan = make_plan([read_measured([ladder.folder])], load_catalog(), load, order=Order(tiers=("all",)))
        return cls(ladder, ladder_view(ladder.folder), plan)

    def to_dict(self) -> dict[str, Any]:
        """What was found as plain JSON values."""
        return {"ladder": self.ladder.to_dict() | {"path": str(self.ladder.folder)}, "plan": self.plan.to_dict()}

    def page(self) -> str:
        """Ladder and plan as one page."""
        ladder = ladder_page(self.view)
        title = "From trials to a plan"
        chapters = (*ladder.chapters, plan_chapter(self.plan))
        return render_page(Page(title, self.ladder.folder.name, chapters, scripts=(whatif_script(),)))

    def lines(self, page: Path) -> Iterator[str]:
        """What was found in ten lines."""
        search = self.ladder.search
        told = sum(not one.seen.invalid for one in search.done)
        yield f"{told} trials in {format_duration(round(search.took_s))}, of real SMTP sessions: {self.ladder.folder}"
        yield from map(_goal_line, search.results())
        yield self._curve()
        yield from map(self._tier, self.plan.tiers)
        yield "prices are dated list prices, and what was measured is a sink: measure your server, import your prices"
        yield f"page: {page}"
        yield f"next: loadkit plan {self.ladder.folder} --scenario {CALENDAR} --tier all"

    def _curve(self) -> str:
        fit = self.view.latency
        if fit is None:
            return f"no curve: {self.view.refusals[0].partition(';')[0] if self.view.refusals else 'too few trials'}"
        span = f"{shown(fit.capacity.low)} to {shown(fit.capacity.high)}"
        return f"the curve: latency grows without bound towards {shown(fit.capacity.value)}/s ({span})"

    def _tier(self, tier: TierPlan) -> str:
        chosen, head = tier.chosen, f"{tier.name}, {number(tier.load.most_per_s)}/s"
        if chosen is None or chosen.monthly is None:
            reason = tier.choices[0].reason
            return f"{head}: none will do: {'' if reason is None else reason.words}"
        nodes = f"{range_of(chosen.fleet.nodes)} x {chosen.instance_type}"
        cost = f"{range_of(chosen.monthly)} {self.plan.currency} a month"
        return f"{head}: {nodes}, {cost}; {chosen.support.value}"


def _goal_line(result: GoalResult) -> str:
    low, high = result.lower_per_s, result.upper_per_s
    holds = f"holds at {shown(low)}/s" if low else "no rate was found that holds"
    if high is None:
        return f"{result.goal.text}: {holds}; none was tried that is too much"
    why = f", where {result.criterion.value} gives out" if result.criterion else ""
    return f"{result.goal.text}: {holds}, not at {shown(high)}/s{why}"
