"""`loadkit verify`: its words, its folder, its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loadkit.analysis.evidence import Observation
from loadkit.analysis.search_trials import NextTrial
from loadkit.cli._trial import TrialRunner
from loadkit.cli._verifying import VERIFICATION_FILE
from loadkit.cli.app import main
from loadkit.errors import ExitCode

SMOKE = ["verify", "smoke", "--objective", "p(99) < 500ms"]


def a_server(failing_per_s: int = 0, slow_per_s: int = 0, invalid: str = "") -> Any:
    """Runs against a made-up server, in place of real ones."""

    def run(_: TrialRunner, trial: NextTrial) -> Observation:
        seconds, each = round(trial.duration_s), round(trial.rate_per_s)
        failed = (failing_per_s,) * seconds
        bad = (failing_per_s + slow_per_s,) * seconds
        return Observation((each,) * seconds, failed, (failed, bad), (5.0,) * seconds, invalid)

    return run


@pytest.mark.parametrize(
    ("server", "code", "verdict"),
    [
        (a_server(), ExitCode.OK, "MET"),
        (a_server(failing_per_s=3), ExitCode.THRESHOLDS, "NOT MET"),
        (a_server(slow_per_s=50), ExitCode.THRESHOLDS, "NOT MET"),
        (a_server(invalid="the generator was late"), ExitCode.INVALID, "INVALID"),
    ],
)
def test_a_tier_is_verified(  # noqa: PLR0917 - fixtures
    server: Any,
    code: ExitCode,
    verdict: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(TrialRunner, "run", server)
    ended = main([*SMOKE, "--tier", "professional", "--results", str(tmp_path), "--json"])
    said = json.loads(capsys.readouterr().out)

    assert ended == code
    assert said["result"]["verdict"] == verdict
    assert (said["promise"]["rate_per_s"], said["promise"]["goals"][0]["text"]) == (2000, "success >= 99.95%")
    (folder,) = tmp_path.iterdir()
    assert folder.name.endswith("-smoke-verification")
    assert json.loads((folder / VERIFICATION_FILE).read_text()) == said


def test_the_certificate_says_what_it_rests_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(TrialRunner, "run", a_server())
    page = tmp_path / "certificate.html"
    code = main([*SMOKE, "--tier", "basic", "--results", str(tmp_path), "--html", str(page)])
    said = capsys.readouterr()

    assert code == ExitCode.OK
    assert said.out.startswith("MET  basic at 500.0/s")
    assert "success >= 99.9% MET 0 15,000 100.0000%" in " ".join(said.out.split())
    assert "15,000 messages in 30s at 500.0/s, in 1 valid run" in said.out
    assert "success >= 99.9% MET; p(99) < 500ms MET" in said.err
    html = page.read_text(encoding="utf-8")
    assert "MET" in html
    assert "99.9" in html
    assert "15,000" in html


def test_undecided_says_how_long_it_would_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(TrialRunner, "run", a_server(slow_per_s=1))
    goals = ["--objective", "success >= 99%", "--objective", "p(99) < 500ms"]
    code = main(["verify", "smoke", *goals, "--rate", "110/s", "--budget", "40s", "--results", str(tmp_path)])
    assert code == ExitCode.INVALID
    assert "To decide it, the test would have to last" in capsys.readouterr().out


def test_a_promise_that_takes_longer_than_the_budget_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMOKE, "--rate", "1/s", "--objective", "success >= 99.99%"]) == ExitCode.USAGE
    assert "takes 12h" in capsys.readouterr().err


def test_every_mistake_is_named_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "smoke", "--objective", "p(99) > 1s", "--rate", "0/s", "--tier", "basic"]) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert "p(99) > 1s" in said
    assert "either a --tier or a --rate" in said
    assert "above 0/s" in said
    assert main(["verify", "--tier", "gold"]) == ExitCode.USAGE
    assert "basic, professional, enterprise" in capsys.readouterr().err


def test_ctrl_c_keeps_what_was_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: TrialRunner, trial: NextTrial) -> Observation:
        raise KeyboardInterrupt

    monkeypatch.setattr(TrialRunner, "run", interrupted)
    code = main([*SMOKE, "--rate", "100/s", "--results", str(tmp_path), "--json"])
    assert code == ExitCode.INTERRUPTED
    assert json.loads(capsys.readouterr().out)["interrupted"] is True


@pytest.mark.long
def test_a_real_server_is_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    goals = ["--objective", "success >= 99%"]
    assert main(["verify", "smoke", "--rate", "50/s", *goals, "--results", str(tmp_path), "--json"]) == ExitCode.OK
    result = json.loads(capsys.readouterr().out)["result"]
    assert result["verdict"] == "MET"
    assert result["messages"] > 1000
