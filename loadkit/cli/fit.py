"""`loadkit fit`: curves from a ladder of runs, or from columns of a CSV file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loadkit.cli._options import AsJson, parse_ratio_option
from loadkit.cli._output import print_data, print_json, print_note, print_summary
from loadkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadkit.analysis.latency_fit import LatencyFit
    from loadkit.analysis.scalability_fit import ScalabilityFit
    from loadkit.measure.ladder import Ladder

EXAMPLES = """\
  loadkit fit results/example
  loadkit fit ladder.csv --csv concurrency,throughput --html curve.html"""

_QUANTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,4})?)(?:_ms|_us|_s)?")
_RUN = "run"


@dataclass(frozen=True, slots=True)
class _Points:
    """Trials of one kind, before they are fitted.

    Args:
        names: What is varied and what comes of it, in the words of their source.
        varied: Concurrency or rate.
        outcomes: Throughput under the name "", or latencies in seconds by quantile.
        run: Which run each belongs to; None where each is its own.
    """

    names: tuple[str, str]
    varied: list[float]
    outcomes: dict[float | None, list[float]]
    run: list[str] | None


Sources = Annotated[
    list[Path], typer.Argument(metavar="LADDER...", help="Run folders, folders of runs, or with --csv CSV files.")
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--csv",
        metavar="COLUMNS",
        help="Read CSV files: concurrency,throughput or rate,p50,p99 by their names in the file, what is varied "
        "first. Latencies are seconds, or in the unit of name (p99_ms) or cell. A column named run joins trials.",
    ),
]
Curve = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Take this curve whatever the data say: linear, linear with cap, power, Amdahl or USL."
    ),
]
Limit = Annotated[
    float,
    typer.Option(
        "--utilisation",
        parser=parse_ratio_option,
        metavar="PERCENT",
        help="How much of a resource of the target may be in use, where runs observed it.",
    ),
]
Html = Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with pictures too; it needs no network.")]


def fit(
    sources: Sources,
    *,
    columns: Columns = None,
    curve: Curve = None,
    limit: Limit = "80%",  # type: ignore[assignment]  # read by the parser
    html: Html = None,
    as_json: AsJson = False,
) -> None:
    """Fit curves of throughput against concurrency, or of latency against rate.

    Each run of a ladder is a trial: closed loops give sessions and accepted rate, others rate and response times.
    Several folders are several ladders, and what trials of one have in common is not taken for evidence twice.

    Where at least three runs observed the target's host, a table says what each message takes of its resources, and
    which of them gives out first.
    """
    demand = None
    if columns is not None:
        points = _from_csv(sources, columns)
    else:
        from loadkit.cli._demand import demand_of

        ladder = _ladder(sources)
        points, demand = _from_runs(ladder), demand_of(ladder, limit)
    fitted = _fit_all(points, curve, enough=demand is not None)
    shown = [_rendered(one, result) for one, result in fitted]
    shown += [] if demand is None else [demand.rendered()]
    if html is not None:
        _write_page(html, fitted, shown)
    if as_json:
        found = {_kind(one): {"names": points.names, **one.to_dict()} for points, one in fitted}
        print_json(found if demand is None else found | {"demand": demand.to_dict()})
        return
    for number, one in enumerate(shown):
        if number:
            print_data("")
        print_summary(one)


def _fit_all(
    every: Sequence[_Points], curve: str | None, *, enough: bool
) -> list[tuple[_Points, ScalabilityFit | LatencyFit]]:
    """Fit what can be; refused is only what leaves nothing, unless there is enough without it."""
    from loadkit.analysis.refusal import RefusedError

    fitted: list[tuple[_Points, ScalabilityFit | LatencyFit]] = []
    refusals = []
    for points in every:
        try:
            fitted.append((points, _fit(points, curve)))
        except RefusedError as refusal:
            refusals.append(refusal)
    if not fitted and not enough:
        raise refusals[0]
    for one in refusals:
        print_note(f"note: {one}; {one.hint}")
    return fitted


def _fit(points: _Points, curve: str | None) -> ScalabilityFit | LatencyFit:
    from loadkit.analysis.latency import fit_latency
    from loadkit.analysis.scalability import ScalabilitySettings, fit_scalability

    if None not in points.outcomes:
        latencies = {quantile: values for quantile, values in points.outcomes.items() if quantile is not None}
        return fit_latency(points.varied, latencies, run=points.run)
    try:
        return fit_scalability(
            points.varied, points.outcomes[None], run=points.run, settings=ScalabilitySettings(curve=curve or "")
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def _from_csv(files: Sequence[Path], columns: str) -> list[_Points]:
    from loadkit.cli._columns import Column, number, read_columns, seconds

    names = [name.strip() for name in columns.split(",")]
    measured = [name for name in names if name != _RUN]
    if len(measured) < 2 or len(set(names)) < len(names) or "" in names:  # noqa: PLR2004 - what varies, what comes of it
        raise UsageError(f"--csv {columns} names no two columns", hint="such as --csv concurrency,throughput")
    varied, *outcomes = measured
    quantiles = {name: _QUANTILE.fullmatch(name) for name in outcomes}
    if len(outcomes) > 1 and not all(quantiles.values()):
        raise UsageError(
            f"--csv {columns} names neither one throughput nor quantiles only",
            hint="such as --csv concurrency,throughput or --csv rate,p50,p99",
        )
    readers = [Column(varied, number)]
    readers += [Column(name, seconds(name) if match else number) for name, match in quantiles.items()]
    readers += [Column(_RUN, str)] if _RUN in names else []
    values: dict[str, Any] = dict(read_columns(files, readers))
    by_quantile = {float(match[1]) / 100 if match else None: values[name] for name, match in quantiles.items()}
    second = "latency" if None not in by_quantile else outcomes[0]
    return [_Points((varied, second), values[varied], by_quantile, values.get(_RUN))]


def _ladder(folders: Sequence[Path]) -> Ladder:
    from loadkit.measure.ladder import read_ladder

    ladder = read_ladder(folders)
    for one in ladder.left_out:
        print_note(f"left out: {one.run}: {one.reason}")
    return ladder


def _from_runs(ladder: Ladder) -> list[_Points]:
    found = []
    if ladder.sessions:
        found.append(
            _Points(
                ("sessions", "accepted/s"),
                [float(trial.sessions) for trial in ladder.sessions],
                {None: [trial.accepted_per_s for trial in ladder.sessions]},
                _ladders([trial.ladder for trial in ladder.sessions]),
            )
        )
    if ladder.rates and ladder.quantiles:
        found.append(
            _Points(
                ("rate", "response time"),
                [trial.rate_per_s for trial in ladder.rates],
                {quantile: [trial.quantiles_s[quantile] for trial in ladder.rates] for quantile in ladder.quantiles},
                _ladders([trial.ladder for trial in ladder.rates]),
            )
        )
    if not found:
        raise UsageError("no run here is a trial", hint="make a ladder: runs of load.executor sessions, or at one rate")
    return found


def _ladders(names: list[str]) -> list[str] | None:
    """The ladders as runs of trials, where there are several."""
    return names if len(set(names)) > 1 else None


def _kind(result: ScalabilityFit | LatencyFit) -> str:
    from loadkit.analysis.latency_fit import LatencyFit

    return "latency" if isinstance(result, LatencyFit) else "scalability"


def _rendered(points: _Points, result: ScalabilityFit | LatencyFit) -> Any:
    from loadkit.analysis.latency_fit import LatencyFit
    from loadkit.report.fit import render_latency, render_scalability

    if isinstance(result, LatencyFit):
        return render_latency(result, points.names[0])
    return render_scalability(result, points.names)


def _write_page(
    path: Path, fitted: Sequence[tuple[_Points, ScalabilityFit | LatencyFit]], shown: Sequence[Any]
) -> None:
    from loadkit.cli._output import as_text
    from loadkit.report.fit_page import fit_page
    from loadkit.report.page import render_page

    page = fit_page([(points.names, one) for points, one in fitted], "\n\n".join(map(as_text, shown)))
    path.write_text(render_page(page), encoding="utf-8")
    print_note(f"wrote {path}")
