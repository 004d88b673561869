"""Which resource of the measured node gives out first, where its host was observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadkit.analysis.demand import fit_demand
from loadkit.analysis.refusal import RefusedError
from loadkit.measure.target_trials import TargetTrial, common_resources, read_target_trials

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadkit.measure.ladder import Ladder


def bottleneck_in(ladder: Ladder) -> str:
    """What a ladder says of the resources of its target's host; empty where nobody observed it.

    Raises:
        RunFolderError: If a run is damaged.
    """
    return bottleneck_words(read_target_trials(ladder))


def bottleneck_words(trials: Sequence[TargetTrial]) -> str:
    """Which resource gives out first, and at what rate; empty where too little was seen.

    Args:
        trials: Throughput and utilisation.
    """
    used = common_resources(trials)
    if not used:
        return ""
    try:
        first = fit_demand([trial.throughput_per_s for trial in trials], used).bottleneck
    except RefusedError:
        return ""
    if first is None:
        return ""
    beside = ", with the load generator on the same machine" if any(trial.shared for trial in trials) else ""
    return f"its {first.resource} gives out first: {first.limit:.0%} of it are used at {first.cap.value:,.4g}/s{beside}"
