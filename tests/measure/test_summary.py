"""Summaries: the figures of the measured stages, the verdict, and the form on disk."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from support.recording import PLAN, THRESHOLDS, MadeUpRun, messages, sample

from loadkit.measure.delivery import Delivery
from loadkit.measure.reconciliation import Reconciliation
from loadkit.measure.recorder import Recorder
from loadkit.measure.records import OutcomeTable, Stage, Tx
from loadkit.measure.summary import Summary, summarize
from loadkit.scenario.thresholds import Threshold, parse_threshold

ALL_ARRIVED = Reconciliation(1100, 1100, 0, (), 0, 0, 0, 0)


def summary_of(*thresholds: Threshold, ledger: Reconciliation | None = None, interrupted: bool = False) -> Summary:
    """Five measured seconds of 100 accepted messages."""
    recorder = Recorder(PLAN, OutcomeTable())
    for second in range(2, 7):
        recorder.add(messages(second, 100))
    recorder.flush(7.0)
    samples = [sample(float(second)) for second in range(1, 8)]
    return summarize(
        recorder.statistics(),
        recorder.outcome_counts(),
        samples,
        thresholds,
        duration_s=7.0,
        interrupted=interrupted,
        delivery=None if ledger is None else Delivery(ledger),
    )


def test_figures_of_the_measured_stage(tmp_path: Path) -> None:
    summary = MadeUpRun(tmp_path).summary()
    assert {name: (flow.count, flow.per_s) for name, flow in summary.flows.items()} == {
        "offered": (1000, 100),
        "started": (1000, 100),
        "completed": (1000, 100),
        "accepted": (900, 90),
        "shed": (0, None),
    }
    assert summary.response_time.n == 1000
    assert summary.response_time.quantiles_s["p95"] == pytest.approx(0.03, rel=2e-3)
    assert summary.response_time.quantiles_s["p99.9"] is None
    assert summary.service_time.quantiles_s["p50"] == pytest.approx(0.02, rel=2e-3)
    assert summary.wait.mean_s == pytest.approx(0.01, rel=2e-3)
    assert {phase: latency.n for phase, latency in summary.phases.items()} == {
        "connect": 12,
        "banner": 12,
        "ehlo": 12,
        "mail": 1000,
    }
    assert {kind: (part.completed, part.accepted) for kind, part in summary.kinds.items()} == {
        "note": (500, 450),
        "ad": (500, 450),
    }
    assert {stage: part.response_time.n for stage, part in summary.stages.items()} == {"hold": 1000}
    assert [(line.kind, line.phase, line.code, line.enhanced, line.count) for line in summary.outcomes] == [
        ("accepted", "dot", 250, "", 900),
        ("permanent", "rcpt", 550, "5.1.1", 100),
    ]
    assert [(line.kind, line.count) for line in summary.setups] == [("accepted", 12)]
    assert [line.observed for line in summary.thresholds] == [pytest.approx(0.03, rel=2e-3), pytest.approx(0.1)]
    assert [line.passed for line in summary.thresholds] == [True, False]
    assert summary.verdict == "failed"


def test_thresholds_that_hold_pass() -> None:
    summary = summary_of(*THRESHOLDS)
    assert summary.verdict == "passed"
    assert summary.flows["completed"].per_s == 100


def test_a_threshold_that_could_not_be_judged_does_not_hold() -> None:
    summary = summary_of(parse_threshold("transaction_duration", "p(99.9) < 1s"))
    assert (summary.thresholds[0].passed, summary.verdict) == (None, "failed")


@pytest.mark.parametrize(
    ("ledger", "verdict"),
    [
        (None, "passed"),
        (ALL_ARRIVED, "passed"),
        (replace(ALL_ARRIVED, unanswered=3, unknown=2), "passed"),
        (replace(ALL_ARRIVED, lost=1, lost_ranges=((0, 5, 5),)), "failed"),
        (replace(ALL_ARRIVED, duplicated=1), "failed"),
        (replace(ALL_ARRIVED, unexpected=1), "failed"),
        (replace(ALL_ARRIVED, corrupted=1), "failed"),
    ],
)
def test_mail_lost_or_doubled_fails_a_run(ledger: Reconciliation | None, verdict: str) -> None:
    summary = summary_of(*THRESHOLDS, ledger=ledger)
    assert (summary.verdict, summary.ledger) == (verdict, ledger)


def test_a_busy_generator_makes_the_run_invalid(tmp_path: Path) -> None:
    summary = MadeUpRun(tmp_path, cpu=0.95).summary()
    assert summary.verdict == "invalid"
    assert "95%" in str(summary.validity.reasons[0])


def test_a_run_that_was_interrupted_says_so_whatever_it_measured() -> None:
    assert summary_of(interrupted=True).verdict == "interrupted"


def test_the_generator_is_judged_by_the_seconds_of_measured_stages() -> None:
    recorder = Recorder(PLAN, OutcomeTable())
    recorder.add(messages(3, 10))
    recorder.flush(4.0)
    samples = [sample(1.0, cpu=1.0), sample(2.05, cpu=1.0), sample(3.05, cpu=0.3), replace(sample(9.0), cpu_ratio=1.0)]
    samples[0] = replace(samples[0], rss_bytes=5_000_000)
    summary = summarize(recorder.statistics(), (), samples, (), duration_s=4.0, interrupted=False, delivery=None)
    assert summary.validity.valid
    assert summary.generator.cpu_p95_ratio == 0.3
    assert summary.generator.rss_max_bytes == 5_000_000


def test_a_second_may_belong_to_several_measured_stages() -> None:
    """Days of a compressed campaign are shorter than a second; warm-up is not one of them."""
    ends_s = (2.0, 2.4, 2.8, 3.5, 4.0)
    stages = [Stage("w", 0.0, 2.0, measured=False)]
    stages += [Stage(f"d{end_s}", start_s, end_s) for start_s, end_s in pairwise(ends_s)]
    recorder = Recorder(replace(PLAN, stages=tuple(stages)), OutcomeTable())
    samples = [
        sample(2.05, cpu=1.0),
        sample(2.9, cpu=1.0),
        sample(3.05, cpu=0.3),
        sample(4.05, cpu=0.4),
        sample(4.2, cpu=1.0),
    ]
    summary = summarize(recorder.statistics(), (), samples, (), duration_s=4.0, interrupted=False, delivery=None)
    assert summary.generator.cpu_p95_ratio == 0.4


def test_the_lag_is_judged_against_the_tightest_upper_limit() -> None:
    """10 ms of lag: too much for a limit of 50 ms, and nothing for one of 2 s."""
    recorder = Recorder(PLAN, OutcomeTable())
    for second in range(2, 7):
        batch = messages(second, 100)
        batch.transactions[:, Tx.RELEASED] += 0.01
        recorder.add(batch)
    recorder.flush(7.0)

    def valid(*checks: str) -> bool:
        thresholds = [parse_threshold("transaction_duration", check) for check in checks]
        summary = summarize(recorder.statistics(), (), (), thresholds, duration_s=7.0, interrupted=False, delivery=None)
        return summary.validity.valid

    assert valid()
    assert valid("p(95) < 2s", "min > 1ms")
    assert not valid("p(95) < 2s", "p(50) < 50ms")


def test_a_run_of_nothing_has_a_summary() -> None:
    recorder = Recorder(PLAN, OutcomeTable())
    recorder.finish(0.0)
    summary = summarize(recorder.statistics(), (), (), (), duration_s=0.0, interrupted=False, delivery=None)
    assert summary.verdict == "invalid"
    assert summary.flows["completed"].per_s is None
    assert (summary.response_time.mean_s, summary.response_time.max_s) == (None, None)
    assert summary.generator.cpu_p95_ratio is None


def test_a_summary_reads_back_from_json(tmp_path: Path) -> None:
    lost = replace(ALL_ARRIVED, lost=2, lost_ranges=((0, 5, 6),))
    summary = MadeUpRun(tmp_path).summary(delivery=Delivery(lost))
    text = json.dumps(summary.to_dict(), allow_nan=False)
    assert Summary.from_dict(json.loads(text)) == summary


@pytest.mark.parametrize("change", [{"flows": 7}, {"verdict": "splendid"}, {"validity": None}])
def test_what_is_no_summary_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        Summary.from_dict(summary_of().to_dict() | change)
