"""Files that say in their first lines which problems they have: exactly these must be found."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from loadkit.errors import ExitCode, Problem, ScenarioError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EXPECT = re.compile(r"# expect: (?P<line>\d+) (?P<key>\S+) (?P<words>.+)")


def assert_exactly_the_expected_problems(path: Path, load: Callable[[Path], object]) -> None:
    """Fail unless loading finds just what the lines ``# expect: <line> <key> <words>`` name, in file order."""
    expected = [match for line in path.read_text().splitlines() if (match := EXPECT.fullmatch(line))]
    assert expected

    with pytest.raises(ScenarioError) as caught:
        load(path)

    problems = list(caught.value.problems)
    assert caught.value.exit_code is ExitCode.USAGE
    assert [problem.line for problem in problems] == sorted(problem.line for problem in problems)
    assert all(problem.file == str(path) for problem in problems)
    for match in expected:
        found = [problem for problem in problems if _is_expected(match, problem)]
        assert len(found) == 1, f"{match[0]}\nfound: {'; '.join(map(str, problems))}"
        problems.remove(found[0])
    assert problems == []


def _is_expected(match: re.Match[str], problem: Problem) -> bool:
    """Whether a problem has the expected line, key and words; in the file a key's spaces are underscores, none is -."""
    return (
        problem.line == int(match["line"])
        and (problem.key.replace(" ", "_") or "-") == match["key"]
        and match["words"] in f"{problem.message} ({problem.fix})"
    )
