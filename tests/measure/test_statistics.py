"""Answers to thresholds: every metric, tag and statistic, over the measured stages only."""

from __future__ import annotations

import numpy as np
import pytest
from support.recording import PLAN, messages, set_up

from loadkit.measure.histogram import Histogram
from loadkit.measure.recorder import Recorder
from loadkit.measure.records import Arrival, Batch, Gauges, OutcomeTable, Tx
from loadkit.measure.statistics import PHASE_METRICS, RunStatistics, quantile_or_none
from loadkit.scenario.thresholds import evaluate, parse_threshold
from loadkit.smtp.outcome import SETUP_PHASES, TRANSACTION_PHASES, Outcome, OutcomeClass, Phase


@pytest.fixture(scope="module")
def statistics() -> RunStatistics:
    """Ten measured seconds of 100 messages, of which twelve are refused and twenty are shed on top."""
    table = OutcomeTable()
    refused = table.intern(Outcome(OutcomeClass.PERMANENT, Phase.RCPT, 550))
    recorder = Recorder(PLAN, table)
    recorder.add(messages(0, 500, outcome=refused))
    for second in range(2, 12):
        batch = messages(second, 100)
        batch.transactions[:, Tx.RELEASED] += 0.004
        if second == 5:
            batch.transactions[:12, Tx.OUTCOME] = refused
            batch.transactions[0, Tx.COMPLETED] += 0.5
        recorder.add(batch)
    shed = np.zeros((20, len(Arrival)))
    shed[:] = (7.5, 1, 1)
    recorder.add(Batch(Gauges(12.0, 0, 0, 0), offered=shed, shed=shed))
    recorder.add(set_up(connect_s=0.004))
    recorder.flush(12.0)
    return recorder.statistics()


@pytest.mark.parametrize(
    ("metric", "check", "observed"),
    [
        ("transaction_duration", "p(95) < 1s", 0.03),
        ("transaction_duration", "med < 1s", 0.03),
        ("transaction_duration", "avg < 1s", 0.0305),
        ("transaction_duration", "min < 1s", 0.03),
        ("transaction_duration", "max < 1s", 0.53),
        ("transaction_duration{kind:note}", "max < 1s", 0.53),
        ("transaction_duration{kind:ad}", "max < 1s", 0.03),
        ("transaction_duration{stage:hold}", "max < 1s", 0.53),
        ("transaction_duration{kind:ad,stage:hold}", "max < 1s", 0.03),
        ("service_duration", "p(95) < 1s", 0.02),
        ("schedule_lag", "p(99) < 1s", 0.004),
        ("phase_duration{phase:mail}", "p(95) < 1s", 0.005),
        ("phase_duration{phase:connect}", "max < 1s", 0.004),
        ("transaction_failed", "rate < 1%", 0.012),
        ("transaction_failed", "count < 1", 12),
        ("transaction_failed{kind:ad}", "count < 1", 6),
        ("arrivals_dropped", "count == 0", 20),
        ("arrivals_dropped", "rate < 1%", 20 / 1020),
        ("arrivals_dropped{kind:note}", "count == 0", 0),
        ("transactions", "count > 1", 1000),
        ("transactions", "rate > 1/s", 100),
        ("transactions{kind:note}", "rate > 1/s", 50),
    ],
)
def test_observed_values(statistics: RunStatistics, metric: str, check: str, observed: float) -> None:
    result = evaluate(parse_threshold(metric, check), statistics)
    assert result.observed == pytest.approx(observed, rel=1e-3)


@pytest.mark.parametrize(
    ("metric", "check"),
    [
        ("transaction_duration", "p(99.9) < 1s"),
        ("transaction_duration{stage:warm-up}", "p(50) < 1s"),
        ("phase_duration{phase:tls}", "max < 1s"),
        ("phase_duration{phase:connect}", "p(50) < 1s"),
        ("transaction_failed{stage:warm-up}", "rate < 1%"),
        ("transactions{stage:warm-up}", "rate > 1/s"),
    ],
)
def test_too_little_data_is_no_answer(statistics: RunStatistics, metric: str, check: str) -> None:
    result = evaluate(parse_threshold(metric, check), statistics)
    assert (result.observed, result.passed) == (None, None)


@pytest.mark.parametrize(("count", "known"), [(58, False), (59, True)])
def test_a_quantile_is_told_from_its_smallest_sample_on(count: int, known: bool) -> None:
    histogram = Histogram()
    histogram.record_s(np.full(count, 0.25))
    assert (quantile_or_none(histogram, 0.95) is not None) is known


def test_every_timed_phase_has_a_metric() -> None:
    assert set(PHASE_METRICS) == {*SETUP_PHASES, *TRANSACTION_PHASES}
    assert {metric.value for metric in PHASE_METRICS.values()} == {f"phase_{phase}" for phase in PHASE_METRICS}
