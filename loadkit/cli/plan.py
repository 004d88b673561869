"""`loadkit plan`: from a ladder and a campaign to tiers, nodes, availability and the cost of a month."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadkit.cli._options import AsJson, Lang, Language, rate_text
from loadkit.cli._output import print_json, print_note, print_summary
from loadkit.errors import UsageError
from loadkit.units import parse_rate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from loadkit.analysis.goals import Goal
    from loadkit.plan.hourly import HourlyLoad
    from loadkit.plan.measured import Measured
    from loadkit.plan.outcome import Plan

EXAMPLES = """\
  loadkit plan results/example --scenario mixed_month --tier professional --measured ecs.c8i.large
  loadkit plan --compare ecs.c8i.large=results/example --rate 300/s --assume headroom=0.6 --json"""


Ladders = Annotated[
    list[Path] | None,
    typer.Argument(metavar="LADDER...", help="Run folders, folders of runs, or folders of loadkit capacity."),
]
ScenarioName = Annotated[
    str | None,
    typer.Option(metavar="NAME|FILE", help="Whose calendar is planned for; its shape, where a tier or rate is named."),
]
TierName = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="A tier of the catalogue, or all; repeatable.")
]
Rate = Annotated[str | None, typer.Option(parser=rate_text, metavar="RATE", help="Plan for this rate at the peak.")]
Catalog = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME|FILE", help="Prices to plan with instead of alibaba-cn; the later wins, repeatable."),
]
MeasuredOption = Annotated[
    str | None, typer.Option(metavar="TYPE", help="The instance type that the ladder was measured on.")
]
Vcpus = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Its virtual CPUs, where it is no type of the catalogue.")
]
Boxes = Annotated[int, typer.Option(min=1, metavar="N", help="How many such machines shared the load.")]
Objective = Annotated[
    str | None,
    typer.Option(metavar="GOAL", help='What the rate must meet, where no search had one: "p(99) < 500ms".'),
]
InstanceType = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="TYPE", help="Choose from these types alone; repeatable."),
]
Cells = Annotated[
    str | None,
    typer.Option(parser=rate_text, metavar="RATE", help="Build what is larger as cells that carry this rate each."),
]
Budget = Annotated[float | None, typer.Option(min=0, metavar="MONEY", help="For a month.")]
Compare = Annotated[
    list[str] | None,
    typer.Option(metavar="TYPE=LADDER", help="A ladder of a type, to compare types by; repeatable."),
]
Assume = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE", help="An assumption, such as headroom=0.7 or retry=0.01..0.05..0.15; repeatable."
    ),
]
Assumptions = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Assumptions as YAML; loadkit schema assumptions says which.")
]
Draws = Annotated[int, typer.Option(min=10, max=100_000, metavar="N", help="Draws of what is uncertain.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the draws.")]
Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Also write a page that needs no network.")]


def plan(
    ladders: Ladders = None,
    *,
    scenario: ScenarioName = None,
    tier: TierName = None,
    rate: Rate = None,
    catalog: Catalog = None,
    measured: MeasuredOption = None,
    vcpus: Vcpus = None,
    boxes: Boxes = 1,
    objective: Objective = None,
    instance_type: InstanceType = None,
    cells: Cells = None,
    budget: Budget = None,
    compare: Compare = None,
    assume: Assume = None,
    assumptions: Assumptions = None,
    draws: Draws = 1000,
    seed: Seed = 1,
    html: Html = None,
    lang: Lang = Language.EN,
    as_json: AsJson = False,
) -> None:
    """Plan tiers, nodes, availability and the cost of a month from measured capacity.

    Every answer has a grade by how far it goes beyond what was measured: on sessions, CPUs of a node, nodes and rate.
    Far beyond, there is no single number but a range, what it assumes, and the experiment that would tell more. Choices
    share their draws; each that is not taken says why. The bill is of the case in which every input is its median.
    """
    from loadkit.plan.assumptions import load_assumptions
    from loadkit.plan.catalog_load import DEFAULT, load_catalog
    from loadkit.plan.planning import make_plan
    from loadkit.plan.site import Order
    from loadkit.report.plan import render_comparison, render_plan

    # What is quick to read goes first, so that a mistake in it is said at once.
    assumed, prices = (
        load_assumptions(assumptions, assume or ()),
        load_catalog(("tiers", *catalog) if catalog else DEFAULT),
    )
    load = _load(scenario)
    found = make_plan(
        list(_measurements(ladders or (), compare or (), _Machine(measured, vcpus, boxes, objective))),
        prices,
        load,
        order=Order(
            tiers=tier or (),
            rate_per_s=None if rate is None else parse_rate(rate),
            instance_types=instance_type or (),
            cell_rate_per_s=None if cells is None else parse_rate(cells),
            budget=budget,
            draws=draws,
            seed=seed,
        ),
        assumptions=assumed,
    )
    if html is not None:
        _write_page(html, found, lang)
    if as_json:
        print_json(found.to_dict())
        return
    print_summary(render_plan(found))
    if len(found.measured) > 1:
        print_summary(render_comparison(found))


def _write_page(file: Path, found: Plan, lang: Language) -> None:
    from loadkit.report.plan_page import plan_page
    from loadkit.report.words import Words

    file.write_text(plan_page(found, Words(lang.value)), encoding="utf-8")
    print_note(f"wrote {file}")


def _load(scenario: str | None) -> HourlyLoad | None:
    from loadkit.cli._bundled import find_scenario
    from loadkit.plan.hourly import hourly_load
    from loadkit.scenario.load import load_scenario

    return None if scenario is None else hourly_load(load_scenario(find_scenario(scenario)))


@dataclass(frozen=True, slots=True)
class _Machine:
    """What was measured, as far as options say so."""

    instance_type: str | None
    vcpus: int | None
    boxes: int
    objective: str | None


def _measurements(ladders: Sequence[Path], compared: Sequence[str], machine: _Machine) -> Iterator[Measured]:
    """The ladder named first, then those of other types."""
    from loadkit.plan.measured import Node, read_measured

    goal = _goal(machine.objective)
    if not ladders and not compared:
        raise UsageError("there is no ladder to plan from", hint="name one, such as results/example, or --compare")
    if machine.instance_type is not None and machine.vcpus is not None:
        raise UsageError("--measured says how many virtual CPUs there were", hint="leave out --vcpus")
    if ladders:
        node = Node(machine.instance_type or "", machine.vcpus)
        yield read_measured(ladders, node=node, boxes=machine.boxes, objective=goal)
    for text in compared:
        name, equals, folder = text.partition("=")
        if not name or not equals or not folder:
            raise UsageError(f"--compare {text} is not TYPE=LADDER", hint="such as ecs.c8i.large=results/large")
        yield read_measured([Path(folder)], node=Node(name), objective=goal)


def _goal(objective: str | None) -> Goal | None:
    from loadkit.analysis.goals import parse_goal
    from loadkit.scenario.thresholds import ThresholdError

    try:
        return None if objective is None else parse_goal(objective)
    except ThresholdError as error:
        raise UsageError(f"--objective: {error}", hint=error.fix) from error
