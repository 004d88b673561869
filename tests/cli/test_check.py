"""`loadkit check`: words, lines, numbers, a page, and its exit code."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.timing import fewest_s

from loadkit.cli._bundled import bundled_scenarios
from loadkit.cli.app import main
from loadkit.errors import ExitCode

ROOT = Path(__file__).parents[2]
SCENARIO = """\
scenario: x
load: {stages: [{name: up, from: 0/s, to: 90/s, duration: 1m}, {name: hold, rate: 90/s, duration: 1m}]}
sessions: {messages_per_session: 9}
messages: {note: {size: 2KiB}}
guardrails: {severity: warning}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "x.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return path


def test_words_and_lines(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(file), "--service-time", "100ms"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert shown.startswith(f"{file}: valid\nScenario x, seed 1.\n")
    assert "  ▁▁▁▁▂▂▂▂▃▃▃▃▄▄▄▄▅▅▅▅▆▆▆▆▇▇▇▇████" in shown
    assert "About 9 sessions busy at the peak" in shown
    assert "Warning: this would open 600 connections/min from one source; " in shown


def test_numbers(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(file), "--json"]) == ExitCode.OK
    (result,) = json.loads(capsys.readouterr().out)
    assert (result["valid"], result["calendar"]) == (True, None)
    assert result["forecast"]["messages"] == pytest.approx(45 * 60 + 90 * 60)
    assert result["guardrails"]["breaches"][0]["expected"] == pytest.approx(600)
    assert result["description"].startswith("Scenario x")


def test_guardrails_can_be_errors(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(SCENARIO.replace("warning", "error"), encoding="utf-8")
    assert main(["check", str(file)]) == ExitCode.USAGE
    assert "Error: this would open 600 connections/min" in capsys.readouterr().out


def test_a_page_of_one_scenario(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    assert main(["check", str(file), "--html", str(page)]) == ExitCode.OK
    assert "<h1>x: what will be sent</h1>" in page.read_text(encoding="utf-8")
    assert capsys.readouterr().err == f"page: {page}\n"
    assert main(["check", str(file), str(file), "--html", str(page)]) == ExitCode.USAGE
    assert "--html draws one scenario" in capsys.readouterr().err
    assert main(["check", str(file), "--html", str(tmp_path)]) == ExitCode.USAGE
    assert "Is a directory" in capsys.readouterr().err


@pytest.mark.parametrize("service_time", ["0s", "50"])
def test_a_service_time_is_a_time(file: Path, service_time: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(file), "--service-time", service_time]) == ExitCode.USAGE


@pytest.mark.parametrize("name", bundled_scenarios())
def test_bundled_scenarios_are_within_the_limits_and_quickly_checked(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def used_s() -> float:
        capsys.readouterr()
        started_s = time.process_time()
        assert main(["check", name]) == ExitCode.OK
        return time.process_time() - started_s

    assert fewest_s(used_s, below_s=0.5) < 0.5
    shown = capsys.readouterr().out
    assert "sessions busy at the peak" in shown
    assert "Within the limits of" in shown


def check_promotion() -> str:
    done = subprocess.run(
        [sys.executable, "-m", "loadkit", "check", "promotion"],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_curve_on_a_terminal_without_blocks() -> None:
    assert re.search(r"^  [ .:=+*#@-]*@[ .:=+*#@-]*  up to [0-9,]+/s$", check_promotion(), re.MULTILINE)


@pytest.mark.alone
def test_a_check_takes_less_than_a_second_of_processor_time() -> None:
    def children_s() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def used_s() -> float:
        before_s = children_s()
        check_promotion()
        return children_s() - before_s

    assert fewest_s(used_s, below_s=1.0) < 1
