"""The target's host in summaries, run folders and fits."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from support.recording import PLAN, MadeUpRun

from loadkit.cli.app import main
from loadkit.measure.store import open_run, rebuild_summary
from loadkit.measure.summary import Flow, Summary
from loadkit.measure.target import Observed, TargetSample, TargetSummary, summarize_target, utilisation

# The measured stage is from 2 to 12 s.
SAMPLES = (
    TargetSample(1.5, 1.0, cpu_ratio=0.9),
    TargetSample(2.5, 1.0, cpu_ratio=0.9),
    TargetSample(3.05, 1.0, cpu_ratio=0.2, generator_cpu_ratio=0.05),
    TargetSample(6.05, 3.0, cpu_ratio=0.4, generator_cpu_ratio=0.05),
    TargetSample(13.0, 1.0, cpu_ratio=0.9),
)


def test_only_samples_of_the_measured_stages_count_and_by_their_length() -> None:
    found = summarize_target(Observed("local", SAMPLES, ("a note",)), PLAN, 12.0)
    assert (found.samples, found.notes) == (2, ("a note",))
    assert found.means == {"cpu_ratio": pytest.approx(0.35), "generator_cpu_ratio": pytest.approx(0.05)}
    assert utilisation(found) == {"cpu": pytest.approx(0.30)}
    assert utilisation(replace(found, source="http://h:9100"))["cpu"] == pytest.approx(0.35)


def test_no_sample_in_the_measured_stages_is_said() -> None:
    found = summarize_target(Observed("http://h:9100", SAMPLES[:2]), PLAN, 12.0)
    assert (found.means, found.notes) == ({}, ("2 samples, and none of them within the measured stages",))


def test_the_run_folder_keeps_samples_and_notes(tmp_path: Path) -> None:
    made = MadeUpRun(tmp_path)
    made.writer.write_target(Observed("local", SAMPLES, ("a note",)))
    folder, _ = made.finish()
    run = open_run(folder)
    assert run.target is not None
    assert (run.target.source, run.target.notes, len(run.target.samples)) == ("local", ("a note",), 5)
    assert run.target.samples[3].cpu_ratio == 0.4
    assert math.isnan(run.target.samples[3].memory_ratio)
    rebuilt = rebuild_summary(run)
    assert rebuilt.target == summarize_target(run.target, PLAN, 12.0)
    assert Summary.from_dict(json.loads(json.dumps(rebuilt.to_dict()))).target == rebuilt.target


def ladder(folder: Path, rates: list[float], source: str = "local") -> Path:
    """Runs whose target spends 1 ms of CPU on each message, beside 5 % at rest and a generator that takes 10 %."""
    for rate in rates:
        made = MadeUpRun(folder)
        made.recorder.finish(12.0)
        means = {"cpu_ratio": 0.15 + 1e-3 * rate, "generator_cpu_ratio": 0.1, "memory_ratio": 0.3}
        flows = {"offered": Flow(1000, rate), "accepted": Flow(1000, rate)}
        summary = replace(made.summary(), target=TargetSummary(source, 10, means), flows=flows)
        run = made.writer.finish(summary, 0, 1_700_000_012.5, None)
        (run / "scenario.effective.yaml").write_text(f"load: {{stages: [{{rate: {rate}/s}}]}}\n")
    return folder


@pytest.mark.slow
def test_fit_shows_which_resource_gives_out_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(ladder(tmp_path, [50.0, 100, 150, 200])), "--utilisation", "55%"]) == 0
    said = capsys.readouterr()
    assert "BOTTLENECK, INTERVALS AT 95%" in said.out
    assert "1.0000 [1.0000, 1.0000]" in said.out
    assert "cpu gives out first: 55% of it at 500 messages/s, 2.5 times the highest rate measured." in said.out
    assert "its own CPU is taken off" in said.out

    assert main(["fit", str(tmp_path), "--json"]) == 0
    demand = json.loads(capsys.readouterr().out)["demand"]
    assert (demand["bottleneck"], demand["shared_machine"]) == ("cpu", True)
    assert demand["cap"] == pytest.approx(750)


def test_two_trials_have_no_demand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(ladder(tmp_path, [50.0, 100]))]) != 0
    assert "2 trials at 2 throughputs tell no demand: it takes 3 at 2" in capsys.readouterr().err
