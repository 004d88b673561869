"""Files that say in their first lines which problems they have: exactly these must be found."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from loadkit.errors import ExitCode, Problem, ScenarioError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EXPECT = re.compile(r"# expect: (?:(?P<file>[^\s:]+):)?(?P<line>\d+) (?P<key>\S+) (?P<words>.+)")


def assert_exactly_the_expected_problems(path: Path, load: Callable[[Path], object]) -> None:
    """Fail unless loading finds just what the lines ``# expect: [<file>:]<line> <key> <words>`` name, in file order.

    A file is one beside the path, or an option.
    """
    expected = [match for line in path.read_text().splitlines() if (match := EXPECT.fullmatch(line))]
    assert expected

    with pytest.raises(ScenarioError) as caught:
        load(path)

    problems = list(caught.value.problems)
    assert caught.value.exit_code is ExitCode.USAGE
    own = [problem.line for problem in problems if problem.file == str(path)]
    assert own == sorted(own)
    assert [problem.file for problem in problems[: len(own)]] == [str(path)] * len(own)
    for match in expected:
        found = [problem for problem in problems if _is_expected(match, problem, path)]
        assert len(found) == 1, f"{match[0]}\nfound: {'; '.join(map(str, problems))}"
        problems.remove(found[0])
    assert problems == []


def header_values(path: Path, name: str) -> list[str]:
    """The values of the lines ``# <name>: <value>``."""
    return re.findall(rf"^# {name}: (.*)$", path.read_text(), re.MULTILINE)


def _is_expected(match: re.Match[str], problem: Problem, path: Path) -> bool:
    """Whether a problem has the expected line, key and words; in the file a key's spaces are underscores, none is -."""
    file = match["file"] or path.name
    return (
        problem.file == (file if file.startswith("--") else str(path.parent / file))
        and problem.line == int(match["line"])
        and (problem.key.replace(" ", "_") or "-") == match["key"]
        and match["words"] in f"{problem.message} ({problem.fix})"
    )
