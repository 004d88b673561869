"""What a lost or silent worker, or one with another clock, makes of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadkit.measure.validity import GeneratorSample, Load, judge
from loadkit.measure.workers import WorkerRecord, shortfall, worker_reasons

GOOD = WorkerRecord(0, "here, process 7", 12, 12.05, "", 1.1, None, 600)
LOST = replace(GOOD, index=1, reported_s=4.05, lost="its process was killed by SIGKILL", scheduled=600, offered=150)


def test_good_workers_give_no_reason() -> None:
    assert list(worker_reasons([GOOD, replace(GOOD, clock_ahead_s=0.3, clock_error_s=0.26)])) == []
    assert shortfall([GOOD]) == 0


def test_a_lost_worker_is_named_with_what_it_left_undone() -> None:
    (reason,) = map(str, worker_reasons([GOOD, LOST]))
    assert reason.startswith("worker 1 (here, process 7) was lost after 4")
    assert "killed by SIGKILL; 450 of the 600 arrivals" in reason
    assert shortfall([GOOD, LOST, LOST]) == 900


def test_of_sessions_for_a_time_no_number_is_missing() -> None:
    sessions = replace(LOST, scheduled=None)
    (reason,) = map(str, worker_reasons([sessions]))
    assert "its sessions sent no more" in reason
    assert shortfall([sessions]) == 0


@pytest.mark.parametrize(
    ("worker", "words"),
    [
        (replace(GOOD, silence_s=10.2), "did not report for 10.2s (valid: at most 5s)"),
        (replace(GOOD, clock_ahead_s=-0.1, clock_error_s=0.01), "is 90ms off the master's (valid: at most 50ms)"),
    ],
)
def test_silence_and_clocks_are_reasons(worker: WorkerRecord, words: str) -> None:
    (reason,) = map(str, worker_reasons([worker]))
    assert words in reason
    assert not judge(Load(True, 10, 0, None, None), [], workers=[worker]).valid


def test_each_worker_is_judged_by_its_own_samples() -> None:
    """The busiest process counts, and clocks of two machines are not compared with each other."""
    calm = [GeneratorSample(float(second), 0.1, 0.0, 1, 0.0, 0.4, worker=0) for second in range(1000)]
    busy = [GeneratorSample(float(second), 0.9, 0.0, 1, 0.0, -0.4, worker=1) for second in range(1000)]
    load = Load(True, 10, 0, None, None)
    assert judge(load, [replace(one, clock_drift_s=0.0) for one in calm]).valid
    (reason,) = judge(load, [replace(one, clock_drift_s=0.0) for one in calm + busy]).reasons
    assert "generator CPU 90%" in str(reason)
