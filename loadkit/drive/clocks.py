"""The two clocks of a run: the monotonic one that times everything, and the wall clock that sinks share."""

from __future__ import annotations

import time
from collections.abc import Callable
from time import perf_counter

_READINGS = 3


def unix_offset_s(wall_clock: Callable[[], float] = time.time) -> float:
    """What to add to `time.perf_counter` for Unix time, in seconds.

    By the tightest of several readings: a process that had to wait between one clock and the other would take its wait
    for a step of the wall clock.

    Args:
        wall_clock: Tells Unix time.
    """
    readings = []
    for _ in range(_READINGS):
        before_s, unix_s, after_s = perf_counter(), wall_clock(), perf_counter()
        readings.append((after_s - before_s, unix_s - before_s))
    return min(readings)[1]
