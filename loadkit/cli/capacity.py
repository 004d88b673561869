"""`loadkit capacity`: find the largest rate that meets objectives."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadkit.cli._bundled import find_scenario
from loadkit.cli._options import (
    DEFAULT_RESULTS,
    MAX_LOCAL_WORKERS,
    Allow,
    AsJson,
    Observe,
    Overrides,
    Quiet,
    ResultsDir,
    SinkProfile,
    parse_duration_option,
    rate_text,
)
from loadkit.errors import UsageError
from loadkit.units import UnitError, parse_rate, parse_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadkit.analysis.search_trials import SearchSettings
    from loadkit.scenario.schema import Scenario

EXAMPLES = """\
  loadkit capacity steady --objective "p(99) < 500ms" --target smtp://127.0.0.1:25 --sink http://127.0.0.1:8025
  loadkit capacity --resume results/20261124T082500Z-steady-ladder --budget 20m"""

LEAST_TRIAL_S, MOST_TRIAL_S = 10.0, 3600.0
LEAST_WIDTH = 0.01
START_SHARE = 0.5
RESUMABLE = {"resume", "budget_s", "quiet", "as_json"}
"""Parameters that go with --resume."""
CLOSED_LOOP_PER_S = 100.0
"""What is taken for the highest rate of a scenario that has none."""


def width_option(text: str) -> float:
    """Read a relative width such as ``5%``."""
    try:
        return parse_ratio(text)
    except UnitError as error:
        raise typer.BadParameter(str(error)) from error


ScenarioName = Annotated[
    str | None, typer.Argument(metavar="SCENARIO", help="A file, or the name of a bundled scenario.")
]
Objectives = Annotated[
    list[str] | None,
    typer.Option(
        "--objective",
        metavar="GOAL",
        help='What must hold, such as "p(99) < 500ms" or "success >= 99.95%"; repeatable.',
    ),
]
Target = Annotated[
    str | None,
    typer.Option(metavar="URL", help="smtp://, smtps:// or lmtp://host:port instead of the scenario's own."),
]
Start = Annotated[
    str | None,
    typer.Option(parser=rate_text, metavar="RATE", help="The first rate; half of the scenario's highest unless told."),
]
Trial = Annotated[
    float,
    typer.Option(
        "--trial", parser=parse_duration_option, metavar="DURATION", help="How long a trial is measured, from 10s."
    ),
]
Width = Annotated[
    float,
    typer.Option(parser=width_option, metavar="PERCENT", help="How narrow the bracket of each goal must be."),
]
Budget = Annotated[
    float | None,
    typer.Option(
        "--budget",
        parser=parse_duration_option,
        metavar="DURATION",
        help="The longest time for all trials together.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the trials.")]
Resume = Annotated[
    Path | None, typer.Option(metavar="LADDER", help="Go on with a search; what its trials told is kept.")
]
Sinks = Annotated[
    list[str] | None,
    typer.Option(
        "--sink",
        metavar="URL",
        help="Admin interface of a sink behind the target: mail must arrive as fast as it is taken; repeatable.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, max=MAX_LOCAL_WORKERS, metavar="N", help="Send every trial from N processes."),
]


def capacity(
    context: typer.Context,
    *,
    scenario: ScenarioName = None,
    objectives: Objectives = None,
    target: Target = None,
    overrides: Overrides = None,
    start: Start = None,
    trial_s: Trial = "10s",  # type: ignore[assignment]  # read by the parser
    width: Width = "5%",  # type: ignore[assignment]  # read by the parser
    budget_s: Budget = None,
    seed: Seed = 1,
    resume: Resume = None,
    results_dir: ResultsDir = DEFAULT_RESULTS,
    sink_profile: SinkProfile = None,
    sinks: Sinks = None,
    workers: Workers = None,
    allow: Allow = None,
    observe: Observe = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Find the largest rate that meets objectives.

    Runs short trials of the scenario, each at one rate. The rate doubles until a trial is too much, and then the
    bracket of each objective is narrowed until it is as narrow as --width, or time is up. A trial tells of all
    objectives; one that does not tell is followed by a longer one. The result is confirmed by a longer trial, and
    shown at 80 %, 100 % and 120 %. A trial of which the load generator itself was the limit is void. With --sink, a
    rate at which mail piles up between the target and the sinks is too much, even if the target takes all of it.

    Everything is kept in a folder of its own among the results: a run folder for each trial, and ladder.json, from
    which --resume goes on. Ctrl-C stops in good order.
    """
    from loadkit.cli._climb import begin, climb, go_on

    if resume is not None:
        if given := given_in_vain(context):
            raise UsageError(f"--resume takes {', '.join(given)} from the search", hint="leave it out")
        ladder = go_on(resume, budget_s)
    else:
        if scenario is None or not objectives:
            raise UsageError("a scenario and at least one --objective are needed", hint="see loadkit capacity --help")
        loaded = load_scenario_of(scenario, overrides or ())
        settings = settings_of(loaded, objectives, start, trial_s=trial_s, width=width)
        settings = replace(settings, budget_s=math.inf if budget_s is None else budget_s, seed=seed)
        passed_on = TrialOptions(target, sink_profile, tuple(allow or ()), tuple(sinks or ()), workers, observe)
        ladder = begin(loaded, settings, results_dir, run_options(passed_on))
    raise typer.Exit(climb(ladder, quiet=quiet, as_json=as_json))


def given_in_vain(context: typer.Context) -> list[str]:
    """What was given on the command line beside --resume and means nothing there."""
    sources = ((one, context.get_parameter_source(one.name or "")) for one in context.command.params)
    typed = [one for one, source in sources if source is not None and source.name == "COMMANDLINE"]
    return [one.opts[0] for one in typed if one.name not in RESUMABLE]


def load_scenario_of(name_or_path: str, overrides: Sequence[str]) -> Scenario:
    """A scenario by file or name, with some values given anew."""
    from loadkit.scenario.load import load_scenario

    return load_scenario(find_scenario(name_or_path), overrides=overrides)


def settings_of(
    scenario: Scenario, objectives: Sequence[str], start: str | None, *, trial_s: float, width: float
) -> SearchSettings:
    """What is searched.

    Args:
        scenario: Its highest rate tells where to begin.
        objectives: Goals as text.
        start: The first rate as text, or None.
        trial_s: How long a trial is measured, in seconds.
        width: Relative width of the brackets.

    Raises:
        UsageError: With everything that is wrong.
    """
    from loadkit.analysis.search_trials import SearchSettings
    from loadkit.cli._goals import read_goals

    goals, wrong = read_goals(objectives)
    curve = scenario.timetable.curve
    peak_per_s = CLOSED_LOOP_PER_S if curve is None else curve.peak_per_s
    start_per_s = parse_rate(start) if start is not None else START_SHARE * peak_per_s
    if start_per_s <= 0:
        wrong.append("--start must be above 0/s")
    if not LEAST_TRIAL_S <= trial_s <= MOST_TRIAL_S:
        wrong.append("--trial must be from 10s, for a backlog to show its trend, to 1h")
    if not LEAST_WIDTH <= width <= 1:
        wrong.append("--width must be from 1% to 100%")
    if wrong:
        raise UsageError("; ".join(wrong), hint="see loadkit capacity --help")
    return SearchSettings(goals, start_per_s, trial_s=trial_s, width=width)


@dataclass(frozen=True, slots=True)
class TrialOptions:
    """What `loadkit capacity` passes on to every trial.

    Args:
        target: Where load goes, or None for the scenario's own target or the bundled sink.
        sink_profile: How the bundled sink behaves.
        allow: Hosts allowed besides loopback and the scenario's own.
        sinks: Admin interfaces of the sinks behind the target.
        workers: Processes that send; None for one without a master.
        observe: What is observed of the target's host.
    """

    target: str | None = None
    sink_profile: str | None = None
    allow: tuple[str, ...] = ()
    sinks: tuple[str, ...] = ()
    workers: int | None = None
    observe: str | None = None


def run_options(
    given: TrialOptions,
) -> tuple[str, ...]:
    """The options of `loadkit run` that every trial has.

    Raises:
        UsageError: If there is nothing such as what is to be observed.
    """
    if given.observe is not None:
        from loadkit.observe.request import parse_source

        parse_source(given.observe)
    single = (
        ("--target", given.target),
        ("--sink-profile", given.sink_profile),
        ("--workers", given.workers),
        ("--observe", given.observe),
    )
    several = [("--sink", url) for url in given.sinks] + [("--allow", host) for host in given.allow]
    return tuple(str(word) for option in (*single, *several) if option[1] is not None for word in option)
