"""The target's host as it was observed during a run: its samples, and their means over the measured stages."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from loadkit.measure.records import RunPlan

LOCAL = "local"
_EDGE = 0.1
"""Share of a sample's time that may lie outside the measured stages at either end: clocks are not that exact."""


@dataclass(frozen=True, slots=True)
class TargetSample:
    """Some seconds of the target's host; not a number where a source does not tell.

    Args:
        at_s: Their end, since the run's start.
        length_s: How many.
        cpu_ratio: Share of all cores at work.
        memory_ratio: Share of memory that is not available.
        disk_busy_ratio: Share of time with requests under way, of the busiest disk.
        disk_bytes_per_s: Read and written by all disks.
        network_ratio: Share of its speed in the busier direction, of the busiest interface whose speed is known.
        network_bytes_per_s: Received and sent by all interfaces but loopback.
        target_cpu_ratio: Share of all cores in the target's own processes.
        generator_cpu_ratio: Share of all cores in the load generator's processes, where it runs on the same machine.
    """

    at_s: float
    length_s: float
    cpu_ratio: float = math.nan
    memory_ratio: float = math.nan
    disk_busy_ratio: float = math.nan
    disk_bytes_per_s: float = math.nan
    network_ratio: float = math.nan
    network_bytes_per_s: float = math.nan
    target_cpu_ratio: float = math.nan
    generator_cpu_ratio: float = math.nan


FIGURES = tuple(one.name for one in dataclasses.fields(TargetSample) if one.name not in ("at_s", "length_s"))


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of the target's host in a run.

    Args:
        source: ``local`` or the URL that was asked.
        samples: In the order of time.
        notes: What could not be seen and why, in words.
    """

    source: str
    samples: tuple[TargetSample, ...] = ()
    notes: tuple[str, ...] = ()

    def columns(self) -> dict[str, npt.NDArray[np.generic]]:
        """The samples as a table."""
        names = [one.name for one in dataclasses.fields(TargetSample)]
        return {name: np.array([getattr(one, name) for one in self.samples], np.float64) for name in names}


@dataclass(frozen=True, slots=True)
class TargetSummary:
    """The target's host over the measured stages.

    Args:
        source: ``local`` or the URL that was asked.
        samples: How many samples lie within the measured stages.
        means: Means over time by the names of `TargetSample`; those that were seen.
        notes: What could not be seen and why, in words.
    """

    source: str
    samples: int
    means: dict[str, float]
    notes: tuple[str, ...] = ()

    @property
    def shared(self) -> bool:
        """Whether load generator and target share a machine."""
        return self.source == LOCAL


def samples_from_rows(rows: Sequence[Mapping[str, float | None]]) -> tuple[TargetSample, ...]:
    """Samples from the rows of a table, in which what is not known is null.

    Raises:
        TypeError: If they have other columns.
    """
    known = ({name: math.nan if value is None else value for name, value in row.items()} for row in rows)
    return tuple(TargetSample(**row) for row in known)


def summarize_target(observed: Observed, plan: RunPlan, duration_s: float) -> TargetSummary:
    """Sum up what was observed.

    Args:
        observed: All samples.
        plan: Its stages tell which of them count.
        duration_s: From the start to the last transaction's end.
    """
    measured = [one for one in observed.samples if _is_measured(plan, one, duration_s)]
    means = {name: _mean(measured, name) for name in FIGURES}
    notes = observed.notes
    if not measured:
        notes = (*notes, f"{len(observed.samples)} samples, and none of them within the measured stages")
    known = {name: value for name, value in means.items() if not math.isnan(value)}
    return TargetSummary(observed.source, len(measured), known, notes)


def _is_measured(plan: RunPlan, sample: TargetSample, duration_s: float) -> bool:
    edge_s = _EDGE * sample.length_s
    begun_s, ended_s = sample.at_s - sample.length_s + edge_s, sample.at_s - edge_s
    if begun_s < plan.stages[0].start_s or ended_s > min(plan.stages[-1].end_s, duration_s):
        return False
    return all(stage.measured or stage.end_s <= begun_s or stage.start_s >= ended_s for stage in plan.stages)


def _mean(samples: Sequence[TargetSample], name: str) -> float:
    """Mean over the time in which something was seen."""
    values: list[tuple[float, float]] = [(getattr(one, name), one.length_s) for one in samples]
    known = [(value, length_s) for value, length_s in values if not math.isnan(value)]
    whole_s = sum(length_s for _, length_s in known)
    return sum(value * length_s for value, length_s in known) / whole_s if whole_s else math.nan


def utilisation(summary: TargetSummary) -> dict[str, float]:
    """How much of each resource was in use, from 0 to 1, by names for a table.

    Notes:
        On a shared machine the load generator's own CPU is taken off: what remains is what the target would use alone.
    """
    means: Mapping[str, Any] = summary.means
    found = {
        "cpu": means.get("cpu_ratio", math.nan) - (means.get("generator_cpu_ratio", 0.0) if summary.shared else 0.0),
        "cpu, processes": means.get("target_cpu_ratio", math.nan),
        "memory": means.get("memory_ratio", math.nan),
        "disk": means.get("disk_busy_ratio", math.nan),
        "network": means.get("network_ratio", math.nan),
    }
    return {name: max(value, 0.0) for name, value in found.items() if not math.isnan(value)}
