"""What the load generator's process says of itself, second by second."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.runs import ROOT

from loadkit.measure.validity import GeneratorSample, Load, judge

LOAD = Load(open_loop=True, offered=1000, shed=0, lag_p99_s=0.001, objective_s=None)

# In a process of its own: importing the package under test patches the process.
SAMPLES = """
import gc, json, os, sys, time
from dataclasses import asdict
from loadkit.drive.observer import Observer

kept, clock = [], {"shift": 0.0}
epoch, epoch_unix = time.perf_counter(), time.time()
observer = Observer(epoch, epoch_unix, kept.append, wall_clock=lambda: time.time() + clock["shift"])
observer.start()
for second in range(4):
    %s
    time.sleep(0.05)
    observer.sample(0.001)
observer.stop()
assert observer._on_collector not in gc.callbacks
print(json.dumps([asdict(sample) for sample in kept]))
"""


def samples(each_second: str, *prefix: str) -> list[GeneratorSample]:
    done = subprocess.run(
        [*prefix, sys.executable, "-c", SAMPLES % each_second], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [GeneratorSample(**one) for one in json.loads(done.stdout)]


def test_a_clock_that_is_set_during_the_run_makes_it_invalid() -> None:
    taken = samples("clock['shift'] = 3.0 if second >= 2 else 0.0")
    assert [round(sample.clock_drift_s, 1) for sample in taken] == [0.0, 0.0, 3.0, 3.0]
    names = {reason.name for reason in judge(LOAD, taken).reasons}
    assert "clock_step" in names
    assert "clock_step" not in {reason.name for reason in judge(LOAD, samples("pass")).reasons}


def test_pauses_of_the_garbage_collector_are_timed() -> None:
    cycles = "objects = [[] for _ in range(300_000)]; [one.append(one) for one in objects]; del objects; gc.collect()"
    longest = max(sample.gc_pause_max_s for sample in samples(cycles))
    assert 0.002 < longest < 5
    assert max(sample.gc_pause_max_s for sample in samples("gc.disable()")) == 0.0


def test_waiting_for_a_core_is_told_from_using_one() -> None:
    """Two processes on one core: each can run all the time, and gets half of it."""
    if not Path("/proc/self/schedstat").exists():
        pytest.skip("the kernel does not count")
    core = str(min(os.sched_getaffinity(0)))
    hog = subprocess.Popen(["taskset", "-c", core, sys.executable, "-c", "while True: pass"])
    try:
        busy = "end = time.perf_counter() + 0.5\n    while time.perf_counter() < end: pass"
        taken = samples(busy, "taskset", "-c", core)
    finally:
        hog.kill()
        hog.wait()
    mean_wait = sum(sample.cpu_wait_ratio for sample in taken) / len(taken)
    mean_cpu = sum(sample.cpu_ratio for sample in taken) / len(taken)
    assert mean_wait > 0.2
    assert 0.8 < mean_wait + mean_cpu < 1.1
