"""The ledger on disk: one file for each process, and one that other programs read."""

from __future__ import annotations

import json
import os
from glob import escape
from typing import TYPE_CHECKING

from loadkit.errors import UsageError
from sinks.intake import Intake

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def write_ledger(intake: Intake, file: Path, *, durable: bool = True) -> None:
    """Write a ledger file, at once or not at all: a reader never sees half of it.

    Args:
        intake: What arrived.
        file: The file.
        durable: Whether it must survive the end of the machine, not only that of this process.

    Raises:
        UsageError: If the file can't be written.
    """
    partial = file.with_name(f".{file.name}.partial")
    try:
        with partial.open("w", encoding="ascii") as stream:
            stream.write(json.dumps(intake.to_dict()))
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        partial.replace(file)
    except OSError as error:
        raise UsageError(f"the ledger {file} can't be written: {error.strerror}", hint="name another file") from error


def read_ledger(file: Path) -> Intake:
    """Read a ledger file.

    Raises:
        UsageError: If the file is missing or is no ledger.
    """
    try:
        return Intake.from_dict(json.loads(file.read_text(encoding="ascii")))
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise UsageError(f"{file} is not a readable ledger: {error}", hint="name the file given to --ledger") from error


def merged(intakes: Iterable[Intake]) -> Intake:
    """What several processes received, as one."""
    whole = Intake()
    for intake in intakes:
        whole.merge(intake)
    return whole


def part_file(file: Path, index: int) -> Path:
    """The ledger file of one of several processes, beside that of the whole sink."""
    return file.with_name(f"{file.name}.{index}")


def resume_ledger(file: Path) -> Intake:
    """What a sink received before, whichever way it ended.

    Args:
        file: The ledger file of the whole sink; there may be none yet. As long as there are files of processes, these
            hold the truth: they are removed after the whole was written.

    Raises:
        UsageError: If a file is no ledger.
    """
    parts = _parts(file)
    intake = merged(read_ledger(part) for part in parts or ([file] if file.exists() else []))
    intake.counters.connections_open = 0
    return intake


def remove_parts(file: Path, *, first: int = 0) -> None:
    """Remove the files of processes, from the given number on."""
    for part in _parts(file):
        if int(part.suffix[1:]) >= first:
            part.unlink()


def _parts(file: Path) -> list[Path]:
    return sorted(path for path in file.parent.glob(f"{escape(file.name)}.*") if path.suffix[1:].isdecimal())
