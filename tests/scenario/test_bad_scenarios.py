"""Every file in bad/ says in its first lines which problems it has; exactly these must be found."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.problems import assert_exactly_the_expected_problems, header_values

from loadkit.scenario.load import load_scenario

CORPUS = sorted((Path(__file__).parent / "bad").glob("*.yaml"))


def test_the_corpus_is_not_lost() -> None:
    assert len(CORPUS) >= 100


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_exactly_the_expected_problems_are_found(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in header_values(path, "environment"):
        monkeypatch.setenv(*variable.split("=", 1))
    overrides = header_values(path, "set")

    assert_exactly_the_expected_problems(path, lambda path: load_scenario(path, overrides=overrides))
