"""Finding a scenario by path or by the name of a bundled one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadkit.cli._bundled import bundled_scenarios, find_scenario
from loadkit.errors import UsageError
from loadkit.scenario.load import load_scenario

if TYPE_CHECKING:
    from pathlib import Path


def test_the_bundled_ones_are_found_by_name() -> None:
    assert {"promotion", "exam_batch", "steady", "smoke"} <= bundled_scenarios().keys()
    assert find_scenario("smoke") == bundled_scenarios()["smoke"]


@pytest.mark.parametrize("name", bundled_scenarios())
def test_a_bundled_scenario_is_valid_and_named_like_its_file(name: str) -> None:
    assert load_scenario(find_scenario(name)).name == name


def test_a_file_wins_over_a_bundled_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smoke").write_text("scenario: mine")
    assert find_scenario("smoke").read_text() == "scenario: mine"


def test_a_near_miss_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match="no scenario 'smok'") as raised:
        find_scenario("smok")
    assert raised.value.hint.startswith("did you mean smoke? bundled scenarios: ")
