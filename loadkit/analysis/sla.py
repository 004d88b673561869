"""What a test proves of a promised success rate, and how long it must be to prove it."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from scipy.special import betaincinv, gammaincinv

LEVEL = 0.95
_MOST_FAILURES = 10_000_000


class SlaVerdict(StrEnum):
    """What a test proves."""

    MET = "MET"
    NOT_MET = "NOT MET"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class RateInterval:
    """A success rate with its exact confidence interval.

    Args:
        rate: Successes over requests.
        low: Lower end.
        high: Upper end.
        level: Confidence.
    """

    rate: float
    low: float
    high: float
    level: float

    def __repr__(self) -> str:
        return f"<RateInterval: {self.rate:.4%} [{self.low:.4%}, {self.high:.4%}] at {self.level:.0%}>"

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return dataclasses.asdict(self)


def success_interval(
    successes: int, requests: int, *, level: float = LEVEL, design_effect: float = 1.0
) -> RateInterval:
    """The exact two-sided interval of a success rate.

    Args:
        successes: How many requests succeeded.
        requests: How many there were; at least 1.
        level: Confidence in (0, 1).
        design_effect: How many correlated requests are worth one independent request; at least 1.

    Raises:
        ValueError: If the counts contradict each other.

    Notes:
        Each end is the rate at which what was seen, or more extreme, has the chance (1 - level) / 2: a quantile of a
        beta distribution (Clopper and Pearson, 1934). Counts are divided by the design effect first (Korn and
        Graubard, 1998).

    Examples:
        >>> success_interval(9998, 10_000)
        <RateInterval: 99.9800% [99.9278%, 99.9976%] at 95%>
    """
    if not 0 <= successes <= requests or requests < 1:
        raise ValueError(f"{successes} successes of {requests} requests can't be")
    good, bad = successes / design_effect, (requests - successes) / design_effect
    tail = (1 - level) / 2
    low = float(betaincinv(good, bad + 1, tail)) if successes else 0.0
    high = float(betaincinv(good + 1, bad, 1 - tail)) if successes < requests else 1.0
    return RateInterval(successes / requests, low, high, level)


def failure_bound(failures: float, *, level: float = LEVEL) -> float:
    """The largest mean number of failures that so few seen failures still allow, mu_f.

    Args:
        failures: Failures seen.
        level: One-sided confidence in (0, 1).

    Notes:
        The mean mu of a Poisson distribution with P(at most f) = 1 - level, which is a quantile of a gamma distribution
        (Garwood, 1936); without a failure -ln 0.05 = 2.996, the "rule of three".

    Examples:
        >>> [round(failure_bound(failures), 3) for failures in (0, 1, 2, 5, 10)]
        [2.996, 4.744, 6.296, 10.513, 16.962]
    """
    return float(gammaincinv(failures + 1, level))


def requests_needed(promised: float, *, failures: int = 0, design_effect: float = 1.0, level: float = LEVEL) -> int:
    """How many requests prove a success rate if so many of them fail.

    Args:
        promised: The promised success rate in (0, 1), such as 0.9995.
        failures: How many fail.
        design_effect: How many correlated requests are worth one independent request; at least 1.
        level: One-sided confidence in (0, 1).

    Notes:
        mu_f / (1 - promised), times the design effect; f correlated failures are worth f / design effect.

    Examples:
        >>> requests_needed(0.9995), requests_needed(0.9995, failures=2)
        (5992, 12592)
    """
    return math.ceil(design_effect * failure_bound(failures / design_effect, level=level) / (1 - promised))


@dataclass(frozen=True, slots=True)
class Verification:
    """What a test proves of a promised success rate.

    Args:
        verdict: Met or not met with confidence, or inconclusive.
        promised: The promised success rate.
        requests: How many requests there were.
        failures: How many of them failed.
        rate: The rate seen, with the interval of which each end has the confidence by itself.
        design_effect: How many requests were worth one.
        needed_without_failures: Requests in all that would prove the promise, if no further request failed.
        needed_at_this_rate: Requests in all that would prove it if failures went on as seen; None if none would.
    """

    verdict: SlaVerdict
    promised: float
    requests: int
    failures: int
    rate: RateInterval
    design_effect: float
    needed_without_failures: int
    needed_at_this_rate: int | None

    def __repr__(self) -> str:
        seen = f"{self.failures:,} of {self.requests:,} failed, at least {self.rate.low:.4%} succeed"
        more = ""
        if self.verdict is SlaVerdict.INCONCLUSIVE:
            needed = self.needed_at_this_rate
            more = f"; needs {self.needed_without_failures if needed is None else needed:,} requests"
        return f"<Verification of {self.promised:.4%}: {self.verdict.value}, {seen}{more}>"

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return dataclasses.asdict(self)


def verify_success_rate(
    promised: float, *, requests: int, failures: int, design_effect: float = 1.0, level: float = LEVEL
) -> Verification:
    """Judge a promised success rate by a test.

    Args:
        promised: The promised success rate in (0, 1), such as 0.9995.
        requests: Requests of the test; at least 1.
        failures: How many of them failed.
        design_effect: How many correlated requests are worth one independent request; at least 1.
        level: One-sided confidence in (0, 1).

    Raises:
        ValueError: If the promise is none or the counts contradict each other.

    Notes:
        The promise is met if the lower bound of the rate reaches it, and not met if the upper bound stays under it.
        Between them the test is too short, and it is said how long it would have to be.

    Examples:
        >>> verify_success_rate(0.9995, requests=10_000, failures=0)
        <Verification of 99.9500%: MET, 0 of 10,000 failed, at least 99.9700% succeed>
        >>> verify_success_rate(0.9995, requests=5_000, failures=1)
        <Verification of 99.9500%: INCONCLUSIVE, 1 of 5,000 failed, at least 99.9052% succeed; needs 9,488 requests>
        >>> verify_success_rate(0.9995, requests=5_000, failures=8).verdict.value
        'NOT MET'
    """
    if not 0 < promised < 1:
        raise ValueError(f"a promised success rate lies between 0 and 1, not at {promised}")
    rate = success_interval(requests - failures, requests, level=2 * level - 1, design_effect=design_effect)
    if rate.low >= promised:
        verdict = SlaVerdict.MET
    else:
        verdict = SlaVerdict.NOT_MET if rate.high < promised else SlaVerdict.INCONCLUSIVE
    return Verification(
        verdict=verdict,
        promised=promised,
        requests=requests,
        failures=failures,
        rate=rate,
        design_effect=design_effect,
        needed_without_failures=requests_needed(promised, failures=failures, design_effect=design_effect, level=level),
        needed_at_this_rate=_needed_at(failures / requests, promised, design_effect, level),
    )


def _needed_at(failure_rate: float, promised: float, design_effect: float, level: float) -> int | None:
    """The fewest requests n that prove a promise when floor(rate n) of them fail."""
    if failure_rate == 0:
        return requests_needed(promised, design_effect=design_effect, level=level)
    if failure_rate >= 1 - promised:
        return None
    few, many = -1, 1
    while not _enough(many, failure_rate, promised, design_effect, level):
        few, many = many, many * 2
        if many > _MOST_FAILURES:
            return None
    while many - few > 1:
        middle = (few + many) // 2
        if _enough(middle, failure_rate, promised, design_effect, level):
            many = middle
        else:
            few = middle
    return requests_needed(promised, failures=many, design_effect=design_effect, level=level)


def _enough(failures: int, failure_rate: float, promised: float, design_effect: float, level: float) -> bool:
    """Whether the requests that so many failures ask for are over before the next failure comes."""
    needed = requests_needed(promised, failures=failures, design_effect=design_effect, level=level)
    return needed < (failures + 1) / failure_rate
