"""From run to run of a verification: makes them, keeps every state and shows it."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import yaml
from rich.console import Console
from rich.live import Live
from rich.text import Text

from loadkit.analysis.verification import TierVerdict, Verifying
from loadkit.cli._ladder import SCENARIO_FILE, make_ladder_folder
from loadkit.cli._output import print_json, print_note, print_summary
from loadkit.cli._stopping import stoppable, stopped_code
from loadkit.cli._trial import WARM_UP_S, TrialRunner
from loadkit.errors import ExitCode
from loadkit.report.capacity import rate_text
from loadkit.report.certificate import render_certificate, run_words
from loadkit.scenario.load import dump_effective
from loadkit.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loadkit.analysis.search_trials import NextTrial
    from loadkit.scenario.schema import Scenario

SCHEMA_VERSION = 1
VERIFICATION_FILE = "verification.json"
REFRESHES_PER_S = 2.0

EXIT_CODES = {
    TierVerdict.MET: ExitCode.OK,
    TierVerdict.NOT_MET: ExitCode.THRESHOLDS,
    TierVerdict.INCONCLUSIVE: ExitCode.INVALID,
    TierVerdict.INVALID: ExitCode.INVALID,
}


@dataclass(frozen=True, slots=True)
class Case:
    """A verification and where it is kept.

    Args:
        folder: Takes the run folders and `VERIFICATION_FILE`.
        command: The command line that began it.
        verifying: The verification as it stands.
        interrupted: Whether it was stopped.
    """

    folder: Path
    command: tuple[str, ...]
    verifying: Verifying
    interrupted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The verification as plain JSON values."""
        verifying = self.verifying
        return {
            "schema_version": SCHEMA_VERSION,
            "command": list(self.command),
            "interrupted": self.interrupted,
            "promise": verifying.promise.to_dict(),
            "result": verifying.result().to_dict(),
            "runs": [one.to_dict() for one in verifying.done],
            "path": str(self.folder),
        }

    def saved(self, verifying: Verifying, *, interrupted: bool = False) -> Case:
        """The case with another state, which is on disk when this returns."""
        case = replace(self, verifying=verifying, interrupted=interrupted)
        file = self.folder / VERIFICATION_FILE
        new = file.with_suffix(".new")
        new.write_text(json.dumps(case.to_dict(), indent=2, ensure_ascii=False), encoding="utf-8")
        new.replace(file)
        return case


def verify_promise(
    scenario: Scenario, case: tuple[Verifying, tuple[str, ...], Path], options: tuple[str, ...]
) -> tuple[Case, ExitCode]:
    """Make the runs that a verification asks for, to its end.

    Args:
        scenario: What is sent, at the promise's rate.
        case: The verification, the command line, and the folder of results.
        options: Options of `loadkit run` that every run has.

    Returns:
        The case as it ended, and the exit code.

    Raises:
        LoadkitError: If a run could not be made.
    """
    verifying, command, results_dir = case
    folder = make_ladder_folder(results_dir, scenario.name, "verification")
    (folder / SCENARIO_FILE).write_text(dump_effective(scenario), encoding="utf-8")
    runner = TrialRunner(folder, yaml.safe_load(dump_effective(scenario)), verifying.promise.goals, options)
    kept = Case(folder, command, verifying).saved(verifying)
    stopped: list[int] = []
    with stoppable(stopped):
        try:
            while (trial := kept.verifying.next_run()) is not None:
                with _waiting_for(trial):
                    seen = runner.run(trial)
                kept = kept.saved(kept.verifying.with_run(trial, seen))
                print_note(run_words(trial.number - 1, kept.verifying))
        except KeyboardInterrupt:
            return kept.saved(kept.verifying, interrupted=True), stopped_code(stopped)
    return kept, EXIT_CODES[kept.verifying.result().verdict]


def print_case(case: Case, *, as_json: bool) -> None:
    """Print what a verification came to."""
    if as_json:
        print_json(case.to_dict())
    else:
        print_summary(render_certificate(case.verifying))
    print_note(f"{'interrupted; ' if case.interrupted else ''}{case.folder}")


@contextmanager
def _waiting_for(trial: NextTrial) -> Iterator[None]:
    """Show on a terminal how far a run is; elsewhere a line when it begins."""
    console, began_s = Console(stderr=True), time.monotonic()
    lasts = format_duration(trial.duration_s + WARM_UP_S)
    words = f"run {trial.number} at {rate_text(trial.rate_per_s)}"
    if not console.is_terminal:
        print_note(f"{words} for {lasts}")
        yield
        return

    def passed() -> Text:
        return Text(f"{words}: {format_duration(round(time.monotonic() - began_s))} of {lasts}", style="dim")

    with Live(get_renderable=passed, console=console, refresh_per_second=REFRESHES_PER_S, transient=True):
        yield
