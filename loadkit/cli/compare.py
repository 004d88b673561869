"""`loadkit compare`: runs, or searches for a capacity, beside a baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from loadkit.cli._options import DEFAULT_RESULTS, AsJson, ResultsDir
from loadkit.cli._output import print_json, print_summary
from loadkit.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from loadkit.analysis.comparison import Comparison
    from loadkit.analysis.regression import Judged, Limit
    from loadkit.plan.capacity_cost import HourPrice

EXAMPLES = """\
  loadkit compare results/before latest --fail "p(95):5%" --fail "success:0.1%"
  loadkit compare results/small results/large --price ecs.c8i.large --price ecs.g8i.large"""


Sides = Annotated[
    list[str],
    typer.Argument(
        metavar="BASELINE OTHER...",
        help="Run folders, names in the results, latest, folders of runs of the same, or folders of searches.",
    ),
]
Fail = Annotated[
    list[str] | None,
    typer.Option(
        "--fail",
        metavar="LIMIT",
        help='How much worse may be, such as "p(95):5%", "dot p(99):10%", "success:0.1%", "throughput:5%" or '
        '"capacity:5%"; repeatable.',
    ),
]
Price = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TYPE",
        help="The instance type that a side's searches were made on, once for each side in their order: tells what "
        "a million messages cost.",
    ),
]
Catalog = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME|FILE", help="Catalogues of prices, of which the later wins; repeatable."),
]
Anyway = Annotated[bool, typer.Option("--anyway", help="Compare runs that were not under the same load.")]


def compare(
    sides: Sides,
    *,
    fail: Fail = None,
    price: Price = None,
    catalog: Catalog = None,
    anyway: Anyway = False,
    results_dir: ResultsDir = DEFAULT_RESULTS,
    as_json: AsJson = False,
) -> None:
    """Compare runs, or searches for a capacity; the first is the baseline.

    A folder of several runs is one side. Three runs of each side or more: intervals tell how much runs of the same
    differ. Fewer: they rest on batches of 10 s, and tell of these runs alone. A difference is claimed if its interval
    leaves out none and it is above 5 % and 1 ms (failed messages: 0.1 % of all); what the data can't tell is said, with
    how many more would.

    With --price, searches say what a million messages cost on one instance that is always at its capacity. How far a
    price may be off, by its grade, is in the interval.

    --fail ends with exit code 98 if a figure is worse by more than its limit with 95 % confidence, and with 4 if a
    limit can't be judged for lack of data.
    """
    from loadkit.analysis.regression import judge_limit
    from loadkit.report.compare import render_comparisons

    limits = _limits(fail or ())
    if len(sides) < 2:  # noqa: PLR2004 - a baseline and another
        raise UsageError("a baseline and at least one other are needed", hint="see loadkit compare --help")
    comparisons = _compare(sides, results_dir, limits, anyway=anyway)
    prices = _prices(price or (), catalog or (), comparisons)
    if prices:
        comparisons = _with_costs(comparisons, prices)
    judged = [one for limit in limits for comparison in comparisons for one in judge_limit(limit, comparison)]
    if as_json:
        values = [comparison.to_dict() for comparison in comparisons]
        found = {"comparisons": values, "limits": [one.to_dict() for one in judged]}
        print_json(found | ({"prices": [one.to_dict() for one in prices]} if prices else {}))
    else:
        print_summary(render_comparisons(comparisons, judged, prices))
    raise typer.Exit(_exit_code(judged))


def _prices(types: Sequence[str], catalogs: Sequence[str], comparisons: Sequence[Comparison]) -> tuple[HourPrice, ...]:
    """An hour of each side's instance; none where no type is named."""
    if not types:
        return ()
    from loadkit.plan.capacity_cost import hour_price
    from loadkit.plan.catalog_load import DEFAULT, load_catalog

    if any(one.unit != "searches" for one in comparisons):
        raise UsageError(
            "--price: a run's rate is what it was offered, not what its target can carry",
            hint="name folders of searches: loadkit capacity makes one",
        )
    sides = [comparisons[0].baseline, *(one.candidate for one in comparisons)]
    if len(types) != len(sides):
        raise UsageError(f"{len(types)} --price for {len(sides)} sides", hint="name one for each, in their order")
    catalog = load_catalog(catalogs or DEFAULT)
    return tuple(hour_price(catalog, side, one) for side, one in zip(sides, types, strict=True))


def _with_costs(comparisons: Sequence[Comparison], prices: Sequence[HourPrice]) -> tuple[Comparison, ...]:
    from loadkit.plan.capacity_cost import with_costs

    return tuple(with_costs(one, prices[0], price) for one, price in zip(comparisons, prices[1:], strict=True))


def _exit_code(judged: Sequence[Judged]) -> ExitCode:
    from loadkit.analysis.regression import Judgement

    found = {one.judgement for one in judged}
    if Judgement.EXCEEDED in found:
        return ExitCode.WORSE
    return ExitCode.INVALID if Judgement.UNKNOWN in found else ExitCode.OK


def _limits(texts: Sequence[str]) -> list[Limit]:
    """The limits; every one that is wrong is named."""
    from loadkit.analysis.regression import parse_limit
    from loadkit.scenario.thresholds import ThresholdError

    limits, wrong = [], []
    for text in texts:
        try:
            limits.append(parse_limit(text))
        except ThresholdError as error:
            wrong.append(f"--fail {text!r}: {error}" + (f" ({error.fix})" if error.fix else ""))
    if wrong:
        raise UsageError("; ".join(wrong), hint="see loadkit compare --help")
    return limits


def _compare(
    sides: Sequence[str], results_dir: Path, limits: Sequence[Limit], *, anyway: bool
) -> tuple[Comparison, ...]:
    from loadkit.analysis.comparison import compare_capacities
    from loadkit.cli._sides import find_sides, read_capacities

    folders, searches = find_sides(sides, results_dir)
    names = [folder.name or str(folder) for folder in folders]
    if len(set(names)) < len(names):
        names = list(map(str, folders))
    if any(searches) and not all(searches):
        raise UsageError("runs can't be compared with searches", hint="name run folders only, or folders of searches")
    for limit in limits:
        if (limit.metric == "capacity") != all(searches):
            of = "a search has a capacity alone" if all(searches) else "runs have no capacity: name folders of searches"
            raise UsageError(f"--fail {limit.text!r}: {of}", hint="see loadkit compare --help")
    if not all(searches):
        return _compare_runs(folders, names, anyway=anyway)
    baseline, *others = (read_capacities(name, found) for name, found in zip(names, searches, strict=True))
    comparisons = tuple(compare_capacities(baseline, other) for other in others)
    for one in comparisons:
        if not one.changes:
            raise UsageError(
                f"{one.baseline} and {one.candidate} have no objective in common", hint="search for the same objectives"
            )
    return comparisons


def _compare_runs(folders: Sequence[Path], names: Sequence[str], *, anyway: bool) -> tuple[Comparison, ...]:
    from loadkit.analysis.comparison import compare_sides
    from loadkit.cli._sides import differences, load_problems, read_runs, read_side

    runs = [read_runs(folder) for folder in folders]
    first = runs[0][0]
    others = [run for side in runs for run in side if run is not first]
    problems = {run.head.name: load_problems(first, run) for run in others}
    wrong = [f"{name}: {', '.join(found)}" for name, found in problems.items() if found]
    if wrong and not anyway:
        raise UsageError(
            f"not under the same load as {first.head.name}: {'; '.join(wrong)}",
            hint="make runs of the same load, or compare all the same with --anyway",
        )
    baseline, *candidates = (read_side(name, side) for name, side in zip(names, runs, strict=True))
    found = [[*differences(first, side[0]), *load_problems(first, side[0])] for side in runs[1:]]
    return tuple(
        compare_sides(baseline, candidate, tuple(dict.fromkeys(differs)))
        for candidate, differs in zip(candidates, found, strict=True)
    )
