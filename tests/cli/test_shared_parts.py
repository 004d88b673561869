"""Shared parts, `--set` and the environment from the command line to the run's folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from support.runs import run_scenario

from loadkit.cli.app import main
from loadkit.errors import ExitCode

SCENARIO = """\
# yaml-language-server: $schema=scenario.schema.json
include: [parts/pool.yaml]
scenario: shared
load: {executor: shared_messages, sessions: 2, messages: 40, grace: 5s}
messages: {note: {size: 1KiB}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "pool.yaml").write_text("sessions: {max: 2, idle_timeout: 7s}\nsenders: {count: 3}\n")
    (tmp_path / "mine.yaml").write_text(SCENARIO)
    return tmp_path


def test_check_describes_what_the_parts_and_options_amount_to(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(folder / "mine.yaml")

    assert main(["check", path, "--set", "load.messages=33", "--set", "senders.domain=example.org", "--json"]) == 0

    (result,) = json.loads(capsys.readouterr().out)
    assert "33 messages" in result["description"]
    assert "example.org" in result["description"]


def test_check_names_the_problems_of_options_with_those_of_files(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "parts" / "pool.yaml").write_text("sessions:\n  maxx: 2\n")
    path = str(folder / "mine.yaml")

    assert main(["check", path, "--set", "load.mesages=3", "--json"]) == ExitCode.USAGE

    (result,) = json.loads(capsys.readouterr().out)
    assert [(problem["file"], problem["line"], problem["key"], problem["fix"]) for problem in result["problems"]] == [
        (str(folder / "parts" / "pool.yaml"), 2, "sessions.maxx", "did you mean max?"),
        ("--set", 0, "load.mesages", "did you mean messages?"),
    ]


def test_a_value_for_no_scenario_is_refused_before_a_look(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preflight", "127.0.0.1:1", "--set", "seed=1"]) == ExitCode.USAGE
    assert "--set needs --scenario" in capsys.readouterr().err


@pytest.mark.long
def test_workers_send_what_they_amount_to_and_the_folder_says_it(folder: Path) -> None:
    done = run_scenario(folder, SCENARIO, "--set", "load.messages=10", "--workers", "2", "--quiet")

    assert done.exit_code == 0, done.stderr
    assert done.summary["flows"]["accepted"]["count"] == 10
    assert done.folder is not None
    assert (done.folder / "scenario.yaml").read_text() == SCENARIO
    effective = yaml.safe_load((done.folder / "scenario.effective.yaml").read_text())
    assert "include" not in effective
    assert (effective["load"]["messages"], effective["sessions"]["idle_timeout"]) == (10, "7s")
    command = json.loads((done.folder / "run.json").read_text())["command"]
    assert command[command.index("--set") + 1] == "load.messages=10"
