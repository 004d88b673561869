"""Made-up runs for the recorder: rows of known times, so that every figure of a summary can be told beforehand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from loadkit.measure.delivery import Delivery
from loadkit.measure.reconciliation import Reconciliation
from loadkit.measure.recorder import Recorder
from loadkit.measure.records import Arrival, Batch, Gauges, OutcomeTable, Rows, RunPlan, Setup, Stage, Tx
from loadkit.measure.run_writer import RunFacts, RunWriter
from loadkit.measure.summary import Summary, summarize
from loadkit.measure.validity import GeneratorSample
from loadkit.scenario.thresholds import parse_threshold
from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase

PLAN = RunPlan(
    "abcdefgh",
    ("note", "ad"),
    (Stage("warm-up", 0.0, 2.0, measured=False), Stage("hold", 2.0, 12.0)),
    open_loop=True,
    started_at=1_700_000_000.0,
)
THRESHOLDS = (
    parse_threshold("transaction_duration", "p(95) < 1s"),
    parse_threshold("transaction_failed", "rate < 1%"),
)
FACTS = RunFacts(
    PLAN, "test", "smtp://127.0.0.1:2525", 1, ("loadkit", "run"), THRESHOLDS, "scenario: test\n", "scenario: test\n"
)
GAUGES = Gauges(0.0, 0, 3, 0)


def messages(second: int, count: int, *, outcome: int = 0, first: int = 0) -> Batch:
    """Messages of one second: each waits 10 ms, is served in 20 ms, and alternates between the kinds."""
    rows = np.full((count, len(Tx)), np.nan)
    intended = second + np.arange(count) / count * 0.9
    rows[:, Tx.SEQ] = first + np.arange(count)
    rows[:, Tx.KIND] = np.arange(count) % len(PLAN.kinds)
    rows[:, Tx.STAGE] = second >= PLAN.stages[0].end_s
    rows[:, Tx.OUTCOME] = outcome
    rows[:, Tx.INTENDED] = intended
    rows[:, Tx.RELEASED] = intended
    rows[:, Tx.STARTED] = intended + 0.01
    rows[:, Tx.COMPLETED] = intended + 0.03
    rows[:, Tx.MAIL] = 0.005
    rows[:, Tx.SIZE_BYTES] = 1000
    rows[:, Tx.ATTEMPTS] = 1
    return Batch(Gauges(second + 1.0, 0, 3, 0), transactions=rows, offered=arrivals(rows))


def arrivals(transactions: Rows) -> Rows:
    """The arrivals that became these transactions."""
    rows = transactions[:, (Tx.INTENDED, Tx.KIND, Tx.STAGE)]
    assert rows.shape[1] == len(Arrival)
    return rows


def set_up(*, connect_s: float = 0.001, outcome: int = 0) -> Batch:
    """One session set-up without TLS and AUTH."""
    row = np.full((1, len(Setup)), np.nan)
    row[:, [Setup.ENDED, Setup.OUTCOME, Setup.CONNECT, Setup.BANNER, Setup.EHLO]] = (
        1,
        outcome,
        connect_s,
        0.002,
        0.003,
    )
    return Batch(GAUGES, setups=row)


def sample(at_s: float, *, cpu: float = 0.2) -> GeneratorSample:
    """A second of a generator in good health."""
    return GeneratorSample(at_s, cpu, 0.001, 1_000_000, 0.002, 0.0)


class MadeUpRun:
    """Twelve seconds of 100 messages each, of which the last hundred is refused; then `summary` and `finish`.

    Args:
        results_dir: Folder of the run's folder.
        cpu: The generator's share of its core.
        plan: Stages and kinds; the second stage begins after two seconds.
    """

    def __init__(self, results_dir: Path, *, cpu: float = 0.2, plan: RunPlan = PLAN) -> None:
        outcomes = OutcomeTable()
        refused = outcomes.intern(Outcome(OutcomeClass.PERMANENT, Phase.RCPT, 550, "5.1.1"))
        self.writer = RunWriter(results_dir, replace(FACTS, plan=plan))
        self.recorder = Recorder(plan, outcomes, self.writer)
        self.samples = []
        for second in range(12):
            self.recorder.add(messages(second, 100, first=100 * second, outcome=refused if second == 11 else 0))
            self.recorder.add(set_up())
            self.recorder.flush(second + 1.0)
            self.samples.append(sample(second + 1.0, cpu=cpu))
            self.writer.append_generator(self.samples[-1])

    def summary(self, *, delivery: Delivery | None = None, interrupted: bool = False) -> Summary:
        """The summary as of now."""
        return summarize(
            self.recorder.statistics(),
            self.recorder.outcome_counts(),
            self.samples,
            THRESHOLDS,
            duration_s=12.0,
            interrupted=interrupted,
            delivery=delivery,
        )

    def finish(self, *, ledger: Reconciliation | None = None, interrupted: bool = False) -> tuple[Path, Summary]:
        """Write the rest; the run's folder and its summary."""
        self.recorder.finish(12.0)
        delivery = None if ledger is None else Delivery(ledger)
        summary = self.summary(delivery=delivery, interrupted=interrupted)
        return self.writer.finish(summary, 99, 1_700_000_012.5, delivery), summary
