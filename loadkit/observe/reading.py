"""A host's counters at one moment, and what happened between two of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from loadkit.measure.target import TargetSample


@dataclass(frozen=True, slots=True)
class HostReading:
    """Counters of a host since some moment in the past; not a number where they are not told.

    Args:
        at_s: Unix time.
        cpu_s: Time of all cores together.
        cpu_busy_s: The part of it in which they worked.
        memory_ratio: Share of memory that is not available.
        disk_busy_s: By disk, time with requests under way.
        disk_bytes: By disk, read and written.
        received_bytes: By network interface.
        sent_bytes: By network interface.
        speed_bytes_per_s: By network interface, those of which it is known.
        target_cpu_s: Time that the target's processes took of all cores.
        generator_cpu_s: The same of the load generator's.
    """

    at_s: float
    cpu_s: float = math.nan
    cpu_busy_s: float = math.nan
    memory_ratio: float = math.nan
    disk_busy_s: Mapping[str, float] = field(default_factory=dict)
    disk_bytes: Mapping[str, float] = field(default_factory=dict)
    received_bytes: Mapping[str, float] = field(default_factory=dict)
    sent_bytes: Mapping[str, float] = field(default_factory=dict)
    speed_bytes_per_s: Mapping[str, float] = field(default_factory=dict)
    target_cpu_s: float = math.nan
    generator_cpu_s: float = math.nan


def between(before: HostReading, after: HostReading) -> TargetSample | None:
    """What happened from one reading to the next; None if no time passed.

    Args:
        before: The earlier one.
        after: The later one; the sample's time is its Unix time.

    Notes:
        A counter that goes back was reset, by a restart for one, and tells nothing.
    """
    length_s = after.at_s - before.at_s
    if length_s <= 0:
        return None
    cores_s = _risen(before.cpu_s, after.cpu_s)
    received = _by_device(before.received_bytes, after.received_bytes)
    sent = _by_device(before.sent_bytes, after.sent_bytes)
    used = [
        max(received.get(name, 0.0), sent.get(name, 0.0)) / (length_s * speed)
        for name, speed in after.speed_bytes_per_s.items()
        if name in received or name in sent
    ]
    return TargetSample(
        at_s=after.at_s,
        length_s=length_s,
        cpu_ratio=_ratio(_risen(before.cpu_busy_s, after.cpu_busy_s), cores_s),
        memory_ratio=after.memory_ratio,
        disk_busy_ratio=_largest(_by_device(before.disk_busy_s, after.disk_busy_s).values()) / length_s,
        disk_bytes_per_s=_sum(_by_device(before.disk_bytes, after.disk_bytes)) / length_s,
        network_ratio=_largest(used),
        network_bytes_per_s=(_sum(received) + _sum(sent)) / length_s,
        target_cpu_ratio=_ratio(_risen(before.target_cpu_s, after.target_cpu_s), cores_s),
        generator_cpu_ratio=_ratio(_risen(before.generator_cpu_s, after.generator_cpu_s), cores_s),
    )


def _risen(before: float, after: float) -> float:
    return after - before if after >= before else math.nan


def _by_device(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    risen = {name: _risen(before[name], value) for name, value in after.items() if name in before}
    return {name: value for name, value in risen.items() if not math.isnan(value)}


def _sum(by_device: Mapping[str, float]) -> float:
    return sum(by_device.values()) if by_device else math.nan


def _largest(values: Iterable[float]) -> float:
    return max(values, default=math.nan)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan
