"""From trial to trial: makes what a search asks for, keeps every state and shows it."""

from __future__ import annotations

import math
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import yaml
from rich.console import Console
from rich.live import Live

from loadkit.analysis.search import Search
from loadkit.analysis.search_trials import NextTrial
from loadkit.cli._ladder import SCENARIO_FILE, Ladder, make_ladder_folder, open_ladder
from loadkit.cli._output import print_json, print_note, print_summary
from loadkit.cli._stopping import stoppable, stopped_code
from loadkit.cli._trial import WARM_UP_S, TrialRunner
from loadkit.errors import ExitCode, RunFolderError
from loadkit.report.capacity import rate_text, render_results, render_search, trial_words
from loadkit.scenario.load import dump_effective
from loadkit.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rich.console import RenderableType

    from loadkit.analysis.evidence import Observation
    from loadkit.analysis.search_trials import SearchSettings
    from loadkit.cli._demand import Demand
    from loadkit.scenario.schema import Scenario

REFRESHES_PER_S = 2.0
LEAST_TO_FIT = 5
"""So many trials may carry a curve."""


def begin(scenario: Scenario, settings: SearchSettings, results_dir: Path, options: tuple[str, ...]) -> Ladder:
    """A new search with a folder of its own."""
    folder = make_ladder_folder(results_dir, scenario.name)
    (folder / SCENARIO_FILE).write_text(dump_effective(scenario), encoding="utf-8")
    ladder = Ladder(folder, scenario.name, options, ("loadkit", *sys.argv[1:]), Search(settings))
    return ladder.saved(ladder.search)


def go_on(folder: Path, budget_s: float | None) -> Ladder:
    """A search that was begun before, with another budget.

    Raises:
        LoadkitError: If the folder is none of a search, or is damaged.
    """
    ladder = open_ladder(folder)
    settings = replace(ladder.search.settings, budget_s=math.inf if budget_s is None else budget_s)
    return replace(ladder, search=replace(ladder.search, settings=settings))


def climb(ladder: Ladder, *, quiet: bool, as_json: bool) -> ExitCode:
    """Make the trials that a search asks for, to its end, and print what it came to.

    Args:
        ladder: The search and its folder.
        quiet: Show no trials while they are made.
        as_json: Print the state of the search as JSON.

    Returns:
        The exit code.

    Raises:
        LoadkitError: If a trial could not be made.
    """
    stopped: list[int] = []
    ladder = climbed(ladder, stopped, quiet=quiet)
    demand = _demand(ladder)
    if as_json:
        found = ladder.to_dict() | {"path": str(ladder.folder)}
        print_json(found if demand is None else found | {"demand": demand.to_dict()})
    else:
        print_summary(render_results(ladder.search))
        if demand is not None:
            print_summary(demand.rendered())
        print_note(f"{ladder.reason}; {format_duration(ladder.search.took_s)} of trials; {ladder.folder}")
        if (told := sum(not one.seen.invalid for one in ladder.search.done)) >= LEAST_TO_FIT:
            print_note(f"a curve through these {told} trials: loadkit fit {ladder.folder}")
        print_note(f"a page with all of it: loadkit report {ladder.folder} --type html")
    if ladder.status == "interrupted":
        print_note(f"go on with: loadkit capacity --resume {ladder.folder}")
        return stopped_code(stopped)
    return exit_code_of(ladder.search)


def climbed(ladder: Ladder, stopped: list[int], *, quiet: bool) -> Ladder:
    """Make the trials that a search asks for, to its end or until somebody stops it.

    Args:
        ladder: The search and its folder.
        stopped: Takes the number of the signal that ended it.
        quiet: Show no trials while they are made.

    Raises:
        LoadkitError: If a trial could not be made.
    """
    runner = TrialRunner(ladder.folder, _scenario_of(ladder), ladder.search.settings.goals, ladder.options)
    view = View(ladder.search, quiet=quiet)
    with stoppable(stopped), view.shown():
        try:
            return _steps(ladder, runner.run, view)
        except KeyboardInterrupt:
            return ladder.saved(view.search, "interrupted", "it was interrupted")


def _demand(ladder: Ladder) -> Demand | None:
    """What the target's resources spend on a message, where they were observed and any trial was made."""
    if "--observe" not in ladder.options or not ladder.search.done:
        return None
    from loadkit.cli._demand import demand_of
    from loadkit.measure.ladder import read_ladder

    return demand_of(read_ladder([ladder.folder]))


def _steps(ladder: Ladder, make: Callable[[NextTrial], Observation], view: View) -> Ladder:
    while isinstance(action := ladder.search.next_action(), NextTrial):
        view.begin(action)
        began_s = time.monotonic()
        seen = make(action)
        ladder = ladder.saved(ladder.search.with_trial(action, seen, time.monotonic() - began_s))
        view.end(ladder.search)
    return ladder.saved(ladder.search, "complete", action.reason)


def exit_code_of(search: Search) -> ExitCode:
    """The exit code of a finished search: whether every goal has a rate that meets it, or none has, or nobody knows."""
    results = search.results()
    if all(result.lower_per_s is not None for result in results):
        return ExitCode.OK
    if all(result.lower_per_s is not None or result.upper_per_s is not None for result in results):
        return ExitCode.THRESHOLDS
    return ExitCode.INVALID


def _scenario_of(ladder: Ladder) -> dict[str, object]:
    file = ladder.folder / SCENARIO_FILE
    try:
        plain = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise RunFolderError(f"{file} can't be read: {error}", hint="begin a new search") from error
    if not isinstance(plain, dict):
        raise RunFolderError(f"{file} holds no scenario", hint="begin a new search")
    return plain


class View:
    """Shows a search on stderr: a table that changes on a terminal, a line for each trial anywhere else.

    Args:
        search: The search as it stands.
        quiet: Show nothing.
    """

    def __init__(self, search: Search, *, quiet: bool) -> None:
        self.search = search
        self._quiet = quiet
        self._trial: NextTrial | None = None
        self._began_s = 0.0
        console = Console(stderr=True)
        self._live = console.is_terminal and not quiet
        self._display = Live(
            get_renderable=self._render,
            console=console,
            refresh_per_second=REFRESHES_PER_S,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the table, on a terminal, until the end of the block."""
        if not self._live:
            yield
            return
        with self._display:
            yield

    def begin(self, trial: NextTrial) -> None:
        """A trial begins."""
        self._trial, self._began_s = trial, time.monotonic()

    def end(self, search: Search) -> None:
        """A trial has ended."""
        self.search, self._trial = search, None
        if not self._live and not self._quiet:
            number, why, rate, lasted, messages, *goals = trial_words(search, search.done[-1])
            messages += "" if search.done[-1].seen.invalid else " messages"
            print_note(f"trial {number} ({why}): {rate} for {lasted}, {'; '.join(filter(None, (messages, *goals)))}")

    def _render(self) -> RenderableType:
        now = ""
        if self._trial is not None:
            passed = format_duration(round(time.monotonic() - self._began_s))
            lasts = format_duration(self._trial.duration_s + WARM_UP_S)
            now = f"trial {self._trial.number} at {rate_text(self._trial.rate_per_s)}: {passed} of {lasts}"
        return render_search(self.search, now)
