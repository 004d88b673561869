"""Cost tables as others print them: do their sums and percentages add up?"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadkit.plan.levers import Lever

_PER_CENT = Decimal(100)


@dataclass(frozen=True, slots=True)
class Cell:
    """A number as printed, with all its decimals.

    Args:
        value: Money, or a percentage.
        line: Line in the file, from 1.
    """

    value: Decimal
    line: int


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a cost table.

    Args:
        name: What it is about.
        amounts: Money, by column.
        changes: Printed changes in per cent of each column after the first against the first; None where none is.
        lever: What the last column's saving is said to come from; None where nothing is said.
    """

    name: str
    amounts: tuple[Cell, ...]
    changes: tuple[Cell | None, ...]
    lever: Lever | None = None


@dataclass(frozen=True, slots=True)
class CostTable:
    """A cost table as printed.

    Args:
        name: Its name.
        file: Where it was read.
        currency: ISO 4217 code; empty where it isn't said.
        columns: Names of the columns of money, of which the first is what the others are compared with.
        items: The rows that the total is the sum of.
        total: The row that says it is their sum.
    """

    name: str
    file: str
    currency: str
    columns: tuple[str, ...]
    items: tuple[Row, ...]
    total: Row

    @property
    def sums(self) -> tuple[Decimal, ...]:
        """The sum of the items, by column."""
        return tuple(
            sum((item.amounts[place].value for item in self.items), Decimal(0)) for place in range(len(self.columns))
        )


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A printed number that is not what the other numbers give.

    Args:
        file: Where it is printed.
        line: Line of it, from 1.
        row: Its row.
        column: Its column.
        rests_on: What it was recomputed from: the ``items``, or the row's own ``amounts``.
        printed: What is there.
        recomputed: What it should be; None where nothing can be said, as for a change from nothing.
        unit: Currency, ``%``, or empty.
    """

    file: str
    line: int
    row: str
    column: str
    rests_on: Literal["items", "amounts"]
    printed: Decimal
    recomputed: Decimal | None
    unit: str

    def __str__(self) -> str:
        basis = "the items" if self.rests_on == "items" else "the printed amounts"
        right = "nothing, for the first is 0" if self.recomputed is None else self._shown(self.recomputed)
        verb = "sum to" if self.rests_on == "items" and self.unit != "%" else "give"
        printed = self._shown(self.printed)
        return f"{self.file}:{self.line}: {self.row}, {self.column}: {printed} is printed, {basis} {verb} {right}"

    def _shown(self, value: Decimal) -> str:
        return f"{value:,f} {self.unit}".rstrip()


def check(table: CostTable) -> tuple[Discrepancy, ...]:
    """Recompute every sum and every change.

    Args:
        table: A table as printed.

    Returns:
        Every number that is not what it says, in the order of the file. Sums must be exact; a change must be right to
        the decimals that are printed.
    """
    found = [*_wrong_sums(table), *_wrong_changes(table)]
    return tuple(sorted(found, key=lambda one: one.line))


def change_percent(before: Decimal, after: Decimal) -> Decimal | None:
    """The change from one amount to another in per cent; None from 0."""
    return (after / before - 1) * _PER_CENT if before else None


def _wrong_sums(table: CostTable) -> Iterator[Discrepancy]:
    for column, cell, right in zip(table.columns, table.total.amounts, table.sums, strict=True):
        if cell.value != right:
            yield Discrepancy(
                table.file, cell.line, table.total.name, column, "items", cell.value, right, table.currency
            )


def _wrong_changes(table: CostTable) -> Iterator[Discrepancy]:
    for row in (*table.items, table.total):
        amounts = tuple(cell.value for cell in row.amounts)
        if row is table.total and amounts != table.sums:
            yield from _wrong_changes_of(table, row, table.sums, "items")
        yield from _wrong_changes_of(table, row, amounts, "amounts")


def _wrong_changes_of(
    table: CostTable, row: Row, amounts: tuple[Decimal, ...], rests_on: Literal["items", "amounts"]
) -> Iterator[Discrepancy]:
    for column, cell, after in zip(table.columns[1:], row.changes, amounts[1:], strict=True):
        if cell is None:
            continue
        right = change_percent(amounts[0], after)
        step = Decimal(1).scaleb(int(cell.value.as_tuple().exponent))
        # Half a step either way: whoever rounds a half down is right as well.
        if right is None or abs(right - cell.value) > step / 2:
            shown = None if right is None else right.quantize(step, ROUND_HALF_UP)
            yield Discrepancy(table.file, cell.line, row.name, column, rests_on, cell.value, shown, "%")
