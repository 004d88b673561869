"""From rows to a run folder and back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from loadkit.errors import RunFolderError
from loadkit.measure.recorder import Recorder
from loadkit.measure.records import Arrival, Batch, Gauges, OutcomeTable, RunPlan, Setup, Stage, Tx
from loadkit.measure.statistics import Metric, Series
from loadkit.measure.store import RunFacts, RunWriter, list_runs, open_run, read_histograms, rebuild_summary
from loadkit.measure.summary import Summary, summarize
from loadkit.measure.validity import GeneratorSample
from loadkit.scenario.thresholds import parse_threshold
from loadkit.smtp.dialogue import STOPPED
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


def batch(second: int, count: int, *, outcome: int = 0, first: int = 0) -> Batch:
    """Messages of one second: each waits 10 ms, is served in 20 ms, and alternates between the kinds."""
    rows = np.full((count, len(Tx)), np.nan)
    intended = second + np.arange(count) / count * 0.9
    rows[:, Tx.SEQ] = first + np.arange(count)
    rows[:, Tx.KIND] = np.arange(count) % 2
    rows[:, Tx.STAGE] = 0 if second < 2 else 1
    rows[:, Tx.OUTCOME] = outcome
    rows[:, Tx.INTENDED] = intended
    rows[:, Tx.RELEASED] = intended
    rows[:, Tx.STARTED] = intended + 0.01
    rows[:, Tx.COMPLETED] = intended + 0.03
    rows[:, Tx.MAIL] = 0.005
    rows[:, Tx.SIZE_BYTES] = 1000
    rows[:, Tx.ATTEMPTS] = 1
    offered = rows[:, (Tx.INTENDED, Tx.KIND, Tx.STAGE)]
    assert offered.shape[1] == len(Arrival)
    return Batch(Gauges(second + 1.0, 0, 3, 0), transactions=rows, offered=offered)


def sample(at_s: float, cpu: float = 0.2) -> GeneratorSample:
    return GeneratorSample(at_s, cpu, 0.001, 1_000_000, 0.002, 0.0)


def facts() -> RunFacts:
    return RunFacts(PLAN, "test", "smtp://127.0.0.1:2525", 1, ("loadkit", "run"), THRESHOLDS, "scenario: x\n", "y\n")


def record(folder: Path, *, finish: bool = True, cpu: float = 0.2) -> tuple[RunWriter, Summary]:
    outcomes = OutcomeTable()
    refused = outcomes.intern(Outcome(OutcomeClass.PERMANENT, Phase.RCPT, 550, "5.1.1"))
    writer = RunWriter(folder, facts())
    recorder = Recorder(PLAN, outcomes, writer)
    samples = []
    for second in range(12):
        recorder.add(batch(second, 100, first=100 * second, outcome=refused if second == 11 else 0))
        setup = np.full((1, len(Setup)), 0.001)
        setup[:, Setup.OUTCOME] = 0
        recorder.add(Batch(Gauges(second + 1.0, 0, 3, 0), setups=setup))
        recorder.flush(second + 1.0)
        samples.append(sample(second + 1.0, cpu))
        writer.append_generator(samples[-1])
    if finish:
        recorder.finish(12.0)
    summary = summarize(
        recorder.statistics(),
        recorder.outcome_counts(),
        samples,
        THRESHOLDS,
        duration_s=12.0,
        interrupted=False,
        ledger=None,
    )
    return writer, summary


def test_counts_and_latencies_of_the_measured_stage(tmp_path: Path) -> None:
    _, summary = record(tmp_path)
    assert {name: flow.count for name, flow in summary.flows.items()} == {
        "offered": 1000,
        "started": 1000,
        "completed": 1000,
        "accepted": 900,
        "shed": 0,
    }
    assert summary.flows["offered"].per_s == pytest.approx(100)
    assert summary.response_time.n == 1000
    assert summary.response_time.quantiles_s["p95"] == pytest.approx(0.03, rel=2e-3)
    assert summary.response_time.quantiles_s["p99.9"] is None
    assert summary.service_time.quantiles_s["p50"] == pytest.approx(0.02, rel=2e-3)
    assert summary.kinds["note"].completed == 500
    assert [(line.kind, line.code, line.count) for line in summary.outcomes] == [
        ("accepted", 250, 900),
        ("permanent", 550, 100),
    ]
    assert [line.passed for line in summary.thresholds] == [True, False]
    assert summary.verdict == "failed"


def test_a_busy_generator_makes_the_run_invalid(tmp_path: Path) -> None:
    _, summary = record(tmp_path, cpu=0.95)
    assert summary.verdict == "invalid"
    assert "95%" in summary.validity.reasons[0]


def test_a_finished_folder_says_the_same_when_read_and_when_rebuilt(tmp_path: Path) -> None:
    writer, summary = record(tmp_path)
    folder = writer.finish(summary, 99, 1_700_000_012.0)
    assert folder.name == "20231114T221320Z-test-127.0.0.1-2525"
    run = open_run(folder)
    assert (run.head.verdict, run.head.exit_code, run.head.complete) == ("failed", 99, True)
    assert run.summary == summary
    assert rebuild_summary(run) == summary
    assert [head.name for head in list_runs(tmp_path)] == [folder.name]
    assert not list(tmp_path.glob(".*"))
    histograms = read_histograms(folder / "histograms.hlog")
    assert histograms[Series(Metric.MAIL, "hold", "ad")].total == 500


def test_a_folder_that_a_crash_left_can_be_read(tmp_path: Path) -> None:
    writer, _ = record(tmp_path, finish=False)
    torn = writer.folder / "timeline.arrows"
    torn.write_bytes(torn.read_bytes()[:-37])
    with (writer.folder / "histograms.hlog").open("a") as log:
        log.write("Tag=response_time;hold;note,10.0,1.0,3.0,HISTFAAAA")
    (head,) = list_runs(tmp_path)
    assert (head.complete, head.verdict) == (False, "running")
    summary = open_run(head.path).summary
    assert summary.verdict == "interrupted"
    assert 800 <= summary.flows["completed"].count <= 1000


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        writer, summary = record(tmp_path)
        names.append(writer.finish(summary, 99, 0.0).name)
    assert [name[-2:] for name in names[1:]] == ["-2", "-3"]


def test_a_newer_form_is_refused(tmp_path: Path) -> None:
    writer, summary = record(tmp_path)
    folder = writer.finish(summary, 99, 0.0)
    data = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(data | {"schema_version": 2}))
    with pytest.raises(RunFolderError, match="another form"):
        open_run(folder)


def test_a_message_that_went_no_further_than_told_is_not_in_the_ledger() -> None:
    outcomes = OutcomeTable()
    stopped = outcomes.intern(Outcome(OutcomeClass.ACCEPTED, Phase.RCPT, reason=STOPPED))
    recorder = Recorder(PLAN, outcomes)
    recorder.add(batch(3, 10))
    recorder.add(batch(4, 10, first=10, outcome=stopped))
    assert recorder.accepted.count == 10


def test_outcomes_that_a_server_invents_cannot_grow_the_table() -> None:
    outcomes = OutcomeTable()
    for code in range(2000):
        outcomes.intern(Outcome(OutcomeClass.PERMANENT, Phase.RCPT, 500 + code % 100, f"5.{code}.1"))
    assert len(outcomes) <= 300
