"""Trials of a ladder in which the target's host was observed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from loadkit.measure.ladder import Ladder
from loadkit.measure.store import open_run
from loadkit.measure.target import utilisation


@dataclass(frozen=True, slots=True)
class TargetTrial:
    """A trial and how much of the target's resources it took.

    Args:
        throughput_per_s: Messages accepted.
        used: By resource, its utilisation from 0 to 1.
        shared: Whether load generator and target shared a machine.
    """

    throughput_per_s: float
    used: dict[str, float]
    shared: bool


def read_target_trials(ladder: Ladder) -> list[TargetTrial]:
    """The trials in which something was seen of the target's host.

    Raises:
        RunFolderError: If a run of them is damaged.
    """
    found = []
    runs = [(one.ladder, one.run) for one in ladder.sessions] + [(one.ladder, one.run) for one in ladder.rates]
    for folder, run in runs:
        summary = open_run(Path(folder) / run).summary
        accepted = summary.flows["accepted"].per_s
        if summary.target is not None and summary.target.samples and accepted:
            found.append(TargetTrial(accepted, utilisation(summary.target), summary.target.shared))
    return found


def common_resources(trials: Iterable[TargetTrial]) -> dict[str, list[float]]:
    """By resource, its utilisation in each trial; those resources that every trial saw."""
    every = list(trials)
    names = [name for name in (every[0].used if every else ()) if all(name in trial.used for trial in every)]
    return {name: [trial.used[name] for trial in every] for name in names}
