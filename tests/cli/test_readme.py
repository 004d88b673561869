"""What the README shows is true: its scenario loads, its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loadkit.cli._bundled import bundled_scenarios
from loadkit.cli.app import app, main
from loadkit.errors import ExitCode
from loadkit.scenario.load import parse_scenario
from sinks.behaviour.profile import parse_profile

README = (Path(__file__).parents[2] / "README.md").read_text()
BLOCKS = {block.partition(":")[0]: block for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)}
"""Blocks of YAML by their first key."""


def test_its_scenario_its_profile_and_its_thresholds_are_valid() -> None:
    scenario, profile, thresholds = (BLOCKS[name] for name in ("scenario", "profile", "thresholds"))
    assert parse_scenario(scenario).name == "morning"
    assert parse_profile(profile, "README.md").name == "strict"
    others = scenario[: scenario.index("thresholds:")]
    assert {one.metric for one in parse_scenario(others + thresholds).threshold_list()} == {
        "backlog",
        "end_to_end_duration",
    }


def test_its_channels_are_valid() -> None:
    load = "scenario: x\nload: {stages: [{name: hold, rate: 5/s, duration: 5s}]}\n"

    scenario = parse_scenario(load + BLOCKS["channels"])
    assert {name: kind.channel for name, kind in scenario.messages.items()} == {
        "urgent": "smtp",
        "normal": "alerts_api",
        "reading": "devices",
    }


def test_its_table_of_bundled_scenarios_is_complete() -> None:
    table = README[README.index("### Bundled scenarios") :].split("###")[1]
    assert set(
        re.findall(r"`([a-z_]+)`(?=[ ,])", "".join(line for line in table.splitlines() if line[:3] == "| `"))
    ) == set(bundled_scenarios())


def test_its_table_of_commands_is_complete() -> None:
    assert set(re.findall(r"^\| `loadkit (\w+)", README, re.MULTILINE)) == {
        verb.name for verb in app.registered_commands
    }


def test_its_table_of_exit_codes_is_complete() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \|", README, re.MULTILINE)
    assert {int(code) for row in rows for code in row.split(",")} == {code.value for code in ExitCode}


@pytest.mark.parametrize("options", sorted(set(re.findall(r"loadkit (\w+) [^|\n#`]*?(--[a-z-]+)", README))))
def test_its_options_exist(options: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    verb, option = options
    assert main([verb, "--help"]) == 0
    assert option in capsys.readouterr().out
