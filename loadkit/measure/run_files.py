"""What the files of a run folder are called, and how those in JSON are written and read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from loadkit.errors import RunFolderError

SCHEMA_VERSION = 1

RUN_FILE = "run.json"
SUMMARY_FILE = "summary.json"
OUTCOMES_FILE = "errors.json"
LEDGER_FILE = "ledger.json"
WORKERS_FILE = "workers.json"
TARGET_FILE = "target.json"
TIMELINE, GENERATOR, DELIVERY, TARGET = "timeline", "generator", "delivery", "target"
"""Names of tables, without their suffix."""


def write_json(path: Path, data: Any) -> None:
    """Write a JSON file, whole or not at all; not synced, for a slow disk would hold up the load generator's loop."""
    partial = path.with_name(f"{path.name}.new")
    partial.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        RunFolderError: If it can't be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} can't be read: {error}", hint="the run folder is damaged") from error
