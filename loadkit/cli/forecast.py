"""`loadkit forecast`: a scenario's real calendar against fleets of nodes."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadkit.cli._bundled import find_scenario
from loadkit.cli._options import AsJson, Overrides, duration_text, parse_ratio_option, rate_text
from loadkit.cli._output import print_json, print_note, print_summary
from loadkit.errors import UsageError
from loadkit.scenario.findings import suggest
from loadkit.units import format_duration, format_rate, parse_duration, parse_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt

    from loadkit.analysis.goals import Goal
    from loadkit.analysis.results import Estimate
    from loadkit.plan.catalog import InstanceType
    from loadkit.plan.fluid import Load
    from loadkit.plan.outlook import FleetForecast
    from loadkit.plan.policies import Policy
    from loadkit.scenario.campaign import Campaign
    from loadkit.scenario.curve import Curve
    from loadkit.scenario.schema import Scenario

EXAMPLES = """\
  loadkit forecast promotion --nodes 2 --capacity 150/s
  loadkit forecast mixed_month --ladder results/example --policy examples/policies.yaml --html month.html"""

SCHEMA_VERSION = 1
_DAY_S = 86_400


ScenarioName = Annotated[str, typer.Argument(metavar="SCENARIO", help="A scenario file or the name of a bundled one.")]
Nodes = Annotated[
    int, typer.Option(min=1, max=100_000, metavar="N", help="Nodes of the fleet where no policy says otherwise.")
]
Capacity = Annotated[
    str | None,
    typer.Option(parser=rate_text, metavar="RATE", help="What one node can serve, where it is known: 250/s."),
]
Ladder = Annotated[
    list[Path] | None,
    typer.Option(metavar="LADDER", help="Folders of runs that measured one node, instead of --capacity."),
]
Policies = Annotated[
    list[Path] | None,
    typer.Option("--policy", metavar="FILE", help="Policies to compare; repeatable. loadkit schema policy."),
]
Tiers = Annotated[
    list[str] | None,
    typer.Option("--tier", metavar="NAME", help="Also a tier's rate, such as professional; repeatable."),
]
Catalog = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME|FILE", help="Catalogues of tiers and prices; later ones win."),
]
Instance = Annotated[
    str | None, typer.Option("--type", metavar="TYPE", help="Instance type of a node, for the cost of a month.")
]
Objective = Annotated[str, typer.Option(metavar="GOAL", help="What is to hold in every hour, service included.")]
ServiceTime = Annotated[
    str,
    typer.Option(parser=duration_text, metavar="DURATION", help="A node's time for one message without waiting."),
]
Retry = Annotated[
    float | None,
    typer.Option(parser=parse_ratio_option, metavar="PERCENT", help="Messages that come a second time."),
]
Html = Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page too; it needs no network.")]


def forecast(
    scenario: ScenarioName,
    *,
    nodes: Nodes = 2,
    capacity: Capacity = None,
    ladder: Ladder = None,
    policies: Policies = None,
    tiers: Tiers = None,
    catalog: Catalog = None,
    instance: Instance = None,
    objective: Objective = "p(99) < 30s",
    service_time: ServiceTime = "50ms",
    retry: Retry = None,
    overrides: Overrides = None,
    html: Html = None,
    as_json: AsJson = False,
) -> None:
    """Hold a scenario's real calendar against fleets: what waits, for how long, when it drains, what it costs.

    The calendar is the scenario's campaign in real time, or its stages as they are run. Policies say how many nodes
    there are when; without any, a fleet that never changes is compared with one that grows with its load. Nothing is
    sent.
    """
    from loadkit.plan.fluid import Load
    from loadkit.plan.outlook import look_ahead
    from loadkit.plan.prospect import Setting
    from loadkit.scenario.load import load_scenario

    service_time_s = parse_duration(service_time)
    if service_time_s <= 0:
        raise UsageError("--service-time must be more than 0", hint="such as 50ms")
    described = load_scenario(find_scenario(scenario), overrides=overrides or ())
    campaign = described.campaign
    load = Load.of(_curve(described), retry=retry or 0.0)
    chosen = _policies(policies or (), nodes, load, campaign)
    node, basis = _capacity(capacity, ladder or ())
    nights = campaign is not None and any(policy.night is not None for policy in chosen)
    setting = Setting(
        load,
        node,
        service_time_s,
        _goal(objective),
        basis,
        retry=retry or 0.0,
        seconds_of_day=_seconds_of_day(campaign, load) if nights and campaign is not None else None,
    )
    rates, server = _goods(catalog or (), tiers or (), instance)
    found = look_ahead(setting, nodes, chosen, tiers=rates, instance=server)
    if html is not None:
        _write_page(html, described.name, found, campaign)
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, "scenario": described.name, **found.to_dict()})
        return
    _print_words(found, campaign)


def _curve(scenario: Scenario) -> Curve:
    from loadkit.scenario.calendar import campaign_timetable

    real = scenario.timetable if scenario.campaign is None else campaign_timetable(scenario.campaign)
    if real.curve is None or real.curve.area <= 0:
        raise UsageError(
            f"{scenario.name} sends as fast as its target takes it, so there is nothing to forecast",
            hint="name a scenario whose load has rates, or a campaign",
        )
    return real.curve


def _policies(files: Sequence[Path], nodes: int, load: Load, campaign: Campaign | None) -> tuple[Policy, ...]:
    from loadkit.plan.policy_schema import Timeline, load_policies

    timeline = Timeline(load.duration_s, load.peak_s, campaign)
    policies = tuple(policy for file in files for policy in load_policies(file, nodes, timeline))
    twice = sorted(name for name, count in Counter(one.name for one in policies).items() if count > 1)
    if twice:
        raise UsageError(f"several files name a policy {' and '.join(twice)}", hint="give each its own name")
    return policies


def _capacity(capacity: str | None, ladder: Sequence[Path]) -> tuple[Estimate, str]:
    from loadkit.analysis.results import Estimate

    if (capacity is None) == (not ladder):
        raise UsageError(
            "needs what one node can serve, from one source",
            hint="name a ladder of runs by --ladder, or a rate by --capacity 250/s",
        )
    if capacity is None:
        return _measured(ladder)
    rate_per_s = parse_rate(capacity)
    if rate_per_s <= 0:
        raise UsageError("--capacity must be above 0/s", hint="such as --capacity 250/s")
    stated = f"{format_rate(rate_per_s)}, as stated on the command line and not measured here"
    return Estimate("capacity", rate_per_s, rate_per_s, rate_per_s), stated


def _measured(ladder: Sequence[Path]) -> tuple[Estimate, str]:
    from loadkit.analysis.results import Estimate
    from loadkit.plan.measured import read_measured

    measured = read_measured(ladder)
    rates = measured.capacity_per_s
    span = "" if rates.certain else f", from {format_rate(rates.low)} to {format_rate(rates.high)}"
    basis = f"{format_rate(rates.mid)}{span}: {measured.basis}"
    return Estimate("capacity", rates.mid, rates.low, rates.high), basis


def _goal(text: str) -> Goal:
    from loadkit.analysis.goals import parse_goal
    from loadkit.scenario.thresholds import ThresholdError

    try:
        goal = parse_goal(text)
    except ThresholdError as error:
        raise UsageError(f"--objective {text!r}: {error}", hint=error.fix) from error
    if goal.limit_s is None:
        raise UsageError(
            f"--objective {text!r} is no delay, and nothing but delay is forecast", hint='write "p(99) < 30s"'
        )
    return goal


def _seconds_of_day(campaign: Campaign, load: Load) -> npt.NDArray[np.float64]:
    import numpy as np

    moments = (campaign.local(step * load.step_s) for step in range(len(load.arrivals)))
    return np.array([3600.0 * one.hour + 60 * one.minute + one.second for one in moments])


def _goods(
    catalog: Sequence[str], tiers: Sequence[str], instance: str | None
) -> tuple[dict[str, float], InstanceType | None]:
    """Rates of the tiers, and the type of server, that were named."""
    if not tiers and instance is None:
        if catalog:
            raise UsageError("--catalog is for --tier and --type", hint="name a tier or a type")
        return {}, None
    from loadkit.plan.catalog_load import DEFAULT, load_catalog

    goods = load_catalog(catalog or DEFAULT)
    unknown = [f"no tier {name!r} ({suggest(name, goods.tiers)})" for name in tiers if name not in goods.tiers]
    if instance is not None and instance not in goods.instance_types:
        unknown.append(f"no type {instance!r} ({suggest(instance, goods.instance_types)})")
    if unknown:
        raise UsageError(f"{goods.name} has {' and '.join(unknown)}", hint="other catalogues can be named by --catalog")
    return {name: goods.tiers[name].rate_per_s for name in tiers}, goods.instance_types.get(instance or "")


def _label(campaign: Campaign | None, duration_s: float) -> Callable[[float], str]:
    """A moment in words, for seconds since the start: local time of a campaign."""
    if campaign is None:
        return format_duration
    clock = "%m-%d %H:%M" if duration_s > _DAY_S else "%H:%M"
    return lambda elapsed_s: campaign.local(round(elapsed_s)).strftime(clock)


def _print_words(found: FleetForecast, campaign: Campaign | None) -> None:
    from loadkit.report.fleet_forecast import render_fleet_forecast
    from loadkit.report.sparkline import ASCII, BLOCKS, fits

    marks = BLOCKS if fits(BLOCKS, sys.stdout.encoding) else ASCII
    print_summary(render_fleet_forecast(found, _label(campaign, found.setting.load.duration_s), marks=marks))


def _write_page(path: Path, name: str, found: FleetForecast, campaign: Campaign | None) -> None:
    from loadkit.report.fleet_forecast_page import fleet_forecast_page

    page = fleet_forecast_page(found, name, _label(campaign, found.setting.load.duration_s))
    path.write_text(page, encoding="utf-8")
    print_note(f"wrote {path}")
