"""The whole way in processes of its own: run, list, report, and the ends that a run can come to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import psutil
import pytest

from loadkit.errors import ExitCode

ROOT = Path(__file__).parents[2]


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "loadkit", *arguments],
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def loadkit(*arguments: str) -> tuple[int, str, str]:
    with start(*arguments) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def smoke(results: Path) -> dict[str, Any]:
    """A run of the bundled smoke scenario against the bundled sink."""
    code, out, err = loadkit("run", "smoke", "--json", "--results", str(results))
    return {"code": code, "summary": json.loads(out), "err": err}


def test_a_run_without_a_target_passes_against_the_bundled_sink(smoke: dict[str, Any]) -> None:
    assert smoke["code"] == ExitCode.OK, smoke["err"]
    ledger = smoke["summary"]["ledger"]
    assert (ledger["accepted"], ledger["delivered"], ledger["lost"], ledger["duplicated"]) == (100, 100, 0, 0)


def test_gevent_came_before_ssl_and_nothing_else_is_said(smoke: dict[str, Any], results: Path) -> None:
    (folder,) = results.iterdir()
    assert "Warning" not in smoke["err"]
    assert smoke["err"].splitlines()[-1] == f"run: {folder}"


def test_the_run_is_listed(smoke: dict[str, Any], results: Path) -> None:
    (folder,) = results.iterdir()
    code, out, _ = loadkit("list", "--results", str(results))
    assert code == 0
    header, row = out.splitlines()
    assert header.split() == ["RUN", "VERDICT", "SCENARIO", "TARGET"]
    assert row.split()[:3] == [folder.name, "passed", "smoke"]
    (head,) = json.loads(loadkit("list", "--results", str(results), "--json")[1])
    assert head["scenario"] == "smoke"


def test_junit_xml_is_left_with_the_run(smoke: dict[str, Any], results: Path) -> None:
    (file,) = results.glob("*/junit.xml")
    cases = [case.get("name") for case in ET.parse(file).iter("testcase")]
    thresholds = [f"{one['metric']}: {one['check']}" for one in smoke["summary"]["thresholds"]]
    assert cases == ["the measurement is valid", *thresholds, "what arrived is what was accepted"]


def test_the_report_says_the_same_again(smoke: dict[str, Any], results: Path) -> None:
    code, out, _ = loadkit("report", "latest", "--results", str(results), "--json")
    assert code == 0
    assert json.loads(out) == smoke["summary"]
    (folder,) = results.iterdir()
    by_path, by_name = loadkit("report", str(folder)), loadkit("report", folder.name, "--results", str(results))
    assert by_path == by_name
    assert "THRESHOLDS" in by_path[1]


def test_a_terminal_without_utf_8_gets_the_report_all_the_same(smoke: dict[str, Any], results: Path) -> None:
    command = [sys.executable, "-m", "loadkit", "report", "latest", "--results", str(results)]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert b"? passed" in done.stdout


def test_a_blast_sends_what_it_says(tmp_path: Path) -> None:
    code, out, err = loadkit(
        "blast",
        "--messages",
        "300",
        "--sessions",
        "3",
        "--size",
        "900B",
        "--quiet",
        "--json",
        "--results",
        str(tmp_path),
    )
    assert code == ExitCode.OK, err
    assert json.loads(out)["ledger"]["delivered"] == 300
    (folder,) = tmp_path.iterdir()
    assert "executor: shared_messages" in (folder / "scenario.yaml").read_text()


@pytest.mark.parametrize(
    ("options", "exit_code", "complaint"),
    [
        (("--target", "smtp://mail.example.net"), ExitCode.TARGET, "mail.example.net:25 is not this machine"),
        (("--target", "http://127.0.0.1"), ExitCode.USAGE, "does not start with smtp://"),
        (("--compress", "2h"), ExitCode.USAGE, "the load lasts 5s"),
    ],
)
def test_nothing_is_sent_or_written_when_the_command_is_refused(
    options: tuple[str, ...], exit_code: ExitCode, complaint: str, tmp_path: Path
) -> None:
    code, out, err = loadkit("run", "smoke", "--results", str(tmp_path), *options)
    assert (code, out) == (exit_code, "")
    assert complaint in err
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_a_run_in_good_order(tmp_path: Path) -> None:
    with start("blast", "--rate", "50/s", "--duration", "60s", "--results", str(tmp_path)) as process:
        wait_for_run(process, tmp_path)
        sink = psutil.Process(process.pid).children()[0]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == ExitCode.INTERRUPTED, err
    assert "THRESHOLDS" in out
    assert "Traceback" not in err
    assert not sink.is_running()
    (folder,) = tmp_path.iterdir()
    assert not folder.name.startswith(".")


def test_a_run_that_was_killed_can_still_be_read(tmp_path: Path) -> None:
    with start("blast", "--rate", "50/s", "--duration", "60s", "--results", str(tmp_path)) as process:
        wait_for_run(process, tmp_path)
        process.kill()
        process.communicate(timeout=30)
    code, out, err = loadkit("report", "latest", "--results", str(tmp_path), "--json")
    assert code == 0, err
    assert "cut short" in err
    assert json.loads(out)
    (row,) = loadkit("list", "--results", str(tmp_path))[1].splitlines()[1:]
    assert row.split()[1] == "running"


def wait_for_run(process: subprocess.Popen[str], results: Path) -> None:
    """Wait until the run has written its first seconds."""
    deadline = time.monotonic() + 20
    while not any(timeline.stat().st_size > 2000 for timeline in results.glob(".*/timeline.arrows")):
        assert process.poll() is None
        assert time.monotonic() < deadline, "the run writes no timeline"
        time.sleep(0.05)
