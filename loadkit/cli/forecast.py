"""`loadkit forecast`: a scenario's real calendar against fleets of nodes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadkit.cli._bundled import find_scenario
from loadkit.cli._options import AsJson, Overrides, duration_text, parse_ratio_option, rate_text
from loadkit.cli._output import print_json, print_note, print_summary
from loadkit.errors import UsageError
from loadkit.units import format_duration, format_rate, parse_duration, parse_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt

    from loadkit.analysis.goals import Goal
    from loadkit.analysis.results import Estimate
    from loadkit.plan.fluid import Load
    from loadkit.plan.policies import Policy
    from loadkit.plan.policy_schema import Timeline
    from loadkit.scenario.campaign import Campaign
    from loadkit.scenario.schema import Scenario

EXAMPLES = """\
  loadkit forecast promotion --nodes 2 --capacity 150/s
  loadkit forecast mixed_month --ladder results/example --policy examples/policies.yaml --html month.html"""

_DAY_S = 86_400


def forecast(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="A scenario file or the name of a bundled one.")],
    *,
    nodes: Annotated[
        int, typer.Option(min=1, max=100_000, metavar="N", help="Nodes of the fleet where no policy says otherwise.")
    ] = 2,
    capacity: Annotated[
        str | None,
        typer.Option(parser=rate_text, metavar="RATE", help="What one node can serve, where it is known: 250/s."),
    ] = None,
    ladder: Annotated[
        list[Path] | None,
        typer.Option(metavar="LADDER", help="Folders of runs that measured one node, instead of --capacity."),
    ] = None,
    policies: Annotated[
        list[Path] | None,
        typer.Option("--policy", metavar="FILE", help="Policies to compare; repeatable. loadkit schema policy."),
    ] = None,
    tiers: Annotated[
        list[str] | None,
        typer.Option("--tier", metavar="NAME", help="Also a tier's rate, such as professional; repeatable."),
    ] = None,
    catalog: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME|FILE", help="Catalogues of tiers and prices; later ones win."),
    ] = None,
    instance: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Instance type of a node, for the cost of a month.")
    ] = None,
    objective: Annotated[
        str, typer.Option(metavar="GOAL", help="What is to hold in every hour, service included.")
    ] = "p(99) < 30s",
    service_time: Annotated[
        str,
        typer.Option(parser=duration_text, metavar="DURATION", help="A node's time for one message without waiting."),
    ] = "50ms",
    retry: Annotated[
        float | None,
        typer.Option(parser=parse_ratio_option, metavar="PERCENT", help="Messages that come a second time."),
    ] = None,
    overrides: Overrides = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page too; it needs no network.")] = None,
    as_json: AsJson = False,
) -> None:
    """Hold a scenario's real calendar against fleets: what waits, for how long, when it drains, what it costs.

    The calendar is the scenario's campaign in real time, or its stages as they are run. Policies say how many nodes
    there are when; without any, a fleet that never changes is compared with one that grows with its load. Nothing is
    sent.
    """
    from loadkit.plan.fluid import Load
    from loadkit.plan.outlook import Setting, look_ahead
    from loadkit.scenario.load import load_scenario

    described = load_scenario(find_scenario(scenario), overrides=overrides or ())
    load = Load.of(_curve(described), retry=retry or 0.0)
    node_capacity, basis = _capacity(capacity, ladder)
    chosen = _policies(policies or (), nodes, load, described.campaign)
    nights = any(policy.night is not None for policy in chosen)
    setting = Setting(
        load,
        node_capacity,
        parse_duration(service_time),
        _goal(objective),
        _seconds_of_day(described.campaign, load) if nights and described.campaign is not None else None,
    )
    found = look_ahead(setting, nodes, chosen)
