"""The `loadkit` command: its verbs, and the one place where errors become words and exit codes."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from loadkit import __version__
from loadkit.cli import (
    blast,
    capacity,
    catalog,
    check,
    compare,
    cost,
    demo,
    export,
    fit,
    forecast,
    init,
    list_runs,
    plan,
    preflight,
    report,
    run,
    schema,
    sink,
    verify,
    worker,
)
from loadkit.cli._output import print_data, print_error

if TYPE_CHECKING:
    from collections.abc import Sequence

EXAMPLES = """\
  loadkit run smoke
  loadkit check promotion"""

EXIT_CODES = """\
    0  the measurement is valid and the thresholds are met
    1  a bug in loadkit
    2  the command or the scenario is wrong; nothing was sent
    3  the target is not allowed, can't be reached or is not fit for a run
    4  the measurement is not valid
   98  compare: worse than the baseline by more than --fail allows
   99  a threshold or a promise is missed, or a table of costs can't be right
  130  interrupted; results are written (143 by SIGTERM)"""

app = typer.Typer(
    name="loadkit",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help starts in a third of the time and reads the same in a pipe
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init", cls=init.InitCommand, epilog=f"\b\nExamples:\n{init.EXAMPLES}")(init.init)
for _verb, _command, _examples in (
    ("demo", demo.demo, demo.EXAMPLES),
    ("run", run.run, run.EXAMPLES),
    ("blast", blast.blast, blast.EXAMPLES),
    ("capacity", capacity.capacity, capacity.EXAMPLES),
    ("verify", verify.verify, verify.EXAMPLES),
    ("check", check.check, check.EXAMPLES),
    ("preflight", preflight.preflight, preflight.EXAMPLES),
    ("fit", fit.fit, fit.EXAMPLES),
    ("plan", plan.plan, plan.EXAMPLES),
    ("forecast", forecast.forecast, forecast.EXAMPLES),
    ("compare", compare.compare, compare.EXAMPLES),
    ("report", report.report, report.EXAMPLES),
    ("export", export.export, export.EXAMPLES),
    ("list", list_runs.list_runs, list_runs.EXAMPLES),
    ("sink", sink.sink, sink.EXAMPLES),
    ("schema", schema.schema, schema.EXAMPLES),
    ("worker", worker.worker, worker.EXAMPLES),
):
    app.command(_verb, epilog=f"\b\nExamples:\n{_examples}")(_command)
for _group, _verbs, _help, _examples in (
    ("catalog", catalog.app, catalog.HELP, catalog.EXAMPLES),
    ("cost", cost.app, cost.HELP, cost.EXAMPLES),
):
    app.add_typer(_verbs, name=_group, help=_help, epilog=f"\b\nExamples:\n{_examples}")


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        print_data(f"loadkit {__version__}")
        raise typer.Exit


@app.callback(epilog=f"\b\nExamples:\n{EXAMPLES}\n\n\b\nExit codes:\n{EXIT_CODES}")
def _loadkit(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """SMTP load testing: say what to send and when, measure it honestly, judge it.

    Results go to stdout, progress and errors to stderr.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: What follows the program's name; None means the process's own.

    Returns:
        The exit code, from `loadkit.errors.ExitCode`.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 gets a question mark, not a failure
    try:
        app(args=sys.argv[1:] if arguments is None else list(arguments), prog_name="loadkit")
    except SystemExit as end:  # how typer ends every command, good or bad
        return end.code if isinstance(end.code, int) else 0
    except Exception as error:  # noqa: BLE001 - no traceback reaches a user
        return print_error(error)
    return 0
