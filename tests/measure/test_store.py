"""Run folders: whole when complete, readable after a crash, and the same when summed up anew."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.recording import FACTS, PLAN, MadeUpRun, sample

from loadkit.errors import ExitCode, RunFolderError
from loadkit.measure.delivery import Delivery, follow_delivery
from loadkit.measure.histogram_log import read_histograms
from loadkit.measure.ledger import DeliveryLedger
from loadkit.measure.reason import Blame
from loadkit.measure.reconciliation import Reconciliation
from loadkit.measure.records import Stage
from loadkit.measure.run_writer import RunFacts, RunWriter
from loadkit.measure.statistics import Metric, Series
from loadkit.measure.store import list_runs, open_run, rebuild_summary
from loadkit.measure.tables import read_table
from loadkit.measure.timeline import COUNTERS, GAUGES, KEYS, LATENCIES
from loadkit.smtp.stamp import Stamp

NAME = "20231114T221320Z-test-127.0.0.1-2525"
LOST = Reconciliation(1100, 1098, 2, ((0, 5, 6),), 0, 0, 0, 0)


def cut_short(results_dir: Path) -> Path:
    """The folder that a run left which was killed after its eleventh second."""
    return MadeUpRun(results_dir).writer.folder


def test_a_finished_folder_says_the_same_when_read_and_when_rebuilt(tmp_path: Path) -> None:
    folder, summary = MadeUpRun(tmp_path).finish(ledger=LOST)
    assert folder == tmp_path / NAME
    run = open_run(folder)
    assert run.summary == summary
    assert rebuild_summary(run) == summary
    assert (run.head.verdict, run.head.exit_code, run.head.complete) == ("failed", 99, True)


def test_delivery_is_the_same_when_read_and_when_rebuilt(tmp_path: Path) -> None:
    run = MadeUpRun(tmp_path)
    run.recorder.finish(12.0)
    assert run.recorder.last_accepted_s == pytest.approx(10 + 0.99 * 0.9 + 0.03)
    ledger = DeliveryLedger(PLAN.run_id)
    sent_us = int(PLAN.started_at * 1e6)
    for seq in range(1100):
        stamp = Stamp(PLAN.run_id, 0, seq, "note", sent_us, sent_us, None)
        ledger.add(stamp, recipients=1, size_bytes=1, now=PLAN.started_at + seq / 100)
    course, series = follow_delivery(
        PLAN,
        run.recorder.statistics().counters.accepted_per_second,
        ledger,
        drained=True,
        last_accepted_s=run.recorder.last_accepted_s,
        duration_s=12.0,
    )
    delivery = Delivery(LOST, course, ledger.end_to_end, series)
    summary = run.summary(delivery=delivery)
    folder = run.writer.finish(summary, 99, 1_700_000_012.5, delivery)
    assert (course.backlog.max, course.backlog.end, course.delivered_per_s) == (0, 0, 90)
    assert summary.end_to_end["note"].sent.n == 1100
    assert open_run(folder).summary == summary
    assert rebuild_summary(open_run(folder)) == summary
    rows = pq.read_table(folder / "delivery.parquet").to_pylist()
    assert [row["accepted"] for row in rows] == [*range(100, 1200, 100), 1100]
    assert rows[11] == {"second": 11, "accepted": 1100, "delivered": 1100, "backlog": 0}


@pytest.mark.parametrize(("cpu", "blame"), [(0.2, Blame.SERVER), (0.95, Blame.UNKNOWN)])
def test_reasons_that_were_sentences_can_be_read(cpu: float, blame: Blame, tmp_path: Path) -> None:
    folder, summary = MadeUpRun(tmp_path, cpu=cpu).finish(ledger=LOST)
    old = json.loads((folder / "summary.json").read_text())
    old |= {"schema_version": 2}
    old["validity"] = {"valid": summary.validity.valid, "reasons": [str(one) for one in summary.validity.reasons]}
    del old["diagnosis"], old["retries"], old["session_ends"]
    del old["generator"]["cpu_p95_by_process"], old["generator"]["gc_pause_max_s"]
    (folder / "summary.json").write_text(json.dumps(old))
    read = open_run(folder).summary
    assert read.validity.blame is blame
    assert [str(one) for one in read.validity.reasons] == [str(one) for one in summary.validity.reasons]
    assert read.diagnosis == ()


def test_a_summary_of_the_version_before_can_be_read(tmp_path: Path) -> None:
    folder, summary = MadeUpRun(tmp_path).finish(ledger=LOST)
    old = json.loads((folder / "summary.json").read_text())
    del old["course"], old["end_to_end"], old["ledger"]["corrupted"]
    (folder / "summary.json").write_text(json.dumps(old))
    (folder / "ledger.json").write_text(json.dumps(old["ledger"]))
    assert open_run(folder).summary == summary
    assert rebuild_summary(open_run(folder)) == summary


def test_a_ledger_that_is_none_is_named(tmp_path: Path) -> None:
    folder, _ = MadeUpRun(tmp_path).finish(ledger=LOST)
    (folder / "ledger.json").write_text('{"accepted": 3}')
    with pytest.raises(RunFolderError, match="is no ledger"):
        rebuild_summary(open_run(folder))


def test_an_interrupted_run_stays_interrupted_when_rebuilt(tmp_path: Path) -> None:
    folder, summary = MadeUpRun(tmp_path).finish(interrupted=True)
    assert summary.verdict == "interrupted"
    assert rebuild_summary(open_run(folder)) == summary


def test_files_of_a_finished_folder(tmp_path: Path) -> None:
    folder, summary = MadeUpRun(tmp_path).finish(ledger=LOST)
    assert sorted(path.name for path in folder.iterdir()) == [
        "errors.json",
        "generator.parquet",
        "histograms.hlog",
        "ledger.json",
        "run.json",
        "scenario.effective.yaml",
        "scenario.yaml",
        "summary.json",
        "timeline.parquet",
    ]
    assert (folder / "scenario.yaml").read_text() == FACTS.source_text
    assert json.loads((folder / "ledger.json").read_text())["lost_ranges"] == [[0, 5, 6]]
    assert json.loads((folder / "summary.json").read_text()) == json.loads(json.dumps(summary.to_dict()))
    assert pq.read_table(folder / "generator.parquet").to_pylist()[4] == {
        "at_s": 5.0,
        "cpu_ratio": 0.2,
        "lag_p99_s": 0.001,
        "rss_bytes": 1_000_000,
        "loop_stall_max_s": 0.002,
        "clock_drift_s": 0.0,
        "worker": 0,
        "cpu_wait_ratio": 0.0,
        "gc_pause_max_s": 0.0,
    }


def test_run_json(tmp_path: Path) -> None:
    folder, _ = MadeUpRun(tmp_path).finish()
    facts = json.loads((folder / "run.json").read_text())
    expected = {
        "schema_version": 1,
        "run_id": "abcdefgh",
        "status": "complete",
        "verdict": "failed",
        "exit_code": 99,
        "scenario": "test",
        "target": "smtp://127.0.0.1:2525",
        "seed": 1,
        "started_at": 1_700_000_000.0,
        "ended_at": 1_700_000_012.5,
        "duration_s": 12.0,
        "command": ["loadkit", "run"],
    }
    assert {key: facts[key] for key in expected} == expected
    assert set(facts["versions"]) == {"python", "loadkit", "locust", "gevent", "numpy"}
    assert facts["machine"]["cores"] >= 1
    assert facts["machine"]["memory_bytes"] > 2**26


def test_the_timeline_has_one_row_per_second_stage_and_kind_with_names(tmp_path: Path) -> None:
    folder, _ = MadeUpRun(tmp_path).finish()
    table = pq.read_table(folder / "timeline.parquet")
    assert table.column_names == [*KEYS, *COUNTERS, *GAUGES, *LATENCIES]
    rows = table.to_pylist()
    places = [(row["second"], row["stage"], row["kind"]) for row in rows]
    assert places[:6] == [
        (0, "warm-up", "note"),
        (0, "warm-up", "ad"),
        (1, "warm-up", "note"),
        (1, "warm-up", "ad"),
        (2, "hold", "note"),
        (2, "hold", "ad"),
    ]
    assert len(places) == len(set(places)) == 26
    assert {(row["offered"], row["completed"], row["connections"]) for row in rows[:24]} == {(50, 50, 3)}
    assert rows[22]["failed_permanent"] == 50
    assert rows[0]["response_p95_s"] == pytest.approx(0.03)
    assert rows[-1]["response_p95_s"] is None


def test_while_a_run_goes_on_its_folder_is_hidden_and_marked(tmp_path: Path) -> None:
    run = MadeUpRun(tmp_path)
    (head,) = list_runs(tmp_path)
    assert head.path == run.writer.folder == tmp_path / f".{NAME}.partial"
    assert (head.name, head.status, head.verdict, head.complete) == (NAME, "running", "running", False)
    assert head.exit_code == ExitCode.INTERRUPTED
    folder, _ = run.finish()
    (head,) = list_runs(tmp_path)
    assert (head.path, head.name, head.status, head.complete) == (folder, NAME, "complete", True)
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_a_crash_left_is_summed_up(tmp_path: Path) -> None:
    """The timeline is there up to the last flush, histograms up to the last interval."""
    summary = open_run(cut_short(tmp_path)).summary
    assert summary.verdict == "interrupted"
    assert summary.duration_s == 12.0
    assert {name: flow.count for name, flow in summary.flows.items()} == {
        "offered": 1000,
        "started": 1000,
        "completed": 1000,
        "accepted": 900,
        "shed": 0,
    }
    assert 0 < summary.response_time.n <= 800
    assert summary.generator.cpu_p95_ratio == 0.2
    assert sum(line.count for line in summary.outcomes) == 800


def test_a_timeline_may_end_anywhere(tmp_path: Path) -> None:
    folder = cut_short(tmp_path)
    stream = folder / "timeline.arrows"
    whole = stream.read_bytes()
    counts = []
    for length in range(len(whole), 0, -997):
        stream.write_bytes(whole[:length])
        table = read_table(folder / "timeline")
        counts.append(0 if table is None else rebuild_summary(open_run(folder)).flows["offered"].count)
    assert counts[0] == 1000
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 0
    assert len(set(counts)) == 11


def test_a_histogram_log_may_end_anywhere(tmp_path: Path) -> None:
    log = cut_short(tmp_path) / "histograms.hlog"
    whole = log.read_bytes()
    last = whole.rstrip(b"\n").rindex(b"\n") + 1
    before = read_histograms(log)
    for length in range(last, len(whole)):
        log.write_bytes(whole[:length])
        histograms = read_histograms(log)
        assert sum(histogram.total for histogram in histograms.values()) < sum(one.total for one in before.values())


@pytest.mark.parametrize(
    "damage", ["Tag=no_such_metric;hold;note,0,1,1,", "Tag=response_time;hold;note,0,1,1,HISTjunk"]
)
def test_a_damaged_line_of_the_log_is_not_passed_over(damage: str, tmp_path: Path) -> None:
    log = cut_short(tmp_path) / "histograms.hlog"
    with log.open("a") as stream:
        stream.write(f"{damage}\n")
    lines = log.read_text().count("\n")
    with pytest.raises(RunFolderError, match=f"histograms.hlog:{lines}: "):
        read_histograms(log)


def test_a_crash_while_parquet_files_are_made_loses_nothing(tmp_path: Path) -> None:
    folder = cut_short(tmp_path)
    expected = rebuild_summary(open_run(folder))
    (folder / "timeline.parquet").write_bytes(b"PAR1 cut off")
    assert rebuild_summary(open_run(folder)) == expected


def test_a_crash_before_the_first_second_is_over(tmp_path: Path) -> None:
    run = open_run(RunWriter(tmp_path, FACTS).folder)
    with pytest.raises(RunFolderError, match="has no timeline") as caught:
        _ = run.summary
    assert "before its first second" in caught.value.hint


def test_histograms_are_kept_by_series(tmp_path: Path) -> None:
    folder, _ = MadeUpRun(tmp_path).finish()
    histograms = read_histograms(folder / "histograms.hlog")
    assert histograms[Series(Metric.MAIL, "hold", "ad")].total == 500
    assert histograms[Series(Metric.MAIL, "warm-up", "ad")].total == 100
    assert histograms[Series(Metric.CONNECT)].total == 12


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    """Taken by a complete run, or by one that is still under way."""
    first, _ = MadeUpRun(tmp_path).finish()
    under_way = MadeUpRun(tmp_path)
    third, _ = MadeUpRun(tmp_path).finish()
    second, _ = under_way.finish()
    assert [folder.name for folder in (first, second, third)] == [NAME, f"{NAME}-2", f"{NAME}-3"]
    assert [head.name for head in list_runs(tmp_path)] == [NAME, f"{NAME}-2", f"{NAME}-3"]


def test_a_target_by_ipv6_address_makes_a_plain_name(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path, replace(FACTS, target="smtps://[::1]:465"))
    assert writer.folder.name == ".20231114T221320Z-test---1-465.partial"


def test_a_stage_without_end_is_kept(tmp_path: Path) -> None:
    """JSON has no infinity."""
    plan = replace(PLAN, stages=(PLAN.stages[0], Stage("rest", 2.0, math.inf)), open_loop=False)
    folder, summary = MadeUpRun(tmp_path, plan=plan).finish()
    assert "Infinity" not in (folder / "run.json").read_text()
    assert summary.flows["completed"].per_s == 100
    assert rebuild_summary(open_run(folder)) == summary


def test_runs_are_listed_from_the_oldest_on(tmp_path: Path) -> None:
    def start(at: float) -> RunFacts:
        return replace(FACTS, plan=replace(PLAN, started_at=at))

    for at in (1_700_000_300.0, 1_700_000_100.0, 1_700_000_200.0):
        RunWriter(tmp_path, start(at))
    (tmp_path / "notes").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    assert [head.started_at for head in list_runs(tmp_path)] == [1_700_000_100.0, 1_700_000_200.0, 1_700_000_300.0]
    assert list_runs(tmp_path / "nowhere") == []


def test_what_is_no_run_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="is no run folder") as caught:
        open_run(tmp_path)
    assert "run.json" in caught.value.hint


@pytest.mark.parametrize("version", [2, 0, None, "1"])
def test_another_schema_version_is_refused(version: object, tmp_path: Path) -> None:
    folder, _ = MadeUpRun(tmp_path).finish()
    change(folder / "run.json", schema_version=version)
    with pytest.raises(RunFolderError, match=f"has schema version {version}, and this loadkit reads 1") as caught:
        open_run(folder)
    assert caught.value.hint == "use the loadkit version that wrote it"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": 1}', '{"schema_version": 1, "status": "running"}'])
def test_a_damaged_run_json_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunFolderError):
        open_run(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "{}", '{"verdict": "passed"}'])
def test_a_damaged_summary_is_refused_and_can_be_rebuilt(text: str, tmp_path: Path) -> None:
    folder, summary = MadeUpRun(tmp_path).finish()
    (folder / "summary.json").write_text(text)
    run = open_run(folder)
    with pytest.raises(RunFolderError, match=r"summary\.json"):
        _ = run.summary
    assert rebuild_summary(run) == summary


def test_a_folder_can_be_moved(tmp_path: Path) -> None:
    folder, summary = MadeUpRun(tmp_path / "results").finish()
    moved = Path(shutil.move(folder, tmp_path / "elsewhere"))
    assert open_run(moved).summary == summary
    assert rebuild_summary(open_run(moved)) == summary


def test_what_is_appended_is_on_disk_at_once(tmp_path: Path) -> None:
    run = MadeUpRun(tmp_path)
    for stem, rows in (("generator", 12), ("timeline", 24)):
        assert read_table(run.writer.folder / stem).num_rows == rows
    run.writer.append_generator(sample(13.0))
    assert read_table(run.writer.folder / "generator").to_pylist()[-1]["at_s"] == 13.0


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
