"""Run folders: written while a run goes on so that a crash loses a second at most, renamed when complete, and read."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from loadkit.errors import ExitCode, RunFolderError
from loadkit.measure.histogram import Histogram
from loadkit.measure.ledger import Reconciliation
from loadkit.measure.machine import machine, versions
from loadkit.measure.records import RunPlan, Stage
from loadkit.measure.statistics import OutcomeCount, RunStatistics, Series
from loadkit.measure.summary import Summary, summarize
from loadkit.measure.timeline import KEYS, Counters, TimelineRows
from loadkit.measure.validity import GeneratorSample
from loadkit.scenario.thresholds import Threshold, parse_threshold
from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase

SCHEMA_VERSION = 1

RUN_FILE = "run.json"
SUMMARY_FILE = "summary.json"
OUTCOMES_FILE = "errors.json"
LEDGER_FILE = "ledger.json"
HISTOGRAM_FILE = "histograms.hlog"
_FORMS = ("{}", ".{}.partial")
_TIMELINE, _GENERATOR = "timeline", "generator"

_HLOG_HEAD = """\
#[loadkit]
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
    """

    plan: RunPlan
    scenario: str
    target: str
    seed: int
    command: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    source_text: str
    effective_text: str


class _Stream:
    """Rows appended to an Arrow stream, each batch on disk at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._writer: Any = None

    def append(self, columns: Mapping[str, Any]) -> None:
        batch = pa.record_batch(dict(columns))
        if self._writer is None:
            self._writer = pa.ipc.new_stream(self._file, batch.schema)
        self._writer.write_batch(batch)
        self._file.flush()

    def finish(self) -> None:
        """Close the stream and put a parquet file in its place."""
        if self._writer is not None:
            self._writer.close()
        self._file.close()
        table = read_stream(self._path)
        if table is not None:
            pq.write_table(table, self._path.with_suffix(".parquet"), compression="zstd")
        self._path.unlink()


def read_stream(path: Path) -> Any:
    """The whole batches of an Arrow stream as a table, without what a crash tore off; None if there is none."""
    batches = []
    try:
        with pa.ipc.open_stream(path.read_bytes()) as reader:
            while True:
                batches.append(reader.read_next_batch())
    except (StopIteration, pa.ArrowInvalid, OSError):
        return pa.Table.from_batches(batches) if batches else None


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
        self._name = _free_name(results_dir, facts)
        self.folder = results_dir / f".{self._name}.partial"
        self.folder.mkdir(parents=True)
        (self.folder / "scenario.yaml").write_text(facts.source_text, encoding="utf-8")
        (self.folder / "scenario.effective.yaml").write_text(facts.effective_text, encoding="utf-8")
        self._head = _head(facts)
        _write_json(self.folder / RUN_FILE, self._head)
        self._timeline = _Stream(self.folder / f"{_TIMELINE}.arrows")
        self._generator = _Stream(self.folder / f"{_GENERATOR}.arrows")
        self._histograms = (self.folder / HISTOGRAM_FILE).open("w", encoding="ascii")
        started = datetime.fromtimestamp(facts.plan.started_at, UTC).isoformat()
        self._histograms.write(_HLOG_HEAD.format(started_at=facts.plan.started_at, started=started))

    def append_timeline(self, rows: TimelineRows) -> None:
        """Keep timeline rows."""
        self._timeline.append(rows)

    def append_generator(self, sample: GeneratorSample) -> None:
        """Keep a sample of the load generator."""
        self._generator.append({name: [value] for name, value in dataclasses.asdict(sample).items()})

    def append_histogram(self, series: Series, start_s: float, length_s: float, histogram: Histogram) -> None:
        """Keep the histogram of an interval, as a line of the HdrHistogram log format."""
        encoded = histogram.encode().decode("ascii")
        line = f"Tag={series.tag},{start_s:.3f},{length_s:.3f},{histogram.max_s * 1e3:.3f},{encoded}\n"
        self._histograms.write(line)
        self._histograms.flush()

    def write_outcomes(self, outcomes: tuple[OutcomeCount, ...]) -> None:
        """Replace the counts of outcomes so far."""
        # Within the load generator's loop, which a slow disk must not hold up.
        _write_json(self.folder / OUTCOMES_FILE, [_outcome_to_dict(one) for one in outcomes], sync=False)

    def finish(self, summary: Summary, exit_code: int, ended_at: float) -> Path:
        """Complete the folder and give it its name.

        Args:
            summary: What the run came to.
            exit_code: The exit code of the run.
            ended_at: Unix time.

        Returns:
            The run folder.
        """
        self._timeline.finish()
        self._generator.finish()
        self._histograms.close()
        ledger = None if summary.ledger is None else dataclasses.asdict(summary.ledger)
        _write_json(self.folder / LEDGER_FILE, ledger)
        _write_json(self.folder / SUMMARY_FILE, summary.to_dict())
        end = {
            "status": "complete",
            "verdict": summary.verdict.value,
            "exit_code": exit_code,
            "ended_at": ended_at,
            "duration_s": summary.duration_s,
        }
        _write_json(self.folder / RUN_FILE, self._head | end)
        folder = self._results_dir / self._name
        self.folder.rename(folder)
        self.folder = folder
        return folder


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
        RunFolderError: If it is none, or was written by a newer loadkit.
    """
    if not (path / RUN_FILE).is_file():
        raise RunFolderError(f"{path} is no run folder", hint="name a folder that holds a run.json")
    facts = _read_json(path / RUN_FILE)
    if not isinstance(facts, dict) or facts.get("schema_version") != SCHEMA_VERSION:
        raise RunFolderError(f"{path} was written in another form", hint="use the loadkit version that wrote it")
    complete = facts["status"] == "complete"
    head = RunHead(
        path=path,
        name=path.name.removeprefix(".").removesuffix(".partial"),
        run_id=facts["run_id"],
        scenario=facts["scenario"],
        target=facts["target"],
        status=facts["status"],
        verdict=facts.get("verdict") or facts["status"],
        exit_code=facts["exit_code"] if complete else int(ExitCode.INTERRUPTED),
        started_at=facts["started_at"],
        command=tuple(facts["command"]),
        complete=complete,
    )
    return Run(head, facts)


def list_runs(results_dir: Path) -> list[RunHead]:
    """The runs of a folder, the oldest first, those cut short included."""
    folders = [path.parent for path in results_dir.glob(f"*/{RUN_FILE}")]
    folders += [path.parent for path in results_dir.glob(f".*.partial/{RUN_FILE}")]
    heads = {head.path: head for head in _readable(folders)}
    return sorted(heads.values(), key=lambda head: (head.started_at, head.name))


def _readable(folders: Sequence[Path]) -> Iterator[RunHead]:
    for folder in folders:
        try:
            yield open_run(folder).head
        except RunFolderError:
            continue


def rebuild_summary(run: Run) -> Summary:
    """Sum a run up anew from its timeline, histograms, outcomes and samples.

    Raises:
        RunFolderError: If the folder has no timeline.
    """
    path, facts = run.head.path, run.facts
    plan = _plan_from_dict(facts["plan"])
    timeline, generator = _read_table(path / _TIMELINE), _read_table(path / _GENERATOR)
    if timeline is None:
        raise RunFolderError(f"{path} has no timeline", hint="the run ended before its first second was over")
    rows = {name: timeline[name].to_numpy() for name in timeline.column_names}
    last_s = float(rows[KEYS[0]].max()) + 1
    duration_s = facts.get("duration_s", last_s)
    counters = Counters(plan)
    counters.add(rows, complete_s=duration_s if run.head.complete else last_s)
    outcomes_file = path / OUTCOMES_FILE
    outcomes = _read_json(outcomes_file) if outcomes_file.exists() else []
    ledger = _read_json(path / LEDGER_FILE) if run.head.complete else None
    return summarize(
        RunStatistics(plan, read_histograms(path / HISTOGRAM_FILE), counters),
        [_outcome_from_dict(one) for one in outcomes],
        [GeneratorSample(**row) for row in generator.to_pylist()] if generator is not None else [],
        [parse_threshold(metric, check) for metric, check in facts["thresholds"]],
        duration_s=duration_s,
        interrupted=not run.head.complete or run.head.verdict == "interrupted",
        ledger=None if ledger is None else _reconciliation_from_dict(ledger),
    )


def read_histograms(path: Path) -> dict[Series, Histogram]:
    """The histograms of a log, intervals added up by series; a torn last line is left out."""
    histograms: dict[Series, Histogram] = {}
    for line in path.read_text(encoding="ascii", errors="replace").splitlines():
        tag, _, rest = line.partition(",")
        fields = rest.split(",")
        if not tag.startswith("Tag=") or len(fields) != 4:  # noqa: PLR2004 - start, length, maximum, histogram
            continue
        try:
            interval = Histogram.decode(fields[3].encode())
        except ValueError:
            continue
        histograms.setdefault(Series.from_tag(tag.removeprefix("Tag=")), Histogram()).merge(interval)
    return histograms


def _read_table(stem: Path) -> Any:
    parquet, stream = stem.with_suffix(".parquet"), stem.with_suffix(".arrows")
    if parquet.exists():
        return pq.read_table(parquet)
    return read_stream(stream) if stream.exists() else None


def _free_name(results_dir: Path, facts: RunFacts) -> str:
    moment = datetime.fromtimestamp(facts.plan.started_at, UTC).strftime("%Y%m%dT%H%M%SZ")
    place = facts.target.partition("://")[2].replace(":", "-").replace("[", "").replace("]", "")
    name = f"{moment}-{facts.scenario}-{place}"
    candidates = (name if number == 1 else f"{name}-{number}" for number in range(1, 1_000_000))
    return next(one for one in candidates if not any((results_dir / form.format(one)).exists() for form in _FORMS))


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
        "versions": versions(),
        "machine": machine(),
    }


def _stage_to_dict(stage: Stage) -> dict[str, Any]:
    # JSON has no infinity.
    return dataclasses.asdict(stage) | {"end_s": stage.end_s if np.isfinite(stage.end_s) else None}


def _plan_from_dict(data: Mapping[str, Any]) -> RunPlan:
    stages = tuple(
        Stage(one["name"], one["start_s"], np.inf if one["end_s"] is None else one["end_s"], one["measured"])
        for one in data["stages"]
    )
    return RunPlan(data["run_id"], tuple(data["kinds"]), stages, data["open_loop"], data["started_at"])


def _outcome_to_dict(one: OutcomeCount) -> dict[str, Any]:
    return {"stage": one.stage, "kind": one.kind, "outcome": dataclasses.asdict(one.outcome), "count": one.count}


def _outcome_from_dict(data: Mapping[str, Any]) -> OutcomeCount:
    parts = data["outcome"]
    outcome = Outcome(
        OutcomeClass(parts["kind"]), Phase(parts["phase"]), parts["code"], parts["enhanced"], parts["reason"]
    )
    return OutcomeCount(data["stage"], data["kind"], outcome, data["count"])


def _reconciliation_from_dict(data: Mapping[str, Any]) -> Reconciliation:
    return Reconciliation(**{**data, "lost_ranges": tuple(tuple(one) for one in data["lost_ranges"])})


def _write_json(path: Path, data: Any, *, sync: bool = True) -> None:
    """Write a JSON file, whole or not at all."""
    partial = path.with_name(f"{path.name}.new")
    with partial.open("w", encoding="utf-8") as stream:
        json.dump(data, stream, indent=2, ensure_ascii=False)
        stream.write("\n")
        if sync:
            stream.flush()
            os.fsync(stream.fileno())
    partial.replace(path)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} can't be read: {error}", hint="the run folder is damaged") from error
