"""Verdicts on promises: met, not met, inconclusive, and how long a test must be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from loadkit.analysis.evidence import Observation
from loadkit.analysis.goals import parse_goal
from loadkit.analysis.sla import requests_needed
from loadkit.analysis.verification import LOOK_LEVEL, LOOKS, MOST_VOID, Promise, TierVerdict, Verifying

BASIC = Promise("basic", 500, (parse_goal("success >= 99.9%"), parse_goal("p(99) < 500ms")))


def seen(
    failed: list[int], slow: int = 0, *, each: int = 500, backlog: list[float] | None = None, invalid: str = ""
) -> Observation:
    seconds = len(failed)
    bad = tuple(count + slow for count in failed)
    return Observation(
        (each,) * seconds, tuple(failed), (tuple(failed), bad), tuple(backlog or [5.0] * seconds), invalid
    )


def verified(promise: Promise, observe: object, budget_s: float = 900) -> Verifying:
    verifying = Verifying(promise, budget_s)
    while (trial := verifying.next_run()) is not None:
        verifying = verifying.with_run(trial, observe(trial))  # type: ignore[operator]
    return verifying


@pytest.mark.parametrize(("promised", "rate_per_s"), [("99.9%", 500), ("99.95%", 2000), ("99.99%", 100)])
def test_a_run_without_a_failure_that_is_long_enough_proves_the_promise(promised: str, rate_per_s: int) -> None:
    promise = Promise("tier", rate_per_s, (parse_goal(f"success >= {promised}"),))
    needed = requests_needed(1 - promise.goals[0].allowed, level=LOOK_LEVEL)
    done = verified(promise, lambda trial: seen([0] * round(trial.duration_s), each=rate_per_s))

    assert len(done.done) == 1
    assert done.result().verdict is TierVerdict.MET
    assert promise.least_s == max(30, math.ceil((needed + 3 * needed**0.5) / rate_per_s))


def test_a_run_that_is_too_short_is_inconclusive_and_says_how_long_it_must_be() -> None:
    promise = Promise("tier", 10, (parse_goal("success >= 99.99%"),))
    verifying = Verifying(promise, 60)

    assert verifying.next_run() is None
    result = verifying.result()
    assert result.verdict is TierVerdict.INCONCLUSIVE
    needed = math.ceil(math.log(1 - LOOK_LEVEL) / -1e-4)
    assert result.needed_s == promise.least_s == math.ceil((needed + 3 * needed**0.5) / 10)


def test_failures_that_the_promise_allows_ask_for_a_longer_second_run() -> None:
    """One in 1,500 fails, and one in 1,000 may."""
    verifying = Verifying(BASIC, 900)
    first = verifying.next_run()
    assert first is not None
    verifying = verifying.with_run(first, seen([1, 0, 0] * 10))
    second = verifying.next_run()
    assert second is not None
    assert verifying.result().verdict is TierVerdict.INCONCLUSIVE
    assert second.duration_s == math.ceil((verifying.result().needed_s or 0) - 30)


def test_failures_that_the_promise_allows_are_met_in_the_end() -> None:
    done = verified(BASIC, lambda trial: seen([int(number % 3 == 0) for number in range(round(trial.duration_s))]))
    assert done.result().verdict is TierVerdict.MET
    assert 1 < len(done.done) <= LOOKS


def test_too_many_failures_are_not_met_at_once() -> None:
    done = verified(BASIC, lambda trial: seen([2] * round(trial.duration_s)))
    assert len(done.done) == 1
    assert done.result().verdict is TierVerdict.NOT_MET


def test_slow_messages_miss_the_latency_goal_alone() -> None:
    done = verified(BASIC, lambda trial: seen([0] * round(trial.duration_s), slow=10))
    assert [one.proof.verdict.value for one in done.result().kept] == ["MET", "NOT MET"]
    assert done.result().verdict is TierVerdict.NOT_MET


def test_a_backlog_that_grows_is_not_met_whatever_succeeds() -> None:
    growing = [10.0 * second for second in range(30)]
    done = verified(BASIC, lambda _: seen([0] * 30, backlog=growing))
    assert done.result().verdict is TierVerdict.NOT_MET
    assert done.result().overloaded == 1


def test_what_the_load_generator_spoiled_is_void() -> None:
    done = verified(BASIC, lambda _: seen([0] * 30, invalid="the generator was late"))
    assert done.result().verdict is TierVerdict.INVALID
    assert len(done.done) == MOST_VOID
    assert done.result().messages == 0


def test_a_promise_on_the_edge_ends_undecided() -> None:
    done = verified(BASIC, lambda trial: seen([1, 0] * (round(trial.duration_s) // 2)), budget_s=200)
    assert done.result().verdict is TierVerdict.INCONCLUSIVE
    assert len(done.done) <= LOOKS
    assert done.took_s <= 200


def test_bursts_are_worth_less() -> None:
    """The same failures in one second prove less than one by one."""
    alone = verified(BASIC, lambda _: seen([1] * 3 + [0] * 27), budget_s=30).result().kept[0].proof
    together = verified(BASIC, lambda _: seen([3] + [0] * 29), budget_s=30).result().kept[0].proof
    assert together.failures == alone.failures
    assert together.design_effect > alone.design_effect
    assert together.rate.low < alone.rate.low


@pytest.mark.parametrize(("share", "wrong"), [(0.0011, TierVerdict.MET), (0.0009, TierVerdict.NOT_MET)])
def test_wrong_verdicts_are_rare_at_the_edge(share: float, wrong: TierVerdict) -> None:
    """A little worse than promised is called MET, and a little better NOT MET, in at most 5 % of 200 tests."""
    promise = Promise("basic", 500, BASIC.goals[:1])
    mistakes = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)

        def observe(trial: object, rng: np.random.Generator = rng) -> Observation:
            seconds = round(trial.duration_s)  # type: ignore[attr-defined]
            counts = tuple(int(rng.binomial(500, share)) for _ in range(seconds))
            return Observation((500,) * len(counts), counts, (counts,), (5.0,) * len(counts))

        mistakes += verified(promise, observe, budget_s=400).result().verdict is wrong
    assert mistakes <= 10
