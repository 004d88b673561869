"""Whether a run may be believed: the load generator's own health, judged apart from the target's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from loadkit.errors import ExitCode
from loadkit.measure.workers import WorkerRecord, worker_reasons
from loadkit.units import format_duration

ACHIEVED_LEAST = 0.995
CPU_MOST = 0.8
CLOCK_STEP_MOST_S = 0.05
CLOCK_SLEW_MOST = 500e-6
"""Share of time by which NTP corrects a clock without a step."""
LAG_LEAST_LIMIT_S = 0.005
LAG_SHARE_OF_OBJECTIVE = 0.1
LAG_LIMIT_S = 0.05


class Verdict(StrEnum):
    """What a run came to."""

    PASSED = "passed"
    FAILED = "failed"
    INVALID = "invalid"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class GeneratorSample:
    """The load generator's process over one second.

    Args:
        at_s: End of the second, since the run's start.
        cpu_ratio: Processor time over time; 1 is one whole core.
        lag_p99_s: 99th percentile of the pacer's lateness.
        rss_bytes: Resident memory.
        loop_stall_max_s: Longest time by which the event loop was late.
        clock_drift_s: Wall clock minus steady clock, since the run's start.
        worker: Number of the process, where several drive a run.
    """

    at_s: float
    cpu_ratio: float
    lag_p99_s: float
    rss_bytes: int
    loop_stall_max_s: float
    clock_drift_s: float
    worker: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """What was to be sent in the measured stages, and what was.

    Args:
        open_loop: Whether arrivals followed a schedule.
        offered: Arrivals whose intended time came.
        shed: Those of them that were given up because the queue was full.
        lag_p99_s: 99th percentile of the pacer's lateness, or None where there are too few arrivals.
        objective_s: The smallest limit on the response time, or None.
    """

    open_loop: bool
    offered: int
    shed: int
    lag_p99_s: float | None
    objective_s: float | None


@dataclass(frozen=True, slots=True)
class Validity:
    """Whether the generator did what it was told.

    Args:
        valid: Whether the run may be believed.
        reasons: Why not: what was seen, the limit, and what to do.
    """

    valid: bool
    reasons: tuple[str, ...]


def lag_limit_s(objective_s: float | None) -> float:
    """The lateness that is still small against the objective: a tenth of it, and 5 ms at least; 50 ms without one."""
    if objective_s is None:
        return LAG_LIMIT_S
    return max(LAG_LEAST_LIMIT_S, objective_s * LAG_SHARE_OF_OBJECTIVE)


def cpu_p95(samples: Sequence[GeneratorSample]) -> float | None:
    """The 95th percentile (nearest rank) of the samples' processor share, of the busiest process; None without any."""
    ratios = [[sample.cpu_ratio for sample in own] for own in _by_worker(samples)]
    return max((float(np.quantile(own, 0.95, method="inverted_cdf")) for own in ratios), default=None)


def _by_worker(samples: Sequence[GeneratorSample]) -> Iterator[list[GeneratorSample]]:
    for worker in sorted({sample.worker for sample in samples}):
        yield [sample for sample in samples if sample.worker == worker]


def judge(
    load: Load, samples: Sequence[GeneratorSample], unread: str = "", workers: Sequence[WorkerRecord] = ()
) -> Validity:
    """Judge the generator, and whether the far end could be asked.

    Args:
        load: What was to be sent, and what was.
        samples: Samples of the measured stages.
        unread: Why the far end's ledger is missing, or empty.
        workers: The workers of a run over several.
    """
    found = (
        *worker_reasons(workers),
        _shortfall(load),
        _lag(load),
        _cpu(samples),
        *(_clock(own) for own in _by_worker(samples)),
        unread,
    )
    reasons = tuple(reason for reason in found if reason)
    return Validity(not reasons, reasons)


def _shortfall(load: Load) -> str:
    if not load.offered:
        return "no message was offered in the measured stages: let them last longer, or raise the rate"
    achieved = 1 - load.shed / load.offered
    if achieved >= ACHIEVED_LEAST:
        return ""
    return (
        f"{load.shed:,} of {load.offered:,} arrivals were shed, {achieved:.2%} achieved < {ACHIEVED_LEAST:.1%}: "
        "all sessions were busy and the queue was full; raise sessions.max or load.queue, or lower the rate"
    )


def _lag(load: Load) -> str:
    limit_s = lag_limit_s(load.objective_s)
    if not load.open_loop or load.lag_p99_s is None or load.lag_p99_s <= limit_s:
        return ""
    return (
        f"p99 schedule lag {format_duration(load.lag_p99_s)} > {format_duration(limit_s)}: the generator could not "
        "keep its schedule; give it a core of its own, or lower the rate"
    )


def _cpu(samples: Sequence[GeneratorSample]) -> str:
    cpu = cpu_p95(samples)
    if cpu is None or cpu < CPU_MOST:
        return ""
    return (
        f"generator CPU {cpu:.0%} of a core (p95 of seconds) >= {CPU_MOST:.0%}: the rate is the generator's limit, "
        "not the target's, and latencies include its own; lower the rate"
    )


def _clock(samples: Sequence[GeneratorSample]) -> str:
    drift_s = np.array([0.0, *(sample.clock_drift_s for sample in samples)])
    at_s = np.array([0.0, *(sample.at_s for sample in samples)])
    step_s = float(np.max(np.abs(np.diff(drift_s)) - np.diff(at_s) * CLOCK_SLEW_MOST, initial=0.0))
    if step_s <= CLOCK_STEP_MOST_S:
        return ""
    return f"the wall clock stepped by {format_duration(step_s)}: stop what sets it, and run again"


def verdict_of(*, interrupted: bool, valid: bool, met: bool) -> Verdict:
    """The verdict; what makes the numbers worthless comes first."""
    if interrupted:
        return Verdict.INTERRUPTED
    if not valid:
        return Verdict.INVALID
    return Verdict.PASSED if met else Verdict.FAILED


def exit_code_of(verdict: Verdict, *, terminated: bool = False) -> ExitCode:
    """The exit code of a verdict; an interrupted run says by which signal."""
    if verdict is Verdict.INTERRUPTED:
        return ExitCode.TERMINATED if terminated else ExitCode.INTERRUPTED
    return {
        Verdict.PASSED: ExitCode.OK,
        Verdict.FAILED: ExitCode.THRESHOLDS,
        Verdict.INVALID: ExitCode.INVALID,
    }[verdict]
