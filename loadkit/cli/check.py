"""`loadkit check`: say what a scenario would send, or everything that is wrong with it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loadkit.cli._bundled import find_scenario
from loadkit.cli._options import AsJson, Overrides
from loadkit.cli._output import print_data, print_error, print_json
from loadkit.errors import ExitCode, LoadkitError, ScenarioError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadkit.scenario.schema import Scenario

EXAMPLES = """\
  loadkit check promotion
  loadkit check my/*.yaml --set load.stages.hold.rate=300/s --json"""


def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Scenario files or names of bundled ones.")],
    *,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Say in words what scenarios would send, or what is wrong.

    Every problem is shown with its file, line and key. Nothing is sent.
    """
    results = [_check_one(name, overrides or ()) for name in files]
    if as_json:
        print_json([_as_dict(name, result) for name, result in zip(files, results, strict=True)])
    else:
        _print_words(files, results)
    if any(isinstance(result, LoadkitError) for result in results):
        raise typer.Exit(ExitCode.USAGE)


def _check_one(name: str, overrides: Sequence[str]) -> Scenario | LoadkitError:
    from loadkit.scenario.load import load_scenario

    try:
        return load_scenario(find_scenario(name), overrides=overrides)
    except LoadkitError as error:
        return error


def _print_words(files: list[str], results: list[Scenario | LoadkitError]) -> None:
    from loadkit.scenario.describe import describe

    for number, (name, result) in enumerate(zip(files, results, strict=True)):
        if isinstance(result, LoadkitError):
            print_error(result)
        else:
            print_data(f"{'' if number == 0 else chr(10)}{name}: valid\n{describe(result).rstrip()}")


def _as_dict(name: str, result: Scenario | LoadkitError) -> dict[str, Any]:
    from loadkit.scenario.describe import describe

    if isinstance(result, ScenarioError):
        return {"file": name, "valid": False, "problems": [asdict(problem) for problem in result.problems]}
    if isinstance(result, LoadkitError):
        return {"file": name, "valid": False, "problems": [{"message": str(result), "fix": result.hint}]}
    return {"file": name, "valid": True, "problems": [], "description": describe(result)}
