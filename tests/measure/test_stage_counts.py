"""What became of the messages of each stage, against a made-up run of known figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.recording import PLAN, MadeUpRun

from loadkit.errors import RunFolderError
from loadkit.measure.records import Stage
from loadkit.measure.stage_counts import count_by_stage
from loadkit.measure.store import open_run


def test_messages_of_the_measured_stage_by_limit(tmp_path: Path) -> None:
    """Ten seconds of 100 messages, which take 30 ms each; those of the last second are refused."""
    counts = count_by_stage(open_run(MadeUpRun(tmp_path).finish()[0]), [0.02, 0.04])

    assert (counts.offered, counts.accepted) == ((1000,), (900,))
    # A refused message that took long is bad because it was refused, and counts once.
    assert counts.slow == {0.02: (900,), 0.04: (0,)}
    assert len(counts.backlog) == 10
    assert set(counts.backlog) == {0.0}


def test_every_stage_has_its_own_counts(tmp_path: Path) -> None:
    plan = replace(PLAN, stages=(PLAN.stages[0], Stage("first", 2.0, 12.0), Stage("second", 12.0, 14.0)))
    counts = count_by_stage(open_run(MadeUpRun(tmp_path, plan=plan).finish()[0]), [0.02])

    assert counts.offered == (1000, 0)
    assert counts.slow[0.02] == (900, 0)


def test_a_folder_without_a_timeline_is_named(tmp_path: Path) -> None:
    folder, _ = MadeUpRun(tmp_path).finish()
    (folder / "timeline.parquet").unlink()
    with pytest.raises(RunFolderError, match="no timeline"):
        count_by_stage(open_run(folder), [1.0])
