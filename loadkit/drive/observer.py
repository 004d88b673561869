"""Watches the load generator itself: processor time, memory, lateness, stalls of its event loop, steps of its clock."""

from __future__ import annotations

import gc
import time
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from loadkit.drive.clocks import unix_offset_s
from loadkit.measure.records import Batch, Rows, Tx
from loadkit.measure.validity import GeneratorSample

if TYPE_CHECKING:
    from collections.abc import Callable

_SCHEDSTAT = Path("/proc/self/schedstat")


class Observer:
    """Samples this process.

    Args:
        epoch_s: The steady clock's reading at the run's start.
        epoch_unix_s: The wall clock's reading at the same moment.
        keep: Takes each sample.
        worker: Number of this process, where several drive a run.
        wall_clock: Gives Unix time.
    """

    def __init__(
        self,
        epoch_s: float,
        epoch_unix_s: float,
        keep: Callable[[GeneratorSample], None],
        *,
        worker: int = 0,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._epoch_s = epoch_s
        self._epoch_unix_s = epoch_unix_s
        self._keep = keep
        self._worker = worker
        self._wall_clock = wall_clock
        self._process = psutil.Process()
        self._lags: list[Rows] = []
        self._at = perf_counter()
        self._cpu_s = time.process_time()
        self._waited_s = _waited_s()
        self._collecting_since = 0.0
        self._gc_pause_s = 0.0

    def start(self) -> None:
        """Time the pauses of the garbage collector from now on."""
        gc.callbacks.append(self._on_collector)

    def stop(self) -> None:
        """Let the garbage collector be."""
        gc.callbacks.remove(self._on_collector)

    def _on_collector(self, phase: str, _info: dict[str, Any]) -> None:
        now = perf_counter()
        if phase == "start":
            self._collecting_since = now
        else:
            self._gc_pause_s = max(self._gc_pause_s, now - self._collecting_since)

    def see(self, batch: Batch) -> None:
        """Note how late the pacer released the messages of a batch."""
        rows = batch.transactions
        if len(rows):
            self._lags.append(rows[:, Tx.RELEASED] - rows[:, Tx.INTENDED])

    def sample(self, stall_s: float) -> GeneratorSample:
        """Take a sample of the time since the last one.

        Args:
            stall_s: The longest time by which the event loop was late, in seconds.
        """
        now, cpu_s, waited_s = perf_counter(), time.process_time(), _waited_s()
        passed_s = max(now - self._at, 1e-9)
        sample = GeneratorSample(
            at_s=now - self._epoch_s,
            cpu_ratio=(cpu_s - self._cpu_s) / passed_s,
            lag_p99_s=self._lag_p99_s(),
            rss_bytes=self._process.memory_info().rss,
            loop_stall_max_s=stall_s,
            clock_drift_s=unix_offset_s(self._wall_clock) - (self._epoch_unix_s - self._epoch_s),
            worker=self._worker,
            cpu_wait_ratio=(waited_s - self._waited_s) / passed_s,
            gc_pause_max_s=self._gc_pause_s,
        )
        self._at, self._cpu_s, self._waited_s, self._gc_pause_s = now, cpu_s, waited_s, 0.0
        self._keep(sample)
        return sample

    def _lag_p99_s(self) -> float:
        if not self._lags:
            return 0.0
        lags = np.concatenate(self._lags)
        self._lags.clear()
        return float(np.quantile(lags, 0.99, method="inverted_cdf"))


def _waited_s() -> float:
    """Seconds for which the main thread, which runs the event loop, could have run and waited for a core.

    The second number of schedstat (Linux, Documentation/scheduler/sched-stats.rst); 0 where the kernel doesn't count.
    """
    try:
        return int(_SCHEDSTAT.read_bytes().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0
