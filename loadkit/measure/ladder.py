"""Ladders: several runs of which each is one trial, read from their folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from loadkit.errors import RunFolderError
from loadkit.measure.run_files import RUN_FILE
from loadkit.measure.store import Run, list_runs, open_run
from loadkit.measure.summary import QUANTILES
from loadkit.measure.validity import Verdict

KEPT_UP = 0.95
"""Share of what was offered that must be accepted within the stages, or the system could not keep up."""


_VOID: dict[str, str] = {
    Verdict.INTERRUPTED.value: "it did not come to its end",
    Verdict.INVALID.value: "its measurement is not valid",
}


@dataclass(frozen=True, slots=True)
class SessionsTrial:
    """A run of a closed loop.

    Args:
        run: The run folder's name.
        ladder: Folder that holds the run.
        sessions: Sessions at work at once.
        accepted_per_s: What they got accepted.
    """

    run: str
    ladder: str
    sessions: int
    accepted_per_s: float


@dataclass(frozen=True, slots=True)
class RateTrial:
    """A run at one rate of arrivals.

    Args:
        run: The run folder's name.
        ladder: Folder that holds the run.
        rate_per_s: What was offered.
        quantiles_s: Response times by quantile, those that the sample can bound.
    """

    run: str
    ladder: str
    rate_per_s: float
    quantiles_s: dict[float, float]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A run that is no trial.

    Args:
        run: The run folder's name.
        reason: Why.
    """

    run: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ladder:
    """What runs say together.

    Args:
        sessions: Trials of closed loops.
        rates: Trials at a rate.
        left_out: Runs that are none.
    """

    sessions: tuple[SessionsTrial, ...]
    rates: tuple[RateTrial, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def quantiles(self) -> tuple[float, ...]:
        """The quantiles that every trial at a rate has."""
        known = [set(trial.quantiles_s) for trial in self.rates]
        return tuple(sorted(set.intersection(*known))) if known else ()


def read_ladder(folders: Sequence[Path]) -> Ladder:
    """Read runs as trials.

    Args:
        folders: Run folders, and folders that hold some.

    Raises:
        RunFolderError: If a folder is missing, holds no run, or a run in it is damaged.
    """
    trials = [_trial(run) for folder in folders for run in runs_in(folder)]
    return Ladder(
        tuple(trial for trial in trials if isinstance(trial, SessionsTrial)),
        tuple(trial for trial in trials if isinstance(trial, RateTrial)),
        tuple(trial for trial in trials if isinstance(trial, LeftOut)),
    )


def runs_in(folder: Path) -> Iterator[Run]:
    """The run of a run folder, or the runs of a folder that holds some, the oldest first.

    Raises:
        RunFolderError: If it is neither, or a run is damaged.
    """
    if (folder / RUN_FILE).is_file():
        yield open_run(folder)
        return
    heads = list_runs(folder) if folder.is_dir() else []
    if not heads:
        raise RunFolderError(
            f"{folder} holds no run", hint="name run folders, or a folder that holds some, such as results"
        )
    for head in heads:
        yield open_run(head.path)


def void_because(run: Run) -> str:
    """Why a run is no evidence of the server; empty if it is."""
    if run.head.complete and run.head.verdict not in _VOID:
        return ""
    return _VOID.get(run.head.verdict, "it did not come to its end")


def _trial(run: Run) -> SessionsTrial | RateTrial | LeftOut:
    """A run as a trial; what is no evidence of the server is none."""
    name, ladder = run.head.name, str(run.head.path.resolve().parent)
    if void := void_because(run):
        return LeftOut(name, void)
    summary = run.summary
    accepted = summary.flows["accepted"].per_s
    if not accepted:
        return LeftOut(name, "it had no whole second, or nothing was accepted")
    load = _load(run)
    if not summary.open_loop:
        return SessionsTrial(name, ladder, int(load["sessions"]), accepted)
    if not _is_level(load):
        return LeftOut(name, "its rate changes within the measured stages")
    offered = summary.flows["offered"].per_s or accepted
    if accepted < KEPT_UP * offered:
        return LeftOut(name, f"the system kept up with {accepted / offered:.0%} of the rate only")
    named = summary.response_time.quantiles_s.items()
    return RateTrial(name, ladder, offered, {QUANTILES[name]: value for name, value in named if value is not None})


def effective_scenario(run: Run) -> Mapping[str, Any]:
    """The scenario of a run with all defaults, as plain values.

    Raises:
        RunFolderError: If it can't be read.
    """
    file = run.head.path / "scenario.effective.yaml"
    try:
        values: Mapping[str, Any] = dict(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError, yaml.YAMLError) as error:
        raise RunFolderError(f"{file} can't be read: {error}", hint="the run folder is damaged") from error
    return values


def _load(run: Run) -> Mapping[str, Any]:
    file = run.head.path / "scenario.effective.yaml"
    load: Mapping[str, Any] = effective_scenario(run).get("load", {})
    try:
        if not run.facts["plan"]["open_loop"]:
            int(load["sessions"])
    except (KeyError, TypeError, ValueError) as error:
        raise RunFolderError(f"{file} can't be read: {error}", hint="the run folder is damaged") from error
    return load


def _is_level(load: Mapping[str, Any]) -> bool:
    """Whether all measured stages hold one rate."""
    measured = [stage for stage in load.get("stages", ()) if stage.get("measure", True)]
    rates = {str(stage.get("rate")) for stage in measured}
    return len(rates) == 1 and "None" not in rates
