"""What a ladder says of a node: from a search, from rates, from closed loops, and what each of them rests on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from loadkit.analysis.evidence import Observation
from loadkit.analysis.goals import parse_goal
from loadkit.analysis.refusal import RefusedError
from loadkit.analysis.search import GoalResult, Search
from loadkit.analysis.search_trials import NextTrial, SearchSettings
from loadkit.errors import RunFolderError
from loadkit.measure.ladder import Ladder, RateTrial, SessionsTrial, read_ladder
from loadkit.plan.measured import Measured, Node, measured_of, read_measured
from loadkit.plan.uncertain import Range

EXAMPLE = Path(__file__).parents[2] / "results" / "example"
LOOPS = tuple(SessionsTrial("run", "here", sessions, rate) for sessions, rate in ((1, 10.0), (4, 35.0)))
RATES = tuple(RateTrial("run", "here", rate, {0.5: time_s}) for rate, time_s in ((20.0, 0.04), (50.0, 0.06)))
NONE = Ladder((), (), ())


def result(text: str, lower: float | None, upper: float | None) -> GoalResult:
    return GoalResult(parse_goal(text), lower, upper, None, 9, (), 0, confirmed=True, out_of_reach_per_s=None)


@pytest.fixture(scope="module")
def ladder() -> Ladder:
    return read_ladder([EXAMPLE])


@pytest.fixture(scope="module")
def example(ladder: Ladder) -> Measured:
    return measured_of(ladder)


def test_the_example_lies_between_what_it_kept_up_with_and_where_its_curve_ends(example: Measured) -> None:
    assert example.rate_per_s == example.capacity_per_s.low == pytest.approx(142.625)
    assert 142.625 < example.capacity_per_s.mid < 173 < 1.05 * example.capacity_per_s.high
    assert "no objective was set" in example.basis
    assert example.sessions == 48
    assert example.node_time_s == pytest.approx(0.109503)
    assert example.node_time_basis == "the median response time at 142.6/s"
    assert (example.node, example.boxes, example.trials) == (Node(), 1, 12)


def test_an_objective_bounds_the_example_by_its_curve_of_latency(ladder: Ladder) -> None:
    found = measured_of(ladder, objective=parse_goal("p(99) < 150ms"))
    assert 110 < found.capacity_per_s.mid < 142.625
    assert found.basis.startswith("p(99) < 150ms holds up to")
    with pytest.raises(RefusedError, match=r"too short for p\(99.9\)"):
        measured_of(ladder, objective=parse_goal("p(99.9) < 150ms"))
    with pytest.raises(RefusedError, match="latency is above it without load"):
        measured_of(ladder, objective=parse_goal("p(99) < 1ms"))


def test_a_search_goes_before_anything_else_and_all_its_goals_must_be_met() -> None:
    found = measured_of(
        Ladder(LOOPS, RATES, ()), [result("p(99) < 500ms", 90, 100), result("success >= 99.9%", 60, 75)]
    )
    assert found.capacity_per_s == Range(60, (60 * 75) ** 0.5, 75)
    assert found.basis == "success >= 99.9% is met at 60/s and missed at 75/s, from 9 trials"
    assert found.rate_per_s == 60


def test_a_search_without_an_upper_bound_is_a_lower_bound() -> None:
    found = measured_of(NONE, [result("p(99) < 500ms", 90, None)])
    assert found.capacity_per_s == Range.exactly(90)
    assert "at least 90/s" in found.basis
    assert found.next_experiment.startswith("search above 90/s")


def test_a_search_that_found_nothing_tells_no_capacity() -> None:
    with pytest.raises(RefusedError, match=r"no rate was found that meets p\(99\) < 500ms"):
        measured_of(NONE, [result("p(99) < 500ms", None, 20)])


def test_few_trials_at_a_rate_say_what_it_kept_up_with() -> None:
    found = measured_of(Ladder((), RATES, ()))
    assert found.capacity_per_s == Range.exactly(50)
    assert found.basis == "it kept up with 50/s, the highest rate of the trials"
    assert found.sessions == pytest.approx(3.0)


def test_closed_loops_alone_are_said_to_be_an_assumption() -> None:
    found = measured_of(Ladder(LOOPS, (), ()))
    assert found.capacity_per_s == Range.exactly(35)
    assert found.basis.startswith("closed loops alone: taken as capacity is their throughput")
    assert found.node_time_s == pytest.approx(4 / 35)
    assert found.node_time_basis == "no trial at a rate: Little's law at 4 sessions, 35/s"


def test_no_trial_tells_nothing() -> None:
    with pytest.raises(RefusedError, match="no trial here"):
        measured_of(NONE)


def test_several_boxes_share_what_they_carried() -> None:
    highest = max(EXAMPLE.glob("*-blast-*"))
    found = read_measured([highest], node=Node("ecs.c8i.large"), boxes=2)
    assert found.capacity_per_s == Range.exactly(142.625 / 2)
    assert (found.rate_per_s, found.boxes, found.node) == (142.625, 2, Node("ecs.c8i.large"))


def test_the_folder_of_a_search_is_read(tmp_path: Path) -> None:
    highest = max(EXAMPLE.glob("*-blast-*"))
    shutil.copytree(highest, tmp_path / highest.name)
    search = Search(SearchSettings((parse_goal("p(99) < 500ms"),), start_per_s=100, width=0.5))
    while isinstance(trial := search.next_action(), NextTrial):
        slow = 0 if trial.rate_per_s < 500 else 50
        search = search.with_trial(trial, Observation((200,) * 10, (0,) * 10, ((slow,) * 10,), (5,) * 10))
    (tmp_path / "ladder.json").write_text(json.dumps({"search": search.to_dict()}))
    found = read_measured([tmp_path])
    (result,) = search.results()
    assert result.lower_per_s is not None
    assert result.lower_per_s < 500 <= (result.upper_per_s or 0)
    assert (found.capacity_per_s.low, found.capacity_per_s.high) == (result.lower_per_s, result.upper_per_s)
    (tmp_path / "ladder.json").write_text("{}")
    with pytest.raises(RunFolderError, match="is damaged"):
        read_measured([tmp_path])
