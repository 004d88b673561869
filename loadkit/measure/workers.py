"""The workers of a run over several processes or machines: what each did, and what a lost one left undone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadkit.measure.reason import Reason
from loadkit.units import format_duration

CLOCK_APART_MOST_S = 0.05
SILENCE_MOST_S = 5.0


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """One worker.

    Args:
        index: Its number, which is that of the sender in the ids of its messages.
        name: Host and process.
        reports: How many reports of it were counted.
        reported_s: Seconds since the run's start that its last report told everything up to.
        lost: Why it did not come to its end, in words; empty if it did.
        silence_s: The longest time without a report from it.
        scheduled: Arrivals of its share in the measured stages, where it was lost and their number is set beforehand.
        offered: Arrivals in the measured stages that it reported as offered.
        clock_ahead_s: By how much its clock was ahead of the master's when they were furthest apart.
        clock_error_s: How far that may be wrong: half of the round trip.
    """

    index: int
    name: str
    reports: int
    reported_s: float
    lost: str
    silence_s: float
    scheduled: int | None
    offered: int
    clock_ahead_s: float = 0.0
    clock_error_s: float = 0.0

    @property
    def missing(self) -> int:
        """Arrivals of its share that were not offered because it was lost."""
        if not self.lost or self.scheduled is None:
            return 0
        return max(0, self.scheduled - self.offered)

    @property
    def clock_apart_s(self) -> float:
        """By how much its clock and the master's differed at least."""
        return max(0.0, abs(self.clock_ahead_s) - self.clock_error_s)


def shortfall(workers: Sequence[WorkerRecord]) -> int:
    """Arrivals in the measured stages that were not offered because workers were lost."""
    return sum(worker.missing for worker in workers)


def worker_reasons(workers: Sequence[WorkerRecord]) -> Iterator[Reason]:
    """Why a run with these workers is not valid: what was seen, and what to do."""
    for worker in workers:
        who = f"worker {worker.index} ({worker.name})"
        if worker.lost:
            after = format_duration(round(worker.reported_s, 1))
            yield Reason(
                "worker_lost", f"{who} was lost after {after}", "", f"{_loss(worker)}; find out why, and run again"
            )
        elif worker.silence_s > SILENCE_MOST_S:
            yield Reason(
                "worker_silent",
                f"{who} did not report for {format_duration(round(worker.silence_s, 1))}",
                f"at most {format_duration(SILENCE_MOST_S)}",
                "it stood still, or its connection did; give it a core of its own",
            )
        if worker.clock_apart_s > CLOCK_APART_MOST_S:
            yield Reason(
                "worker_clock",
                f"the clock of {who} is {format_duration(round(worker.clock_apart_s, 3))} off the master's",
                f"at most {format_duration(CLOCK_APART_MOST_S)}",
                "set both by NTP",
            )


def _loss(worker: WorkerRecord) -> str:
    if worker.scheduled is None:
        return f"{worker.lost}; its sessions sent no more"
    return (
        f"{worker.lost}; {worker.missing:,} of the {worker.scheduled:,} arrivals of its share are not known to have "
        "been offered"
    )
