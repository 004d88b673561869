"""Runs as trials: what each gives, and what is no evidence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.recording import PLAN, MadeUpRun

from loadkit.errors import RunFolderError
from loadkit.measure.ladder import read_ladder

LEVEL = (
    "load:\n  executor: arrival_rate\n  stages:\n  - {name: w, rate: 5/s, measure: false}\n  - {name: h, rate: 100/s}\n"
)
RAMP = "load:\n  executor: arrival_rate\n  stages:\n  - {name: a, rate: 5/s}\n  - {name: h, rate: 100/s}\n"
CLOSED = "load:\n  executor: sessions\n  sessions: 8\n"


def finished(results: Path, scenario: str, *, open_loop: bool = True, interrupted: bool = False) -> Path:
    """A run of 100 messages a second; its accepted rate is 90/s, for a tenth of ten seconds is refused."""
    made = MadeUpRun(results, plan=replace(PLAN, open_loop=open_loop))
    folder = made.finish(interrupted=interrupted)[0]
    (folder / "scenario.effective.yaml").write_text(scenario)
    return folder


def accepted_all(folder: Path) -> None:
    """Let the run have had everything accepted."""
    file = folder / "summary.json"
    summary = json.loads(file.read_text())
    summary["flows"]["accepted"]["per_s"] = summary["flows"]["offered"]["per_s"]
    file.write_text(json.dumps(summary))


def test_a_closed_loop_gives_sessions_and_accepted_rate(tmp_path: Path) -> None:
    folder = finished(tmp_path / "one", CLOSED, open_loop=False)
    (trial,) = read_ladder([folder]).sessions
    assert (trial.sessions, trial.accepted_per_s) == (8, 90.0)
    assert trial.run == folder.name
    assert trial.ladder == str(tmp_path / "one")


def test_a_run_at_one_rate_gives_the_rate_and_the_quantiles_that_are_known(tmp_path: Path) -> None:
    accepted_all(finished(tmp_path, LEVEL))
    ladder = read_ladder([tmp_path])
    (trial,) = ladder.rates
    assert trial.rate_per_s == 100
    assert set(trial.quantiles_s) == {0.5, 0.9, 0.95, 0.99}  # a thousand messages do not bound p99.9
    assert trial.quantiles_s[0.5] == pytest.approx(0.03, rel=1e-3)
    assert ladder.quantiles == (0.5, 0.9, 0.95, 0.99)


def test_what_is_no_evidence_is_left_out_with_its_reason(tmp_path: Path) -> None:
    finished(tmp_path / "slow", LEVEL)
    accepted_all(finished(tmp_path / "ramp", RAMP))
    finished(tmp_path / "stopped", LEVEL, interrupted=True)
    void = finished(tmp_path / "void", LEVEL)
    head = json.loads((void / "run.json").read_text()) | {"verdict": "invalid"}
    (void / "run.json").write_text(json.dumps(head))
    MadeUpRun(tmp_path / "killed")
    (killed,) = (tmp_path / "killed").glob(".*.partial")

    ladder = read_ladder([*(tmp_path / name for name in ("slow", "ramp", "stopped", "void")), killed])

    assert (ladder.rates, ladder.sessions) == ((), ())
    assert [one.reason for one in ladder.left_out] == [
        "the system kept up with 90% of the rate only",
        "its rate changes within the measured stages",
        "it did not come to its end",
        "its measurement is not valid",
        "it did not come to its end",
    ]


def test_what_holds_no_run_is_named(tmp_path: Path) -> None:
    for wrong in (tmp_path, tmp_path / "absent"):
        with pytest.raises(RunFolderError, match="holds no run"):
            read_ladder([wrong])


def test_a_scenario_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    folder = finished(tmp_path, "load: {executor: sessions}\n", open_loop=False)
    with pytest.raises(RunFolderError, match=r"scenario.effective.yaml can't be read"):
        read_ladder([folder])
