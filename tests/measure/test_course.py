"""A run over time: put together from its tables, in steps where there are too many seconds."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.recording import PLAN, MadeUpRun

from loadkit.measure.course import Course, read_course
from loadkit.measure.delivery import Delivery, DeliverySeries
from loadkit.measure.reconciliation import Reconciliation
from loadkit.measure.store import open_run
from loadkit.measure.timeline import COUNTERS, GAUGES, LATENCIES

LEDGER = Reconciliation(1100, 1100, 0, (), 0, 0, 0, 0)


def finished(folder: Path, most: int = 100, *, series: DeliverySeries | None = None) -> Course:
    run = MadeUpRun(folder)
    run.recorder.finish(12.0)
    delivery = Delivery(LEDGER, series=series)
    course = read_course(open_run(run.writer.finish(run.summary(delivery=delivery), 99, 0.0, delivery)), most)
    assert course is not None
    return course


def test_kinds_add_up_second_by_second(tmp_path: Path) -> None:
    course = finished(tmp_path)
    assert course.step_s == 1
    assert course.at_s.tolist() == list(range(12))
    assert course["offered"].tolist() == [100] * 12
    assert course["accepted"].tolist() == [100] * 11 + [0]
    assert course["failed_permanent"].tolist() == [0] * 11 + [100]
    assert course["connections"].tolist() == [3] * 12
    assert np.allclose(course["response_p99_s"], 0.03)
    assert np.allclose(course["generator_cpu_ratio"], 0.2)
    assert (course.has("failed_permanent"), course.has("failed_tls"), course.has("backlog")) == (True, False, False)


def test_steps_keep_means_of_counters_and_the_largest_of_the_rest(tmp_path: Path) -> None:
    course = finished(tmp_path, most=3)
    assert (course.step_s, course.at_s.tolist()) == (5, [0, 5, 10])
    # The last step has two seconds, and in the second of them nothing was accepted.
    assert course["accepted"].tolist() == [100, 100, 50]
    assert (course["accepted_low"].tolist(), course["accepted_high"].tolist()) == ([100, 100, 0], [100, 100, 100])
    assert np.allclose(course["response_max_s"], 0.03)


def test_deliveries_are_told_per_second_and_their_last_count_stays(tmp_path: Path) -> None:
    def integers(*values: int) -> Any:
        return np.array(values, dtype=np.int64)

    series = DeliverySeries(integers(0, 1, 2), integers(10, 20, 30), integers(4, 18, 30), integers(6, 2, 0))
    course = finished(tmp_path, series=series)
    assert course["delivered"].tolist() == [4, 14, 12] + [0] * 9
    assert course["backlog"].tolist() == [6, 2] + [0] * 10


def test_the_course_goes_on_until_the_backlog_is_gone(tmp_path: Path) -> None:
    second = np.arange(20, dtype=np.int64)
    accepted, delivered = np.minimum(100 * (second + 1), 1100), np.minimum(80 * (second + 1), 1100)
    course = finished(tmp_path, series=DeliverySeries(second, accepted, delivered, accepted - delivered))
    assert course.at_s.size == 14
    assert course["backlog"].tolist()[-3:] == [140, 60, 0]
    assert course["delivered"].tolist()[-2:] == [80, 60]
    assert course["accepted"].tolist()[-2:] == [0, 0]


def test_a_run_that_was_cut_short_is_told_as_far_as_it_got(tmp_path: Path) -> None:
    course = read_course(open_run(MadeUpRun(tmp_path).writer.folder), 100)
    assert course is not None
    assert course["completed"].sum() == 1200


def test_a_run_without_a_second_has_no_course(tmp_path: Path) -> None:
    folder, _ = MadeUpRun(tmp_path).finish()
    (folder / "timeline.parquet").unlink()
    assert read_course(open_run(folder), 100) is None


@pytest.mark.parametrize(
    ("seconds", "most", "step_s"), [(720, 720, 1), (721, 720, 2), (86_400, 720, 120), (9_000, 2, 7200)]
)
def test_steps_are_as_long_as_they_must_be(seconds: int, most: int, step_s: int, tmp_path: Path) -> None:
    folder, _ = MadeUpRun(tmp_path, plan=replace(PLAN)).finish()
    count = np.zeros(seconds, dtype=np.int64)
    columns: dict[str, Any] = {"second": np.arange(seconds)} | dict.fromkeys(COUNTERS, count)
    columns["offered"] = count + 1
    columns |= {name: np.full(seconds, math.nan) for name in (*GAUGES, *LATENCIES)}
    pq.write_table(pa.table(columns), folder / "timeline.parquet")
    course = read_course(open_run(folder), most)
    assert course is not None
    assert (course.step_s, course.at_s.size <= most) == (step_s, True)
