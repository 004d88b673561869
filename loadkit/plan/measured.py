"""What was measured of one node: its capacity with an interval, and how far each axis was driven."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadkit.analysis.refusal import RefusedError
from loadkit.analysis.search import GoalResult, Search
from loadkit.errors import RunFolderError
from loadkit.measure.ladder import Ladder, RateTrial, SessionsTrial, read_ladder
from loadkit.plan.uncertain import Range

if TYPE_CHECKING:
    from loadkit.analysis.goals import Goal
    from loadkit.analysis.latency_fit import LatencyFit
    from loadkit.analysis.results import Estimate

LADDER_FILE = "ladder.json"
_MEDIAN = 0.5
_LEAST_STEP = 1e-6


@dataclass(frozen=True, slots=True)
class Node:
    """The machine that was measured.

    Args:
        instance_type: Its type in the catalogue; empty if it is not known.
        vcpus: Its virtual CPUs; None if they are not known.
    """

    instance_type: str = ""
    vcpus: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What a ladder says of one node.

    Args:
        capacity_per_s: Messages a second that it carries at most.
        basis: What the capacity rests on, in words.
        rate_per_s: The largest rate that it surely kept up with.
        sessions: The most sessions that were at work at once.
        node_time_s: Time that a message takes at that rate; None where no trial says.
        node_time_basis: Where that time is from; empty without one.
        node: The machine.
        boxes: How many machines shared the load.
        trials: How many trials there were.
        next_experiment: What would tell more of the capacity.
    """

    capacity_per_s: Range
    basis: str
    rate_per_s: float
    sessions: float
    node_time_s: float | None
    node_time_basis: str
    node: Node
    boxes: int
    trials: int
    next_experiment: str

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "capacity_per_s": self.capacity_per_s.to_dict(),
            "basis": self.basis,
            "rate_per_s": self.rate_per_s,
            "sessions": self.sessions,
            "node_time_s": self.node_time_s,
            "node_time_basis": self.node_time_basis,
            "instance_type": self.node.instance_type,
            "vcpus": self.node.vcpus,
            "boxes": self.boxes,
            "trials": self.trials,
            "next_experiment": self.next_experiment,
        }


def read_measured(
    folders: Sequence[Path], *, node: Node | None = None, boxes: int = 1, objective: Goal | None = None
) -> Measured:
    """Read a ladder, or the folder of a search for capacity, as what it says of one node.

    Args:
        folders: Run folders, folders that hold some, or folders of `loadkit capacity`.
        node: The machine that was measured.
        boxes: How many machines shared the load.
        objective: What the rate must meet, where no search had one, such as ``p(99) < 500ms``.

    Raises:
        RunFolderError: If a folder can't be read.
        RefusedError: If the trials tell no capacity.
    """
    results = [result for folder in folders for result in _results_of(folder)]
    found = measured_of(read_ladder(folders), results, objective=objective)
    capacity = found.capacity_per_s.times(1 / boxes)
    return replace(found, capacity_per_s=capacity, node=node or Node(), boxes=boxes)


def measured_of(ladder: Ladder, results: Sequence[GoalResult] = (), *, objective: Goal | None = None) -> Measured:
    """What trials say of the machine that they were made on.

    Args:
        ladder: The trials.
        results: What a search for capacity found, by goal; they go before anything else.
        objective: What the rate must meet, where no search had one.

    Raises:
        RefusedError: If they tell no capacity.
    """
    if results:
        capacity, basis, step = _from_search(results)
    elif ladder.rates:
        capacity, basis, step = _from_rates(ladder, objective)
    elif ladder.sessions:
        capacity, basis, step = _from_sessions(ladder.sessions)
    else:
        raise RefusedError(
            "no trial here tells what a node carries",
            hint="make some: loadkit capacity SCENARIO TARGET, or loadkit run at several rates",
        )
    time_s, time_basis = _node_time(ladder)
    at_work = [float(one.sessions) for one in ladder.sessions]
    at_work += [one.rate_per_s * one.quantiles_s[_MEDIAN] for one in ladder.rates if _MEDIAN in one.quantiles_s]
    return Measured(
        capacity_per_s=capacity,
        basis=basis,
        rate_per_s=max([capacity.low if results else 0.0, *(one.rate_per_s for one in ladder.rates)])
        or max(one.accepted_per_s for one in ladder.sessions),
        sessions=max(at_work, default=0.0),
        node_time_s=time_s,
        node_time_basis=time_basis,
        node=Node(),
        boxes=1,
        trials=len(ladder.rates) + len(ladder.sessions),
        next_experiment=step,
    )


def _results_of(folder: Path) -> tuple[GoalResult, ...]:
    file = folder / LADDER_FILE
    if not file.is_file():
        return ()
    try:
        return Search.from_dict(json.loads(file.read_text(encoding="utf-8"))["search"]).results()
    except (KeyError, TypeError, ValueError) as error:
        raise RunFolderError(f"{file} is damaged: {error}", hint="begin a new search") from error


def _from_search(results: Sequence[GoalResult]) -> tuple[Range, str, str]:
    """All goals must be met: the smallest lower bound, and the smallest upper bound above it."""
    for result in results:
        if result.lower_per_s is None:
            raise RefusedError(
                f"no rate was found that meets {result.goal.text}",
                hint="search again from a lower rate: loadkit capacity ... --start 1/s",
            )
    tightest = min(results, key=lambda result: result.lower_per_s or 0.0)
    low = float(tightest.lower_per_s or 0.0)
    uppers = [result.upper_per_s for result in results if result.upper_per_s is not None]
    text = tightest.goal.text
    if not uppers:
        return (
            Range.exactly(low),
            f"at least {low:,.4g}/s meets {text}; no rate was found that does not",
            f"search above {low:,.4g}/s for the rate that misses {text}",
        )
    high = max(min(uppers), low)
    basis = f"{text} is met at {low:,.4g}/s and missed at {high:,.4g}/s, from {tightest.trials} trials"
    return _between(low, high), basis, f"narrow the search between {low:,.4g}/s and {high:,.4g}/s"


def _from_rates(ladder: Ladder, objective: Goal | None) -> tuple[Range, str, str]:
    low = max(trial.rate_per_s for trial in ladder.rates)
    if objective is not None:
        return _from_objective(ladder, objective)
    most = [one for one in (_most_of_sessions(ladder.sessions), _most_of_rates(ladder)) if one is not None]
    step = f"find the rate that meets an objective: loadkit capacity, from {low:,.3g}/s on"
    if not most:
        return Range.exactly(low), f"it kept up with {low:,.4g}/s, the highest rate of the trials", step
    top = max(min(one.value for one in most), low)
    high = max(min(one.high for one in most), top)
    basis = (
        f"it kept up with {low:,.4g}/s, and the curve of its trials ends at {top:,.4g}/s; no objective was set, so "
        "that latency may be any"
    )
    return Range(low, top, high), basis, step


def _from_objective(ladder: Ladder, objective: Goal) -> tuple[Range, str, str]:
    if objective.limit_s is None:
        raise RefusedError(
            f"trials at a rate don't tell whether {objective.text} is met",
            hint=f'let a search tell: loadkit capacity --objective "{objective.text}"',
        )
    quantile = round(1 - objective.allowed, 12)
    if quantile not in ladder.quantiles:
        known = ", ".join(f"p({100 * one:g})" for one in ladder.quantiles) or "no quantile"
        raise RefusedError(
            f"the trials are too short for p({100 * quantile:g}): all of them have {known}",
            hint="make longer trials, or set an objective for one of these",
        )
    found = _latency_fit(ladder).rate_within(quantile, objective.limit_s)
    if found is None:
        raise RefusedError(
            f"no rate meets {objective.text}: latency is above it without load",
            hint="measure lower rates, or set an objective that can be met",
        )
    driven = max(trial.rate_per_s for trial in ladder.rates)
    met = [trial.rate_per_s for trial in ladder.rates if trial.quantiles_s[quantile] <= objective.limit_s]
    least = max(found.low, min(met, default=0.0))
    if least <= 0:
        raise RefusedError(
            f"the trials can't tell whether any rate meets {objective.text}",
            hint="make more trials, and longer ones, at low rates",
        )
    # Above what was driven the curve is not held by any trial: what a node may carry ends there.
    ends = [min(one, driven) for one in (least, found.value, found.high)]
    basis = f"{objective.text} holds up to {found.value:,.4g}/s by the curve of latency, and {driven:,.4g}/s was driven"
    return _ordered(*ends), basis, f"drive rates near {found.value:,.4g}/s: loadkit capacity finds the limit itself"


def _from_sessions(trials: Sequence[SessionsTrial]) -> tuple[Range, str, str]:
    best = max(trials, key=lambda trial: trial.accepted_per_s)
    step = f"drive rates near {best.accepted_per_s:,.3g}/s: closed loops tell throughput, not at which latency"
    said = "closed loops alone: taken as capacity is their throughput, with whatever latency that has"
    most = _most_of_sessions(trials)
    if most is None:
        return Range.exactly(best.accepted_per_s), f"{said}; {best.accepted_per_s:,.4g}/s was the most", step
    return _ordered(most.low, most.value, most.high), f"{said}; its curve ends at {most.value:,.4g}/s", step


def _most_of_sessions(trials: Sequence[SessionsTrial]) -> Estimate | None:
    """The most throughput by the curve of closed loops; None where there is none."""
    from loadkit.analysis.scalability import fit_scalability  # noqa: PLC0415 - half a second that only fits pay

    levels, rates = [float(one.sessions) for one in trials], [one.accepted_per_s for one in trials]
    several = len({one.ladder for one in trials}) > 1
    try:
        most = fit_scalability(levels, rates, run=[one.ladder for one in trials] if several else None).x_max
    except RefusedError:
        return None
    return most if most is not None and most.high < float("inf") else None


def _most_of_rates(ladder: Ladder) -> Estimate | None:
    """The rate at which latency has no end; None where the trials don't show it."""
    try:
        capacity = _latency_fit(ladder).capacity
    except RefusedError:
        return None
    return capacity if capacity.high < float("inf") else None


def _latency_fit(ladder: Ladder) -> LatencyFit:
    from loadkit.analysis.latency import fit_latency  # noqa: PLC0415 - half a second that only fits pay

    if not ladder.quantiles:
        raise RefusedError("the trials have no quantile in common", hint="make longer trials")
    latencies = {quantile: [one.quantiles_s[quantile] for one in ladder.rates] for quantile in ladder.quantiles}
    return fit_latency([one.rate_per_s for one in ladder.rates], latencies)


def _node_time(ladder: Ladder) -> tuple[float | None, str]:
    """Time for a message: the median at the highest rate, else sessions over throughput by Little's law."""
    timed: list[RateTrial] = [one for one in ladder.rates if _MEDIAN in one.quantiles_s]
    if timed:
        highest = max(timed, key=lambda trial: trial.rate_per_s)
        return highest.quantiles_s[_MEDIAN], f"the median response time at {highest.rate_per_s:,.4g}/s"
    if ladder.sessions:
        best = max(ladder.sessions, key=lambda trial: trial.accepted_per_s)
        time_s = best.sessions / best.accepted_per_s
        return time_s, f"no trial at a rate: Little's law at {best.sessions} sessions, {best.accepted_per_s:,.4g}/s"
    return None, ""


def _ordered(low: float, mid: float, high: float) -> Range:
    """A range of an estimate, whose interval may lie to one side of it."""
    return Range(min(low, mid), mid, max(mid, high))


def _between(low: float, high: float) -> Range:
    return Range(low, (low * high) ** 0.5, high) if high > low * (1 + _LEAST_STEP) else Range.exactly(low)
