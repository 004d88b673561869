"""The folder of a search: its scenario, its state after every trial, and the run folders of its trials."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loadkit.analysis.search import Search
from loadkit.errors import RunFolderError, UsageError

SCHEMA_VERSION = 1
LADDER_FILE = "ladder.json"
SCENARIO_FILE = "scenario.effective.yaml"


@dataclass(frozen=True, slots=True)
class Ladder:
    """A search and where it is kept.

    Args:
        folder: The folder.
        scenario: The scenario's name.
        options: Options of `loadkit run` that every trial has.
        command: The command line that began it.
        search: The search as it stands.
        status: ``running``, ``interrupted`` or ``complete``.
        reason: Why it ended; empty while it runs.
    """

    folder: Path
    scenario: str
    options: tuple[str, ...]
    command: tuple[str, ...]
    search: Search
    status: str = "running"
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The ladder as plain JSON values."""
        return {
            "schema_version": SCHEMA_VERSION,
            "status": self.status,
            "reason": self.reason,
            "scenario": self.scenario,
            "command": list(self.command),
            "options": list(self.options),
            "results": [result.to_dict() for result in self.search.results()],
            "search": self.search.to_dict(),
        }

    def saved(self, search: Search, status: str = "running", reason: str = "") -> Ladder:
        """The ladder with another state, which is on disk when this returns."""
        ladder = replace(self, search=search, status=status, reason=reason)
        file = self.folder / LADDER_FILE
        new = file.with_suffix(".new")
        with new.open("w", encoding="utf-8") as output:
            json.dump(ladder.to_dict(), output, indent=2, ensure_ascii=False)
            output.flush()
            os.fsync(output.fileno())
        new.replace(file)
        return ladder


def make_ladder_folder(results_dir: Path, scenario: str, kind: str = "ladder") -> Path:
    """A new folder ``<UTC>-<scenario>-<kind>`` among the results."""
    wanted = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{scenario}-{kind}"
    number = 1
    while True:
        folder = results_dir / (wanted if number == 1 else f"{wanted}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return folder


def open_ladder(folder: Path) -> Ladder:
    """Read a ladder's folder.

    Raises:
        UsageError: If there is none.
        RunFolderError: If it is damaged or of another version.
    """
    file = folder / LADDER_FILE
    if not file.is_file():
        raise UsageError(f"{folder} is no folder of a search", hint=f"name a folder that holds a {LADDER_FILE}")
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if data["schema_version"] != SCHEMA_VERSION:
            raise RunFolderError(
                f"{file} has schema version {data['schema_version']}, and this loadkit reads {SCHEMA_VERSION}",
                hint="use the loadkit version that wrote it",
            )
        return Ladder(
            folder=folder,
            scenario=data["scenario"],
            options=tuple(data["options"]),
            command=tuple(data["command"]),
            search=Search.from_dict(data["search"]),
            status=data["status"],
            reason=data["reason"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RunFolderError(f"{file} is damaged: {error}", hint="begin a new search") from error
