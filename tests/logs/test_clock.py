from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from loadkit.logs.clock import NO_TIME, Clock, show_time


def read(*lines: str, modified: str = "2026-11-24T16:00") -> list[str | None]:
    """The times of lines, in words; None for a line without."""
    data = "".join(f"{line}\n" for line in lines).encode()
    starts = np.cumsum([0, *(len(line.encode()) + 1 for line in lines[:-1])])
    clock = Clock(datetime.fromisoformat(modified).replace(tzinfo=UTC).timestamp())
    times = clock.read(np.frombuffer(data, dtype=np.uint8), starts).tolist()
    return [None if at == NO_TIME else datetime.fromtimestamp(at, UTC).isoformat(" ")[:19] for at in times]


@pytest.mark.parametrize(
    ("line", "time"),
    [
        ("Nov 24 16:00:01 host postfix", "2026-11-24 16:00:01"),
        ("Nov  5 00:00:00 host", "2026-11-05 00:00:00"),
        ("2026-11-24 16:00:01 1xVtAm-0004nU-06 <=", "2026-11-24 16:00:01"),
        ("2026-11-24 16:00:01.394 [18553] x", "2026-11-24 16:00:01"),
        ("2024-02-29T23:59:59.123456+08:00 host", "2024-02-29 23:59:59"),
        ("2023-02-29T23:59:59 host", None),
        ("Feb 30 10:00:00 host", None),
        ("Now 24 16:00:01 host", None),
        ("Nov 24 24:00:01 host", None),
        ("Nov 24 16:60:01 host", None),
        ("Nov x4 16:00:01 host", None),
        ("2026-13-24 16:00:01 host", None),
        ("0000-00-00 00:00:00 host", None),
        (" Suggested action: use keep_environment.", None),
        ("Nov 24", None),
        ("", None),
    ],
)
def test_the_times_that_logs_have(line: str, time: str | None) -> None:
    assert read(line) == [time]


def test_the_year_that_syslog_leaves_out_is_the_latest_before_the_files_last_change() -> None:
    assert read("Nov 24 15:59:00 h")[0] == "2026-11-24 15:59:00"
    assert read("Nov 24 15:59:00 h", modified="2027-02-01T00:00")[0] == "2026-11-24 15:59:00"
    assert read("Jan  1 00:00:00 h", modified="2026-12-30T00:00")[0] == "2026-01-01 00:00:00"
    # The writer's clock may be ahead by its time zone.
    assert read("Nov 25 05:00:00 h", modified="2026-11-24T16:00")[0] == "2026-11-25 05:00:00"


def test_the_year_turns_within_a_file_and_a_line_out_of_order_turns_it_back() -> None:
    lines = ("Dec 31 23:59:58 h", "Jan  1 00:00:01 h", "Dec 31 23:59:59 h", "Jan  1 00:00:02 h")
    assert read(*lines, modified="2027-01-02T00:00") == [
        "2026-12-31 23:59:58",
        "2027-01-01 00:00:01",
        "2026-12-31 23:59:59",
        "2027-01-01 00:00:02",
    ]


def test_the_year_goes_on_from_block_to_block() -> None:
    clock = Clock(datetime(2027, 1, 2, tzinfo=UTC).timestamp())
    times = [
        int(clock.read(np.frombuffer(line, dtype=np.uint8), np.array([0]))[0])
        for line in (b"Dec 31 23:59:00 h\n", b"Jan  1 00:01:00 h\n")
    ]
    assert times[1] - times[0] == 120


def test_a_leap_second_is_no_broken_line() -> None:
    assert read("Dec 31 23:59:60 h", modified="2027-01-01T00:00") == ["2027-01-01 00:00:00"]


def test_times_for_people() -> None:
    assert show_time(1_795_536_001) == "2026-11-24 16:00"
