"""Promised success rates: exact intervals and test lengths against scipy and by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from loadkit.analysis.sla import SlaVerdict, failure_bound, requests_needed, success_interval, verify_success_rate


@pytest.mark.parametrize(("failures", "mu"), [(0, 2.996), (1, 4.744), (2, 6.296), (5, 10.513), (10, 16.962)])
def test_largest_mean_that_so_few_failures_allow(failures: int, mu: float) -> None:
    assert failure_bound(failures) == pytest.approx(mu, abs=0.0005)
    assert stats.poisson.cdf(failures, failure_bound(failures)) == pytest.approx(0.05)
    assert requests_needed(0.9995, failures=failures) == pytest.approx(mu / 0.0005, abs=2)


@pytest.mark.parametrize(("successes", "requests"), [(0, 7), (7, 7), (3, 10), (9998, 10_000)])
def test_the_exact_interval_as_scipy_computes_it(successes: int, requests: int) -> None:
    found = success_interval(successes, requests)
    wanted = stats.binomtest(successes, requests).proportion_ci(0.95, "exact")

    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))
    assert found.rate == successes / requests


@pytest.mark.parametrize("rate", [0.9, 0.99])
def test_the_interval_holds_at_least_as_often_as_it_says(rate: float) -> None:
    successes = np.arange(201)
    chances = stats.binom.pmf(successes, 200, rate)
    held = [success_interval(int(one), 200) for one in successes]
    covered = np.array([one.low <= rate <= one.high for one in held])

    assert 0.95 <= float(chances[covered].sum()) <= 0.995


def test_a_design_effect_is_a_smaller_sample() -> None:
    assert success_interval(980, 1000, design_effect=10).low == pytest.approx(success_interval(98, 100).low)
    assert requests_needed(0.999, design_effect=4) == pytest.approx(4 * requests_needed(0.999), abs=4)
    assert requests_needed(0.999, failures=8, design_effect=4) == pytest.approx(4 * 6.2958 / 0.001, abs=1)


def test_verdicts_at_the_limits() -> None:
    """Without a failure the shortest test that proves 99.95 % is ln 0.05 / ln 0.9995 = 5,990 long."""
    assert verify_success_rate(0.9995, requests=5990, failures=0).verdict is SlaVerdict.MET
    assert verify_success_rate(0.9995, requests=5989, failures=0).verdict is SlaVerdict.INCONCLUSIVE
    assert verify_success_rate(0.9995, requests=5989, failures=0).needed_without_failures == 5992
    assert verify_success_rate(0.9995, requests=5990, failures=0, design_effect=1.01).verdict is SlaVerdict.INCONCLUSIVE


def test_not_met_needs_as_much_proof_as_met() -> None:
    # P(at least f of 1,000 fail) at 0.1 %: 8.0 % for 3, 1.9 % for 4.
    assert stats.binom.sf(2, 1000, 0.001) > 0.05 > stats.binom.sf(3, 1000, 0.001)
    assert verify_success_rate(0.999, requests=1000, failures=3).verdict is SlaVerdict.INCONCLUSIVE
    assert verify_success_rate(0.999, requests=1000, failures=4).verdict is SlaVerdict.NOT_MET


def test_how_long_an_inconclusive_test_would_have_to_be() -> None:
    found = verify_success_rate(0.999, requests=4000, failures=2)
    needed = found.needed_at_this_rate

    assert found.verdict is SlaVerdict.INCONCLUSIVE
    assert found.needed_without_failures == requests_needed(0.999, failures=2) == 6296
    assert needed is not None
    assert verify_success_rate(0.999, requests=needed, failures=int(needed * 0.0005)).verdict is SlaVerdict.MET
    # No shorter test with failures at this rate would do.
    shorter = [n for n in range(1000, needed, 7) if requests_needed(0.999, failures=int(n * 0.0005)) <= n]
    assert shorter == []


def test_no_test_is_long_enough_for_what_is_not_so() -> None:
    assert verify_success_rate(0.999, requests=1000, failures=1).needed_at_this_rate is None
    assert verify_success_rate(0.999, requests=1000, failures=0).needed_at_this_rate == requests_needed(0.999)


def test_verdicts_are_wrong_as_seldom_as_they_say() -> None:
    """At a true rate on the edge of the promise, each wrong verdict has at most 5 %."""
    failures = np.arange(60)
    chances = stats.binom.pmf(failures, 20_000, 0.001)
    verdicts = [verify_success_rate(0.999, requests=20_000, failures=int(one)).verdict for one in failures]
    for verdict in (SlaVerdict.MET, SlaVerdict.NOT_MET):
        said = np.array([one is verdict for one in verdicts])
        assert 0.02 < float(chances[said].sum()) <= 0.05


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        verify_success_rate(1.0, requests=10, failures=0)
    with pytest.raises(ValueError, match="can't be"):
        success_interval(11, 10)
    with pytest.raises(ValueError, match="can't be"):
        success_interval(0, 0)


def test_results_can_be_read() -> None:
    found = verify_success_rate(0.999, requests=1000, failures=1)
    assert repr(found).startswith("<Verification of 99.9000%: INCONCLUSIVE, 1 of 1,000 failed")
    assert found.to_dict()["rate"]["rate"] == 0.999
    assert success_interval(1, 2).to_dict()["level"] == 0.95
