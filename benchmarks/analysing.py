"""What it takes to analyse an hour's run of ten million messages from its folder."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.made_up_runs import write_run
from benchmarks.running import Finding
from loadkit.analysis.comparison import Side, compare_sides
from loadkit.measure.replicates import read_replicate
from loadkit.measure.stage_counts import count_by_stage
from loadkit.measure.store import Run, open_run, rebuild_summary

SECONDS, RATE_PER_S = 3600, 2778
BOUND_S = 2.0
LIMITS_S = (0.1, 0.5)


def analyses(run: Run) -> dict[str, Callable[[], object]]:
    """What is done with a run's folder, by name."""
    return {
        "its summary": lambda: run.summary,
        "the summary made anew": lambda: rebuild_summary(run),
        "messages counted by stage": lambda: count_by_stage(run, LIMITS_S),
        "read in batches": lambda: read_replicate(run),
    }


def compare_analysing(rounds: int, seconds: int = SECONDS, rate_per_s: int = RATE_PER_S) -> list[Finding]:
    """CPU seconds of each analysis of a run against the bound, and of the comparison of two against twice the bound.

    Args:
        rounds: How often each is measured; the fastest counts.
        seconds: Length of the runs.
        rate_per_s: Messages a second.
    """
    with tempfile.TemporaryDirectory() as folder:
        first, second = (open_run(write_run(Path(folder), seconds, rate_per_s, seed=seed)) for seed in (1, 2))
        title = f"{seconds * rate_per_s / 1e6:.3g} million messages in {seconds:,} s"
        found = [_finding(f"{title}: {name}", one, rounds, BOUND_S) for name, one in analyses(first).items()]
        return [*found, _finding(f"{title}, two runs: compared", lambda: _compare(first, second), rounds, 2 * BOUND_S)]


def _compare(first: Run, second: Run) -> object:
    baseline, candidate = (Side(run.head.name, (read_replicate(run),)) for run in (first, second))
    return compare_sides(baseline, candidate)


def _finding(title: str, action: Callable[[], object], rounds: int, bound_s: float) -> Finding:
    best_s = min(cpu_s(action) for _ in range(rounds))
    return Finding(f"{title}, CPU seconds", best_s, bound_s, f"of {rounds}", best_s <= bound_s)


def cpu_s(action: Callable[[], object]) -> float:
    """CPU seconds of an action."""
    before_s = time.process_time()
    action()
    return time.process_time() - before_s
