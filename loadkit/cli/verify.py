"""`loadkit verify`: whether a server holds what a tier promises, with evidence."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadkit.cli._options import (
    DEFAULT_RESULTS,
    MAX_LOCAL_WORKERS,
    Allow,
    AsJson,
    Overrides,
    ResultsDir,
    SinkProfile,
    parse_duration_option,
    rate_text,
)
from loadkit.errors import UsageError
from loadkit.units import format_duration, parse_rate

if TYPE_CHECKING:
    from loadkit.analysis.goals import Goal
    from loadkit.analysis.verification import Promise

EXAMPLES = """\
  loadkit verify --tier basic --target smtp://127.0.0.1:2525 --objective "p(99) < 500ms"
  loadkit verify promotion --rate 200/s --objective "success >= 99.9%" --html certificate.html"""


ScenarioName = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="Whose mail is sent: a file, or the name of a bundled scenario.")
]
TierName = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Verify this tier's rate, and its availability as the share of successes."),
]
Catalogs = Annotated[
    list[str] | None,
    typer.Option("--catalog", metavar="NAME", help="Catalogue with the tier: a bundled one or a file; repeatable."),
]
Rate = Annotated[
    str | None, typer.Option(parser=rate_text, metavar="RATE", help="Verify this rate instead of a tier's.")
]
Objectives = Annotated[
    list[str] | None,
    typer.Option(
        "--objective",
        metavar="GOAL",
        help='What must hold too, such as "p(99) < 500ms" or "success >= 99.95%"; repeatable.',
    ),
]
Budget = Annotated[
    float,
    typer.Option(
        "--budget", parser=parse_duration_option, metavar="DURATION", help="The longest time that is measured."
    ),
]
Target = Annotated[
    str | None,
    typer.Option(metavar="URL", help="smtp://, smtps:// or lmtp://host:port instead of the scenario's own."),
]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the runs.")]
Sinks = Annotated[
    list[str] | None,
    typer.Option("--sink", metavar="URL", help="Admin interface of a sink behind the target; repeatable."),
]
Workers = Annotated[int | None, typer.Option(min=1, max=MAX_LOCAL_WORKERS, metavar="N", help="Send from N processes.")]
Html = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the certificate as a page too; it needs no network.")
]


def verify(
    *,
    scenario: ScenarioName = "steady",
    tier: TierName = None,
    catalogs: Catalogs = None,
    rate: Rate = None,
    objectives: Objectives = None,
    budget_s: Budget = "15m",  # type: ignore[assignment]  # read by the parser
    target: Target = None,
    overrides: Overrides = None,
    seed: Seed = 1,
    results_dir: ResultsDir = DEFAULT_RESULTS,
    sink_profile: SinkProfile = None,
    sinks: Sinks = None,
    workers: Workers = None,
    allow: Allow = None,
    html: Html = None,
    as_json: AsJson = False,
) -> None:
    """Verify that a server holds what a tier promises.

    Sends at the tier's rate for as long as the promise needs to be decided: 99.95 % takes 5,992 messages without a
    failure, and more if some fail or if they come in bursts. A run that does not tell is followed by another. The
    verdict is MET (0), NOT MET (99) or INCONCLUSIVE (4), which says how long the test would have to be; runs that the
    load generator itself spoiled are void (4).

    The folder of the verification among the results holds verification.json and every run.
    """
    from loadkit.analysis.verification import Verifying
    from loadkit.cli._verifying import print_case, verify_promise
    from loadkit.cli.capacity import TrialOptions, load_scenario_of, run_options

    promise = promise_of(Wanted(tier, tuple(catalogs or ()), rate, tuple(objectives or ())))
    if promise.least_s > budget_s:
        raise UsageError(
            f"to verify {', '.join(goal.text for goal in promise.goals)} at {promise.rate_per_s:g}/s takes "
            f"{format_duration(promise.least_s)} without a bad message, and the budget is {format_duration(budget_s)}",
            hint=f"--budget {format_duration(promise.least_s)} or longer, or a higher rate",
        )
    loaded = load_scenario_of(scenario, overrides or ())
    options = run_options(TrialOptions(target, sink_profile, tuple(allow or ()), tuple(sinks or ()), workers))
    verifying = Verifying(promise, budget_s, seed)
    case, code = verify_promise(loaded, (verifying, ("loadkit", *sys.argv[1:]), results_dir), options)
    if html is not None:
        from loadkit.report.certificate_page import certificate_page

        html.write_text(certificate_page(case.verifying, case.command), encoding="utf-8")
    print_case(case, as_json=as_json)
    raise typer.Exit(code)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line wants verified.

    Args:
        tier: A tier's name.
        catalogs: Where tiers are looked for; the bundled ones if empty.
        rate: A rate as text.
        objectives: Goals as text.
    """

    tier: str | None
    catalogs: tuple[str, ...]
    rate: str | None
    objectives: tuple[str, ...]


def promise_of(wanted: Wanted) -> Promise:
    """What is to be verified.

    Raises:
        UsageError: With everything that is wrong.
    """
    from loadkit.analysis.verification import Promise
    from loadkit.cli._goals import read_goals

    goals, wrong = read_goals(wanted.objectives)
    if (wanted.tier is None) == (wanted.rate is None):
        wrong.append("what is verified is either a --tier or a --rate")
    elif wanted.rate is not None and not wanted.objectives:
        wrong.append('a --rate needs an --objective, such as "success >= 99.95%"')
    if wanted.rate is not None and parse_rate(wanted.rate) <= 0:
        wrong.append("--rate must be above 0/s")
    if wrong:
        raise UsageError("; ".join(wrong), hint="see loadkit verify --help")
    if wanted.tier is not None:
        return _promise_of_tier(wanted.tier, wanted.catalogs, goals)
    assert wanted.rate is not None
    return Promise(wanted.rate, parse_rate(wanted.rate), goals)


def _promise_of_tier(name: str, catalogs: tuple[str, ...], goals: tuple[Goal, ...]) -> Promise:
    from loadkit.analysis.goals import parse_goal
    from loadkit.analysis.verification import Promise
    from loadkit.plan.catalog_load import DEFAULT, load_catalog

    tiers = load_catalog(catalogs or DEFAULT).tiers
    if name not in tiers:
        raise UsageError(f"there is no tier {name!r}", hint=f"there are {', '.join(tiers) or 'none'}")
    promised = parse_goal(f"success >= {tiers[name].availability * 100:.10g}%")
    return Promise(name, tiers[name].rate_per_s, (promised, *(goal for goal in goals if goal.text != promised.text)))
