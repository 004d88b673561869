"""What the README and the guides show is true: scenarios load, commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from loadkit.cli._bundled import bundled_scenarios
from loadkit.cli.app import app, main
from loadkit.errors import ExitCode
from loadkit.scenario.distributions import Uniform
from loadkit.scenario.load import load_scenario, parse_scenario
from sinks.behaviour.profile import parse_profile

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
TEXT = "\n".join([README, *(page.read_text() for page in sorted((ROOT / "docs").rglob("*.md")))])
"""With every page of the documentation."""
BLOCKS = {block.partition(":")[0]: block for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)[::-1]}
"""Blocks of YAML by their first key; the first of each."""


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
    table = TEXT[TEXT.index("## Bundled scenarios") :].split("##")[1]
    assert set(
        re.findall(r"`([a-z_]+)`(?=[ ,])", "".join(line for line in table.splitlines() if line[:3] == "| `"))
    ) == set(bundled_scenarios())


def test_its_messages_are_valid(tmp_path: Path) -> None:
    key = generate_private_key(65537, 1024)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "invoices").mkdir()
    for name, content in (("notice.html", b"<p>{number}</p>"), ("dkim.pem", pem), ("invoices/1.pdf", b"x")):
        (tmp_path / name).write_bytes(content)
    load = "scenario: x\nload: {stages: [{name: hold, rate: 5/s, duration: 5s}]}\n"

    scenario = parse_scenario(load + BLOCKS["messages"], base=tmp_path)
    assert list(scenario.messages) == ["order_notice", "signed", "abroad"]


def test_its_single_values_fit_its_scenario(tmp_path: Path) -> None:
    scenario = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)[0]
    (tmp_path / "mine.yaml").write_text(scenario)
    values = [quoted or plain for quoted, plain in re.findall(r'--set (?:"([^"]+)"|([a-z][^\s`]+))', TEXT)]

    loaded = load_scenario(tmp_path / "mine.yaml", overrides=values)

    assert loaded.load.stages[-1].rate_per_s == 300
    assert loaded.messages["letter"].size == Uniform(1024, 90 * 1024)


def test_its_line_for_editors_names_the_file_that_its_command_writes() -> None:
    (written,) = re.findall(r"loadkit schema scenario > (\S+?)`", TEXT)

    assert re.findall(r"^# yaml-language-server: \$schema=(\S+)$", TEXT, re.MULTILINE) == [written]


def test_its_table_of_commands_is_complete() -> None:
    verbs = {verb.name for verb in app.registered_commands} | {group.name for group in app.registered_groups}
    assert set(re.findall(r"^\| `loadkit (\w+)", README, re.MULTILINE)) == verbs


def test_its_table_of_exit_codes_is_complete() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \|", README, re.MULTILINE)
    assert {int(code) for row in rows for code in row.split(",")} == {code.value for code in ExitCode}


@pytest.mark.parametrize("options", sorted(set(re.findall(r"loadkit (\w+) [^|\n#`]*?(--[a-z-]+)", README))))
def test_its_options_exist(options: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    verb, option = options
    assert main([verb, "--help"]) == 0
    assert option in capsys.readouterr().out
