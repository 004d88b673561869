"""`loadkit cost`: does a printed table of costs add up?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadkit.cli._options import AsJson
from loadkit.cli._output import print_json, print_summary
from loadkit.errors import ExitCode

HELP = "Recompute what others print about costs; with --json where a program reads it."
EXAMPLES = """\
  loadkit cost check examples/school_costs.yaml
  loadkit cost check offer.csv --json"""

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.command("check", epilog=f"\b\nExamples:\n{EXAMPLES}")
def check_costs(
    file: Annotated[Path, typer.Argument(metavar="TABLE", help="A table as it is printed, in YAML or CSV.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Recompute a printed table of costs: its sums, its percentages, and what its savings take.

    A CSV file has a column of names, columns of money, and columns called change with the printed change of the column
    before them; one row is called total. In YAML an item can also say what its saving is said to come from: servers
    that follow the load, a colder class of storage, or paying by use. The assumption that it leaves out is solved for.

    Ends with exit code 99 if a number can't be right, whatever the savings take.
    """
    from loadkit.plan.cost_reading import read_cost_table
    from loadkit.plan.cost_table import check
    from loadkit.report.cost_table import cost_table_to_dict, render_cost_table

    costs = read_cost_table(file)
    if as_json:
        print_json(cost_table_to_dict(costs))
    else:
        print_summary(render_cost_table(costs))
    if check(costs):
        raise typer.Exit(ExitCode.THRESHOLDS)
