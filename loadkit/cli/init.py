"""`loadkit init`: write a scenario to begin with, or one that replays what mail logs show."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from loadkit.cli._options import AsJson, Quiet, parse_duration_option
from loadkit.cli._output import print_data, print_json, print_note
from loadkit.errors import UsageError

if TYPE_CHECKING:
    from loadkit.logs.gather import LogsRead

DEFAULT_NAME = "my_scenario"
DEFAULT_LOG_NAME = "from_log"
FROM_LOG = "--from-log"
SUFFIX = ".yaml"

_NAME = re.compile(r"[a-z0-9_-]{1,40}", re.ASCII)

_EDITOR_LINES = """\
# `loadkit schema scenario > scenario.schema.json`, in this folder, lets editors complete, explain and check this file:
# yaml-language-server: $schema=scenario.schema.json

"""

EXAMPLES = """\
  loadkit init morning
  loadkit init morning --from-log /var/log/mail.log* --window peak 30m"""


class InitCommand(TyperCommand):
    """Lets an option take all the files that a shell makes of ``mail.log*``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each of its files."""
        repeated: list[str] = []
        in_files = False
        for argument in args:
            if argument.startswith("-") and argument != "-":
                in_files = argument == FROM_LOG
            elif in_files and repeated[-1] != FROM_LOG:
                repeated.append(FROM_LOG)
            repeated.append(argument)
        return super().parse_args(ctx, repeated)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Files to be written.

    Args:
        scenario: The scenario's file.
        counts: The table of counts beside it.
    """

    scenario: Path
    counts: Path

    @property
    def next_commands(self) -> list[str]:
        """What to do with the scenario."""
        file = self.scenario
        return [
            f"loadkit check {file}",
            f"loadkit run {file} --compress 30s",
            f"loadkit run {file} --target smtp://mail.staging.example --allow mail.staging.example",
        ]


def init(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help=f"Name of the scenario; NAME{SUFFIX} is written.", show_default=False),
    ] = None,
    *,
    from_log: Annotated[
        list[Path] | None,
        typer.Option(
            FROM_LOG,
            metavar="FILE...",
            help="Replay the traffic of these logs of Postfix, Exim or OpenSMTPD, or of a CSV; rotated and compressed "
            "ones too.",
        ),
    ] = None,
    window: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="peak DURATION",
            help="Of the logs, replay only the busiest window of this length.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that exists.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write a scenario to begin with.

    Without a log it is a small one with comments, to be changed. From logs only distributions are taken, no address,
    no subject and no host name: when messages arrived, in what bursts, their sizes and recipients, how many came over
    a connection, and how many were tried again.
    """
    peak_s = _peak(window)
    if peak_s is not None and not from_log:
        raise UsageError("--window needs --from-log")
    outcome = _outcome(name or (DEFAULT_LOG_NAME if from_log else DEFAULT_NAME))
    _refuse_to_overwrite([outcome.scenario, *([outcome.counts] if from_log else [])], force=force)
    if from_log:
        _from_logs(outcome, from_log, peak_s, quiet=quiet, as_json=as_json)
    else:
        _starter(outcome, as_json=as_json)


def _starter(outcome: Outcome, *, as_json: bool) -> None:
    from loadkit.cli._starter import starter_text

    _write(outcome.scenario, _EDITOR_LINES + starter_text(outcome.scenario.stem, str(outcome.scenario)))
    if as_json:
        print_json({"scenario": str(outcome.scenario), "next": outcome.next_commands})
    else:
        print_data("\n".join([f"Wrote {outcome.scenario}.", *_next(outcome)]))


def _from_logs(outcome: Outcome, files: list[Path], peak_s: float | None, *, quiet: bool, as_json: bool) -> None:
    from loadkit.logs.traffic import traffic_of
    from loadkit.logs.writing import counts_text, findings, scenario_text, words

    logs = _read(files, quiet=quiet)
    traffic = traffic_of(logs, peak_s)
    _write(outcome.counts, counts_text(traffic))
    text = scenario_text(outcome.scenario.stem, outcome.counts.name, logs, traffic)
    _write(outcome.scenario, _EDITOR_LINES + text)
    if as_json:
        written = {"scenario": str(outcome.scenario), "counts": str(outcome.counts), "next": outcome.next_commands}
        print_json(written | {"found": findings(logs, traffic)})
        return
    _print_broken(logs)
    print_data(
        "\n".join([*words(logs, traffic), "", f"Wrote {outcome.scenario} and {outcome.counts}.", *_next(outcome)])
    )


def _read(files: list[Path], *, quiet: bool) -> LogsRead:
    from loadkit.logs.files import in_order
    from loadkit.logs.gather import gather

    if quiet:
        return gather(files)
    from loadkit.cli._log_progress import LogProgress

    with LogProgress(sys.stderr, sum(file.size_bytes for file in in_order(files))) as progress:
        return gather(files, progress.update)


def _print_broken(logs: LogsRead) -> None:
    """The places of broken lines, never the lines: they hold addresses."""
    for file, reason in logs.damaged:
        print_note(f"{file}: {reason}")
    broken = logs.gathered.broken
    for reason, places in broken.examples.items():
        for file, line in places:
            print_note(f"{file}:{line}: {reason}")
        more = broken.counts[reason] - len(places)
        if more:
            print_note(f"and {more:,} more such line{'s' if more != 1 else ''}")


def _outcome(name: str) -> Outcome:
    path = Path(name.removesuffix(SUFFIX))
    if not _NAME.fullmatch(path.name):
        raise UsageError(f"{path.name!r} is no name for a scenario", hint="1 to 40 of a-z 0-9 _ -")
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}")
    return Outcome(path.with_name(f"{path.name}{SUFFIX}"), path.with_name(f"{path.name}.counts.csv"))


def _peak(window: tuple[str, str] | None) -> float | None:
    if window is None:
        return None
    kind, length = window
    if kind != "peak":
        raise UsageError(f"--window can't be {kind!r}", hint="write --window peak 30m")
    return parse_duration_option(length)


def _refuse_to_overwrite(files: list[Path], *, force: bool) -> None:
    for file in files:
        if file.exists() and not force:
            raise UsageError(f"{file} exists", hint="give another name, or --force to overwrite it")


def _write(file: Path, text: str) -> None:
    """Write a file whole or not at all."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def _next(outcome: Outcome) -> list[str]:
    return ["Next:", *(f"  {command}" for command in outcome.next_commands)]
