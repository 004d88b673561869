"""The sides of a comparison: runs and searches found, checked for being comparable, and read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from loadkit.analysis.change import Bracket
from loadkit.analysis.comparison import Capacities, Side
from loadkit.cli._ladder import LADDER_FILE, open_ladder
from loadkit.cli._output import print_note
from loadkit.cli.report import find_run
from loadkit.errors import RunFolderError
from loadkit.measure.ladder import effective_scenario, runs_in, void_because
from loadkit.measure.replicates import read_replicate
from loadkit.measure.run_files import RUN_FILE
from loadkit.measure.store import Run

SAME_RATE = 0.05
"""Offered rates that differ by less are the same load, if their messages are many."""
_OF_THE_LOAD = ("load.executor", "load.sessions", "messages.")
_OF_NO_WEIGHT = (
    "target.",
    "thresholds",
    "seed",
    "description",
    "scenario",
    "load.stages",
    "load.duration",
    "delivery.",
)


def find_sides(wanted: Sequence[str], results_dir: Path) -> tuple[list[Path], list[tuple[Path, ...]]]:
    """The folders of the sides, and of each side the folders of searches; none where it holds runs.

    Raises:
        RunFolderError: If a folder is missing, or holds runs and searches.
    """
    folders = [find_run(one, results_dir) for one in wanted]
    return folders, [_searches(folder) for folder in folders]


def _searches(folder: Path) -> tuple[Path, ...]:
    if (folder / LADDER_FILE).is_file():
        return (folder,)
    found = tuple(sorted(file.parent for file in folder.glob(f"*/{LADDER_FILE}")))
    if found and next(folder.glob(f"*/{RUN_FILE}"), None) is not None:
        raise RunFolderError(f"{folder} holds runs and searches", hint="name one of them, or a folder of one sort")
    return found


def read_capacities(name: str, folders: Sequence[Path]) -> Capacities:
    """The brackets of the searches of a side."""
    brackets: dict[str, tuple[Bracket | None, ...]] = {}
    for folder in folders:
        for result in open_ladder(folder).search.results():
            low, high = result.lower_per_s, result.upper_per_s
            one = None if low is None or high is None else Bracket(low, high)
            brackets[result.goal.text] = (*brackets.get(result.goal.text, ()), one)
    return Capacities(name, brackets)


def read_runs(folder: Path) -> list[Run]:
    """The runs of a side that are evidence; one that is none is named and left out.

    Raises:
        RunFolderError: If none is left.
    """
    runs, void = [], []
    for run in runs_in(folder):
        if why := void_because(run):
            void.append(f"{run.head.name}: {why}")
        else:
            runs.append(run)
    if not runs:
        raise RunFolderError(f"there is nothing to compare in {folder}: {'; '.join(void)}", hint="make the run again")
    for one in void:
        print_note(f"left out: {one}")
    return runs


def read_side(name: str, runs: Sequence[Run]) -> Side:
    """A side by its runs."""
    return Side(name, tuple(read_replicate(run) for run in runs))


def load_problems(baseline: Run, other: Run) -> list[str]:
    """Why two runs were not under the same load."""
    problems = [one for one in differences(baseline, other) if one.startswith(_OF_THE_LOAD)]
    rates, errors = [], 0.0
    for run in (baseline, other):
        offered = run.summary.flows["offered"]
        rates.append(offered.per_s or 0.0)
        errors += 1 / max(offered.count, 1)
    # Arrivals by chance differ by so much now and then.
    tolerance = max(SAME_RATE, 3 * math.sqrt(errors))
    open_loop = baseline.facts["plan"]["open_loop"] and other.facts["plan"]["open_loop"]
    if open_loop and min(rates) > 0 and max(rates) / min(rates) > 1 + tolerance:
        problems.append(f"offered rate {rates[0]:,.4g}/s and {rates[1]:,.4g}/s")
    return problems


def differences(baseline: Run, other: Run) -> list[str]:
    """What the scenarios of two runs say differently, but for where and how long, in the order of the keys."""
    ours, theirs = (dict(_flat(effective_scenario(run))) for run in (baseline, other))
    return [
        f"{key} {ours.get(key, 'unset')} and {theirs.get(key, 'unset')}"
        for key in dict.fromkeys((*ours, *theirs))
        if ours.get(key) != theirs.get(key) and not key.startswith(_OF_NO_WEIGHT)
    ]


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
