"""Finding a scenario by path or by the name of a bundled one."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

import pytest

from loadkit.cli._bundled import bundled_scenarios, find_scenario
from loadkit.errors import UsageError
from loadkit.scenario.load import load_scenario

if TYPE_CHECKING:
    from pathlib import Path


NAMES = {
    "bounce_storm",
    "exam_batch",
    "government",
    "healthcare",
    "industrial_alerts",
    "manufacturer",
    "mixed_month",
    "newsletter",
    "password_reset",
    "promotion",
    "smoke",
    "steady",
}


def test_the_bundled_ones_are_found_by_name() -> None:
    assert bundled_scenarios().keys() == NAMES
    assert find_scenario("smoke") == bundled_scenarios()["smoke"]


@pytest.mark.parametrize("name", bundled_scenarios())
def test_a_bundled_scenario_is_valid_and_named_like_its_file(name: str) -> None:
    assert load_scenario(find_scenario(name)).name == name


@pytest.mark.parametrize("name", bundled_scenarios())
def test_a_bundled_scenario_says_what_it_models_and_where_its_numbers_come_from(name: str) -> None:
    text = find_scenario(name).read_text(encoding="utf-8")
    comment = "".join(takewhile(lambda line: line.startswith("#"), text.splitlines(keepends=True)))
    assert load_scenario(find_scenario(name)).description.strip()
    assert load_scenario(find_scenario(name)).thresholds
    if name not in {"smoke", "steady"}:
        assert {"# Known", "# Assumed"} <= {
            line.split(",")[0].split(":")[0].split(" b")[0] for line in comment.splitlines()
        }
        assert f"loadkit run {name} --demo-time" in comment.replace("\n# ", " ")


def test_a_file_wins_over_a_bundled_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smoke").write_text("scenario: mine")
    assert find_scenario("smoke").read_text() == "scenario: mine"


def test_a_near_miss_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match="no scenario 'smok'") as raised:
        find_scenario("smok")
    assert raised.value.hint.startswith("did you mean smoke? bundled scenarios: ")
