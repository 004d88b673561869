"""Whether a run may be believed: the load generator's own health, judged apart from the target's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from loadkit.errors import ExitCode
from loadkit.measure.health import own_failures, sample_reasons
from loadkit.measure.reason import Blame, Reason
from loadkit.measure.workers import WorkerRecord, worker_reasons
from loadkit.units import format_duration

if TYPE_CHECKING:
    from loadkit.measure.statistics import OutcomeCount

ACHIEVED_LEAST = 0.995
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
        cpu_wait_ratio: Time in which it could have run and waited for a core, over time.
        gc_pause_max_s: Longest pause of the garbage collector.
    """

    at_s: float
    cpu_ratio: float
    lag_p99_s: float
    rss_bytes: int
    loop_stall_max_s: float
    clock_drift_s: float
    worker: int = 0
    cpu_wait_ratio: float = 0.0
    gc_pause_max_s: float = 0.0


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
        blame: Is it the tool or the server?
    """

    valid: bool
    reasons: tuple[Reason, ...]
    blame: Blame


def lag_limit_s(objective_s: float | None) -> float:
    """The lateness that is still small against the objective: a tenth of it, and 5 ms at least; 50 ms without one."""
    if objective_s is None:
        return LAG_LIMIT_S
    return max(LAG_LEAST_LIMIT_S, objective_s * LAG_SHARE_OF_OBJECTIVE)


def judge(
    load: Load,
    samples: Sequence[GeneratorSample],
    outcomes: Sequence[OutcomeCount] = (),
    *,
    unread: str = "",
    workers: Sequence[WorkerRecord] = (),
) -> Validity:
    """Judge the generator, and whether the far end could be asked.

    Args:
        load: What was to be sent, and what was.
        samples: Samples of the measured stages.
        outcomes: Ends of the measured messages and of all session set-ups.
        unread: Why the far end's ledger is missing, or empty.
        workers: The workers of a run over several.
    """
    reasons = (
        *worker_reasons(workers),
        *_shortfall(load),
        *_lag(load),
        *sample_reasons(samples, lag_limit_s(load.objective_s)),
        *own_failures(outcomes),
        *_unread(unread),
    )
    return Validity(not reasons, reasons, _blame(reasons))


def _blame(reasons: Sequence[Reason]) -> Blame:
    if not reasons:
        return Blame.SERVER
    return Blame.TOOL if any(reason.tool for reason in reasons) else Blame.UNKNOWN


def _shortfall(load: Load) -> Iterator[Reason]:
    if not load.offered:
        yield Reason(
            "nothing_offered",
            "no message was offered in the measured stages",
            "",
            "let them last longer, or raise the rate",
            tool=False,
        )
    elif (achieved := 1 - load.shed / load.offered) < ACHIEVED_LEAST:
        yield Reason(
            "arrivals_shed",
            f"{load.shed:,} of {load.offered:,} arrivals were shed, {achieved:.2%} achieved",
            f"at least {ACHIEVED_LEAST:.1%}",
            "all sessions were busy and the queue was full; raise sessions.max or load.queue, or lower the rate",
            tool=False,
        )


def _lag(load: Load) -> Iterator[Reason]:
    limit_s = lag_limit_s(load.objective_s)
    if load.open_loop and load.lag_p99_s is not None and load.lag_p99_s > limit_s:
        yield Reason(
            "schedule_lag",
            f"p99 schedule lag {format_duration(load.lag_p99_s)}",
            f"at most {format_duration(limit_s)}",
            "the generator could not keep its schedule; give it a core of its own, or lower the rate",
        )


def _unread(why: str) -> Iterator[Reason]:
    if why:
        fix = "without it nothing is known of losses; see that the sink runs and answers, and run again"
        yield Reason("ledger_unread", why, "", fix, tool=False)


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
