"""The benchmarks still run: every installed generator sends its messages, and every one has its row."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.programs import find_program

from benchmarks.peers import ABILITIES, PEERS

ROOT = Path(__file__).parents[2]
LONG = 120


@pytest.mark.real
@pytest.mark.long
def test_every_installed_peer_sends_its_messages_and_has_its_row() -> None:
    for program in ("smtp-sink", "smtp-source", "taskset"):
        find_program(program)

    command = ["-m", "benchmarks", "--only", "peers", "--rounds", "1", "--long", str(LONG), "--json"]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    table = json.loads(done.stdout)["peers"]
    counted = {row["name"]: row["messages"] for row in table["rows"]}
    assert set(counted) == {peer.name for peer in PEERS if not peer.left_out()}
    assert set(table["left_out"]) == {peer.name for peer in PEERS if peer.left_out()} | {"JMeter"}
    assert {"loadkit", "smtp-source", "aiosmtplib", "Locust + smtplib"} <= set(counted)
    # The receiver counts. How many Postal sends until it is stopped is its own affair; that there are some is checked.
    finite = [peer for peer in PEERS if peer.name in counted and peer.rate_per_s is None]
    assert {peer.name: counted[peer.name] for peer in finite} == {peer.name: sum(peer.lengths(LONG)) for peer in finite}
    assert all(count > 0 for count in counted.values())
    assert all(row["cpu_us"]["rounds"] == 1 for row in table["rows"])


def test_every_tool_is_told_of_by_every_feature_with_a_source() -> None:
    data: dict[str, Any] = yaml.safe_load(ABILITIES.read_text())

    assert {peer.name.partition(",")[0] for peer in PEERS} | {"JMeter"} == set(data["tools"])
    for has in data["tools"].values():
        assert set(has) == set(data["features"])
        assert all(told in {"yes", "partly", "no"} and source for told, source in has.values())
