"""Run folders: written while a run goes on, renamed when complete, and read.

A crash loses a second of the timeline at most, and of histograms and outcomes the interval that was not settled yet.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from loadkit.errors import ExitCode, RunFolderError
from loadkit.measure.delivery import Delivery
from loadkit.measure.histogram import Histogram
from loadkit.measure.machine import machine, versions
from loadkit.measure.records import Route, RunPlan, Stage
from loadkit.measure.statistics import OutcomeCount, RunStatistics, Series
from loadkit.measure.summary import Summary, summarize
from loadkit.measure.tables import TableStream, merged_timeline, read_table, sync, timeline_rows, write_table
from loadkit.measure.target import Observed, samples_from_rows, summarize_target
from loadkit.measure.timeline import Counters, TimelineRows
from loadkit.measure.validity import GeneratorSample
from loadkit.measure.workers import WorkerRecord
from loadkit.scenario.thresholds import Threshold, parse_threshold
from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase

SCHEMA_VERSION = 1

RUN_FILE = "run.json"
SUMMARY_FILE = "summary.json"
OUTCOMES_FILE = "errors.json"
LEDGER_FILE = "ledger.json"
WORKERS_FILE = "workers.json"
TARGET_FILE = "target.json"
HISTOGRAM_FILE = "histograms.hlog"
_TIMELINE, _GENERATOR, _DELIVERY, _TARGET = "timeline", "generator", "delivery", "target"

_HLOG_HEAD = """\
#[loadkit: values in microseconds, Interval_Max in milliseconds]
#[Histogram log format version 1.3]
#[StartTime: {started_at:.3f} (seconds since epoch), {started}]
#[BaseTime: {started_at:.3f} (seconds since epoch)]
"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"
"""


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
        _write_json(self.folder / RUN_FILE, self._head)
        self._timeline = TableStream(self.folder / _TIMELINE)
        self._generator = TableStream(self.folder / _GENERATOR)
        self._histograms = (self.folder / HISTOGRAM_FILE).open("w", encoding="ascii")
        started = datetime.fromtimestamp(facts.plan.started_at, UTC).isoformat()
        self._histograms.write(_HLOG_HEAD.format(started_at=facts.plan.started_at, started=started))

    def append_timeline(self, rows: TimelineRows) -> None:
        """Keep timeline rows."""
        self._timeline.append(rows)

    def append_generator(self, *samples: GeneratorSample) -> None:
        """Keep samples of the load generator."""
        names = [one.name for one in dataclasses.fields(GeneratorSample)]
        self._generator.append({name: np.array([getattr(sample, name) for sample in samples]) for name in names})

    def append_histogram(self, series: Series, start_s: float, length_s: float, histogram: Histogram) -> None:
        """Keep the histogram of an interval, as a line of the HdrHistogram log format."""
        encoded = histogram.encode().decode("ascii")
        line = f"Tag={series.tag},{start_s:.3f},{length_s:.3f},{histogram.max_s * 1e3:.3f},{encoded}\n"
        self._histograms.write(line)
        self._histograms.flush()

    def write_outcomes(self, outcomes: tuple[OutcomeCount, ...]) -> None:
        """Replace the counts of outcomes so far."""
        _write_json(self.folder / OUTCOMES_FILE, [_outcome_to_dict(one) for one in outcomes])

    def write_workers(self, workers: Sequence[WorkerRecord]) -> None:
        """Replace what is known of the run's workers."""
        _write_json(self.folder / WORKERS_FILE, [dataclasses.asdict(worker) for worker in workers])

    def write_target(self, observed: Observed) -> None:
        """Keep what was seen of the target's host."""
        _write_json(self.folder / TARGET_FILE, {"source": observed.source, "notes": observed.notes})
        write_table(self.folder / _TARGET, observed.columns())

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
        _write_json(self.folder / LEDGER_FILE, None if delivery is None else delivery.to_dict())
        if delivery is not None and delivery.series is not None:
            write_table(self.folder / _DELIVERY, delivery.series.columns())
        _write_json(self.folder / SUMMARY_FILE, summary.to_dict())
        end = {
            "status": "complete",
            "verdict": summary.verdict.value,
            "exit_code": exit_code,
            "ended_at": ended_at,
            "duration_s": summary.duration_s,
        }
        _write_json(self.folder / RUN_FILE, self._head | end)
        for path in (*self.folder.iterdir(), self.folder):
            sync(path)
        self.folder = self.folder.rename(self._results_dir / self._name)
        sync(self._results_dir)
        return self.folder


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
    def plan(self) -> RunPlan:
        """Its stages and kinds."""
        return plan_from_dict(self.facts["plan"])

    def table(self, name: str) -> Any:
        """One of its tables, ``timeline``, ``generator``, ``delivery`` or ``target``; None where there is none."""
        return read_table(self.head.path / name)

    @property
    def target(self) -> Observed | None:
        """What was seen of the target's host; None where nobody looked.

        Raises:
            RunFolderError: If that is damaged.
        """
        path = self.head.path / TARGET_FILE
        table = self.table(_TARGET)
        if table is None or not path.exists():
            return None
        told = _read_json(path)
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
            return Summary.from_dict(_read_json(self.head.path / SUMMARY_FILE))
        except ValueError as error:
            raise RunFolderError(f"{self.head.path / SUMMARY_FILE} is not a summary: {error}") from error


def open_run(path: Path) -> Run:
    """Read a run folder, also one that a crash left behind.

    Raises:
        RunFolderError: If it is none, is damaged, or was written by a newer loadkit.
    """
    if not (path / RUN_FILE).is_file():
        raise RunFolderError(f"{path} is no run folder", hint="name a folder that holds a run.json")
    facts = _read_json(path / RUN_FILE)
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
    statistics, duration_s = _read_statistics(run)
    generator = run.table(_GENERATOR)
    outcomes_file = path / OUTCOMES_FILE
    outcomes = _read_json(outcomes_file) if outcomes_file.exists() else []
    ledger = _read_json(path / LEDGER_FILE) if run.head.complete else None
    try:
        delivery = None if ledger is None else Delivery.from_dict(ledger)
    except (KeyError, TypeError, ValueError) as error:
        raise RunFolderError(f"{path / LEDGER_FILE} is no ledger: {error}", hint="the run folder is damaged") from error
    return summarize(
        statistics,
        [_outcome_from_dict(one) for one in outcomes],
        [GeneratorSample(**row) for row in generator.to_pylist()] if generator is not None else [],
        [parse_threshold(metric, check) for metric, check in facts["thresholds"]],
        duration_s=duration_s,
        interrupted=not run.head.complete or run.head.verdict == "interrupted",
        delivery=delivery,
        workers=_read_workers(path / WORKERS_FILE),
        target=None if run.target is None else summarize_target(run.target, statistics.plan, duration_s),
    )


def read_statistics(run: Run) -> RunStatistics:
    """The histograms and counters of a run.

    Raises:
        RunFolderError: If the folder has no timeline, or a file of it is damaged.
    """
    return _read_statistics(run)[0]


def _read_statistics(run: Run) -> tuple[RunStatistics, float]:
    """Histograms and counters, and how many seconds the run lasted as far as it was written."""
    plan, timeline = run.plan, run.table(_TIMELINE)
    if timeline is None:
        raise RunFolderError(f"{run.head.path} has no timeline", hint="the run ended before its first second was over")
    rows = timeline_rows(plan, timeline)
    last_s = float(rows["second"].max()) + 1
    duration_s: float = run.facts.get("duration_s", last_s)
    counters = Counters(plan)
    counters.add(rows, complete_s=duration_s if run.head.complete else last_s)
    return RunStatistics(plan, read_histograms(run.head.path / HISTOGRAM_FILE), counters), duration_s


def _read_workers(path: Path) -> list[WorkerRecord]:
    if not path.exists():
        return []
    try:
        return [WorkerRecord(**one) for one in _read_json(path)]
    except TypeError as error:
        raise RunFolderError(f"{path} is damaged: {error}", hint="the run folder is damaged") from error


def read_histograms(path: Path) -> dict[Series, Histogram]:
    """The histograms of a log, intervals added up by series; a last line that a crash tore is left out.

    Raises:
        RunFolderError: If a whole line is damaged.
    """
    histograms: dict[Series, Histogram] = {}
    for series, _, interval in read_intervals(path):
        histograms.setdefault(series, Histogram()).merge(interval)
    return histograms


def read_intervals(path: Path) -> Iterator[tuple[Series, float, Histogram]]:
    """The lines of a histogram log: series, start of the interval in seconds since the run's, and what it held.

    Raises:
        RunFolderError: If a whole line is damaged.
    """
    with path.open(encoding="ascii", errors="replace") as log:
        for number, line in enumerate(log, 1):
            if not line.startswith("Tag=") or not line.endswith("\n"):
                continue
            try:
                tag, start_s, _, _, encoded = line.removeprefix("Tag=").split(",")
                found = Series.from_tag(tag), float(start_s), Histogram.decode(encoded.encode())
            except ValueError as error:
                raise RunFolderError(f"{path}:{number}: {error}", hint="the run folder is damaged") from error
            yield found


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


def plan_from_dict(data: Mapping[str, Any]) -> RunPlan:
    """The plan of a run, as ``run.json`` holds it."""
    stages = tuple(
        Stage(one["name"], one["start_s"], np.inf if one["end_s"] is None else one["end_s"], one["measured"])
        for one in data["stages"]
    )
    routes = tuple(Route(**route) for route in data.get("routes", ()))
    return RunPlan(data["run_id"], tuple(data["kinds"]), stages, data["open_loop"], data["started_at"], routes)


def _outcome_to_dict(one: OutcomeCount) -> dict[str, Any]:
    return {"stage": one.stage, "kind": one.kind, "outcome": dataclasses.asdict(one.outcome), "count": one.count}


def _outcome_from_dict(data: Mapping[str, Any]) -> OutcomeCount:
    parts = data["outcome"]
    outcome = Outcome(
        OutcomeClass(parts["kind"]), Phase(parts["phase"]), parts["code"], parts["enhanced"], parts["reason"]
    )
    return OutcomeCount(data["stage"], data["kind"], outcome, data["count"])


def _write_json(path: Path, data: Any) -> None:
    """Write a JSON file, whole or not at all; not synced, for a slow disk would hold up the load generator's loop."""
    partial = path.with_name(f"{path.name}.new")
    partial.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} can't be read: {error}", hint="the run folder is damaged") from error
