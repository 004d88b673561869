"""One trial of a search: its scenario, the run in a process of its own, and what it saw."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from loadkit.analysis.evidence import Observation
from loadkit.errors import ExitCode, LoadkitError
from loadkit.measure.stage_counts import count_by_stage
from loadkit.measure.store import open_run
from loadkit.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadkit.analysis.goals import Goal
    from loadkit.analysis.search_trials import NextTrial

WARM_UP_S = 2.0
"""Connections are made and caches filled in this time, which is not measured."""
MOST_BATCHES = 100
STOP_S = 60.0
DRAIN_TRIALS = 4.0
"""A rate doubles between trials: what the largest one left behind is gone after so many times its duration."""
SHED = "arrivals_shed"

_RAN = (ExitCode.OK, ExitCode.THRESHOLDS, ExitCode.INVALID)


class TrialError(LoadkitError):
    """A trial's run did not begin, or broke off.

    Args:
        message: What it said.
        exit_code: How it ended.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = ExitCode(exit_code) if exit_code in set(ExitCode) else ExitCode.BUG


@dataclass(frozen=True, slots=True)
class TrialRunner:
    """Makes the trials of a search.

    Args:
        folder: The ladder's folder, which takes a run folder for each trial.
        scenario: The scenario with all defaults, as plain values.
        goals: What is wanted.
        options: Further options of `loadkit run`, such as the target.
    """

    folder: Path
    scenario: dict[str, Any]
    goals: tuple[Goal, ...]
    options: tuple[str, ...]

    def run(self, trial: NextTrial) -> Observation:
        """Make a trial.

        Raises:
            TrialError: If its run could not be made.
            KeyboardInterrupt: If someone wants to stop; the run has ended by then.
        """
        file = self.folder / "trial.yaml"
        file.write_text(trial_text(self.scenario, trial, self.goals), encoding="utf-8")
        before = set(self._runs())
        command = [sys.executable, "-m", "loadkit", "run", str(file), "--results", str(self.folder), "--quiet"]
        # The first trial has looked at the target.
        looked = ["--no-preflight"] if trial.number > 1 else []
        exit_code, said = _finished([*command, "--json", *looked, *self.options])
        made = [path for path in self._runs() if path not in before]
        if exit_code not in _RAN or not made:
            raise TrialError(f"trial {trial.number} could not be made: {said.strip() or exit_code}", exit_code)
        return observation_of(made[0], self.goals)

    def _runs(self) -> list[Path]:
        return sorted(path.parent for path in self.folder.glob("[!.]*/run.json"))


def _finished(command: Sequence[str]) -> tuple[int, str]:
    """Exit code and stderr of a command; whoever interrupts us interrupts it once, and it ends in good order."""
    with subprocess.Popen(  # noqa: S603 - loadkit itself
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            said = process.communicate()[1]
        except BaseException:
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=STOP_S)
            except BaseException:
                process.kill()
                raise
            raise
    return process.returncode, said


def trial_text(scenario: dict[str, Any], trial: NextTrial, goals: Sequence[Goal]) -> str:
    """The scenario of a trial: as the search's own, but at one rate, with a goal as its only threshold.

    Args:
        scenario: The scenario with all defaults, as plain values.
        trial: Rate, duration and seed.
        goals: Their limits tell how late the generator itself may be.

    Notes:
        Histograms are kept by stage. One stage for each second, all at the same rate, gives the messages of every
        second that were too slow, which are the batches that verdicts rest on.
    """
    each_s = math.ceil(trial.duration_s / MOST_BATCHES)
    rate = {"rate": f"{trial.rate_per_s:.6f}/s"}
    stages: list[dict[str, Any]] = [{"name": "warm-up", **rate, "duration": f"{WARM_UP_S:g}s", "measure": False}]
    stages += [
        {"name": f"batch-{number}", **rate, "duration": f"{each_s}s"}
        for number in range(1, math.ceil(trial.duration_s / each_s) + 1)
    ]
    load = {key: scenario["load"][key] for key in ("arrivals", "queue", "grace") if key in scenario["load"]}
    limits = [goal.text for goal in goals if goal.limit_s is not None]
    changed = {
        **{key: value for key, value in scenario.items() if key != "campaign"},
        "seed": trial.seed,
        "load": {**load, "stages": stages},
        "thresholds": {"transaction_duration": limits} if limits else {},
        "delivery": _patient(scenario.get("delivery", {}), trial.duration_s),
    }
    return yaml.safe_dump(changed, sort_keys=False, allow_unicode=True, width=100)


def _patient(delivery: dict[str, Any], duration_s: float) -> dict[str, Any]:
    """Delivery that is waited for until nothing is left, lest the next trial finds it before it."""
    own_s = 0.0 if "drain" not in delivery else parse_duration(str(delivery["drain"]))
    return {**delivery, "drain": f"{max(own_s, DRAIN_TRIALS * (WARM_UP_S + duration_s)):g}s"}


def observation_of(folder: Path, goals: Sequence[Goal]) -> Observation:
    """What a trial's run saw.

    Args:
        folder: The run folder.
        goals: What is wanted.

    Notes:
        Arrivals that were shed because every session was busy count as failed: that is what a server in overload does
        to a client. Everything else that makes a run INVALID makes the trial void.
    """
    run = open_run(folder)
    counts = count_by_stage(run, sorted({goal.limit_s for goal in goals if goal.limit_s is not None}))
    failed = tuple(offered - accepted for offered, accepted in zip(counts.offered, counts.accepted, strict=True))
    bad = tuple(
        failed
        if goal.limit_s is None
        else tuple(lost + slow for lost, slow in zip(failed, counts.slow[goal.limit_s], strict=True))
        for goal in goals
    )
    reasons = [reason.seen for reason in run.summary.validity.reasons if reason.name != SHED]
    return Observation(counts.offered, failed, bad, counts.backlog, "; ".join(reasons), folder.name, counts.undelivered)
