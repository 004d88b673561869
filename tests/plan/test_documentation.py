"""What the page about catalogues says of them is true; that its commands and its Python run is for tests/docs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.documents import blocks_of

from loadkit.plan.catalog_check import FAMILY_TOLERANCE, LIST_TOLERANCE
from loadkit.plan.catalog_import_csv import COLUMNS
from loadkit.plan.catalog_load import catalog_names, parse_catalog
from loadkit.plan.prices import Grade

PAGE = (Path(__file__).parents[2] / "docs" / "catalogs.md").read_text()


def rows(begin: str) -> list[str]:
    """The rows of the table whose header begins so."""
    return PAGE.partition(f"| {begin}")[2].partition("\n\n")[0].splitlines()[2:]


def test_its_table_of_catalogues_is_complete() -> None:
    assert tuple(re.findall(r"^\| `([a-z-]+)` \|", "\n".join(rows("catalogue")), re.MULTILINE)) == catalog_names()


def test_its_table_of_grades_is_that_of_the_prices() -> None:
    assert [(row[2], row.split("|")[-2].strip()) for row in rows("grade")] == [
        (grade.value, f"{grade.spread:.0%}".replace("%", " %")) for grade in Grade
    ]


def test_its_table_of_columns_is_complete() -> None:
    named = [name for row in rows("column") for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(named) == sorted(COLUMNS)


def test_its_tolerances_are_those_of_the_check() -> None:
    assert f"more than {100 * FAMILY_TOLERANCE:.0f} % off" in PAGE
    assert f"more than {100 * LIST_TOLERANCE:.0f} % apart" in PAGE


def test_its_catalogue_is_as_it_says() -> None:
    (text,) = (block.text for block in blocks_of(PAGE) if block.title == "mine.yaml")
    catalog = parse_catalog(text, "mine.yaml")

    yearly, unit = catalog.instance_types["node.4"].yearly, catalog.load_balancers["lb"].unit
    assert yearly is not None
    assert unit is not None
    assert (yearly.shown, yearly.grade, unit.shown) == ("408", Grade.DERIVED, "0.036")
    assert catalog.instance_types["node.4"].spot_factor == pytest.approx(0.35)
