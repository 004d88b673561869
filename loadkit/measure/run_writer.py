"""Run folders written while a run goes on, and renamed when it is complete.

A crash loses a second of the timeline at most, and of histograms and outcomes the interval that was not settled yet.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from loadkit.measure.delivery import Delivery
from loadkit.measure.histogram import Histogram
from loadkit.measure.histogram_log import HISTOGRAM_FILE, log_head, log_line
from loadkit.measure.machine import machine, versions
from loadkit.measure.records import RunPlan, Stage
from loadkit.measure.run_files import (
    DELIVERY,
    GENERATOR,
    LEDGER_FILE,
    OUTCOMES_FILE,
    RUN_FILE,
    SCHEMA_VERSION,
    SUMMARY_FILE,
    TARGET,
    TARGET_FILE,
    TIMELINE,
    WORKERS_FILE,
    write_json,
)
from loadkit.measure.statistics import OutcomeCount, Series
from loadkit.measure.summary import Summary
from loadkit.measure.tables import TableStream, merged_timeline, sync, write_table
from loadkit.measure.target import Observed
from loadkit.measure.timeline import TimelineRows
from loadkit.measure.validity import GeneratorSample
from loadkit.measure.workers import WorkerRecord
from loadkit.scenario.thresholds import Threshold


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known of a run before its first message; kept in ``run.json``.

    Args:
        plan: Stages and kinds.
        scenario: The scenario's name.
        target: The target as URL.
        seed: The scenario's seed.
        command: The command line that repeats the run.
        thresholds: What is demanded.
        source_text: The scenario as written.
        effective_text: The scenario with all defaults.
        preflight: What was found at the target before; None where nobody looked.
    """

    plan: RunPlan
    scenario: str
    target: str
    seed: int
    command: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    source_text: str
    effective_text: str
    preflight: tuple[dict[str, str], ...] | None = None


class RunWriter:
    """Writes one run; the recorder's `RecordWriter`.

    Args:
        results_dir: Folder of all runs; made if missing.
        facts: What is known before the start.

    Raises:
        OSError: If the folder can't be written.
    """

    def __init__(self, results_dir: Path, facts: RunFacts) -> None:
        self._facts = facts
        self._results_dir = results_dir
        self.folder, self._name = _make_folder(results_dir, facts)
        (self.folder / "scenario.yaml").write_text(facts.source_text, encoding="utf-8")
        (self.folder / "scenario.effective.yaml").write_text(facts.effective_text, encoding="utf-8")
        self._head = _head(facts)
        write_json(self.folder / RUN_FILE, self._head)
        self._timeline = TableStream(self.folder / TIMELINE)
        self._generator = TableStream(self.folder / GENERATOR)
        self._histograms = (self.folder / HISTOGRAM_FILE).open("w", encoding="ascii")
        self._histograms.write(log_head(facts.plan.started_at))

    def append_timeline(self, rows: TimelineRows) -> None:
        """Keep timeline rows."""
        self._timeline.append(rows)

    def append_generator(self, *samples: GeneratorSample) -> None:
        """Keep samples of the load generator."""
        names = [one.name for one in dataclasses.fields(GeneratorSample)]
        self._generator.append({name: np.array([getattr(sample, name) for sample in samples]) for name in names})

    def append_histogram(self, series: Series, start_s: float, length_s: float, histogram: Histogram) -> None:
        """Keep the histogram of an interval, as a line of the log."""
        self._histograms.write(log_line(series, start_s, length_s, histogram))
        self._histograms.flush()

    def write_outcomes(self, outcomes: tuple[OutcomeCount, ...]) -> None:
        """Replace the counts of outcomes so far."""
        write_json(self.folder / OUTCOMES_FILE, [_outcome_to_dict(one) for one in outcomes])

    def write_workers(self, workers: Sequence[WorkerRecord]) -> None:
        """Replace what is known of the run's workers."""
        write_json(self.folder / WORKERS_FILE, [dataclasses.asdict(worker) for worker in workers])

    def write_target(self, observed: Observed) -> None:
        """Keep what was seen of the target's host."""
        write_json(self.folder / TARGET_FILE, {"source": observed.source, "notes": observed.notes})
        write_table(self.folder / TARGET, observed.columns())

    def finish(self, summary: Summary, exit_code: int, ended_at: float, delivery: Delivery | None) -> Path:
        """Complete the folder and give it its name.

        Args:
            summary: What the run came to.
            exit_code: The exit code of the run.
            ended_at: Unix time.
            delivery: What became of the accepted mail, if known.

        Returns:
            The run folder.
        """
        self._timeline.finish(partial(merged_timeline, self._facts.plan))
        self._generator.finish()
        self._histograms.close()
        write_json(self.folder / LEDGER_FILE, None if delivery is None else delivery.to_dict())
        if delivery is not None and delivery.series is not None:
            write_table(self.folder / DELIVERY, delivery.series.columns())
        write_json(self.folder / SUMMARY_FILE, summary.to_dict())
        end = {
            "status": "complete",
            "verdict": summary.verdict.value,
            "exit_code": exit_code,
            "ended_at": ended_at,
            "duration_s": summary.duration_s,
        }
        write_json(self.folder / RUN_FILE, self._head | end)
        for path in (*self.folder.iterdir(), self.folder):
            sync(path)
        self.folder = self.folder.rename(self._results_dir / self._name)
        sync(self._results_dir)
        return self.folder


def _make_folder(results_dir: Path, facts: RunFacts) -> tuple[Path, str]:
    """Make the folder of a run under way; gives it with the name that it gets when complete."""
    moment = datetime.fromtimestamp(facts.plan.started_at, UTC).strftime("%Y%m%dT%H%M%SZ")
    place = facts.target.partition("://")[2].replace(":", "-").replace("[", "").replace("]", "")
    name = wanted = f"{moment}-{facts.scenario}-{place}"
    number = 1
    while (folder := _take(results_dir, name)) is None:
        number += 1
        name = f"{wanted}-{number}"
    return folder, name


def _take(results_dir: Path, name: str) -> Path | None:
    """Take a name by making its folder; None if another run has it, be it complete or under way."""
    folder = results_dir / f".{name}.partial"
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return None
    if (results_dir / name).exists():
        folder.rmdir()
        return None
    return folder


def _head(facts: RunFacts) -> dict[str, Any]:
    plan = facts.plan
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": plan.run_id,
        "status": "running",
        "verdict": None,
        "exit_code": None,
        "scenario": facts.scenario,
        "target": facts.target,
        "seed": facts.seed,
        "started_at": plan.started_at,
        "command": list(facts.command),
        "plan": dataclasses.asdict(plan) | {"stages": [_stage_to_dict(stage) for stage in plan.stages]},
        "thresholds": [[threshold.metric_key, threshold.text] for threshold in facts.thresholds],
        "preflight": facts.preflight,
        "versions": versions(),
        "machine": machine(),
    }


def _stage_to_dict(stage: Stage) -> dict[str, Any]:
    # JSON has no infinity.
    return dataclasses.asdict(stage) | {"end_s": stage.end_s if np.isfinite(stage.end_s) else None}


def _outcome_to_dict(one: OutcomeCount) -> dict[str, Any]:
    return {"stage": one.stage, "kind": one.kind, "outcome": dataclasses.asdict(one.outcome), "count": one.count}
