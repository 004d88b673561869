"""`loadkit cost check`: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadkit.cli.app import main
from loadkit.errors import ExitCode

ROOT = Path(__file__).parents[2]
SCHOOL = ROOT / "examples" / "school_costs.yaml"


def test_the_school_is_reported_as_inconsistent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["cost", "check", "examples/school_costs.yaml"]) == ExitCode.THRESHOLDS
    shown = " ".join(capsys.readouterr().out.split())
    for text in (
        "sum of the items 11,500 8,500 -26.1 % total as printed 12,500 10,400 -17.2 %",
        "It does not add up: 4 numbers can't be right.",
        "examples/school_costs.yaml:25: total, today: 12,500 CNY is printed, the items sum to 11,500 CNY",
        "examples/school_costs.yaml:26: total, optimised: -17.2 % is printed, the printed amounts give -16.8 %",
        "compute instances: 8,500 to 6,200 (-27.1 %) by servers that follow the load base_hours 58.3%, stated",
        "base_nodes 53.6%, solved for plausible: if there are at least 4 servers at the peak",
        "storage: 1,200 to 950 (-20.8 %) by a colder class of storage cold_share 62.5%, solved for",
        "security: 1,800 to 1,350 (-25.0 %) by paying by use used 53.8%, solved for",
    ):
        assert text in shown


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "check", str(SCHOOL), "--json"]) == ExitCode.THRESHOLDS
    found = json.loads(capsys.readouterr().out)
    assert (found["sums"], found["total"]["amounts"]) == ([11500, 8500], [12500, 10400])
    assert found["sum_changes_percent"] == [-26.087]
    assert [(one["line"], one["recomputed"], one["unit"]) for one in found["discrepancies"]] == [
        (25, 11500, "CNY"),
        (25, 8500, "CNY"),
        (26, -26.1, "%"),
        (26, -16.8, "%"),
    ]
    assert {name: (one["reproduced"], one["solved"]) for name, one in found["levers"].items()} == {
        "compute instances": (6200, "base_nodes"),
        "storage": (950, "cold_share"),
        "security": (1350, "used"),
    }


def test_what_adds_up_ends_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "offer.CSV"
    file.write_text("item,now\na,1.10\nb,2.20\nTotal,3.30\n")
    assert main(["cost", "check", str(file)]) == ExitCode.OK
    assert capsys.readouterr().out.endswith("It adds up.\n")


def test_problems_are_all_said_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "offer.csv"
    file.write_text("item,now\na,x\nb,y\ntotal,3.30\n")
    assert main(["cost", "check", str(file)]) == ExitCode.USAGE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert [line.partition(": ")[0] for line in shown.err.splitlines()] == [f"{file}:2", f"{file}:3", "error"]


@pytest.mark.parametrize("arguments", [["cost", "chek", "x.csv"], ["cost", "check"], ["cost", "check", "missing.csv"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == ExitCode.USAGE
    assert capsys.readouterr().out == ""
