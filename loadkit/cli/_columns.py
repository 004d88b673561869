"""Columns of numbers from CSV files, with every cell that is wrong named by file, line and column."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadkit.errors import Problem, TableError
from loadkit.scenario.findings import suggest
from loadkit.scenario.reading import read_text
from loadkit.units import UnitError, parse_duration

_MOST_PROBLEMS = 20
_SECONDS = {"_ms": 1e-3, "_us": 1e-6, "_s": 1.0}


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is wanted.

    Args:
        name: Its name in the file's first row.
        read: From a cell to a value; raises ValueError with what is wrong.
    """

    name: str
    read: Callable[[str], object]


def read_columns(files: Sequence[Path], columns: Sequence[Column]) -> dict[str, list[object]]:
    """Read columns of files one after the other.

    Args:
        files: CSV files whose first row has the names; rows that are empty or begin with # are passed over.
        columns: Those wanted.

    Returns:
        Values by column.

    Raises:
        UsageError: If a file can't be read.
        TableError: With every problem.
    """
    values: dict[str, list[object]] = {column.name: [] for column in columns}
    problems: list[Problem] = []
    for file in files:
        problems += _read_file(file, columns, values)
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        rest = (Problem(f"and {more} more of this kind", str(files[-1])),) if more > 0 else ()
        raise TableError((*problems[:_MOST_PROBLEMS], *rest))
    return values


def number(cell: str) -> float:
    """Read a number above zero."""
    try:
        value = float(cell)
    except ValueError:
        raise ValueError(f"{cell!r} is not a number") from None
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{cell} is not a finite number above zero")
    return value


def seconds(name: str) -> Callable[[str], float]:
    """A reader of durations: with a unit in the cell, or in the column's name (``p99_ms``), else seconds."""
    unit = next((factor for ending, factor in _SECONDS.items() if name.endswith(ending)), 1.0)

    def read(cell: str) -> float:
        try:
            return parse_duration(cell)
        except UnitError:
            return number(cell) * unit

    return read


def _read_file(file: Path, columns: Sequence[Column], values: dict[str, list[object]]) -> list[Problem]:
    reader = csv.reader(io.StringIO(read_text(file, "table")))
    rows = ((reader.line_num, [cell.strip() for cell in row]) for row in reader)
    kept = ((line, row) for line, row in rows if any(row) and not row[0].startswith("#"))
    line, head = next(kept, (0, []))
    missing = [column.name for column in columns if column.name not in head]
    if missing:
        return [Problem("there is no such column", str(file), line, name, _fix(name, head)) for name in missing]
    problems = []
    places = {column: head.index(column.name) for column in columns}
    for line, row in kept:
        for column, place in places.items():
            if place >= len(row):
                problems.append(Problem("the row ends before this column", str(file), line, column.name))
                continue
            try:
                values[column.name].append(column.read(row[place]))
            except ValueError as error:
                problems.append(Problem(str(error), str(file), line, column.name))
    return problems


def _fix(name: str, head: Sequence[str]) -> str:
    return suggest(name, head) or f"there are {', '.join(head) or 'none: the file is empty'}"
