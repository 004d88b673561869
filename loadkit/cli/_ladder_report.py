"""Runs at several loads, gathered and fitted for their page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from loadkit.analysis.latency import fit_latency
from loadkit.analysis.refusal import RefusedError
from loadkit.analysis.scalability import fit_scalability
from loadkit.cli._demand import demand_of
from loadkit.cli._ladder import LADDER_FILE, open_ladder
from loadkit.measure.ladder import Ladder, read_ladder
from loadkit.measure.run_files import RUN_FILE
from loadkit.measure.store import open_run
from loadkit.report.ladder_page import LadderView

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadkit.analysis.latency_fit import LatencyFit
    from loadkit.analysis.scalability_fit import ScalabilityFit
    from loadkit.measure.ladder import RateTrial

_Fit = TypeVar("_Fit")


def is_ladder(folder: Path) -> bool:
    """Whether a folder is that of a search, or of several runs."""
    if (folder / LADDER_FILE).is_file():
        return True
    return not (folder / RUN_FILE).is_file() and any(folder.glob(f"*/{RUN_FILE}"))


def ladder_view(folder: Path) -> LadderView:
    """All that is known of runs at several loads.

    Args:
        folder: Of a search for capacity, or of runs.

    Raises:
        LoadkitError: If it is neither, or is damaged.
    """
    search = open_ladder(folder) if (folder / LADDER_FILE).is_file() else None
    made = any(folder.glob(f"*/{RUN_FILE}"))
    ladder = read_ladder([folder]) if made else Ladder((), (), ())  # runs of a search may have been removed
    refusals: list[str] = []
    demand = demand_of(ladder)
    return LadderView(
        name=folder.name,
        scenario=search.scenario if search else folder.name,
        command=search.command if search else (),
        state=": ".join(filter(None, (search.status, search.reason))) if search else "",
        search=search.search if search else None,
        ladder=ladder,
        latency=_tried(lambda: _latency(ladder), refusals),
        scalability=_tried(lambda: _scalability(ladder), refusals),
        by_little=not ladder.sessions,
        refusals=tuple(refusals),
        demand=None if demand is None else demand.fit,
        shared=demand is not None and demand.shared,
    )


def _tried(fit: Callable[[], _Fit | None], refusals: list[str]) -> _Fit | None:
    try:
        return fit()
    except RefusedError as refusal:
        refusals.append(f"{refusal}; {refusal.hint}")
        return None


def _latency(ladder: Ladder) -> LatencyFit | None:
    if not ladder.rates or not ladder.quantiles:
        return None
    latencies = {quantile: [trial.quantiles_s[quantile] for trial in ladder.rates] for quantile in ladder.quantiles}
    return fit_latency([trial.rate_per_s for trial in ladder.rates], latencies)


def _scalability(ladder: Ladder) -> ScalabilityFit | None:
    if ladder.sessions:
        sessions = [float(trial.sessions) for trial in ladder.sessions]
        return fit_scalability(sessions, [trial.accepted_per_s for trial in ladder.sessions])
    seen = [pair for pair in map(_by_little, ladder.rates) if pair is not None]
    return fit_scalability([pair[0] for pair in seen], [pair[1] for pair in seen]) if seen else None


def _by_little(trial: RateTrial) -> tuple[float, float] | None:
    """Messages under way and accepted rate of a trial: the one is the other times the mean service time."""
    summary = open_run(Path(trial.ladder) / trial.run).summary
    accepted, service_s = summary.flows["accepted"].per_s, summary.service_time.mean_s
    return (accepted * service_s, accepted) if accepted and service_s else None
