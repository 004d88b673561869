"""A run over time, read from its folder: second by second, or in longer steps where there are too many seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from loadkit.measure.timeline import COUNTERS, GAUGES, LATENCIES

if TYPE_CHECKING:
    from loadkit.measure.store import Run

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
GENERATOR_FIGURES = ("cpu_ratio", "cpu_wait_ratio", "lag_p99_s", "loop_stall_max_s", "gc_pause_max_s", "rss_bytes")
TARGET_FIGURES = ("cpu_ratio", "target_cpu_ratio", "memory_ratio", "disk_busy_ratio", "network_ratio")
LOW, HIGH = "_low", "_high"


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """A run over time.

    Args:
        step_s: Seconds that each place stands for.
        at_s: Their begin since the run's start; shape (n,).
        values: By name, each of shape (n,) with NaN for what is not known. Counters of the timeline and ``delivered``
            are means per second, with the lowest and highest second of ``accepted`` beside it; gauges, ``backlog`` and
            latencies are the largest of their seconds, and of the message kinds; ``generator_*`` the largest of the
            processes, ``target_*`` of the samples.
    """

    step_s: int
    at_s: Floats
    values: dict[str, Floats]

    def __getitem__(self, name: str) -> Floats:
        return self.values[name]

    def has(self, name: str) -> bool:
        """Whether anything but nothing is known of a value."""
        return name in self.values and bool(np.nansum(np.abs(self.values[name])) > 0)


def read_course(run: Run, most: int) -> Course | None:
    """A run over time; None where not even a second of it was written.

    Args:
        run: The run.
        most: So many steps at most.

    Raises:
        RunFolderError: If the folder is damaged.
    """
    timeline = run.table("timeline")
    if timeline is None or not timeline.num_rows:
        return None
    second, delivery = timeline["second"].to_numpy().astype(np.int64), run.table("delivery")
    steps = _Steps.of(_seconds(second, timeline, delivery), most)
    values = _of_timeline(steps, second, timeline)
    values |= _of_delivery(steps, delivery)
    values |= _sampled(steps, run.table("generator"), "generator_", GENERATOR_FIGURES)
    values |= _sampled(steps, run.table("target"), "target_", TARGET_FIGURES)
    return Course(steps.step_s, steps.begins.astype(np.float64), values)


def _seconds(second: Integers, timeline: Any, delivery: Any) -> int:
    """Seconds until nothing happened any more, be it here or behind the target."""
    busy = sum(timeline[name].to_numpy().astype(np.int64) for name in ("offered", "started", "completed")) > 0
    last = int(second[busy].max(initial=0))
    if delivery is not None:
        last = max(last, int(np.flatnonzero(np.diff(delivery["delivered"].to_numpy(), prepend=0)).max(initial=0)))
    return last + 1


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """How seconds are put together."""

    seconds: int
    step_s: int
    begins: Integers

    @classmethod
    def of(cls, seconds: int, most: int) -> _Steps:
        longest = -(-seconds // most)
        step_s = next((step for step in STEPS_S if step >= longest), -(-longest // 3600) * 3600)
        return cls(seconds, step_s, np.arange(0, seconds, step_s))

    def mean(self, per_second: Floats) -> Floats:
        lengths = np.diff(np.append(self.begins, self.seconds))
        means: Floats = np.add.reduceat(per_second, self.begins) / lengths
        return means

    def most(self, per_second: Floats) -> Floats:
        largest: Floats = np.fmax.reduceat(per_second, self.begins)
        return largest

    def least(self, per_second: Floats) -> Floats:
        smallest: Floats = np.fmin.reduceat(per_second, self.begins)
        return smallest

    def largest_of(self, second: Integers, values: Floats) -> Floats:
        """The largest value of each second, NaN for none."""
        largest = np.full(self.seconds, np.nan)
        known = (second >= 0) & (second < self.seconds)
        np.fmax.at(largest, second[known], values[known])
        return largest


def _of_timeline(steps: _Steps, second: Integers, table: Any) -> dict[str, Floats]:
    values = {}
    for name in COUNTERS:
        weights = table[name].to_numpy().astype(np.float64)
        per_second = np.bincount(second, weights=weights, minlength=steps.seconds)[: steps.seconds].astype(np.float64)
        values[name] = steps.mean(per_second)
        if name == "accepted":
            values |= {name + LOW: steps.least(per_second), name + HIGH: steps.most(per_second)}
    for name in (*GAUGES, *LATENCIES):
        values[name] = steps.most(steps.largest_of(second, table[name].to_numpy().astype(np.float64)))
    return values


def _of_delivery(steps: _Steps, table: Any) -> dict[str, Floats]:
    if table is None:
        return {}
    delivered, backlog = (_filled(table[name].to_numpy(), steps.seconds) for name in ("delivered", "backlog"))
    return {"delivered": steps.mean(np.diff(delivered, prepend=0.0)), "backlog": steps.most(backlog)}


def _filled(values: npt.NDArray[np.generic], seconds: int) -> Floats:
    """The first seconds; where there are fewer, the last value stays."""
    known = values.astype(np.float64)[:seconds]
    return np.pad(known, (0, seconds - known.size), mode="edge") if known.size else np.zeros(seconds)


def _sampled(steps: _Steps, table: Any, prefix: str, names: tuple[str, ...]) -> dict[str, Floats]:
    """The largest of samples that speak for the time before them."""
    if table is None:
        return {}
    second = np.ceil(table["at_s"].to_numpy().astype(np.float64) - 0.1).astype(np.int64) - 1
    return {
        prefix + name: steps.most(steps.largest_of(second, table[name].to_numpy().astype(np.float64)))
        for name in names
        if name in table.column_names
    }
