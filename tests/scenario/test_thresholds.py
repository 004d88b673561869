from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.scenario.thresholds import (
    METRICS,
    Threshold,
    ThresholdError,
    ThresholdResult,
    evaluate,
    parse_metric_key,
    parse_threshold,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


class Known:
    """Statistics that know one number and remember what they were asked."""

    def __init__(self, observed: float | None) -> None:
        self.observed = observed
        self.asked: list[tuple[str, dict[str, str], str, float | None]] = []

    def value(self, metric: str, tags: Mapping[str, str], statistic: str, quantile: float | None) -> float | None:
        self.asked.append((metric, dict(tags), statistic, quantile))
        return self.observed


@pytest.mark.parametrize(
    ("metric", "text", "expected"),
    [
        ("transaction_duration", "p(95) < 2s", ("p", 0.95, "<", 2.0)),
        ("transaction_duration", "p(99.95)<=250ms", ("p", 0.9995, "<=", 0.25)),
        ("transaction_duration", "p( 99.99 ) < 1m30s", ("p", 0.9999, "<", 90.0)),
        ("service_duration", "med < 1s", ("p", 0.5, "<", 1.0)),
        ("service_duration", "avg < 1s", ("avg", None, "<", 1.0)),
        ("schedule_lag", "max < 10ms", ("max", None, "<", 0.01)),
        ("schedule_lag", "min >= 0s", ("min", None, ">=", 0.0)),
        ("transaction_failed", "rate < 0.1%", ("rate", None, "<", 0.001)),
        ("transaction_failed", "count != 3", ("count", None, "!=", 3.0)),
        ("arrivals_dropped", "count == 0", ("count", None, "==", 0.0)),
        ("transactions", "rate > 100/s", ("rate", None, ">", 100.0)),
        ("transactions", "rate > 6000/min", ("rate", None, ">", 100.0)),
        ("transactions", "count >= 1000", ("count", None, ">=", 1000.0)),
    ],
)
def test_conditions(metric: str, text: str, expected: tuple[str, float | None, str, float]) -> None:
    threshold = parse_threshold(metric, text)

    *known, limit = expected
    assert threshold.metric == metric
    assert [threshold.statistic, threshold.quantile, threshold.operator] == known
    assert threshold.limit == pytest.approx(limit)


def test_a_threshold_is_shown_as_written() -> None:
    threshold = parse_threshold("phase_duration{phase:rcpt, kind:a}", " p(95) < 100ms ", abort_on_fail=True, delay_s=5)

    assert threshold.tags == (("kind", "a"), ("phase", "rcpt"))
    assert str(threshold) == "phase_duration{kind:a,phase:rcpt}: p(95) < 100ms"
    assert (threshold.abort_on_fail, threshold.delay_s) == (True, 5)
    assert parse_metric_key(threshold.metric_key) == (threshold.metric, threshold.tags)
    assert str(parse_threshold("transactions", "count > 5")) == "transactions: count > 5"


@pytest.mark.parametrize(
    ("observed", "text", "passed"),
    [
        (1.9, "p(95) < 2s", True),
        (2.0, "p(95) < 2s", False),
        (2.0, "p(95) <= 2s", True),
        (2.1, "p(95) <= 2s", False),
        (2.0, "p(95) > 2s", False),
        (2.0, "p(95) >= 2s", True),
        (2.0, "p(95) == 2s", True),
        (2.0, "p(95) != 2s", False),
        (None, "p(95) < 2s", None),
    ],
)
def test_evaluation(observed: float | None, text: str, passed: bool | None) -> None:
    threshold = parse_threshold("transaction_duration{stage:peak,kind:a}", text)
    known = Known(observed)

    assert evaluate(threshold, known) == ThresholdResult(threshold, observed, passed)
    assert known.asked == [("transaction_duration", {"kind": "a", "stage": "peak"}, "p", 0.95)]


def test_zero_failures_are_an_observation() -> None:
    assert evaluate(parse_threshold("transaction_failed", "rate < 0.1%"), Known(0.0)).passed is True


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("nonsense", "avg < 1s"),
        ("transactions", "avg < 1s"),
        ("", ""),
        ("{}", ""),
        ("transaction_duration", "med(95) < 1s"),
        ("transaction_duration", "p(95) < 1s < 2s"),
        ("transaction_duration", "p(95) =< 1s"),
        ("transaction_duration", "p(9.1234567) < 1s"),
        ("transaction_duration", "P(95) < 1s"),
        ("transaction_failed", "rate < 1"),
        ("transaction_failed", "count < 1.5"),
        ("transaction_failed{kind:a,}{stage:b}", "count < 1"),
        ("backlog", "avg < 1"),
        ("backlog", "slope < 1"),
        ("backlog{kind:a}", "max < 1"),
        ("end_to_end_duration{stage:a}", "max < 1s"),
        ("delivered", "rate < 1%"),
    ],
)
def test_what_is_no_threshold(key: str, text: str) -> None:
    with pytest.raises(ThresholdError):
        parse_threshold(key, text)


@pytest.mark.parametrize(
    ("key", "text", "limit"),
    [
        ("backlog", "max < 1000", 1000.0),
        ("backlog", "slope < 300/min", 5.0),
        ("end_to_end_duration{kind:note}", "p(95) < 2s", 2.0),
        ("delivered", "rate > 10/s", 10.0),
    ],
)
def test_what_the_far_end_knows_is_judged_after_the_run(key: str, text: str, limit: float) -> None:
    assert parse_threshold(key, text).limit == limit
    with pytest.raises(ThresholdError, match="known after the run alone"):
        parse_threshold(key, text, abort_on_fail=True)


def test_every_metric_offers_something() -> None:
    phases = {"phase_duration": "{phase:dot}"}
    limits = {"rate": "1%", "count": "1"}
    others = {"transactions": {"rate": "1/s"}, "delivered": {"rate": "1/s"}}
    others["backlog"] = {"max": "1", "end": "1", "slope": "1/s"}

    for name, metric in METRICS.items():
        for statistic in metric.statistics:
            limit = (limits | others.get(name, {})).get(statistic, "1s")
            condition = f"{'p(95)' if statistic == 'p' else statistic} < {limit}"
            assert isinstance(parse_threshold(name + phases.get(name, ""), condition), Threshold)


@given(
    percent=st.decimals(min_value="0.000001", max_value="99.999999", places=6),
    operator=st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    milliseconds=st.integers(0, 10**6),
    kind=st.sampled_from(["", "order_notice"]),
)
def test_what_is_written_is_what_is_asked(percent: Decimal, operator: str, milliseconds: int, kind: str) -> None:
    key = f"service_duration{{kind:{kind}}}" if kind else "service_duration"

    threshold = parse_threshold(key, f"p({percent}) {operator} {milliseconds}ms")

    assert threshold.quantile == float(percent / 100)
    assert threshold.operator == operator
    assert threshold.limit == pytest.approx(milliseconds / 1000)
    assert parse_threshold(threshold.metric_key, threshold.text) == threshold
