"""`loadkit check`: say what a scenario would send, or everything that is wrong with it."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loadkit.cli._bundled import find_scenario
from loadkit.cli._options import AsJson, Overrides, duration_text
from loadkit.cli._output import print_data, print_error, print_json, print_note
from loadkit.errors import ExitCode, LoadkitError, ScenarioError, UsageError
from loadkit.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadkit.report.forecast import Outlook

EXAMPLES = """\
  loadkit check promotion --html promotion.html
  loadkit check my/*.yaml --set load.stages.hold.rate=300/s --json"""

_PIPE_COLUMNS = 64
_MOST_COLUMNS = 100
_BESIDE_THE_CURVE = 24


Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="Scenario files or names of bundled ones.")]
Html = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Also draw the load of one scenario, as a page that needs no network."),
]
ServiceTime = Annotated[
    str,
    typer.Option(
        parser=duration_text,
        metavar="DURATION",
        help="The target's time for one message, from which sessions under way follow.",
    ),
]


def check(
    files: Files,
    *,
    html: Html = None,
    service_time: ServiceTime = "50ms",
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Say in words what scenarios would send, or what is wrong.

    Every problem is shown with its file, line and key. What follows is the load as a curve over time, with connections
    and busy sessions to be expected, and what a provider's guardrails would say. Nothing is sent.
    """
    if html is not None and len(files) != 1:
        raise UsageError("--html draws one scenario", hint="name one file")
    service_time_s = parse_duration(service_time)
    if service_time_s <= 0:
        raise UsageError("--service-time must be more than 0", hint="such as 50ms")
    results = [_check_one(name, overrides or (), service_time_s) for name in files]
    if as_json:
        print_json([_as_dict(name, result) for name, result in zip(files, results, strict=True)])
    else:
        _print_words(files, results)
    if html is not None and not isinstance(results[0], LoadkitError):
        _write_page(html, results[0])
    if any(isinstance(result, LoadkitError) or result.refused for result in results):
        raise typer.Exit(ExitCode.USAGE)


def _check_one(name: str, overrides: Sequence[str], service_time_s: float) -> Outlook | LoadkitError:
    from loadkit.report.forecast import outlook_of
    from loadkit.scenario.load import load_scenario

    try:
        return outlook_of(load_scenario(find_scenario(name), overrides=overrides), service_time_s=service_time_s)
    except LoadkitError as error:
        return error


def _print_words(files: list[str], results: list[Outlook | LoadkitError]) -> None:
    from loadkit.report.forecast import outlook_lines
    from loadkit.report.sparkline import ASCII, BLOCKS, fits
    from loadkit.scenario.describe import describe

    columns = _PIPE_COLUMNS
    if sys.stdout.isatty():
        columns = max(1, min(_MOST_COLUMNS, shutil.get_terminal_size().columns - _BESIDE_THE_CURVE))
    marks = BLOCKS if fits(BLOCKS, sys.stdout.encoding) else ASCII
    for number, (name, result) in enumerate(zip(files, results, strict=True)):
        if isinstance(result, LoadkitError):
            print_error(result)
        else:
            outlook = "\n".join(outlook_lines(result, columns=columns, marks=marks))
            print_data(f"{'' if number == 0 else chr(10)}{name}: valid\n{describe(result.scenario)}\n{outlook}")


def _write_page(path: Path, outlook: Outlook) -> None:
    from loadkit.report.forecast_page import forecast_page

    path.write_text(forecast_page(outlook), encoding="utf-8")
    print_note(f"page: {path}")


def _as_dict(name: str, result: Outlook | LoadkitError) -> dict[str, Any]:
    from loadkit.scenario.describe import describe

    if isinstance(result, ScenarioError):
        return {"file": name, "valid": False, "problems": [asdict(problem) for problem in result.problems]}
    if isinstance(result, LoadkitError):
        return {"file": name, "valid": False, "problems": [{"message": str(result), "fix": result.hint}]}
    return {"file": name, "valid": True, "problems": [], "description": describe(result.scenario), **result.to_dict()}
