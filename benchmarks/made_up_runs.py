"""Run folders of any length, made without sending: the recorder is fed what a load generator would have told it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from loadkit.measure.recorder import Recorder
from loadkit.measure.records import Arrival, Batch, Gauges, OutcomeTable, Rows, RunPlan, Setup, Stage, Tx
from loadkit.measure.run_writer import RunFacts, RunWriter
from loadkit.measure.summary import summarize
from loadkit.measure.validity import GeneratorSample
from loadkit.scenario.thresholds import parse_threshold
from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase

KINDS = ("receipt", "newsletter", "reset")
WARM_UP_S = 60.0
MEAN_S = 0.02
FAILED = 0.001
_THRESHOLDS = (parse_threshold("transaction_duration", "p(95) < 1s"),)
_SCENARIO = "scenario: made up\nload: {}\nmessages: {}\n"
_PHASES = [Tx.MAIL, Tx.RCPT, Tx.DATA, Tx.DOT]


def write_run(results: Path, seconds: int, rate_per_s: int, *, seed: int = 1) -> Path:
    """Write the folder of a run that never was.

    Args:
        results: Folder of the run's folder.
        seconds: How long it is, the warm-up included.
        rate_per_s: Messages a second.
        seed: Of the latencies, which are those of an exponential server.

    Returns:
        The run's folder.
    """
    stages = (Stage("warm-up", 0.0, WARM_UP_S, measured=False), Stage("steady", WARM_UP_S, float(seconds)))
    plan = RunPlan("benchmark", KINDS, stages, open_loop=True, started_at=1.7e9 + seed)
    target = "smtp://127.0.0.1:25"
    writer = RunWriter(results, RunFacts(plan, "bench", target, seed, ("loadkit",), _THRESHOLDS, _SCENARIO, _SCENARIO))
    outcomes = OutcomeTable()
    refused = outcomes.intern(Outcome(OutcomeClass.TRANSIENT, Phase.DOT, 451, "4.7.1"))
    recorder, random = Recorder(plan, outcomes, writer), np.random.default_rng(seed)
    samples = [GeneratorSample(second + 1.0, 0.3, 0.001, 10**8, 0.002, 0.0) for second in range(seconds)]
    for second in range(seconds):
        recorder.add(_second(second, rate_per_s, refused, random))
        recorder.flush(second + 1.0)
    writer.append_generator(*samples)
    recorder.finish(float(seconds))
    counts = recorder.outcome_counts()
    writer.write_outcomes(counts)
    summary = summarize(
        recorder.statistics(), counts, samples, _THRESHOLDS, duration_s=float(seconds), interrupted=False, delivery=None
    )
    return writer.finish(summary, 0, 1.7e9 + seed + seconds, None)


def _second(second: int, count: int, refused: int, random: np.random.Generator) -> Batch:
    transactions = _transactions(second, count, random)
    transactions[:, Tx.OUTCOME] = np.where(random.random(count) < FAILED, refused, 0)
    offered = transactions[:, [Tx.INTENDED, Tx.KIND, Tx.STAGE]]
    assert offered.shape[1] == len(Arrival)
    setups = np.full((max(1, count // 100), len(Setup)), np.nan)
    setups[:, Setup.ENDED], setups[:, Setup.OUTCOME] = second + 0.5, 0
    timed = [Setup.CONNECT, Setup.BANNER, Setup.EHLO]
    setups[:, timed] = random.exponential(MEAN_S / 10, (len(setups), len(timed)))
    return Batch(Gauges(second + 1.0, 20, 100, 0), transactions=transactions, offered=offered, setups=setups)


def _transactions(second: int, count: int, random: np.random.Generator) -> Rows:
    rows = np.zeros((count, len(Tx)))
    rows[:, Tx.SEQ] = np.arange(count) + second * count
    rows[:, Tx.KIND] = random.integers(len(KINDS), size=count)
    rows[:, Tx.STAGE] = second >= WARM_UP_S
    rows[:, Tx.INTENDED] = second + np.sort(random.random(count))
    rows[:, Tx.RELEASED] = rows[:, Tx.INTENDED] + random.exponential(1e-4, count)
    rows[:, Tx.STARTED] = rows[:, Tx.RELEASED] + random.exponential(1e-3, count)
    rows[:, _PHASES] = random.exponential(MEAN_S / len(_PHASES), (count, len(_PHASES)))
    rows[:, Tx.COMPLETED] = rows[:, Tx.STARTED] + rows[:, _PHASES].sum(axis=1)
    rows[:, Tx.SIZE_BYTES], rows[:, Tx.ATTEMPTS] = 4096, 1
    return rows
