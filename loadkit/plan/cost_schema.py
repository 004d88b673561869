"""Cost tables as people write them in YAML."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, ClassVar, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from loadkit.plan.levers import Lever
from loadkit.scenario.block import Block
from loadkit.scenario.findings import Finding, raise_findings
from loadkit.scenario.quantities import Ratio
from loadkit.scenario.texts import Name, Prose, matching

MOST_COLUMNS = 20
MOST_ITEMS = 1000

_AMOUNT = r"[-+]?(?:[0-9]{1,3}(?:,[0-9]{3}){1,3}|[0-9]{1,12})(?:\.[0-9]{1,4})?"
_CHANGE = r"[-+\u2212]?[0-9]{1,6}(?:\.[0-9]{1,6})?\s*%"


def read_amount(value: object) -> Decimal:
    """Read money: a number, or text such as ``12,500.00``.

    Raises:
        ValueError: If it is neither.
    """
    try:
        if not isinstance(value, bool) and re.fullmatch(_AMOUNT, str(value).strip(), re.ASCII):
            return Decimal(str(value).strip().replace(",", ""))
    except InvalidOperation:
        pass
    raise ValueError(f"{value!r} is not an amount: write a number, such as 12500 or 12,500.00")


def read_change(value: object) -> Decimal:
    """Read a change such as ``-17.2 %``.

    Returns:
        The percentage, with the decimals that are written.

    Raises:
        ValueError: If it is none.
    """
    text = str(value).strip()
    if not re.fullmatch(_CHANGE, text, re.ASCII):
        raise ValueError(f"{value!r} is not a change: write a number with %, such as -17.2%")
    return Decimal(text.rstrip("%").strip().replace("\u2212", "-"))


TableAmount = Annotated[
    Decimal,
    BeforeValidator(read_amount),
    PlainSerializer(str),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": rf"^\s*(?:{_AMOUNT})\s*$"}]}),
]
Change = Annotated[
    Decimal,
    BeforeValidator(read_change),
    PlainSerializer(lambda change: f"{change}%"),
    WithJsonSchema({"type": "string", "pattern": rf"^\s*(?:{_CHANGE})\s*$", "examples": ["-17.2%"]}),
]
Label = Annotated[str, *matching(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,100}", "one line of at most 100 characters")]


class ElasticBlock(Block):
    """In quiet hours only a base of the servers runs; all are paid by the hour."""

    base_hours: Ratio | None = None
    """Share of the hours that run on the base."""
    base_nodes: Ratio | None = None
    """Share of the servers that is the base."""
    peak_nodes: int | None = Field(None, ge=1, le=10**6)
    """Servers at the peak."""


class ColdBlock(Block):
    """Part of the data lies in a cheaper class of storage."""

    cold_share: Ratio | None = None
    """Share of the data that is there."""
    price_ratio: Ratio | None = None
    """Its price over that of the other class."""
    days_kept: int | None = Field(None, ge=1, le=36_500)
    """Days that data is kept."""


class ByUseBlock(Block):
    """Paid by the hour of use instead of by subscription."""

    used: Ratio | None = None
    """Share of the hours that it is in use."""
    price_ratio: Ratio | None = None
    """Price of the subscription over that of all hours of the month."""


class LeverBlock(Block):
    """What a saving is said to come from: one of these, of whose two assumptions one may be left out."""

    one_of: ClassVar[bool] = True

    elastic: ElasticBlock | None = None
    """Servers follow the load."""
    cold: ColdBlock | None = None
    """Old data is stored for less."""
    by_use: ByUseBlock | None = None
    """Only what is used is paid."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = self.model_dump(exclude_none=True)
        if len(given) != 1:
            raise ValueError("must be one of elastic, cold and by_use")
        ((kind, stated),) = given.items()
        if not set(stated) - {"peak_nodes", "days_kept"}:
            raise_findings([Finding("states no assumption", (kind,), "give one of the two, the other is solved for")])
        return self

    def lever(self) -> Lever:
        """As a value."""
        if self.elastic is not None:
            return Lever("elastic", self.elastic.base_hours, self.elastic.base_nodes, self.elastic.peak_nodes)
        if self.cold is not None:
            return Lever("cold", self.cold.cold_share, self.cold.price_ratio, self.cold.days_kept)
        assert self.by_use is not None, "one is given"
        return Lever("by_use", self.by_use.used, self.by_use.price_ratio)


class TotalBlock(Block):
    """The row that is said to be the sum of the items."""

    amounts: tuple[TableAmount, ...]
    """Money, in the order of the columns."""
    changes: tuple[Change, ...] | None = None
    """Printed changes of each column after the first against the first."""


class ItemBlock(TotalBlock):
    """A row of the table."""

    item: Label
    """What it is about."""
    lever: LeverBlock | None = None
    """What the saving of the last column is said to come from."""


class CostTableFile(Block):
    """A cost table as it is printed, sums and percentages included."""

    costs: Name
    """Its name."""
    description: Prose = Field("", max_length=10_000)
    """What it is, in words."""
    currency: Annotated[str, *matching(r"[A-Z]{3}", "the code of a currency, such as CNY", "CNY", "USD")] | None = None
    """Currency of all its money."""
    columns: tuple[Label, ...] = Field(max_length=MOST_COLUMNS, json_schema_extra={"minItems": 1})
    """Names of the columns of money; the first is what the others are compared with."""
    items: tuple[ItemBlock, ...] = Field(max_length=MOST_ITEMS, json_schema_extra={"minItems": 1})
    """Rows that the total is the sum of."""
    total: TotalBlock
    """The row that is said to be their sum."""

    @model_validator(mode="after")
    def _rows_fit_the_columns(self) -> Self:
        rows = [*((("items", place), row) for place, row in enumerate(self.items)), (("total",), self.total)]
        wanted = len(self.columns)
        findings = [Finding("is empty", (key,)) for key in ("columns", "items") if not getattr(self, key)]
        if len(set(self.columns)) < wanted:
            findings.append(Finding("names a column twice", ("columns",)))
        for key, row in rows:
            if len(row.amounts) != wanted:
                findings.append(Finding(f"has {len(row.amounts)} amounts for {wanted} columns", (*key, "amounts")))
            if row.changes is not None and len(row.changes) != wanted - 1:
                message = f"has {len(row.changes)} changes for {wanted - 1} columns after the first"
                findings.append(Finding(message, (*key, "changes")))
        findings += self._levers_without_saving()
        raise_findings(findings)
        return self

    def _levers_without_saving(self) -> list[Finding]:
        if len(self.columns) == 1:
            message = "needs a second column to explain"
        else:
            message = "can't explain a change from nothing"
        return [
            Finding(message, ("items", place, "lever"))
            for place, row in enumerate(self.items)
            if row.lever is not None and (len(self.columns) == 1 or (row.amounts and row.amounts[0] <= 0))
        ]
