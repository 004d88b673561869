"""`loadkit report`, `export` and `list`: what they print and what they write."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from support.recording import MadeUpRun

from loadkit.analysis.evidence import Observation
from loadkit.analysis.goals import parse_goal
from loadkit.analysis.search import Search
from loadkit.analysis.search_trials import NextTrial, SearchSettings
from loadkit.cli._ladder import Ladder
from loadkit.cli.app import main
from loadkit.errors import ExitCode
from loadkit.measure.reconciliation import Reconciliation
from loadkit.report.capacity import rate_text

LOST = Reconciliation(1100, 1098, 2, ((0, 5, 6),), 0, 0, 0, 0)
GOAL = parse_goal("p(99) < 500ms")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    MadeUpRun(tmp_path).finish(ledger=LOST)
    return tmp_path


@pytest.fixture
def run(results: Path) -> str:
    (folder,) = results.iterdir()
    return str(folder)


def made_ladder(results: Path, name: str, limit_per_s: float) -> Path:
    search = Search(SearchSettings((GOAL,), start_per_s=100))
    while isinstance(trial := search.next_action(), NextTrial):
        slow = 300 * (trial.rate_per_s > limit_per_s)
        search = search.with_trial(trial, Observation((3000,) * 10, (0,) * 10, ((slow,) * 10,), (5.0,) * 10))
    folder = results / name
    folder.mkdir()
    Ladder(folder, "steady", ("--target", "smtp://mx:25"), ("loadkit", "capacity"), search).saved(search, "complete")
    return folder


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


def test_a_page_goes_into_the_run_folder(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = printed(capsys, "report", run, "--type", "html").strip()
    assert path == f"{run}/report.html"
    assert "✗ FAILED" in Path(path).read_text(encoding="utf-8")


def test_a_page_of_several_runs_needs_a_place(run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", run, run, "--type", "html"]) == ExitCode.USAGE
    assert "say where: -o FILE" in capsys.readouterr().err
    path = tmp_path / "both.html"
    assert printed(capsys, "report", run, run, "--type", "html", "-o", str(path), "--lang", "zh") == f"{path}\n"
    assert "2 次运行并列" in path.read_text(encoding="utf-8")


def test_junit_has_a_case_for_each_threshold(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = printed(capsys, "report", run, "--type", "junit").strip()
    root = ET.parse(path).getroot()
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("4", "2", "0")
    cases = {case.get("name"): [child.get("message") for child in case] for case in root.iter("testcase")}
    assert cases == {
        "the measurement is valid": [],
        "transaction_duration: p(95) < 1s": [],
        "transaction_failed: rate < 1%": ["was 10%"],
        "what arrived is what was accepted": ["2 lost"],
    }


def test_junit_of_an_invalid_run_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, _ = MadeUpRun(tmp_path, cpu=0.95).finish()
    printed(capsys, "report", str(folder), "--type", "junit")
    root = ET.parse(folder / "junit.xml").getroot()
    (error,) = root.iter("error")
    assert str(error.get("message")).startswith("generator CPU 95% of a core")


def test_markdown_is_added_to_the_step_summary(
    run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    told = printed(capsys, "report", run, "--type", "github")
    assert told.startswith("## ✗ FAILED: test → smtp://127.0.0.1:2525, 12s\n")
    assert "| transaction\\_failed | rate \\< 1% | 10% | ✗ failed |" in told
    assert told == printed(capsys, "report", run, "--type", "md")
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert printed(capsys, "report", run, "--type", "github") == ""
    assert summary.read_text(encoding="utf-8") == f"before\n{told}\n"


def test_text_and_json_are_as_before_and_can_go_to_a_file(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, one = printed(capsys, "report", run), json.loads(printed(capsys, "report", run, "--json"))
    assert text.startswith("FAILED  test -> smtp://127.0.0.1:2525")
    assert json.loads(printed(capsys, "report", run, run, "--type", "json")) == [one, one]
    for form, suffix in (("text", "txt"), ("json", "json")):
        printed(capsys, "report", run, "--type", form, "-o", str(tmp_path / f"x.{suffix}"))
    assert (tmp_path / "x.txt").read_text() == text
    assert json.loads((tmp_path / "x.json").read_text()) == one


def test_a_search_is_reported_in_every_form(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(made_ladder(results, "20261124T080000Z-steady-ladder", 700))
    (result,) = json.loads(printed(capsys, "report", folder, "--json"))["results"]
    assert 700 / 1.1 < result["lower_per_s"] < 700 < result["upper_per_s"] < 700 * 1.1
    found = f"{rate_text(result['lower_per_s'])}, and less than {rate_text(result['upper_per_s'])}"
    assert found in printed(capsys, "report", folder)
    assert f"| p(99) \\< 500ms | {found}" in printed(capsys, "report", folder, "--type", "md")
    root = ET.parse(printed(capsys, "report", folder, "--type", "junit").strip()).getroot()
    assert [case.get("name") for case in root.iter("testcase")] == ["p(99) < 500ms"]
    assert printed(capsys, "report", folder, "--type", "html") == f"{folder}/report.html\n"
    assert main(["report", folder, folder]) == ExitCode.USAGE
    assert "a report has several runs, or one ladder" in capsys.readouterr().err


def test_runs_of_no_search_have_a_page_and_no_text(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(results)]) == ExitCode.USAGE
    assert "--type html shows them" in capsys.readouterr().err
    assert printed(capsys, "report", str(results), "--type", "html") == f"{results}/report.html\n"


def test_the_timeline_is_exported(run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(printed(capsys, "export", run).splitlines()))
    assert sum(int(row["accepted"]) for row in rows) == 1100
    assert rows[0]["kind"] == "note"
    lines = [json.loads(line) for line in printed(capsys, "export", run, "--json").splitlines()]
    assert [line["accepted"] for line in lines] == [int(row["accepted"]) for row in rows]
    assert "response_p50_s" not in lines[-1]
    file = tmp_path / "x.csv"
    assert printed(capsys, "export", run, "-o", str(file)) == f"{file}\n"
    assert len(file.read_text().splitlines()) == len(rows) + 1


def test_a_run_that_was_cut_short_is_exported_with_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = MadeUpRun(tmp_path).writer.folder
    rows = list(csv.DictReader(printed(capsys, "export", str(folder)).splitlines()))
    assert (rows[0]["stage"], sum(int(row["completed"]) for row in rows)) == ("warm-up", 1200)


def test_a_distribution_is_exported_for_the_plotter(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "export", run, "--format", "hgrm", "--metric", "service_time").splitlines()
    assert lines[0].split() == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    values = [line.split() for line in lines[2:-2]]
    assert {value[0] for value in values} == {"20.015"}
    assert (values[0][1], values[-1][1], values[-1][2]) == ("0.000000000000", "1.000000000000", "1000")
    assert lines[-1].split()[-1] == "1000]"


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--verdict", "failed"), 1),
        (("--verdict", "passed"), 0),
        (("--scenario", "te*"), 1),
        (("--scenario", "te"), 0),
        (("--target", "127.0.0.1"), 1),
        (("--target", "elsewhere"), 0),
        (("--since", "2023-11-14"), 1),
        (("--since", "2023-11-15T00:00+00:00"), 0),
        (("--since", "7d"), 0),
    ],
)
def test_runs_are_listed_by_what_they_are(
    options: tuple[str, ...], found: int, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(json.loads(printed(capsys, "list", "--results", str(results), "--json", *options))) == found


def test_since_must_be_a_time(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--results", str(results), "--since", "tomorrow"]) == ExitCode.USAGE
    assert "neither a duration nor a date" in capsys.readouterr().err


def test_capacity_is_followed_over_time(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for day, limit in ((1, 700), (2, 700), (3, 350)):
        made_ladder(results, f"2026112{day}T080000Z-steady-ladder", limit)
    (results / "broken").mkdir()
    (results / "broken" / "ladder.json").write_text("{}")
    assert main(["list", "--results", str(results), "--trend"]) == 0
    said = capsys.readouterr()
    rows = [line.split("  ") for line in said.out.splitlines()[1:]]
    assert [row[-1] for row in rows][:2] == ["-", "same: brackets overlap"]
    assert -55 < int(rows[2][-1].rstrip("%")) < -45
    assert {row[0] for row in rows} == {"smtp://mx:25"}
    assert "left out: " in said.err
    told = json.loads(printed(capsys, "list", "--results", str(results), "--trend", "--json", "--since", "2026-11-22"))
    assert [one["ladder"][:8] for one in told] == ["20261122", "20261123"]


def test_the_index_leads_to_the_reports_that_there_are(
    results: Path, run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for day in (1, 2):
        ladder = made_ladder(results, f"2026112{day}T080000Z-steady-ladder", 700)
    printed(capsys, "report", str(ladder), "--type", "html")
    printed(capsys, "report", run, "--type", "html")
    path = Path(printed(capsys, "list", "--results", str(results), "--index").strip())
    assert path == results / "index.html"
    text = path.read_text(encoding="utf-8")
    name = Path(run).name
    assert f'<a href="{name}/report.html">{name}</a>' in text
    assert text.count("/report.html") == 2
    assert f'<a href="{ladder.name}/report.html">2026-11-22 08:00</a>' in text
    assert "smtp://mx:25 · steady · p(99)" in text
