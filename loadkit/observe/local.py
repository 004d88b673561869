"""This machine: as a whole, the processes of a target on it, and those of the load generator."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable
from typing import Any

import psutil

from loadkit.observe.node import is_virtual_interface
from loadkit.observe.reading import HostReading

LOOK_AGAIN_S = 10.0
_BITS_PER_BYTE = 8
_NAMED = 4


class LocalHost:
    """Reads this machine's counters.

    Args:
        port: Port that the target listens on.
        generator_pid: The load generator's process.
    """

    def __init__(self, port: int, generator_pid: int) -> None:
        self._port = port
        self._generator_pid = generator_pid
        self._roots: set[int] = set()
        self._looked_s = -math.inf
        self._names: dict[str, set[int]] = {}

    @property
    def processes(self) -> str:
        """The target's processes seen so far, in words; empty if none was found."""
        return ", ".join(f"{name} ({len(pids)})" for name, pids in sorted(self._names.items())[:_NAMED])

    def read(self) -> HostReading:
        """The counters now."""
        at_s = time.time()
        times = psutil.cpu_times()
        whole_s, idle_s = _whole_s(times), times.idle + getattr(times, "iowait", 0.0)
        memory = psutil.virtual_memory()
        disks = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
        together = psutil.disk_io_counters(nowrap=False)
        wires = {
            name: counters
            for name, counters in psutil.net_io_counters(pernic=True, nowrap=False).items()
            if not is_virtual_interface(name)
        }
        speeds = {name: one.speed for name, one in psutil.net_if_stats().items() if name in wires and one.speed > 0}
        target_s, generator_s = self._processes()
        return HostReading(
            at_s=at_s,
            cpu_s=whole_s,
            cpu_busy_s=whole_s - idle_s,
            memory_ratio=1 - memory.available / memory.total,
            disk_busy_s={
                name: one.busy_time / 1e3 for name, one in disks.items() if getattr(one, "busy_time", None) is not None
            },
            disk_bytes={} if together is None else {"": float(together.read_bytes + together.write_bytes)},
            received_bytes={name: float(one.bytes_recv) for name, one in wires.items()},
            sent_bytes={name: float(one.bytes_sent) for name, one in wires.items()},
            speed_bytes_per_s={name: speed * 1e6 / _BITS_PER_BYTE for name, speed in speeds.items()},
            target_cpu_s=target_s,
            generator_cpu_s=generator_s,
        )

    def _processes(self) -> tuple[float, float]:
        """CPU time of the target's processes and of the load generator's."""
        children: dict[int, list[int]] = {}
        for process in psutil.process_iter(["ppid"]):
            children.setdefault(process.info["ppid"], []).append(process.pid)
        target = _with_descendants(self._listening(), children)
        generator = _with_descendants({self._generator_pid}, children) - target - {os.getpid()}
        return self._cpu_s(target, named=True), self._cpu_s(generator)

    def _listening(self) -> set[int]:
        """The processes that listen on the target's port; looked for again when all of them ended."""
        now_s = time.monotonic()
        if not any(map(psutil.pid_exists, self._roots)) and now_s - self._looked_s >= LOOK_AGAIN_S:
            self._looked_s = now_s
            self._roots = _pids_listening(self._port)
        return self._roots

    def _cpu_s(self, pids: Iterable[int], *, named: bool = False) -> float:
        """CPU time of processes and of those of their children that ended.

        A child that ends leaves the sum and enters what its parent's children took, so that the sum does not jump.
        """
        total_s, alive = 0.0, False
        for pid in pids:
            try:
                process = psutil.Process(pid)
                times = process.cpu_times()
                if named:
                    self._names.setdefault(process.name(), set()).add(pid)
            except psutil.Error:
                continue
            total_s += times.user + times.system
            total_s += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
            alive = True
        return total_s if alive else math.nan


def _whole_s(times: Any) -> float:
    """Time of all cores; what guests take is part of user and nice already."""
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - guests)


def _pids_listening(port: int) -> set[int]:
    try:
        found = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return set()
    return {
        one.pid
        for one in found
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid
    }


def _with_descendants(roots: set[int], children: dict[int, list[int]]) -> set[int]:
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children.get(pid, [])
    return found
