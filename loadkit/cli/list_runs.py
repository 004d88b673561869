"""`loadkit list`: the runs in the results folder, the trend of capacity, and an index page."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from loadkit.cli._options import DEFAULT_RESULTS, AsJson, Lang, Language, ResultsDir
from loadkit.cli._output import print_data, print_json, print_table

if TYPE_CHECKING:
    from pathlib import Path

    from loadkit.cli._chosen import Chosen
    from loadkit.measure.store import RunHead

EXAMPLES = """\
  loadkit list --verdict failed --since 7d
  loadkit list --trend --target mail.staging.example"""

HEADER = ("RUN", "VERDICT", "SCENARIO", "TARGET")
INDEX_FILE = "index.html"


class WantedVerdict(StrEnum):
    """What a run may have come to."""

    PASSED = "passed"
    FAILED = "failed"
    INVALID = "invalid"
    INTERRUPTED = "interrupted"
    RUNNING = "running"


def list_runs(
    *,
    results_dir: ResultsDir = DEFAULT_RESULTS,
    scenario: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only runs of this scenario; * and ? stand for others.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only runs whose target has this in it; * and ? likewise.")
    ] = None,
    verdict: Annotated[WantedVerdict | None, typer.Option(help="Only runs that came to this.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Only runs since then: 7d for so long ago, or 2026-11-24.")
    ] = None,
    trend: Annotated[
        bool, typer.Option("--trend", help="Show what searches for capacity found over time instead, by target.")
    ] = False,
    index: Annotated[
        bool, typer.Option("--index", help="Write a page about all of it, index.html in the results.")
    ] = False,
    lang: Lang = Language.EN,
    as_json: AsJson = False,
) -> None:
    """List the runs, the oldest first.

    Runs that were cut short are listed too; `loadkit report` reads them as far as they got. --trend compares searches
    of the same target, scenario and goal: a change is told only where their brackets are apart.
    """
    from loadkit.cli._chosen import Chosen, since_option

    chosen = Chosen(scenario, target, None if verdict is None else verdict.value, since_option(since))
    if index:
        print_data(str(_write_index(results_dir, chosen, lang)))
    elif trend:
        _print_trend(results_dir, chosen, as_json=as_json)
    else:
        heads = _heads(results_dir, chosen)
        if as_json:
            print_json([head.to_dict() for head in heads])
        else:
            print_table(HEADER, [_row(head) for head in heads])


def _heads(results_dir: Path, chosen: Chosen) -> list[RunHead]:
    from loadkit.measure.store import list_runs as heads_of_runs

    return [head for head in heads_of_runs(results_dir) if chosen.has_run(head)]


def _row(head: RunHead) -> tuple[str, ...]:
    return (head.name, head.verdict or head.status, head.scenario, head.target)


def _print_trend(results_dir: Path, chosen: Chosen, *, as_json: bool) -> None:
    from loadkit.cli._trend import read_findings
    from loadkit.report.trend import trend_header, trend_rows

    findings = list(read_findings(results_dir, chosen))
    if as_json:
        print_json([one.to_dict() for one in findings])
    else:
        print_table([name.upper() for name in trend_header()], trend_rows(findings))


def _write_index(results_dir: Path, chosen: Chosen, lang: Language) -> Path:
    from loadkit.cli._trend import read_findings
    from loadkit.report.index_page import index_page
    from loadkit.report.page import render_page
    from loadkit.report.words import Words

    findings = list(read_findings(results_dir, chosen))
    page = index_page(results_dir, _heads(results_dir, chosen), findings, Words(lang.value))
    path = results_dir / INDEX_FILE
    path.write_text(render_page(page), encoding="utf-8")
    return path
