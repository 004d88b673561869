"""`loadkit capacity`: its folder, its words, how it stops and goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadkit.analysis.evidence import Observation
from loadkit.analysis.goals import parse_goal
from loadkit.analysis.search import Search
from loadkit.analysis.search_trials import NextTrial, SearchSettings
from loadkit.cli._climb import begin, climb, exit_code_of, go_on
from loadkit.cli._ladder import LADDER_FILE, Ladder, open_ladder
from loadkit.cli._trial import TrialRunner
from loadkit.cli.app import main
from loadkit.cli.capacity import TrialOptions, load_scenario_of, run_options
from loadkit.errors import ExitCode, RunFolderError, UsageError
from loadkit.scenario.load import load_scenario

SCENARIO = Path(__file__).parents[1] / "scenario" / "good" / "minimal.yaml"
SETTINGS = SearchSettings((parse_goal("p(99) < 500ms"),), start_per_s=100)


def slow_above(limit_per_s: float) -> Any:
    """Trials of a server that is slow above a rate, in place of those of real runs."""

    def run(_: TrialRunner, trial: NextTrial) -> Observation:
        slow = 300 * (trial.rate_per_s > limit_per_s)
        return Observation((3000,) * 10, (0,) * 10, ((slow,) * 10,), (5.0,) * 10)

    return run


def interrupted_at(number: int, run: Any) -> Any:
    def interrupted(runner: TrialRunner, trial: NextTrial) -> Any:
        if trial.number == number:
            raise KeyboardInterrupt
        return run(runner, trial)

    return interrupted


@pytest.fixture
def ladder(tmp_path: Path) -> Ladder:
    return begin(load_scenario(SCENARIO), SETTINGS, tmp_path, ())


def test_a_search_to_its_end(
    ladder: Ladder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(TrialRunner, "run", slow_above(700))
    code = climb(ladder, quiet=False, as_json=False)
    said = capsys.readouterr()

    assert code is ExitCode.OK
    assert "p(99) < 500ms: 670.5/s, and less than 704.0/s, which latency rules out (width 5.0%)" in said.out
    assert "at 120%, 804.6/s: bad by goal 10.00%" in said.out
    assert "trial 1 (ramp): 100.0/s for 10s, 30,000 messages; 0.00% bad meets it" in said.err
    assert "every bracket is narrow enough" in said.err
    assert f"a curve through these 11 trials: loadkit fit {ladder.folder}" in said.err
    assert ladder.folder.name.endswith("Z-minimal-ladder")
    assert open_ladder(ladder.folder).status == "complete"


def test_an_interrupted_search_goes_on_where_it_was_and_comes_to_the_same(
    ladder: Ladder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(TrialRunner, "run", interrupted_at(4, slow_above(700)))
    assert climb(ladder, quiet=True, as_json=True) is ExitCode.INTERRUPTED
    first = json.loads(capsys.readouterr().out)
    assert (first["status"], len(first["search"]["trials"])) == ("interrupted", 3)

    monkeypatch.setattr(TrialRunner, "run", slow_above(700))
    again = go_on(ladder.folder, None)
    assert len(again.search.done) == 3
    assert climb(again, quiet=True, as_json=True) is ExitCode.OK
    second = json.loads(capsys.readouterr().out)

    whole = Search(SETTINGS)
    while isinstance(trial := whole.next_action(), NextTrial):
        whole = whole.with_trial(trial, slow_above(700)(ladder, trial))
    assert second["results"] == json.loads(json.dumps([result.to_dict() for result in whole.results()]))
    assert second["path"] == str(ladder.folder)


def test_the_state_is_on_disk_after_every_trial(ladder: Ladder, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []

    def run(runner: TrialRunner, trial: NextTrial) -> Any:
        kept.append(len(open_ladder(ladder.folder).search.done))
        return slow_above(700)(runner, trial)

    monkeypatch.setattr(TrialRunner, "run", run)
    climb(ladder, quiet=True, as_json=True)

    assert kept == list(range(len(kept)))
    assert [path.name for path in ladder.folder.iterdir() if path.suffix == ".new"] == []


def test_trials_have_the_values_sinks_and_workers_of_the_command() -> None:
    assert load_scenario_of(str(SCENARIO), ["load.stages.hold.rate=70/s"]).load.stages[0].rate_per_s == 70
    options = run_options(
        TrialOptions("smtp://127.0.0.1:25", allow=("mta.example",), sinks=("http://127.0.0.1:8025",), workers=3)
    )
    wanted = "--target smtp://127.0.0.1:25 --workers 3 --sink http://127.0.0.1:8025 --allow mta.example"
    assert options == tuple(wanted.split())


def test_a_search_goes_on_with_the_same_observer_and_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = run_options(TrialOptions(workers=2, observe="local"))
    begun = begin(load_scenario(SCENARIO), SETTINGS, tmp_path, options)
    given: list[tuple[str, ...]] = []

    def run(runner: TrialRunner, trial: NextTrial) -> Any:
        given.append(runner.options)
        raise KeyboardInterrupt

    monkeypatch.setattr(TrialRunner, "run", run)
    assert climb(begun, quiet=True, as_json=False) is ExitCode.INTERRUPTED
    assert f"loadkit capacity --resume {begun.folder}" in capsys.readouterr().err
    assert main(["capacity", "--resume", str(begun.folder), "--quiet"]) == ExitCode.INTERRUPTED
    assert given == [("--workers", "2", "--observe", "local")] * 2


def test_another_budget_may_be_given_for_the_rest(ladder: Ladder) -> None:
    assert go_on(ladder.folder, 60.0).search.settings == replace(SETTINGS, budget_s=60.0)


@pytest.mark.parametrize(("slow", "invalid", "code"), [(300, "", 99), (0, "no core", 4), (0, "", 0)])
def test_exit_codes(slow: int, invalid: str, code: int) -> None:
    search = Search(SETTINGS)
    trial = search.next_action()
    assert isinstance(trial, NextTrial)
    seen = Observation((3000,) * 10, (0,) * 10, ((slow,) * 10,), (5.0,) * 10, invalid)
    assert exit_code_of(search.with_trial(trial, seen)) == code


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "a scenario and at least one --objective"),
        (["smoke"], "a scenario and at least one --objective"),
        (["smoke", "--objective", "fast"], "'fast' is not a condition"),
        (["smoke", "--objective", "p(99) < 1s", "--trial", "9s", "--width", "0.5%"], "--width must be"),
        (["smoke", "--objective", "p(99) < 1s", "--trial", "9s", "--width", "0.5%"], "--trial must be"),
        (["smoke", "--objective", "p(99) < 1s", "--start", "0/s"], "--start must be"),
        (["smoke", "--objective", "p(99) < 1s", "--width", "5"], "not a percentage"),
        (["--resume", "nowhere"], "no folder of a search"),
        (["smoke", "--resume", "nowhere"], "--resume takes scenario from the search"),
        (["--resume", "x", "--workers", "2", "--width", "5%"], "--resume takes --width, --workers from the search"),
        (["--resume", "x", "--observe", "local", "--quiet"], "--resume takes --observe from the search"),
    ],
)
def test_what_is_wrong_with_a_command(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capacity", *options]) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_a_damaged_ladder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder of a search"):
        open_ladder(tmp_path)
    (tmp_path / LADDER_FILE).write_text("{}")
    with pytest.raises(RunFolderError, match="is damaged"):
        open_ladder(tmp_path)
    (tmp_path / LADDER_FILE).write_text('{"schema_version": 99}')
    with pytest.raises(RunFolderError, match="schema version 99"):
        open_ladder(tmp_path)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.alone
def test_real_trials_against_the_bundled_sink(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One trial at half of what M/M/4 of 10 ms carries, where 99.9 % of messages are faster than 100 ms."""
    options = ["--start", "200/s", "--sink-profile", "station", "--budget", "13s", "--results", str(tmp_path)]
    code = main(["capacity", str(SCENARIO), "--objective", "p(95) < 200ms", "--json", "--quiet", *options])
    ladder = json.loads(capsys.readouterr().out)

    (trial,) = ladder["search"]["trials"]
    assert 1700 < sum(trial["seen"]["offered"]) < 2300
    assert len(trial["seen"]["offered"]) == len(trial["seen"]["backlog"]) == 10
    assert (Path(ladder["path"]) / trial["seen"]["name"] / "summary.json").is_file()
    if trial["seen"]["invalid"]:
        pytest.skip(f"the machine was busy: {trial['seen']['invalid']}")
    assert (code, ladder["results"][0]["lower_per_s"]) == (0, 200)
    assert ladder["reason"] == "the time is used up"
