"""Personal fields: what is one, and what stands where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.smtp.fields import (
    FIELDS,
    Correspondents,
    Field,
    NumberedAddress,
    Pattern,
    Slot,
    parse_text,
    unknown_fields,
)

PEOPLE = Correspondents(NumberedAddress("shop%d", "example.com", 10), NumberedAddress("o'hara&=", "例子.test", 1000))
VALUES = (7, 3, 41, b"2026-11-24", 255, 2**127)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("", ()),
        ("plain", ("plain",)),
        ("{number}", (Field.NUMBER,)),
        ("a {number}{date} b", ("a ", Field.NUMBER, Field.DATE, " b")),
        ("{{number}} {number}", ("{number} ", Field.NUMBER)),
        ("p{color: red} {} {0} { number } {a b}", ("p{color: red} {} {0} { number } {a b}",)),
        ("@media print{p{color:red}}", ("@media print{p{color:red}}",)),
        ("{{{number}}}", ("{{number}}",)),
    ],
)
def test_fields_are_words_in_single_braces(text: str, parsed: tuple[str | Field, ...]) -> None:
    assert parse_text(text) == parsed


def test_other_words_in_braces_are_unknown() -> None:
    assert unknown_fields("{name} {number} {{name}} {Number} {0} {a-b}") == ["name", "Number"]


@given(st.text())
def test_text_without_braces_is_itself(text: str) -> None:
    plain = text.replace("{", "(").replace("}", ")")
    assert parse_text(plain) == ((plain,) if plain else ())


def test_a_pattern_is_filled_with_values_where_they_belong() -> None:
    slots = [PEOPLE.slot(field) for field in (Field.RECIPIENT, Field.SENDER, Field.NUMBER, Field.DATE, Field.RANDOM)]
    pattern = Pattern([b"100 % %d ", slots[0], b"|", slots[1], b"|", *slots[2:], PEOPLE.slot(Field.UNIQUE)])

    expected = "100 % %d o'hara&=7@例子.test|shop%d3@example.com|412026-11-2400000000000000ff8" + "0" * 31
    assert pattern.fill(VALUES).decode() == expected


def test_a_pattern_may_have_one_gap_or_none() -> None:
    assert Pattern([b"100 %"]).fill(VALUES) == b"100 %"
    assert Pattern([Slot(Field.DATE, b"<%b>")]).fill(VALUES) == b"<2026-11-24>"
    assert Pattern([]).fill(VALUES) == b""


def test_a_sample_is_as_long_as_fields_get() -> None:
    text = tuple(FIELDS.values())

    assert PEOPLE.sample(text) == f"o'hara&=999@例子.testshop%d9@example.com2147483647{'2026-12-31'}{'f' * 16}"


def test_addresses_go_around_at_their_number() -> None:
    assert [PEOPLE.sender.at(number) for number in (0, 9, 10)] == [f"shop%d{digit}@example.com" for digit in (0, 9, 0)]
