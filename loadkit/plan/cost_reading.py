"""Cost tables from YAML and CSV files, with every problem at its line."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from loadkit.errors import CostTableError, Problem
from loadkit.plan.cost_schema import CostTableFile, ItemBlock, TotalBlock, read_amount, read_change
from loadkit.plan.cost_table import Cell, CostTable, Row
from loadkit.scenario.document import read_document
from loadkit.scenario.reading import build_model, read_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadkit.scenario.findings import KeyPath

CHANGE = "change"
TOTAL = "total"


def read_cost_table(path: Path) -> CostTable:
    """Read a table.

    Args:
        path: A file that ends in ``.csv``, or else YAML.

    Raises:
        UsageError: If it can't be read.
        CostTableError: With every problem in it; it is a `ScenarioError`.
    """
    text = read_text(path, "cost table")
    return parse_csv(text, str(path)) if path.suffix.lower() == ".csv" else parse_yaml(text, str(path))


def parse_yaml(text: str, file: str) -> CostTable:
    """Read a table from YAML.

    Args:
        text: The YAML.
        file: Name of its source.

    Raises:
        CostTableError: With every problem in it.
    """
    document = read_document(text, file)
    model = build_model(CostTableFile, document, error_type=CostTableError)

    def row(name: str, block: TotalBlock, key: KeyPath) -> Row:
        changes = block.changes or (None,) * (len(model.columns) - 1)
        return Row(
            name,
            tuple(Cell(value, document.line_of((*key, "amounts", place))) for place, value in enumerate(block.amounts)),
            tuple(
                None if value is None else Cell(value, document.line_of((*key, "changes", place)))
                for place, value in enumerate(changes)
            ),
            block.lever.lever() if isinstance(block, ItemBlock) and block.lever is not None else None,
        )

    items = tuple(row(one.item, one, ("items", place)) for place, one in enumerate(model.items))
    return CostTable(model.costs, file, model.currency or "", model.columns, items, row(TOTAL, model.total, (TOTAL,)))


def parse_csv(text: str, file: str) -> CostTable:
    """Read a table from CSV.

    Args:
        text: A header, a row for each item and one that is called total. The first column has names; each further one
            is money, or, if it is called change, the printed change of the column before it against the first. Rows
            that are empty or begin with # are passed over.
        file: Name of its source.

    Raises:
        CostTableError: With every problem in it.
    """
    reader = csv.reader(io.StringIO(text))
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise CostTableError((Problem(f"is not CSV: {error}", file, reader.line_num),)) from error
    kept = [(line, row) for line, row in rows if any(row) and not row[0].startswith("#")]
    if not kept:
        raise CostTableError((Problem("the file is empty", file),))
    layout = _Layout(file, *kept[0])
    named = [layout.row(line, cells) for line, cells in kept[1:]]
    totals = [row for row in named if row.name.lower() == TOTAL]
    items = tuple(row for row in named if row.name.lower() != TOTAL)
    if len(totals) != 1:
        layout.problem(kept[-1][0], TOTAL, f"there are {len(totals)} rows of this name; one says what the sum is")
    if not items:
        layout.problem(kept[-1][0], "", "there are no items")
    if layout.problems:
        raise CostTableError(tuple(layout.problems))
    return CostTable(Path(file).stem, file, "", layout.columns, items, totals[0])


@dataclass(slots=True)
class _Layout:
    """The columns of a CSV file, and what is wrong with it."""

    file: str
    line: int
    header: list[str]
    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.columns:
            self.problem(self.line, "", "has no column of money: write item,today,optimised,change")
        for place, name in enumerate(self.header[1:], start=1):
            if name == CHANGE and (place < 3 or self.header[place - 1] == CHANGE):  # noqa: PLR2004 - after two of money
                self.problem(self.line, CHANGE, "stands behind no column that can be compared with the first")

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in self.header[1:] if name != CHANGE)

    def problem(self, line: int, key: str, message: str) -> None:
        self.problems.append(Problem(message, self.file, line, key))

    def row(self, line: int, cells: list[str]) -> Row:
        if len(cells) > len(self.header):
            self.problem(line, cells[0], "has more cells than the header; put quotes around a number such as 12,500")
        amounts: list[Cell] = []
        changes: list[Cell | None] = []
        for place, name in enumerate(self.header[1:], start=1):
            text = cells[place] if place < len(cells) else ""
            if name == CHANGE and changes:
                changes[-1] = self._cell(line, cells[0], text, read_change) if text else None
            elif name != CHANGE:
                changes += [None] if amounts else []
                amounts.append(self._cell(line, f"{cells[0]}, {name}", text, read_amount))
        return Row(cells[0], tuple(amounts), tuple(changes))

    def _cell(self, line: int, key: str, text: str, read: Callable[[object], Decimal]) -> Cell:
        try:
            return Cell(read(text), line)
        except ValueError as error:
            self.problem(line, key, str(error))
            return Cell(Decimal(0), line)
