"""`loadkit list`: the runs in the results folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadkit.cli._options import DEFAULT_RESULTS, AsJson, ResultsDir
from loadkit.cli._output import print_json, print_table

if TYPE_CHECKING:
    from loadkit.measure.store import RunHead

EXAMPLES = """\
  loadkit list
  loadkit list --results /var/lib/loadkit --json"""

HEADER = ("RUN", "VERDICT", "SCENARIO", "TARGET")


def list_runs(*, results_dir: ResultsDir = DEFAULT_RESULTS, as_json: AsJson = False) -> None:
    """List the runs, the oldest first.

    Runs that were cut short are listed too; `loadkit report` reads them as far as they got.
    """
    from loadkit.measure.store import list_runs as heads_of_runs

    heads = heads_of_runs(results_dir)
    if as_json:
        print_json([head.to_dict() for head in heads])
    else:
        print_table(HEADER, [_row(head) for head in heads])


def _row(head: RunHead) -> tuple[str, ...]:
    return (head.name, head.verdict or head.status, head.scenario, head.target)
