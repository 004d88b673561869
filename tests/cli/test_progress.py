"""Live figures on stderr."""

from __future__ import annotations

import io
import os
import pty
import re
from dataclasses import replace

import pytest

from loadkit.cli._progress import ProgressLine, live_line
from loadkit.drive.live import LiveFigures
from loadkit.measure.books import LiveTotals
from loadkit.smtp.outcome import OutcomeClass

SHOW_CURSOR, CLEAR_LINE = "\x1b[?25h", "\x1b[2K"

TOTALS = LiveTotals(
    at_s=23.0,
    offered=4700,
    started=4600,
    completed=4590,
    accepted=4580,
    shed=7,
    failed={OutcomeClass.TIMEOUT: 3, OutcomeClass.TRANSIENT: 7},
    in_flight=10,
    connections=50,
    queued=93,
    setups=60,
    setups_failed=0,
)
FIGURES = LiveFigures(
    totals=TOTALS, duration_s=60.0, messages=12000.4, stage="rise", response_p95_s=0.0123, cpu_ratio=0.41
)


def at(seconds: float, accepted: int) -> LiveFigures:
    return replace(FIGURES, totals=replace(TOTALS, at_s=seconds, accepted=accepted))


def test_the_line() -> None:
    assert live_line(FIGURES, 201.4) == (
        "rise 23s of 1m00s  accepted 4,580 of 12,000, 201/s  failed 10  late 93  shed 7  "
        "p95 12.3ms  sessions 50  cpu 41%"
    )


def test_what_is_not_known_is_left_out() -> None:
    line = live_line(replace(FIGURES, duration_s=None, messages=None, response_p95_s=None), 0.0)
    assert line.startswith("rise 23s  accepted 4,580, 0/s  ")
    assert "p95 -" in line


def test_a_log_gets_a_line_every_ten_seconds_with_the_rate_since_the_last() -> None:
    log = io.StringIO()
    progress = ProgressLine(log)
    for second in range(1, 26):
        progress.update(at(float(second), second * 100 + max(0, second - 10) * 50))
    progress.finish()
    assert [line.split("  ")[:2] for line in log.getvalue().splitlines()] == [
        ["rise 10s of 1m00s", "accepted 1,000 of 12,000, 100/s"],
        ["rise 20s of 1m00s", "accepted 2,500 of 12,000, 150/s"],
    ]


def test_a_log_says_once_in_a_while_how_much_is_to_come() -> None:
    log = io.StringIO()
    progress = ProgressLine(log)
    for to_come in (1234, 800, 0):
        progress.draining(to_come)
    assert log.getvalue() == "draining: 1,234 messages to come\n"


def test_a_terminal_gets_one_line_that_is_cut_to_its_width_and_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "20")
    screen, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as output:
        progress = ProgressLine(output)
        progress.update(at(1.0, 100))
        progress.update(at(2.0, 300))
        progress.draining(1234)
        progress.finish()
        output.flush()
        shown = ""
        while SHOW_CURSOR not in shown:  # a terminal hands its text over in pieces
            shown += os.read(screen, 4096).decode()
    os.close(screen)
    lines = [line for line in re.split(r"\r|\n|\x1b\[[?0-9]*[A-Za-z]", shown) if line]
    assert list(dict.fromkeys(lines)) == ["rise 1s of 1m00s  ac", "rise 2s of 1m00s  ac", "draining: 1,234 mess"]
    assert shown.rindex(CLEAR_LINE) > shown.rindex("draining")
