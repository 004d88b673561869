"""What the searches in a folder of results found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from loadkit.cli._ladder import LADDER_FILE, Ladder, open_ladder
from loadkit.cli._output import print_note
from loadkit.errors import RunFolderError
from loadkit.measure.store import list_runs
from loadkit.report.trend import Finding

if TYPE_CHECKING:
    from loadkit.cli._chosen import Chosen

BUNDLED = "bundled sink"
_MOMENT = re.compile(r"\d{8}T\d{6}Z")


def read_findings(results_dir: Path, chosen: Chosen) -> Iterator[Finding]:
    """What searches found, those that can't be read left out with a note.

    Args:
        results_dir: Folder of all results.
        chosen: Which of them.
    """
    for file in sorted(results_dir.glob(f"*/{LADDER_FILE}")):
        try:
            ladder = open_ladder(file.parent)
        except RunFolderError as error:
            print_note(f"left out: {error}")
            continue
        at, target = _began_at(file), _target(ladder)
        if chosen.has(scenario=ladder.scenario, target=target, at=at):
            for result in ladder.search.results():
                yield Finding(ladder.folder.name, at, target, ladder.scenario, result)


def _began_at(file: Path) -> float:
    """When a search began, by its folder's name; by its file where the folder was renamed."""
    match = _MOMENT.match(file.parent.name)
    if match is None:
        return file.stat().st_mtime
    return datetime.strptime(match[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _target(ladder: Ladder) -> str:
    """Where load went; each trial without a target starts a bundled sink of its own, on a port of its own."""
    if "--target" in ladder.options:
        return ladder.options[ladder.options.index("--target") + 1]
    targets = {head.target for head in list_runs(ladder.folder)}
    return targets.pop() if len(targets) == 1 else BUNDLED
