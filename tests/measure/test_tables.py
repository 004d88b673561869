"""Timelines on disk: rows that add up become one, with names for numbers, and counters read back the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.recording import PLAN

from loadkit.measure.records import Gauges, Tx
from loadkit.measure.tables import TableStream, merged_timeline, read_table, timeline_rows
from loadkit.measure.timeline import COUNTERS, TimelineBuilder

COLUMNS = (Tx.INTENDED, Tx.STARTED, Tx.COMPLETED, Tx.SIZE_BYTES)


@pytest.fixture
def timeline(tmp_path: Path) -> Any:
    """A timeline in which three messages started in second 2 and ended one by one in later ones."""
    stream, builder = TableStream(tmp_path / "timeline"), TimelineBuilder(PLAN)
    for second in (3, 4, 5):
        columns = np.full((len(Tx), 1), np.nan)
        columns[COLUMNS, 0] = (2.1, 2.2, second + 0.5, 1000)
        builder.add_transactions(columns, np.array([3]), np.array([0]))
        stream.append(builder.take(second + 1, Gauges(second + 1.0, second, 1, 0)))
    return read_table(tmp_path / "timeline")


def test_rows_that_add_up_become_one(timeline: Any) -> None:
    rows = {(row["second"], row["stage"], row["kind"]): row for row in merged_timeline(PLAN, timeline).to_pylist()}
    assert timeline.num_rows == len(rows) + 2
    begun = rows[2, "hold", "ad"]
    assert (begun["started"], begun["completed"], begun["in_flight"]) == (3, 0, 3)
    assert begun["response_p50_s"] is None
    for second in (3, 4, 5):
        ended = rows[second, "hold", "ad"]
        assert (ended["started"], ended["completed"], ended["in_flight"]) == (0, 1, second)
        assert ended["response_p50_s"] == pytest.approx(second - 1.6)


def test_counters_read_back_the_same_before_and_after(timeline: Any) -> None:
    before, after = timeline_rows(PLAN, timeline), timeline_rows(PLAN, merged_timeline(PLAN, timeline))
    assert set(before["stage"].tolist()) == set(after["stage"].tolist()) == {0, 1}
    assert set(before["kind"].tolist()) == set(after["kind"].tolist()) == {0, 1}
    for counter in COUNTERS:
        assert before[counter].sum() == after[counter].sum()
    assert after["started"][(after["stage"] == 1) & (after["kind"] == 1)].sum() == 3


def test_a_table_without_rows_leaves_no_file(tmp_path: Path) -> None:
    stream = TableStream(tmp_path / "timeline")
    assert read_table(tmp_path / "timeline") is None
    stream.finish()
    assert list(tmp_path.iterdir()) == []
    assert read_table(tmp_path / "timeline") is None
