"""`loadkit report`: show a run again, also one that was cut short."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadkit.cli._options import DEFAULT_RESULTS, AsJson, ResultsDir
from loadkit.cli._output import print_json, print_note, print_summary
from loadkit.errors import RunFolderError

if TYPE_CHECKING:
    from loadkit.measure.store import Run
    from loadkit.measure.summary import Summary

EXAMPLES = """\
  loadkit report latest
  loadkit report results/20261124T082500Z-smoke-127.0.0.1-2525 --json"""

LATEST = "latest"


def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, its name in the results, or latest.")],
    *,
    results_dir: ResultsDir = DEFAULT_RESULTS,
    as_json: AsJson = False,
) -> None:
    """Show a run's summary.

    The summary of a run that was cut short is rebuilt from what it had written by then.
    """
    from loadkit.measure.store import open_run
    from loadkit.report.text import render_summary

    opened = open_run(find_run(run, results_dir))
    summary = _summary_of(opened)
    if as_json:
        print_json(summary.to_dict())
    else:
        print_summary(render_summary(summary, opened.head))


def find_run(wanted: str, results_dir: Path) -> Path:
    """The folder of a run.

    Args:
        wanted: A path, the name of a folder in the results, or ``latest``.
        results_dir: Folder that holds the runs.

    Raises:
        RunFolderError: If there is none.
    """
    from loadkit.measure.store import list_runs

    if wanted == LATEST:
        heads = list_runs(results_dir)
        if not heads:
            raise RunFolderError(f"there is no run in {results_dir}", hint="make one: loadkit run smoke")
        return heads[-1].path
    for path in (Path(wanted), results_dir / wanted):
        if path.is_dir():
            return path
    raise RunFolderError(f"there is no run {wanted!r}", hint=f"loadkit list --results {results_dir} shows them")


def _summary_of(run: Run) -> Summary:
    from loadkit.measure.store import rebuild_summary

    if run.head.complete:
        return run.summary
    print_note("this run was cut short; its summary is rebuilt from what it had written")
    return rebuild_summary(run)
