from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.mail import RUN, message

from loadkit.errors import ExitCode, UsageError
from loadkit.measure.ledger import MAX_KINDS
from loadkit.smtp.stamp import Stamp
from sinks.intake import MAX_RUNS, Channels, Intake
from sinks.ledger_file import read_ledger, write_ledger

if TYPE_CHECKING:
    from pathlib import Path


def take(intake: Intake, content: bytes, *, now: float = 1000.0, recipients: int = 1) -> None:
    intake.take(content, size_bytes=len(content), recipients=recipients, now=now)


def test_deliveries_are_counted_by_run() -> None:
    intake = Intake()
    for seq in (0, 1, 1, 5):
        take(intake, message(seq), now=1000.0 + seq, recipients=3)
    take(intake, message(0, run="otherrun"))
    take(intake, b"no id")
    ledger = intake.runs[RUN]
    assert (ledger.deliveries, ledger.distinct, ledger.duplicates, ledger.recipients) == (4, 3, 1, 12)
    assert ledger.size_bytes == 4 * len(message(0))
    assert (ledger.first_at, ledger.last_at) == (1000.0, 1005.0)
    assert intake.runs["otherrun"].deliveries == 1
    assert (intake.unidentified.deliveries, intake.unidentified.unknown) == (1, 1)
    assert intake.deliveries == 6


def test_runs_are_bounded_and_the_first_begun_goes() -> None:
    intake = Intake()
    for number in range(MAX_RUNS + 2):
        take(intake, message(0, run=f"run{number:05d}"))
    assert len(intake.runs) == MAX_RUNS
    assert intake.dropped_runs == 2
    assert "run00001" not in intake.runs
    assert "run00002" in intake.runs


def test_processes_merge_and_what_both_got_is_a_duplicate() -> None:
    one, two = Intake(), Intake()
    for seq in (0, 1, 2):
        take(one, message(seq))
    for seq in (2, 3):
        take(two, message(seq))
    take(two, b"no id")
    take(two, message(0, run="otherrun"))
    one.merge(two)
    assert (one.runs[RUN].deliveries, one.runs[RUN].distinct, one.runs[RUN].duplicates) == (5, 4, 1)
    assert one.runs["otherrun"].deliveries == 1
    assert one.unidentified.unknown == 1


def test_file_holds_everything(tmp_path: Path) -> None:
    intake = Intake()
    for seq in (0, 1, 1, 70000):
        take(intake, message(seq))
    take(intake, b"no id")
    intake.dropped_runs = 3
    file = tmp_path / "ledger.json"
    write_ledger(intake, file)
    again = read_ledger(file)
    assert again.to_dict() == intake.to_dict()
    assert list(again.runs[RUN].senders[0].ranges()) == [(0, 1), (70000, 70000)]
    assert [entry.name for entry in tmp_path.iterdir()] == ["ledger.json"]


def test_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "ledger.json"
    write_ledger(Intake(), file)
    with file.open() as old:
        intake = Intake()
        take(intake, message(0))
        write_ledger(intake, file)
        assert json.load(old)["runs"] == {}
    assert read_ledger(file).deliveries == 1


def test_unwritable_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be written: No such file") as raised:
        write_ledger(Intake(), tmp_path / "missing" / "ledger.json")
    assert raised.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema_version": 2}', '{"schema_version": 1, "runs": {"a": {}}}', "\x80"]
)
def test_what_is_no_ledger_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ledger.json"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match="not a readable ledger"):
        read_ledger(file)


def test_missing_ledger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_ledger(tmp_path / "none.json")


def test_what_came_by_other_channels_reads_back_equal_and_adds_up() -> None:
    one, two = Intake(), Intake()
    for intake, seqs in ((one, (0, 1, 1)), (two, (1, 2))):
        for seq in seqs:
            intake.channels.take(Stamp("abcdefgh", 0, seq, "alert", 1, 2), size_bytes=10, now=5.0)
    intake = Intake.from_dict(json.loads(json.dumps(one.to_dict())))
    intake.merge(two)
    ledger = intake.channels.runs["abcdefgh"]["alert"]
    assert (ledger.distinct, ledger.deliveries, ledger.duplicates, ledger.size_bytes) == (3, 5, 2, 50)
    assert intake.to_dict("otherrun")["channels"] == {}
    assert intake.deliveries == 0  # these are no mail


def test_channels_take_a_bounded_number_of_runs_and_kinds() -> None:
    channels = Channels()
    for number in range(MAX_RUNS + 1):
        channels.take(Stamp(f"run{number:06}", 0, 0, "alert"), size_bytes=1, now=1.0)
    for number in range(MAX_KINDS + 5):
        channels.take(Stamp("run000064", 0, 0, f"kind{number}"), size_bytes=1, now=1.0)
    channels.take(None, size_bytes=1, now=1.0)
    assert len(channels.runs) == MAX_RUNS
    assert "run000000" not in channels.runs
    assert len(channels.runs["run000064"]) == MAX_KINDS
