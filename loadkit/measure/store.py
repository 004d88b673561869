"""Run folders read: what a run was, what it came to, and the same summed up anew from what it wrote."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from loadkit.errors import ExitCode, RunFolderError
from loadkit.measure.delivery import Delivery
from loadkit.measure.histogram_log import HISTOGRAM_FILE, read_histograms
from loadkit.measure.records import Route, RunPlan, Stage
from loadkit.measure.run_files import (
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
    read_json,
)
from loadkit.measure.statistics import OutcomeCount, RunStatistics
from loadkit.measure.summary import Summary, summarize
from loadkit.measure.tables import read_table, timeline_rows
from loadkit.measure.target import Observed, samples_from_rows, summarize_target
from loadkit.measure.timeline import Counters
from loadkit.measure.validity import GeneratorSample
from loadkit.measure.workers import WorkerRecord
from loadkit.scenario.thresholds import parse_threshold
from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase


@dataclass(frozen=True, slots=True)
class RunHead:
    """What ``run.json`` says of a run.

    Args:
        path: The run folder.
        name: Its name.
        run_id: The run's id.
        scenario: The scenario's name.
        target: The target as URL.
        status: ``running`` or ``complete``.
        verdict: The verdict; ``running`` if the run was cut short.
        exit_code: The run's exit code; that of an interrupted run if it was cut short.
        started_at: Unix time.
        command: The command line that repeats it.
        complete: Whether the run came to its end.
    """

    path: Path
    name: str
    run_id: str
    scenario: str
    target: str
    status: str
    verdict: str
    exit_code: int
    started_at: float
    command: tuple[str, ...]
    complete: bool

    def to_dict(self) -> dict[str, Any]:
        """The head as plain JSON values."""
        return dataclasses.asdict(self) | {"path": str(self.path)}


@dataclass(frozen=True, slots=True)
class Run:
    """A run read from its folder.

    Args:
        head: What ``run.json`` says.
        facts: All of ``run.json``.
    """

    head: RunHead
    facts: dict[str, Any]

    @property
    def target(self) -> Observed | None:
        """What was seen of the target's host; None where nobody looked.

        Raises:
            RunFolderError: If that is damaged.
        """
        path = self.head.path / TARGET_FILE
        table = read_table(self.head.path / TARGET)
        if table is None or not path.exists():
            return None
        told = read_json(path)
        try:
            return Observed(told["source"], samples_from_rows(table.to_pylist()), tuple(told["notes"]))
        except (KeyError, TypeError) as error:
            raise RunFolderError(f"{path} is damaged: {error}", hint="the run folder is damaged") from error

    @property
    def summary(self) -> Summary:
        """The summary as written at the end, or rebuilt where the run was cut short.

        Raises:
            RunFolderError: If the folder has neither.
        """
        if not self.head.complete:
            return rebuild_summary(self)
        try:
            return Summary.from_dict(read_json(self.head.path / SUMMARY_FILE))
        except ValueError as error:
            raise RunFolderError(f"{self.head.path / SUMMARY_FILE} is not a summary: {error}") from error


def open_run(path: Path) -> Run:
    """Read a run folder, also one that a crash left behind.

    Raises:
        RunFolderError: If it is none, is damaged, or was written by a newer loadkit.
    """
    if not (path / RUN_FILE).is_file():
        raise RunFolderError(f"{path} is no run folder", hint="name a folder that holds a run.json")
    facts = read_json(path / RUN_FILE)
    found = facts.get("schema_version") if isinstance(facts, dict) else None
    if found != SCHEMA_VERSION:
        raise RunFolderError(
            f"{path} has schema version {found}, and this loadkit reads {SCHEMA_VERSION}",
            hint="use the loadkit version that wrote it",
        )
    try:
        return Run(_read_head(path, facts), facts)
    except (KeyError, TypeError) as error:
        raise RunFolderError(f"{path / RUN_FILE} lacks a value: {error}", hint="the run folder is damaged") from error


def _read_head(path: Path, facts: Mapping[str, Any]) -> RunHead:
    complete = facts["status"] == "complete"
    return RunHead(
        path=path,
        name=path.name.removeprefix(".").removesuffix(".partial"),
        run_id=facts["run_id"],
        scenario=facts["scenario"],
        target=facts["target"],
        status=facts["status"],
        verdict=facts["verdict"] or facts["status"],
        exit_code=facts["exit_code"] if complete else int(ExitCode.INTERRUPTED),
        started_at=facts["started_at"],
        command=tuple(facts["command"]),
        complete=complete,
    )


def list_runs(results_dir: Path) -> list[RunHead]:
    """The runs of a folder, the oldest first, those cut short included; folders that can't be read are left out."""
    heads = _readable(file.parent for file in results_dir.glob(f"*/{RUN_FILE}"))
    return sorted(heads, key=lambda head: (head.started_at, head.name))


def _readable(folders: Iterable[Path]) -> Iterator[RunHead]:
    for folder in folders:
        try:
            yield open_run(folder).head
        except RunFolderError:
            continue


def rebuild_summary(run: Run) -> Summary:
    """Sum a run up anew from its timeline, histograms, outcomes and samples.

    Raises:
        RunFolderError: If the folder has no timeline, or a file of it is damaged.
    """
    path, facts = run.head.path, run.facts
    plan = plan_from_dict(facts["plan"])
    timeline, generator = read_table(path / TIMELINE), read_table(path / GENERATOR)
    if timeline is None:
        raise RunFolderError(f"{path} has no timeline", hint="the run ended before its first second was over")
    rows = timeline_rows(plan, timeline)
    last_s = float(rows["second"].max()) + 1
    duration_s = facts.get("duration_s", last_s)
    counters = Counters(plan)
    counters.add(rows, complete_s=duration_s if run.head.complete else last_s)
    outcomes_file = path / OUTCOMES_FILE
    outcomes = read_json(outcomes_file) if outcomes_file.exists() else []
    ledger = read_json(path / LEDGER_FILE) if run.head.complete else None
    try:
        delivery = None if ledger is None else Delivery.from_dict(ledger)
    except (KeyError, TypeError, ValueError) as error:
        raise RunFolderError(f"{path / LEDGER_FILE} is no ledger: {error}", hint="the run folder is damaged") from error
    return summarize(
        RunStatistics(plan, read_histograms(path / HISTOGRAM_FILE), counters),
        [_outcome_from_dict(one) for one in outcomes],
        [GeneratorSample(**row) for row in generator.to_pylist()] if generator is not None else [],
        [parse_threshold(metric, check) for metric, check in facts["thresholds"]],
        duration_s=duration_s,
        interrupted=not run.head.complete or run.head.verdict == "interrupted",
        delivery=delivery,
        workers=_read_workers(path / WORKERS_FILE),
        target=None if run.target is None else summarize_target(run.target, plan, duration_s),
    )


def _read_workers(path: Path) -> list[WorkerRecord]:
    if not path.exists():
        return []
    try:
        return [WorkerRecord(**one) for one in read_json(path)]
    except TypeError as error:
        raise RunFolderError(f"{path} is damaged: {error}", hint="the run folder is damaged") from error


def plan_from_dict(data: Mapping[str, Any]) -> RunPlan:
    """The plan of a run, as ``run.json`` holds it."""
    stages = tuple(
        Stage(one["name"], one["start_s"], np.inf if one["end_s"] is None else one["end_s"], one["measured"])
        for one in data["stages"]
    )
    routes = tuple(Route(**route) for route in data.get("routes", ()))
    return RunPlan(data["run_id"], tuple(data["kinds"]), stages, data["open_loop"], data["started_at"], routes)


def _outcome_from_dict(data: Mapping[str, Any]) -> OutcomeCount:
    parts = data["outcome"]
    outcome = Outcome(
        OutcomeClass(parts["kind"]), Phase(parts["phase"]), parts["code"], parts["enhanced"], parts["reason"]
    )
    return OutcomeCount(data["stage"], data["kind"], outcome, data["count"])
