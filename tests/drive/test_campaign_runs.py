"""A campaign sent by two processes, less of it than is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml
from support.runs import run_scenario

from loadkit.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

CAMPAIGN = """\
scenario: sale
campaign:
  start: 2026-11-10T00:00
  time_zone: Asia/Shanghai
  duration: 2d
  rate: 100/s
  holidays: {2026-11-11: 3}
  test: {window: peak 1h}
load: {arrivals: even}
sessions: {max: 4}
messages: {note: {size: 2KiB}}
guardrails: {provider: own.yaml, severity: error}
"""


def test_a_compressed_and_scaled_campaign_is_sent_whole(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("provider: own\nrate: 500/s\n", encoding="utf-8")
    done = run_scenario(tmp_path, CAMPAIGN, "--compress", "2s", "--scale", "50%", "--workers", "2")
    assert done.exit_code == ExitCode.OK, done.stderr
    assert done.summary["flows"]["offered"]["count"] == 50 * 1 + 150 * 1
    assert {name: part["completed"] for name, part in done.summary["stages"].items()} == {
        "2026-11-10": 50,
        "2026-11-11": 150,
    }
    assert done.folder is not None
    effective = yaml.safe_load((done.folder / "scenario.effective.yaml").read_text(encoding="utf-8"))
    assert effective["campaign"]["test"] == {"compress": {"from": "48h", "to": "2s"}}
    assert effective["load"]["scale"] == "50%"
    assert "--scale" in json.loads((done.folder / "run.json").read_text(encoding="utf-8"))["command"]


def test_a_demonstration_says_what_it_changes_and_guardrails_see_it(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("provider: own\nrate: 299/s\n", encoding="utf-8")
    done = run_scenario(tmp_path, CAMPAIGN.replace("100/s", "800/s"), "--demo-time")
    assert done.exit_code == ExitCode.USAGE
    assert done.stderr.splitlines() == [
        "demonstration: 1h00m compressed to 1m00s, rates at 12.5%: about 18,000 messages, 300/s at the peak",
        "error: this would send 300 messages/s at the peak; own takes 299: scale it to 99.6% or choose a larger tier",
        "error: this would break 1 limit of own; nothing was sent",
        "hint: change the scenario as said above, or its guardrails.severity",
    ]
    assert done.folder is None
