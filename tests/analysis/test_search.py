"""The search as a state machine, and on simulated servers of known capacity."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator

import pytest

from benchmarks.searching import RAMP_STEPS, capacities, has_bounds, is_wrong, searched, trials_of
from benchmarks.simulated import SERVERS, Server
from loadkit.analysis.evidence import Observation
from loadkit.analysis.goals import Criterion, parse_goal
from loadkit.analysis.search import MOST_VOID, Search
from loadkit.analysis.search_trials import Finished, NextTrial, Purpose, SearchSettings

LATENCY, SUCCESS = parse_goal("p(99) < 500ms"), parse_goal("success >= 99.95%")
SEEDS = range(6)

Serve = Callable[[float], Observation]


def limit(latency_per_s: float, success_per_s: float = float("inf"), reach_per_s: float = float("inf")) -> Serve:
    """A server that is slow above a rate and refuses above another, of a generator that drives so much."""

    def serve(rate_per_s: float) -> Observation:
        slow, failed = 300 * (rate_per_s > latency_per_s), 4 * (rate_per_s > success_per_s)
        invalid = "no core was free" if rate_per_s > reach_per_s else ""
        bad = ((slow + failed,) * 10, (failed,) * 10)
        return Observation((3000,) * 10, (failed,) * 10, bad, (5.0,) * 10, invalid)

    return serve


def run(serve: Serve, search: Search) -> Iterator[tuple[NextTrial, Search]]:
    """Every trial with the search after it."""
    while isinstance(trial := search.next_action(), NextTrial):
        search = search.with_trial(trial, serve(trial.rate_per_s))
        yield trial, search


def finish(serve: Serve, settings: SearchSettings) -> Search:
    *_, (_, last) = run(serve, Search(settings))
    return last


def test_loads_double_from_below_until_the_first_upper_bound_and_then_halve_the_bracket() -> None:
    search = finish(limit(700), SearchSettings((LATENCY,), start_per_s=100))
    rates = [one.trial.rate_per_s for one in search.done if one.trial.purpose is Purpose.RAMP]
    result = search.results()[0]

    assert rates == pytest.approx([100, 200, 400, 800], rel=0.035)  # a doubling is 28 steps of the grid
    assert result.lower_per_s is not None
    assert result.upper_per_s is not None
    assert result.lower_per_s <= 700 < result.upper_per_s
    assert result.width is not None
    assert result.width <= 0.0501
    assert result.criterion is Criterion.LATENCY
    assert result.confirmed
    # Twenty-eight cells of a doubling, halved until two are left.
    assert sum(one.trial.purpose is Purpose.SEARCH for one in search.done) <= 4
    assert search.next_action() == Finished("every bracket is narrow enough")


def test_the_result_is_confirmed_by_longer_trials_and_shown_a_fifth_below_and_above() -> None:
    search = finish(limit(700), SearchSettings((LATENCY,), start_per_s=100, trial_s=20))
    lower = search.results()[0].lower_per_s
    assert lower is not None
    ends = [one.trial for one in search.done[-3:]]

    assert [trial.purpose for trial in ends] == [Purpose.CONFIRM, Purpose.CHECK, Purpose.CHECK]
    assert [trial.rate_per_s for trial in ends] == pytest.approx([lower, 0.8 * lower, 1.2 * lower], rel=1e-4)
    assert [trial.duration_s for trial in ends] == [60, 20, 20]


def test_a_bound_that_a_longer_trial_does_not_confirm_is_given_up() -> None:
    def fades(trial: NextTrial) -> Observation:
        return limit(500 if trial.purpose is Purpose.CONFIRM else 700)(trial.rate_per_s)

    search = Search(SearchSettings((LATENCY,), start_per_s=100))
    while isinstance(trial := search.next_action(), NextTrial):
        search = search.with_trial(trial, fades(trial))
    result = search.results()[0]

    assert result.lower_per_s is not None
    assert result.lower_per_s <= 500
    assert result.confirmed


def test_each_goal_has_its_own_bracket_and_smaller_loads_come_first() -> None:
    latency, success = finish(limit(700, 300), SearchSettings((LATENCY, SUCCESS), start_per_s=50)).results()

    assert success.lower_per_s is not None
    assert success.upper_per_s is not None
    assert latency.lower_per_s is not None
    assert latency.upper_per_s is not None
    assert success.lower_per_s <= 300 < success.upper_per_s
    assert latency.lower_per_s <= 700 < latency.upper_per_s
    assert (success.criterion, latency.criterion) == (Criterion.ERRORS, Criterion.LATENCY)


def test_the_relevant_lower_bound_lies_below_the_smallest_upper_bound() -> None:
    """A server that fails at one load and not above it."""

    def serve(rate_per_s: float) -> Observation:
        return limit(0 if 350 < rate_per_s < 450 else 700)(rate_per_s)

    result = finish(serve, SearchSettings((LATENCY,), start_per_s=100)).results()[0]
    assert result.lower_per_s is not None
    assert result.upper_per_s is not None
    assert result.lower_per_s <= 350 < result.upper_per_s < 450


def test_a_first_load_that_is_too_much_is_halved_and_not_for_ever() -> None:
    result = finish(limit(30), SearchSettings((LATENCY,), start_per_s=1000)).results()[0]
    assert result.lower_per_s is not None
    assert 27 < result.lower_per_s <= 30

    never = finish(limit(0), SearchSettings((LATENCY,), start_per_s=1000))
    assert never.results()[0].lower_per_s is None
    assert len(never.done) <= 12
    assert never.next_action() == Finished("no load is left that would tell more")


def test_what_the_generator_can_not_drive_is_void_and_no_evidence() -> None:
    search = finish(limit(5000, reach_per_s=1000), SearchSettings((LATENCY,), start_per_s=100))
    result = search.results()[0]

    assert result.upper_per_s is None
    assert result.criterion is None
    assert result.void >= MOST_VOID
    assert result.out_of_reach_per_s is not None
    assert result.lower_per_s is not None
    assert result.lower_per_s <= 1000 < result.out_of_reach_per_s
    assert isinstance(end := search.next_action(), Finished)
    assert "can't drive" in end.reason


def test_one_void_trial_is_made_again_at_the_same_load() -> None:
    search = Search(SearchSettings((LATENCY,), start_per_s=100))
    first = search.next_action()
    assert isinstance(first, NextTrial)
    search = search.with_trial(first, Observation((), (), ((),), (), "a core was shared"))
    again = search.next_action()

    assert isinstance(again, NextTrial)
    assert (again.number, again.rate_per_s) == (2, first.rate_per_s)
    assert again.seed != first.seed


def test_a_load_that_does_not_tell_is_tried_longer_and_then_left() -> None:
    def serve(rate_per_s: float) -> Observation:
        slow = 27 if 640 < rate_per_s < 660 else 300 * (rate_per_s > 650)
        return Observation((3000,) * 10, (0,) * 10, ((slow,) * 10,), (5.0,) * 10)

    # A grid that holds 650, at a step that the search comes by.
    settings = SearchSettings((LATENCY,), start_per_s=650 / SearchSettings(()).ratio ** 73)
    search = finish(serve, settings)
    tried = [one.trial.duration_s for one in search.done if one.trial.step == 73]
    result = search.results()[0]

    assert result.undecided_per_s == (650,)
    assert tried == [10, 30]
    assert search.next_action() == Finished("trials of 10s can't tell more, and longer ones may")
    assert result.lower_per_s is not None
    assert result.upper_per_s is not None
    assert result.lower_per_s < 650 < result.upper_per_s


def test_an_overloaded_target_tells_where_to_look() -> None:
    """It did 700 a second of 1,600, so the capacity is sought a little below 700 and not halfway to 1,600."""

    def serve(rate_per_s: float) -> Observation:
        left = max(rate_per_s - 700, 0)
        slow = 300 if left else 0
        return Observation((int(rate_per_s),) * 10, (0,) * 10, ((slow,) * 10,), tuple(left * n for n in range(1, 11)))

    search = finish(serve, SearchSettings((LATENCY,), start_per_s=200))
    searched = [one.trial.rate_per_s for one in search.done if one.trial.purpose is Purpose.SEARCH]

    assert [one.trial.rate_per_s for one in search.done][:3] == pytest.approx([200, 400, 800], rel=0.03)
    assert 560 < searched[0] < 640
    assert len(searched) <= 4


def test_one_load_is_tried_for_goals_together_where_it_tells_of_each() -> None:
    both = finish(limit(700, 700), SearchSettings((LATENCY, SUCCESS), start_per_s=100))
    alone = finish(limit(700), SearchSettings((LATENCY,), start_per_s=100))
    assert len(both.done) <= len(alone.done) + 1


def test_a_first_look_is_as_long_as_its_goal_needs() -> None:
    """At 600/s it takes 39 s without a failure to show that fewer than 0.05 % fail."""

    def serve(trial: NextTrial) -> Observation:
        batches, each = int(trial.duration_s), int(trial.rate_per_s)
        failed = each // 2 if trial.rate_per_s > 700 else 0
        return Observation((each,) * batches, (failed,) * batches, ((failed,) * batches,), (5.0,) * batches)

    search = Search(SearchSettings((SUCCESS,), start_per_s=100))
    while isinstance(trial := search.next_action(), NextTrial):
        search = search.with_trial(trial, serve(trial))
    durations = {one.trial.duration_s for one in search.done if one.trial.purpose is Purpose.SEARCH}

    assert {one.trial.duration_s for one in search.done if one.trial.purpose is Purpose.RAMP} == {10}
    assert durations == {40}


def test_the_budget_ends_the_search_with_what_is_known() -> None:
    search = finish(limit(700), SearchSettings((LATENCY,), start_per_s=100, budget_s=90))

    assert search.took_s <= 90
    assert search.next_action() == Finished("the time is used up")
    assert search.results()[0].confirmed


def test_no_load_is_above_the_most_that_is_allowed() -> None:
    search = finish(limit(5000), SearchSettings((LATENCY,), start_per_s=100, most_per_s=900))
    assert max(one.trial.rate_per_s for one in search.done if one.trial.purpose is not Purpose.CHECK) <= 900
    assert search.results()[0].upper_per_s is None


def test_a_search_repeats_by_its_seed_and_goes_on_where_it_was_written_down() -> None:
    settings = SearchSettings((LATENCY, SUCCESS), start_per_s=50, seed=7)
    states = [state for _, state in run(limit(700, 300), Search(settings))]
    assert states == [state for _, state in run(limit(700, 300), Search(settings))]

    for state in states[:-1]:
        again = Search.from_dict(json.loads(json.dumps(state.to_dict())))
        assert again == state
        assert again.next_action() == state.next_action()
        assert [trial for trial, _ in run(limit(700, 300), again)] == [one.trial for one in states[-1].done][
            len(state.done) :
        ]


def test_results_can_be_read() -> None:
    result = finish(limit(700), SearchSettings((LATENCY,), start_per_s=100)).results()[0]
    assert repr(result).startswith("<p(99) < 500ms: ")
    assert result.to_dict()["criterion"] == "latency"
    assert json.loads(json.dumps(result.to_dict()))["goal"]["allowed"] == 0.01


@pytest.mark.slow
@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
def test_simulated_servers(server: Server) -> None:
    """Lower bounds hold, and a linear ramp of twenty steps takes about twice as many trials.

    The benchmarks hold 200 seeds of each to 5 % and to a half; the medians of six scatter.
    """
    truths = capacities(server, trials=30)
    searches = [searched(server, min(truths), seed) for seed in SEEDS]

    assert sum(is_wrong(search, truths) for search in searches) <= 1
    assert all(map(has_bounds, searches))
    assert all(isinstance(search.next_action(), Finished) for search in searches)
    assert max(len(search.done) for search in searches) <= 40
    lowers = [min(result.lower_per_s or 0 for result in search.results()) for search in searches]
    assert 0.8 <= statistics.median(lowers) / min(truths) <= 1.0
    assert statistics.median(map(trials_of, searches)) <= 0.5 * RAMP_STEPS + 1
