"""Printing: aligned tables, plain text in pipes, and readers that go away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from loadkit.cli._output import print_json, print_summary, print_table

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]


def test_a_table_is_aligned_and_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("RUN", "VERDICT"), [("a" * 120, "passed"), ("b", "failed")])
    assert capsys.readouterr().out == f"RUN{' ' * 119}VERDICT\n{'a' * 120}  passed\nb{' ' * 121}failed\n"


def test_a_table_without_rows_is_its_header(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("RUN", "VERDICT"), [])
    assert capsys.readouterr().out == "RUN  VERDICT\n"


def test_json_is_readable_and_keeps_other_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "促销"})
    assert capsys.readouterr().out == '{\n  "name": "促销"\n}\n'


def test_a_summary_in_a_pipe_is_plain_and_100_columns_wide(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(Text("x" * 99 + " yy", style="bold red"))
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == ["x" * 99, "yy"]


def test_a_reader_that_went_away_is_no_error() -> None:
    program = "from loadkit.cli._output import print_data\nfor _ in range(3): print_data('x' * 70000)"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
