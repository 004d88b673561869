"""Every bundled scenario is sent to the bundled sink for two seconds: what is measured is valid, nothing is lost."""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support import forked
from support.runs import ROOT

from loadkit.cli._bundled import bundled_scenarios

AT_A_TIME = 3  # most of the time one waits for its sink or for the clock
SENT_ELSEWHERE = {"smoke", "steady"}
OK, INVALID, THRESHOLDS = 0, 4, 99


def short_run(name: str, results: Path) -> tuple[int, dict[str, Any], str]:
    """A run's exit code, its summary, and what it said."""
    command = [sys.executable, "-m", "loadkit", "run", name, "--compress", "2s", "--scale", "25%", "--json", "--quiet"]
    done = forked.run([*command, "--results", str(results)], cwd=ROOT, env=os.environ | {"NO_COLOR": "1"})
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


@pytest.mark.alone
@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_every_bundled_scenario_can_be_sent_and_nothing_is_lost(tmp_path: Path) -> None:
    names = sorted(bundled_scenarios().keys() - SENT_ELSEWHERE)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        runs = dict(zip(names, pool.map(lambda name: short_run(name, tmp_path / name), names), strict=True))
    # What they did to each other's schedules is nobody's fault; one at a time it must go well.
    for name in [name for name, (code, _, _) in runs.items() if code == INVALID]:
        runs[name] = short_run(name, tmp_path / f"{name}-again")
    for name, (code, summary, stderr) in runs.items():
        # So short a run may have too few messages for a threshold, which is no failure of it.
        assert code in {OK, THRESHOLDS}, (name, stderr, summary.get("validity"))
        assert summary["verdict"] in {"passed", "failed"}
        failed = [line for line in summary["thresholds"] if line["passed"] is False]
        assert failed == [], name
        ledger = summary["ledger"]
        assert (ledger["lost"], ledger["duplicated"], ledger["corrupted"]) == (0, 0, 0), name
        assert summary["flows"]["completed"]["count"] == summary["flows"]["offered"]["count"] > 0, name
    channels = {one["channel"]: one for one in runs["industrial_alerts"][1]["channels"]}
    assert channels.keys() == {"smtp", "alerts_api", "devices"}
    for name in ("alerts_api", "devices"):
        (kind,) = channels[name]["kinds"].values()
        assert kind["delivered"] == kind["accepted"] == kind["offered"] > 0
