"""The trials of a search: their scenarios, and what is read from their runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from support.recording import MadeUpRun

from loadkit.analysis.evidence import GOODPUT_LEAST, Bound, Look, judge_load
from loadkit.analysis.goals import Criterion, parse_goal
from loadkit.analysis.search_trials import NextTrial, Purpose
from loadkit.cli._trial import TrialError, TrialRunner, observation_of, trial_text
from loadkit.errors import ExitCode
from loadkit.measure.delivery import DeliverySeries
from loadkit.measure.tables import write_table
from loadkit.scenario.load import dump_effective, load_scenario, parse_scenario

GOALS = (parse_goal("p(99) < 20ms"), parse_goal("success >= 99.95%"))
GOOD = Path(__file__).parents[1] / "scenario" / "good"


def trial(duration_s: float = 10.0, rate_per_s: float = 123.4567) -> NextTrial:
    return NextTrial(3, 0, rate_per_s, duration_s, Purpose.SEARCH, 4_294_967_295)


@pytest.mark.parametrize("name", ["everything", "letters", "minimal", "sessions", "shapes", "shared_messages"])
def test_a_trial_is_the_scenario_at_one_rate(name: str) -> None:
    scenario = load_scenario(GOOD / f"{name}.yaml")
    made = parse_scenario(trial_text(yaml.safe_load(dump_effective(scenario)), trial(), GOALS))

    assert made.load.open_loop
    assert {stage.rate_per_s for stage in made.load.stages} == {123.4567}
    assert [stage.measure for stage in made.load.stages] == [False] + [True] * 10
    assert [stage.duration_s for stage in made.load.stages] == [2.0] + [1.0] * 10
    assert (made.messages, made.senders, made.target) == (scenario.messages, scenario.senders, scenario.target)
    assert made.seed == 4_294_967_295
    assert [str(one) for one in made.threshold_list()] == ["transaction_duration: p(99) < 20ms"]


def test_trials_of_a_campaign_have_their_own_load() -> None:
    text = """
scenario: shop
campaign: {start: 2026-11-10T00:00, duration: 2d, volume: 500000/d, test: {compress: {from: 2d, to: 10m}}}
messages: {note: {size: 2KiB}}
"""
    scenario = yaml.safe_load(dump_effective(parse_scenario(text)))
    made = parse_scenario(trial_text(scenario, trial(), GOALS))
    assert made.campaign is None
    assert len(made.load.stages) == 11


def test_long_trials_have_longer_batches() -> None:
    scenario = yaml.safe_load(dump_effective(load_scenario(GOOD / "minimal.yaml")))
    made = parse_scenario(trial_text(scenario, trial(250.0), GOALS[1:]))

    assert {stage.duration_s for stage in made.load.stages[1:]} == {3.0}
    assert len(made.load.stages) == 1 + 84
    assert made.threshold_list() == ()


def test_what_a_run_saw(tmp_path: Path) -> None:
    """Ten seconds of 100 messages, which take 30 ms each; those of the last second are refused."""
    folder, _ = MadeUpRun(tmp_path).finish()
    seen = observation_of(folder, GOALS)

    assert (seen.offered, seen.failed) == ((1000,), (100,))
    assert seen.bad == ((1000,), (100,))
    assert seen.backlog == (0.0,) * 10
    assert (seen.invalid, seen.name) == ("", folder.name)


@pytest.mark.parametrize(
    ("delivered_of", "bound"),
    [
        (lambda accepted: accepted, Bound.LOWER),
        (lambda accepted: np.maximum(accepted - 40, 0), Bound.LOWER),
        (lambda accepted: 95 * accepted // 100, Bound.UPPER),
    ],
    ids=["at once", "late", "slower"],
)
def test_mail_that_piles_up_behind_the_server_is_too_much(
    delivered_of: Callable[[np.ndarray], np.ndarray], bound: Bound, tmp_path: Path
) -> None:
    """The server takes 100 messages a second in good time; what it passes on is all of it, late, or 95 a second."""
    folder, _ = MadeUpRun(tmp_path).finish()
    second = np.arange(15)
    accepted = np.minimum(100 * (second + 1), 1200)
    delivered = delivered_of(accepted)
    write_table(folder / "delivery", DeliverySeries(second, accepted, delivered, accepted - delivered).columns())
    seen = observation_of(folder, GOALS)

    assert seen.undelivered == tuple((accepted - delivered)[2:12].tolist())
    # The messages that the made-up run's last second refuses are beside the point here.
    taken = replace(seen, failed=(0,), bad=((0,), (0,)))
    found = judge_load(parse_goal("success >= 95%"), 1, [taken], Look(3, GOODPUT_LEAST))
    assert found.bound is bound
    assert (found.criterion is Criterion.BACKLOG) == (bound is Bound.UPPER)


def test_delivery_is_waited_for_before_the_next_trial() -> None:
    scenario = yaml.safe_load(dump_effective(load_scenario(GOOD / "minimal.yaml")))
    short, long = (parse_scenario(trial_text(scenario, trial(each), GOALS)) for each in (10.0, 30.0))
    assert (short.delivery.drain_s, long.delivery.drain_s) == (60.0, 128.0)


def test_a_run_that_is_not_valid_is_void(tmp_path: Path) -> None:
    folder, _ = MadeUpRun(tmp_path, cpu=0.95).finish()
    assert "95%" in observation_of(folder, GOALS).invalid


def test_a_trial_that_can_not_begin_says_why(tmp_path: Path) -> None:
    scenario = yaml.safe_load(dump_effective(load_scenario(GOOD / "minimal.yaml")))
    runner = TrialRunner(tmp_path, scenario, GOALS, ("--target", "smtp://mail.example.com"))
    with pytest.raises(TrialError, match=r"trial 3 could not be made: .*not allowed") as caught:
        runner.run(trial())
    assert caught.value.exit_code is ExitCode.TARGET
