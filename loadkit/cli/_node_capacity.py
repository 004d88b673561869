"""What one node can serve, from the folders of a search for capacity or of a ladder of runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from loadkit.analysis.refusal import RefusedError
from loadkit.analysis.results import Estimate, shown
from loadkit.cli._ladder import LADDER_FILE, open_ladder

if TYPE_CHECKING:
    from loadkit.analysis.search import GoalResult
    from loadkit.measure.ladder import Ladder


def measured_capacity(folders: Sequence[Path]) -> tuple[Estimate, str]:
    """What one node can serve, and what that rests on in words.

    Args:
        folders: One folder of `loadkit capacity`, or run folders and folders that hold some.

    Raises:
        RefusedError: If the trials tell no capacity with an upper end.
    """
    if len(folders) == 1 and (folders[0] / LADDER_FILE).is_file():
        return _searched(open_ladder(folders[0]).search.results())
    from loadkit.measure.ladder import read_ladder

    return _fitted(read_ladder(folders))


def _searched(results: Sequence[GoalResult]) -> tuple[Estimate, str]:
    """The rate that meets every goal: the smallest lower bound and the smallest upper one."""
    lower = min((one.lower_per_s or 0.0 for one in results), default=0.0)
    upper = min((one.upper_per_s for one in results if one.upper_per_s is not None), default=math.inf)
    if not lower or math.isinf(upper):
        raise RefusedError(
            "the search found no rate that meets its objectives and one that misses them",
            hint="let loadkit capacity go on until both are known",
        )
    goals = " and ".join(one.goal.text for one in results)
    estimate = Estimate("capacity", math.sqrt(lower * upper), lower, upper)
    return estimate, f"{goals} held at {shown(lower)}/s and not at {shown(upper)}/s, as loadkit capacity found"


def _fitted(ladder: Ladder) -> tuple[Estimate, str]:
    """The most throughput by the curve of closed loops, else the rate at which latency grows without end."""
    from loadkit.analysis.latency import fit_latency
    from loadkit.analysis.scalability import fit_scalability

    if ladder.sessions:
        ladders = [trial.ladder for trial in ladder.sessions]
        run = ladders if len(set(ladders)) > 1 else None
        concurrency = [float(trial.sessions) for trial in ladder.sessions]
        fit = fit_scalability(concurrency, [trial.accepted_per_s for trial in ladder.sessions], run=run)
        most, words = (
            fit.x_max,
            f"most throughput of {fit.trial_count} closed-loop trials by the curve {fit.curve.curve}",
        )
    elif ladder.quantiles:
        latencies = {one: [trial.quantiles_s[one] for trial in ladder.rates] for one in ladder.quantiles}
        fitted = fit_latency([trial.rate_per_s for trial in ladder.rates], latencies)
        most, words = fitted.capacity, f"rate at which latency grows without end, by {fitted.trial_count} trials"
    else:
        most, words = None, ""
    if most is None or math.isinf(most.high):
        raise RefusedError(
            "the trials do not show where one node ends",
            hint="add trials at higher concurrency or rate, or let loadkit capacity search for the rate",
        )
    return most, f"{words}, {shown(most.value)}/s ({shown(most.low)} to {shown(most.high)})"
