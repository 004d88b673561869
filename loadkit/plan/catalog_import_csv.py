"""A table of servers and their prices as a catalogue: a row for each type, columns by name."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from loadkit.errors import CatalogError, Problem
from loadkit.plan.catalog_import import Imported, Origin, frame, imported, price_of, size_of, wrong_in
from loadkit.plan.catalog_schema import CURRENCY_PATTERN, ITEM_NAME_PATTERN, UNDATED
from loadkit.plan.prices import Grade
from loadkit.scenario.findings import suggest
from loadkit.scenario.reading import read_text

PRICES = {"hourly": "Hours", "monthly": "Months", "yearly": "Months"}
"""Columns with prices and their unit; that of a year is per month."""
SIZES = ("family", "vcpus", "memory", "network", "connections")
FURTHER = ("spot", "region", "as_of", "source", "grade", "suspect")
COLUMNS = ("type", "currency", *PRICES, *SIZES, *FURTHER)
"""What a table may hold; type, currency and one of the prices are needed."""

_SEPARATORS = ",;\t"

Row = Mapping[str, str]


def import_csv(origin: Origin) -> Imported:
    """Read a table; rows that can't be read are left out and named.

    Args:
        origin: The file, and what is true of all its rows that don't say otherwise.

    Raises:
        UsageError: If the file can't be read.
        CatalogError: If a column is missing or unknown, or no row can be read.
    """
    numbered = _rows(origin)
    header = [name.lower() for name in numbered[0][1]] if numbered else []
    _check_header(origin, header)
    rows = [
        (line, {name: cell for name, cell in zip(header, cells, strict=False) if cell}, len(cells) > len(header))
        for line, cells in numbered[1:]
    ]
    currency = next((row["currency"] for _, row, _ in rows if "currency" in row), "")
    region = origin.region or next((row["region"] for _, row, _ in rows if "region" in row), "")
    data = frame(origin, currency, region, Grade.THIRD_PARTY)
    left_out: list[Problem] = []
    lines: dict[str, int] = {}
    for line, row, too_long in rows:
        name, block = row.get("type", ""), _block(origin, row)
        wrong = {"": "has more cells than the first"} if too_long else _wrong(row, block, currency)
        if name in lines:
            wrong["type"] = f"{name} is given twice, first on line {lines[name]}"
        left_out += [Problem(message, str(origin.file), line, key) for key, message in wrong.items()]
        if not wrong:
            data["instance_types"][name], lines[name] = block, line
    return imported(data, left_out, origin.file)


def _rows(origin: Origin) -> list[tuple[int, list[str]]]:
    """Rows with their line, without those that are empty or begin with #."""
    text = read_text(origin.file, "table").removeprefix("\ufeff")
    separator = max(_SEPARATORS, key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise CatalogError((Problem(f"is no table: {error}", str(origin.file), reader.line_num),)) from error
    return [(line, cells) for line, cells in rows if any(cells) and not cells[0].startswith("#")]


def _check_header(origin: Origin, header: Sequence[str]) -> None:
    problems = [(name, "is no known column", suggest(name, COLUMNS)) for name in header if name not in COLUMNS]
    problems += [(name, "is a column twice", "keep one") for name in sorted(set(header)) if header.count(name) > 1]
    problems += [(name, "is no column of the table", "") for name in ("type", "currency") if name not in header]
    if not set(PRICES) & set(header):
        problems.append(("hourly", "is no column of the table, and neither are monthly and yearly", ""))
    if not origin.region and "region" not in header:
        problems.append(("region", "is no column of the table", "or add --region cn-hangzhou"))
    if problems:
        raise CatalogError(tuple(Problem(words, str(origin.file), 1, name, fix) for name, words, fix in problems))


def _wrong(row: Row, block: dict[str, Any], currency: str) -> dict[str, str]:
    """What is wrong with a row, by column."""
    wrong = {key: "has no value" for key in ("type", "currency") if key not in row}
    if wrong:
        return wrong
    for key, pattern in (("type", ITEM_NAME_PATTERN), ("currency", CURRENCY_PATTERN)):
        if not re.fullmatch(pattern, row[key]):
            wrong[key] = f"{row[key]!r} is no name of a {key}"
    if wrong:
        return wrong
    if row["currency"] != currency:
        wrong["currency"] = f"is {row['currency']}, and the first row is in {currency}"
    if not set(PRICES) & row.keys():
        wrong["hourly"] = "has no price for an hour, a month or a year"
    if "vcpus" not in block or "memory" not in block:
        wrong["vcpus"] = "vcpus and memory are needed, because the type's name doesn't say them"
        return wrong
    return wrong | wrong_in(block)


def _block(origin: Origin, row: Row) -> dict[str, Any]:
    """A type as plain data, as far as its row goes."""
    try:
        block = size_of(row.get("type", ""))
    except ValueError:
        block = {"family": row.get("type", "")}
    block |= {
        key: int(cell) if cell.isdecimal() and cell.isascii() else cell for key, cell in row.items() if key in SIZES
    }
    further = {key: row[key] for key in ("region", "as_of", "grade", "suspect") if key in row}
    if "source" in row:  # a source of its own has neither the day nor the grade of the table's
        further = {"as_of": str(origin.as_of or UNDATED), "grade": str(origin.grade or Grade.THIRD_PARTY)} | further
        further["source"] = row["source"]
    block |= {key: price_of(row[key], unit) | further for key, unit in PRICES.items() if key in row}
    return block | ({"spot_factor": row["spot"]} if "spot" in row else {})
