"""A log, the scenario from it, and what a sink gets when it is run."""

from __future__ import annotations

import json
import math
import os
import random
import statistics
import sys
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from support import forked
from support.maillogs import Connection, postfix_log

from loadkit.errors import ExitCode

ROOT = Path(__file__).parents[2]
SECONDS = 3


def loadkit(folder: Path, *arguments: str) -> Any:
    command = [sys.executable, "-m", "loadkit", *arguments, "--json"]
    done = forked.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)})
    # Other tests beside it may make the measurement invalid; what is compared here are counts.
    assert done.returncode in (ExitCode.OK, ExitCode.INVALID), done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_a_replay_has_the_rate_the_sizes_and_the_reuse_of_the_log(tmp_path: Path) -> None:
    number = random.Random(3)
    connections = [
        Connection(second, tuple(number.choice((2000, 2000, 10_000)) for _ in range(number.choice((1, 9)))))
        for second in range(60)
        for _ in range(50)
    ]
    sizes = [size for connection in connections for size in connection.sizes]
    (tmp_path / "mail.log").write_text(postfix_log(connections))
    loadkit(tmp_path, "init", "day", "--from-log", "mail.log")
    run = loadkit(tmp_path, "run", "day.yaml", "--compress", f"{SECONDS}s", "--sink-engine", "fast", "--quiet")
    (folder,) = (tmp_path / "results").iterdir()
    accepted = run["flows"]["accepted"]["count"]

    # Each of the bounds is 3.5 standard errors of what is drawn at random: once in 2,000 runs it is not met.
    expected = len(sizes) / 60 * SECONDS
    assert accepted == pytest.approx(expected, abs=3.5 * math.sqrt(expected))
    sent_bytes = sum(parquet.read_table(folder / "timeline.parquet")["accepted_bytes"].to_pylist())
    error = statistics.pstdev(sizes) / math.sqrt(accepted)
    assert sent_bytes / accepted == pytest.approx(statistics.fmean(sizes), abs=3.5 * error)
    opened = sum(line["count"] for line in run["setups"] if line["kind"] == "accepted")
    per_connection = [len(connection.sizes) for connection in connections]
    # The sessions that are open at the end have not had all of their messages; there were few at a time.
    error = statistics.pstdev(per_connection) / math.sqrt(opened)
    assert accepted / opened == pytest.approx(statistics.fmean(per_connection), abs=3.5 * error + 0.1)
    assert (run["ledger"]["lost"], run["flows"]["shed"]["count"]) == (0, 0)
