"""A printed cost table is recomputed, and every number that can't be right is named with its place."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.errors import CostTableError, ExitCode
from loadkit.plan.cost_reading import parse_csv, parse_yaml, read_cost_table
from loadkit.plan.cost_table import Cell, CostTable, Row, check

SCHOOL = Path(__file__).parents[2] / "examples" / "school_costs.yaml"
CONSISTENT = """\
item,today,optimised,change
# what a comment is
compute,"8,500.00",6200,-27.1 %

storage,1200,950
total,9700,7150,-26.3%
"""


def wrong(text: str) -> list[tuple[int, str, Decimal, Decimal | None]]:
    found = check(parse_csv(text, "t.csv"))
    return [(one.line, one.column, one.printed, one.recomputed) for one in found]


def test_the_school_does_not_add_up_and_each_number_is_named() -> None:
    found = check(read_cost_table(SCHOOL))
    lines = SCHOOL.read_text().splitlines()
    amounts = lines.index("  amounts: [12500, 10400]") + 1
    assert [(one.line, one.row, one.column, one.rests_on) for one in found] == [
        (amounts, "total", "today", "items"),
        (amounts, "total", "optimised", "items"),
        (amounts + 1, "total", "optimised", "items"),
        (amounts + 1, "total", "optimised", "amounts"),
    ]
    assert [(str(one.printed), str(one.recomputed), one.unit) for one in found] == [
        ("12500", "11500", "CNY"),
        ("10400", "8500", "CNY"),
        ("-17.2", "-26.1", "%"),
        ("-17.2", "-16.8", "%"),
    ]
    assert [str(one).removeprefix(f"{SCHOOL}:") for one in found] == [
        f"{amounts}: total, today: 12,500 CNY is printed, the items sum to 11,500 CNY",
        f"{amounts}: total, optimised: 10,400 CNY is printed, the items sum to 8,500 CNY",
        f"{amounts + 1}: total, optimised: -17.2 % is printed, the items give -26.1 %",
        f"{amounts + 1}: total, optimised: -17.2 % is printed, the printed amounts give -16.8 %",
    ]


def test_the_same_table_as_csv_is_found_out_as_well() -> None:
    text = "item,today,optimised,change\na,8500,6200\nb,1200,950\nc,1800,1350\ntotal,12500,10400,-17.2%\n"
    assert wrong(text) == [
        (5, "today", Decimal(12500), Decimal(11500)),
        (5, "optimised", Decimal(10400), Decimal(8500)),
        (5, "optimised", Decimal("-17.2"), Decimal("-26.1")),
        (5, "optimised", Decimal("-17.2"), Decimal("-16.8")),
    ]


def test_what_adds_up_passes() -> None:
    assert wrong(CONSISTENT) == []


@pytest.mark.parametrize(
    ("change", "right"),
    [
        ("-26.3%", True),
        ("-26.29%", True),
        ("-26%", True),
        ("-26.4%", False),
        ("-26.28%", False),
        ("\u221226.3 %", True),
    ],
)
def test_a_change_must_be_right_to_its_own_decimals(change: str, right: bool) -> None:
    """7,150 against 9,700 is -26.2887 %."""
    assert (wrong(CONSISTENT.replace("-26.3%", change)) == []) is right


def test_changes_of_items_and_of_several_columns_are_checked_against_the_first() -> None:
    text = "item,now,b,change,c,change\na,100,90,-10%,50,-44%\ntotal,100,90,-10%,50,-50%\n"
    assert wrong(text) == [(2, "c", Decimal(-44), Decimal(-50))]


def test_nothing_can_be_said_of_a_change_from_nothing() -> None:
    (found,) = check(parse_csv("item,now,b,change\na,0,90,5%\ntotal,0,90\n", "t.csv"))
    assert found.recomputed is None
    assert str(found) == "t.csv:2: a, b: 5 % is printed, the printed amounts give nothing, for the first is 0"


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.decimals(0, 10**6, places=2), st.decimals(0, 10**6, places=2)), min_size=1, max_size=8),
    st.decimals("-1000", "1000", places=2),
)
def test_a_table_is_inconsistent_exactly_if_a_total_is_off(rows: list[tuple[Decimal, Decimal]], off: Decimal) -> None:
    items = tuple(
        Row(str(place), tuple(Cell(value, place + 1) for value in row), (None,)) for place, row in enumerate(rows)
    )
    sums = [sum(column, Decimal(0)) for column in zip(*rows, strict=True)]
    total = Row("total", (Cell(sums[0], 99), Cell(sums[1] + off, 99)), (None,))
    found = check(CostTable("t", "t.csv", "CNY", ("a", "b"), items, total))
    assert [(one.column, one.recomputed) for one in found] == ([("b", sums[1])] if off else [])


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", ["t.csv: the file is empty"]),
        ("item\na\ntotal\n", ["t.csv:1: has no column of money: write item,today,optimised,change"]),
        (
            "item,change,now\na,1,x\nb,12,500,7\n",
            [
                "t.csv:1: change: stands behind no column that can be compared with the first",
                "t.csv:2: a, now: 'x' is not an amount: write a number, such as 12500 or 12,500.00",
                "t.csv:3: b: has more cells than the header; put quotes around a number such as 12,500",
                "t.csv:3: total: there are 0 rows of this name; one says what the sum is",
            ],
        ),
        (
            "item,now,then,change\ntotal,1,2,many\n",
            [
                "t.csv:2: total: 'many' is not a change: write a number with %, such as -17.2%",
                "t.csv:2: there are no items",
            ],
        ),
        ("item,now\na," + "9" * 200_000, ["t.csv:2: is not CSV: field larger than field limit (131072)"]),
    ],
)
def test_every_problem_of_a_csv_file_is_named(text: str, problems: list[str]) -> None:
    with pytest.raises(CostTableError) as raised:
        parse_csv(text, "t.csv")
    assert [str(one) for one in raised.value.problems] == problems
    assert raised.value.exit_code == ExitCode.USAGE


def test_every_problem_of_a_yaml_file_is_named() -> None:
    text = """\
costs: offer
columns: [a, b]
items:
  - item: one
    amounts: [1]
    changes: [-1%, -2%]
  - item: two
    amounts: [0, 1]
    lever: {cold: {cold_share: 50%}}
total:
  amounts: [1, 2]
"""
    with pytest.raises(CostTableError) as raised:
        parse_yaml(text, "t.yaml")
    assert [str(one) for one in raised.value.problems] == [
        "t.yaml:5: items[0].amounts: has 1 amounts for 2 columns",
        "t.yaml:6: items[0].changes: has 2 changes for 1 columns after the first",
        "t.yaml:9: items[1].lever: can't explain a change from nothing",
    ]


@pytest.mark.parametrize(
    ("lever", "problem"),
    [
        ("{}", "items[0].lever: must be one of elastic, cold and by_use"),
        (
            "{cold: {days_kept: 3}}",
            "items[0].lever.cold: states no assumption (give one of the two, the other is solved",
        ),
        ("{cold: {cold_share: 50%}, by_use: {used: 1%}}", "items[0].lever: must be one of elastic, cold and by_use"),
        ("{elastic: {base_hours: 120%}}", "items[0].lever.elastic.base_hours: must be at most 100%, not 120%"),
        ("{elastic: {nodes: 50%}}", "items[0].lever.elastic.nodes: is not a known key (did you mean peak_nodes?)"),
    ],
)
def test_wrong_levers_are_named(lever: str, problem: str) -> None:
    item = f"{{item: x, amounts: [2, 1], lever: {lever}}}"
    text = f"costs: t\ncolumns: [a, b]\nitems:\n  - {item}\ntotal: {{amounts: [2, 1]}}\n"
    with pytest.raises(CostTableError) as raised:
        parse_yaml(text, "t.yaml")
    (found,) = raised.value.problems
    assert str(found).startswith(f"t.yaml:4: {problem}")
