"""Traces: what is in them counts, what is broken is counted and said, and nothing in them takes long or much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from loadkit.errors import ScenarioError
from loadkit.scenario.describe import describe
from loadkit.scenario.findings import FindingsError
from loadkit.scenario.load import load_scenario, parse_scenario
from loadkit.scenario.traces import MAX_LINE_BYTES, Columns, read_recording

if TYPE_CHECKING:
    from pathlib import Path

    from loadkit.scenario.schema import Scenario
    from loadkit.scenario.traces import Recording

TIMES, COUNTS, BOTH = Columns("time", None), Columns(None, "sent"), Columns("time", "sent")


def recording_of(folder: Path, text: str | bytes, columns: Columns, every_s: float = 60.0) -> Recording:
    path = folder / "trace.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_recording(path, columns, every_s)


def scenario_of(folder: Path, trace: str, **stage: Any) -> Scenario:
    more = "".join(f", {key}: {value}" for key, value in stage.items())
    stage_text = f"{{name: replay, shape: {{trace: {trace}}}{more}}}"
    text = f"scenario: x\nload: {{stages: [{stage_text}]}}\nmessages: {{note: {{}}}}\n"
    return parse_scenario(text, base=folder)


def test_each_timestamp_is_a_message_in_its_interval(tmp_path: Path) -> None:
    text = "time\n2026-11-10T08:00:59.5\n2026-11-10T08:00:00\n2026-11-10T08:01:00\n2026-11-10T08:03:00\n"

    recording = recording_of(tmp_path, text, TIMES)

    assert recording.counts == (2, 1, 0, 1)
    assert (recording.lines, recording.broken, recording.length_s) == (4, 0, 240)


@pytest.mark.parametrize(
    "times",
    [
        ("2026-11-10T08:00:00Z", "2026-11-10T08:02:00Z"),
        ("2026-11-10 16:00:00+08:00", "2026-11-10T08:02"),
        ("1762761600", "1762761720.25"),
        ("1762761600000", "1762761720000"),
        ("1762761600000000", " 1762761720000000 "),
        ("1762761600.5", "1762761720999"),
        ('"2026-11-10T08:00:00Z"', '"2026-11-10T08:02:00Z"'),
    ],
)
def test_times_are_iso_8601_or_unix_times_in_any_unit(tmp_path: Path, times: tuple[str, str]) -> None:
    assert recording_of(tmp_path, "time\n" + "\n".join(times), TIMES).counts == (1, 0, 1)


def test_each_count_is_the_next_interval_and_a_broken_one_is_empty(tmp_path: Path) -> None:
    text = "no,sent\r\n" + "".join(f"{number},{number}.5\r\n" for number in range(11)) + "12,many\r\n\r\n13,7"

    recording = recording_of(tmp_path, text, COUNTS, 10.0)

    assert recording.counts == (*(number + 0.5 for number in range(11)), 0, 7)
    assert (recording.lines, recording.broken) == (13, 1)
    assert recording.first_broken == "the first of them, line 13, 'many' is no count"


def test_counts_at_times_are_put_where_they_belong(tmp_path: Path) -> None:
    text = "sent;time;note\n5;2026-11-10T08:02:00;b\n3;2026-11-10T08:00:00;a\n4;2026-11-10T08:02:30;\n"

    assert recording_of(tmp_path, text, BOTH).counts == (3, 0, 9)


def test_intervals_of_a_tenth_of_a_second_hold_what_comes_at_their_begin(tmp_path: Path) -> None:
    text = "time\n" + "\n".join(f"{1762761600 + number / 10:.1f}" for number in range(1000))

    assert recording_of(tmp_path, text, TIMES, 0.1).counts == (1.0,) * 1000


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"2026-11-10T25:00,1", "'2026-11-10T25:00' is no time"),
        (b",1", "'' is no time"),
        (b"2026-11-10T08:00", "has too few columns"),
        (b"2026-11-10T08:00,", "'' is no count"),
        (b"2026-11-10T08:00,-1", "'-1' is no count"),
        (b"2026-11-10T08:00,inf", "'inf' is no count"),
        (b"2026-11-10T08:00,1_000", "'1_000' is no count"),
        ("2026-11-10T08:00,\N{ARABIC-INDIC DIGIT ONE}".encode(), "'\N{ARABIC-INDIC DIGIT ONE}' is no count"),
        (b"2026-11-10T08:00,\xff\xfe", "'\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}' is no count"),
        (b"\x1b[31m2026-11-10T08:00,1", r"'\x1b[31m2026-11-10T08:00' is no time"),
        (b'2026-11-10T08:00,"1', "is no CSV: unexpected end of data"),
        (b"2\x006\x00", r"'2\x006\x00' is no time"),
        (b"9" * 17 + b",1", f"'{'9' * 17}' is no time"),
        (b"1" * (MAX_LINE_BYTES + 5) + b",1", "is longer than 64 KiB"),
        (b"x" * (3 * MAX_LINE_BYTES), "is longer than 64 KiB"),
    ],
    ids=range(15),
)
def test_a_broken_line_is_counted_and_named_and_the_others_hold(tmp_path: Path, line: bytes, why: str) -> None:
    good = [b"2026-11-10T08:%02d,%d" % (number, number) for number in range(30)]

    recording = recording_of(tmp_path, b"\n".join([b"time,sent", *good[:5], line, *good[5:]]), BOTH)

    assert recording.counts == tuple(range(30))
    assert (recording.lines, recording.broken) == (31, 1)
    assert recording.first_broken == f"the first of them, line 7, {why}"


def test_one_line_in_ten_may_be_broken_and_not_more(tmp_path: Path) -> None:
    assert recording_of(tmp_path, "sent\n" + "5\n" * 9 + "x\n", COUNTS).broken == 1
    with pytest.raises(FindingsError, match=r"2 of 10 lines of trace\.csv are broken, more than one in ten"):
        recording_of(tmp_path, "sent\n" + "5\n" * 8 + "x\n" * 2, COUNTS)


def test_the_number_of_lines_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadkit.scenario.traces.MAX_LINES", 5)

    assert recording_of(tmp_path, "sent\n" + "5\n" * 5, COUNTS).lines == 5
    with pytest.raises(FindingsError, match="has more than 5 lines"):
        recording_of(tmp_path, "sent\n" + "5\n" * 6, COUNTS)


def test_a_replay_sends_what_the_trace_says_and_no_longer_than_it_lasts(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text("sent\n60\n0\n120\n")
    trace = "{file: trace.csv, counts: sent}"

    whole = scenario_of(tmp_path, trace).load.timetable
    part = scenario_of(tmp_path, trace, duration="130s").load.timetable

    assert whole.curve is not None
    assert part.curve is not None
    assert (whole.duration_s, whole.curve.area) == (180, 180)
    assert whole.curve.rate_at(np.array([0.0, 59.9, 60.0, 120.0, 180.0])).tolist() == [1, 1, 0, 2, 2]
    assert (part.duration_s, part.curve.area) == (130, 80)
    with pytest.raises(ScenarioError, match="1 problem"):
        scenario_of(tmp_path, trace, duration="181s")


def test_broken_lines_are_a_note_of_the_check(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text("sent\n" + "60\n" * 19 + "sixty\n")
    scenario = scenario_of(tmp_path, "{file: trace.csv, counts: sent}")

    words = describe(scenario)

    assert "  replay: trace trace.csv (20 times 1m00s) for 20m00s, about 1,140 messages\n" in words
    assert words.endswith(
        "\nNote: trace.csv has 1 broken line of 20, counted for nothing; the first of them, line 21, 'sixty' is no "
        "count.\n"
    )


def test_a_trace_is_beside_the_scenario_and_not_in_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trace.csv").write_text("sent\n60\n")
    stage = "{name: a, shape: {trace: {file: trace.csv, counts: sent}}}"
    (tmp_path / "mine.yaml").write_text(f"scenario: x\nload: {{stages: [{stage}]}}\nmessages: {{note: {{}}}}\n")
    monkeypatch.chdir("/")

    assert load_scenario(tmp_path / "mine.yaml").timetable.duration_s == 60
