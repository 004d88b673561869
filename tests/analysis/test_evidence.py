"""Verdicts on a load from batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from loadkit.analysis.evidence import (
    BATCHES_OF_BURST,
    BURST_DOUBT,
    GOODPUT_LEAST,
    PRIOR_BATCHES,
    PRIOR_EFFECT,
    RISK,
    Bound,
    Look,
    Observation,
    believed_burst,
    chance_of_meeting,
    done_share,
    is_overloaded,
    judge_load,
    may_tell,
    spent_risk,
)
from loadkit.analysis.goals import Criterion, parse_goal
from loadkit.analysis.steady import design_effect

LATENCY, SUCCESS = parse_goal("p(99) < 500ms"), parse_goal("success >= 99.95%")
LOOK = Look(3, GOODPUT_LEAST)
CALM = (5.0, 6.0, 5.0, 4.0, 5.0, 6.0, 5.0, 4.0, 5.0, 5.0)


def seen(
    *, each: int = 1000, failed: int = 0, slow: int = 0, backlog: tuple[float, ...] = CALM, batches: int = 10
) -> Observation:
    """A trial with a number of failed and of slow messages in every batch."""
    bad = ((failed + slow,) * batches, (failed,) * batches)
    return Observation((each,) * batches, (failed,) * batches, bad, backlog)


def test_the_risk_of_all_looks_is_the_risk() -> None:
    for looks in (1, 2, 3, 7):
        assert sum(spent_risk(look, looks) for look in range(1, looks + 1)) == pytest.approx(RISK)


def test_the_chance_is_that_of_a_beta_distribution_with_its_design_effect() -> None:
    """No message failed, so nothing is known of bursts but what was believed before."""
    wanted = stats.beta(0.5, 5000 / PRIOR_EFFECT + 0.5).cdf(0.0005)
    assert chance_of_meeting(np.zeros(10), np.full(10, 500.0), 0.0005) == pytest.approx(wanted)


def test_what_is_believed_of_bursts_counts_until_some_were_seen() -> None:
    """One burst of 40 in 10 batches: it tells as much as 4 of them, and is taken for 1 + 2 times as large."""
    bad, total = np.array([0.0] * 9 + [40.0]), np.full(10, 500.0)
    seen = design_effect(bad, total).effect
    effect = (PRIOR_BATCHES * 60 + BATCHES_OF_BURST * seen * (1 + BURST_DOUBT)) / (PRIOR_BATCHES + BATCHES_OF_BURST)
    wanted = stats.beta(40 / effect + 0.5, 4960 / effect + 0.5).cdf(0.01)

    assert chance_of_meeting(bad, total, 0.01, burst=60.0) == pytest.approx(wanted)
    assert chance_of_meeting(bad * 0, total, 0.01, burst=60.0) < chance_of_meeting(bad * 0, total, 0.01)


def test_bursts_are_believed_as_large_as_the_swings_of_a_backlog_that_reach_the_limit() -> None:
    """1,000/s within 500 ms are 500 messages: swings of 100 may come to that, and swings of 10 won't."""
    wide = seen(backlog=(0.0, 200.0) * 5)
    narrow = seen(backlog=(0.0, 20.0) * 5)
    huge = seen(backlog=(0.0, 2000.0) * 5)

    assert believed_burst(LATENCY, [huge]) == 500
    assert believed_burst(LATENCY, [wide]) == 500
    assert believed_burst(LATENCY, [narrow]) is None
    assert believed_burst(SUCCESS, [wide]) is None
    few = replace(seen(each=40), backlog=(0.0, 10.0) * 5)
    assert believed_burst(LATENCY, [few]) == 20
    near = replace(seen(each=100), backlog=(10.0, 20.0) * 5)
    assert believed_burst(LATENCY, [near]) is None
    assert believed_burst(LATENCY, [replace(near, backlog=(10.0, 24.0) * 5)]) == 50


def test_bursts_make_a_verdict_less_sure() -> None:
    total = np.full(40, 1000.0)
    even, bursts = np.full(40, 8.0), np.tile([0.0, 0.0, 0.0, 32.0], 10)
    assert chance_of_meeting(even, total, 0.01) > chance_of_meeting(bursts, total, 0.01) > 0.5


def test_one_trial_tells_of_every_goal() -> None:
    trials = [seen(slow=1), seen(slow=1)]
    assert judge_load(LATENCY, 0, trials, LOOK).bound is Bound.LOWER
    assert judge_load(SUCCESS, 1, trials, LOOK).bound is not Bound.UPPER
    slow = judge_load(LATENCY, 0, [seen(slow=100)], LOOK)
    assert (slow.bound, slow.criterion, slow.overloaded) == (Bound.UPPER, Criterion.LATENCY, 0)
    assert judge_load(SUCCESS, 1, [seen(slow=100)], LOOK).bad_ratio == 0


def test_few_messages_leave_a_load_open_and_then_undecided() -> None:
    trials = [seen(each=20) for _ in range(3)]
    bounds = [judge_load(SUCCESS, 1, trials[:count], LOOK).bound for count in (1, 2, 3)]
    assert bounds == [Bound.OPEN, Bound.OPEN, Bound.UNDECIDED]
    one_slow = replace(seen(each=20), bad=((0,) * 9 + (1,), (0,) * 10))
    assert judge_load(LATENCY, 0, [one_slow], LOOK).bound is Bound.OPEN


def test_a_ratio_at_the_goal_is_undecided() -> None:
    assert judge_load(LATENCY, 0, [seen(slow=9)], LOOK).bound is Bound.OPEN
    assert judge_load(LATENCY, 0, [seen(slow=10)], LOOK).bound is Bound.UNDECIDED
    assert judge_load(LATENCY, 0, [seen(slow=10)] * 3, LOOK).bound is Bound.UNDECIDED


def test_what_an_overloaded_target_did_is_what_neither_failed_nor_waits() -> None:
    growing = seen(failed=100, backlog=tuple(300.0 * second for second in range(11)))
    assert done_share(growing) == pytest.approx(1 - (1000 + 3000) / 10_000)
    behind = replace(seen(), undelivered=tuple(200.0 * second for second in range(11)))
    assert done_share(behind) == pytest.approx(0.8)
    assert done_share(seen(backlog=(9.0, 5.0))) == 1
    assert done_share(seen(failed=1000)) == 0


def test_a_trial_may_tell_if_so_few_bad_messages_could_be_shown() -> None:
    """0.05 % of 20,000 messages are 10, which a bundle of 5 hides at 5,000 messages and not at 40,000."""
    assert not may_tell(SUCCESS, 500, 10, 2)
    assert may_tell(SUCCESS, 500, 80, 2)
    assert may_tell(LATENCY, 500, 10, 2)


def test_a_growing_backlog_is_bad_for_every_goal_whatever_the_latency_says() -> None:
    growing = seen(backlog=tuple(20.0 * second for second in range(10)))
    for place, goal in enumerate((LATENCY, SUCCESS)):
        found = judge_load(goal, place, [growing], LOOK)
        assert (found.bound, found.criterion, found.chance) == (Bound.UPPER, Criterion.BACKLOG, 0)
    assert not is_overloaded(seen(backlog=tuple(4.0 * second for second in range(10))))


def test_a_backlog_behind_the_server_counts_as_one_before_it() -> None:
    growing = replace(seen(), undelivered=tuple(20.0 * second for second in range(10)))
    assert judge_load(SUCCESS, 1, [growing], LOOK).criterion is Criterion.BACKLOG
    assert Observation.from_dict(growing.to_dict()) == growing
    # Searches of older versions know nothing of arrivals.
    older = {key: value for key, value in growing.to_dict().items() if key != "undelivered"}
    assert Observation.from_dict(older) == seen()


def test_lost_goodput_is_overload_if_it_is_sure_and_no_goal_allows_it() -> None:
    assert is_overloaded(seen(failed=20))
    assert not is_overloaded(seen(failed=5))
    assert not is_overloaded(seen(failed=20), least_goodput=0.95)
    errors = judge_load(SUCCESS, 1, [seen(failed=4)], LOOK)
    assert (errors.bound, errors.criterion) == (Bound.UPPER, Criterion.ERRORS)


def test_more_than_half_of_the_trials_must_be_overloaded() -> None:
    calm, growing = seen(), seen(backlog=tuple(20.0 * second for second in range(10)))
    assert judge_load(LATENCY, 0, [growing, calm], LOOK).bound is Bound.LOWER
    assert judge_load(LATENCY, 0, [growing, growing, calm], LOOK).bound is Bound.UPPER


def test_an_observation_can_be_written_down_and_read_by_people() -> None:
    one = seen(failed=2, slow=3)
    assert Observation.from_dict(one.to_dict()) == one
    assert repr(one) == "<Observation: 10,000 messages, 20 failed, bad by goal 50, 20>"
    assert repr(Observation((), (), (), (), "no core")) == "<Observation: INVALID, no core>"
