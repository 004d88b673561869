from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.errors import (
    ExitCode,
    LoadkitError,
    Problem,
    RunFolderError,
    ScenarioError,
    TargetError,
    UsageError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LoadkitError("x"), 1),
        (UsageError("x"), 2),
        (RunFolderError("x"), 2),
        (ScenarioError((Problem("x"),)), 2),
        (TargetError("x"), 3),
    ],
)
def test_an_error_knows_its_exit_code(error: LoadkitError, code: int) -> None:
    assert error.exit_code == code
    assert isinstance(error, LoadkitError)


def test_exit_codes_are_the_documented_ones() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "BUG": 1,
        "USAGE": 2,
        "TARGET": 3,
        "INVALID": 4,
        "WORSE": 98,
        "THRESHOLDS": 99,
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }


def test_a_hint_travels_with_the_message() -> None:
    error = TargetError("no answer", hint="check the firewall")

    assert str(error) == "no answer"
    assert error.hint == "check the firewall"
    assert LoadkitError("x").hint == ""


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("is wrong"), "is wrong"),
        (Problem("is wrong", "a.yaml"), "a.yaml: is wrong"),
        (Problem("is wrong", "a.yaml", 3), "a.yaml:3: is wrong"),
        (Problem("is wrong", "a.yaml", 3, "load.stages[2].rate"), "a.yaml:3: load.stages[2].rate: is wrong"),
        (Problem("is wrong", "a.yaml", 3, "load", "write 5/s"), "a.yaml:3: load: is wrong (write 5/s)"),
        (Problem("is wrong", fix="write 5/s"), "is wrong (write 5/s)"),
    ],
)
def test_a_problem_reads_as_place_key_message_fix(problem: Problem, text: str) -> None:
    assert str(problem) == text


@pytest.mark.parametrize(("count", "words"), [(1, "1 problem in"), (2, "2 problems in")])
def test_a_scenario_error_holds_and_counts_every_problem(count: int, words: str) -> None:
    problems = tuple(Problem(f"problem {number}") for number in range(count))

    error = ScenarioError(problems)

    assert error.problems == problems
    assert str(error) == f"{words} the scenario; nothing was sent"


words = st.text("abc xyz", min_size=1, max_size=20).map(str.strip).filter(bool)


@given(
    file=st.from_regex(r"[a-z/]{1,20}\.yaml", fullmatch=True),
    line=st.integers(1, 10**6),
    key=st.from_regex(r"[a-z]{1,8}(\[[0-9]\])?(\.[a-z]{1,8})?", fullmatch=True),
    message=words,
    fix=words,
)
def test_a_printed_problem_can_be_taken_apart_again(file: str, line: int, key: str, message: str, fix: str) -> None:
    problem = Problem(message, file, line, key, fix)

    match = re.fullmatch(r"(.+?):([0-9]+): (.+?): (.+) \((.+)\)", str(problem))

    assert match
    assert Problem(match[4], match[1], int(match[2]), match[3], match[5]) == problem
