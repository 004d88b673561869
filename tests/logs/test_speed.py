"""Logs are many GB: reading must stay a small multiple of what a loop over the lines costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.reading_logs import cpu_s, line_loop, write_log
from loadkit.logs.gather import gather

ROUNDS = 4

# Measured: 11, 21 and 14. A reader that makes an object of each line, or parses each time, is far above.
MOST = {"postfix": 20.0, "exim": 36.0, "opensmtpd": 25.0}


@pytest.mark.alone
@pytest.mark.parametrize("form", MOST)
def test_reading_a_log_costs_a_bounded_multiple_of_seeing_its_lines(tmp_path: Path, form: str) -> None:
    file = tmp_path / "mail.log"
    messages = write_log(file, form, 6_000_000)
    assert gather([file]).gathered.messages == messages
    ratios = [cpu_s(lambda: gather([file])) / cpu_s(lambda: line_loop(file)) for _ in range(ROUNDS)]
    assert min(ratios) < MOST[form]
