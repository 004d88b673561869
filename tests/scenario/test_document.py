from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.scenario.document import Document, read_document


def test_plain_data_with_lines() -> None:
    document = read_document("a: 1\nb:\n  - x\n  - {c: true}\n")

    assert document.data == {"a": 1, "b": ["x", {"c": True}]}
    assert document.lines == {(): 1, ("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 1): 4, ("b", 1, "c"): 4}
    assert document.slips == []


def test_a_key_that_is_absent_has_the_line_of_the_block_around_it() -> None:
    document = read_document("# a comment\na:\n  b:\n    c: 1\n")

    assert document.line_of(("a", "b", "missing")) == 3
    assert document.line_of(("missing",)) == 2
    assert Document().line_of(("missing",)) == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        ("1.5", 1.5),
        ("1.0e-07", 1e-07),
        ("0.00012345678901234567", 0.00012345678901234567),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("True", "True"),
        ("1:30", "1:30"),
        ("010", "010"),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("1e5", "1e5"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2026-01-01", "2026-01-01"),
        ("9" * 30, "9" * 30),
        ("'7'", "7"),
        ('"true"', "true"),
        ("!!str 7", "7"),
    ],
)
def test_scalars_resolve_by_the_core_schema(text: str, value: object) -> None:
    read = read_document(f"a: {text}")

    assert read.slips == []
    assert read.data == {"a": value}
    assert isinstance(read.data, dict)
    assert type(read.data["a"]) is type(value)


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000])
def test_endless_nesting_is_refused_at_once(text: str) -> None:
    started = time.process_time()

    document = read_document(text)

    assert [slip.message for slip in document.slips] == ["is not YAML: nested more than 50 deep"]
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a: 1\nb: "\\UFFFFFFFF"\n', 2),
        ('a: 1\nb: "\\U00110000"\n', 2),
        ('a: 1\nb: "\\ud800"\n', 2),
        ('a: 1\n"\\udfff": 1\n', 2),
        (f"%YAML 1.{'9' * 5000}\n---\na: 1\n", 1),
    ],
    ids=["beyond C", "beyond Unicode", "half a character", "half a character as key", "endless digits"],
)
def test_escapes_and_numbers_out_of_bounds_are_slips(text: str, line: int) -> None:
    document = read_document(text)

    assert [(slip.line, slip.message) for slip in document.slips] == [
        (line, "is not YAML: an escape or a number is out of bounds")
    ]


def test_a_long_text_is_refused_unread() -> None:
    document = read_document("- x\n" * 300_000)

    assert [(slip.line, slip.message) for slip in document.slips] == [(1, "the text is longer than 1024 KiB")]


@given(st.text(alphabet=st.sampled_from(list("abUuxdf0:-{}[]&*!#|>'\"\\\n\t ,?~1.%@")), max_size=60))
@settings(max_examples=400, deadline=None)
def test_any_text_gives_data_or_slips(text: str) -> None:
    document = read_document(text)

    assert document.slips or document.data is not None
    assert all(slip.line >= 1 and slip.message for slip in document.slips)
