"""`loadkit demo`: the whole way in three minutes, from a small mail server to a costed plan as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadkit.cli._options import DEFAULT_RESULTS, AsJson, Quiet, ResultsDir
from loadkit.cli._output import print_data, print_json, print_note
from loadkit.errors import ExitCode

EXAMPLES = """\
  loadkit demo
  loadkit demo --html plan.html --json"""

Page = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="The page; demo.html in the ladder's folder unless told."),
]


def demo(
    *, html: Page = None, results_dir: ResultsDir = DEFAULT_RESULTS, quiet: Quiet = False, as_json: AsJson = False
) -> None:
    """Go the whole way once: a ladder, a fitted curve, a plan for three tiers, and one page.

    What is loaded is a sink on this machine that behaves as a small mail server: four servers, 10 ms a message, one
    queue, so 400 messages a second at most. Its capacity under an objective is searched by real trials, the curve of
    latency is fitted, and the bundled tiers are planned from it with the mixed month's calendar. It ends with what it
    found in ten lines. Ctrl-C stops in good order.
    """
    from loadkit.cli._demonstration import Demonstration, search_small_server
    from loadkit.cli._stopping import stopped_code

    print_note("1 of 3: a ladder of trials against a sink that behaves as a small mail server, two minutes")
    stopped: list[int] = []
    ladder = search_small_server(results_dir, stopped, quiet=quiet)
    if ladder.status == "interrupted":
        print_note(f"interrupted; go on with: loadkit capacity --resume {ladder.folder}")
        raise typer.Exit(stopped_code(stopped))
    print_note("2 of 3: a plan for every tier from it")
    found = Demonstration.of(ladder)
    page = html or ladder.folder / "demo.html"
    print_note("3 of 3: one page with all of it")
    page.write_text(found.page(), encoding="utf-8")
    if as_json:
        print_json(found.to_dict() | {"page": str(page)})
    else:
        print_data("\n".join(found.lines(page)))
    raise typer.Exit(ExitCode.OK)
