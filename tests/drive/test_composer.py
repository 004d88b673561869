"""Arrivals of workers: their union is what one process would send, message by message."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from support.runs import ROOT

# Importing loadkit.drive patches the process for gevent, so it is done in another one.
PROGRAM = """
import json, sys
from loadkit.drive.composer import ClosedLoop, scheduled_arrivals
from loadkit.scenario.arrivals import schedule_of
from loadkit.scenario.load import parse_scenario
from loadkit.scenario.mix import Mix
from loadkit.scenario.sharing import WHOLE, Share, stripe_of

def arrivals(scenario, share):
    mix, stripe = Mix(scenario), stripe_of(scenario, share)
    if scenario.load.open_loop:
        return list(scheduled_arrivals(schedule_of(scenario), mix, stripe))
    loop, taken = ClosedLoop(mix, 0.0, scenario.load.messages, stripe), []
    while (arrival := loop.take(1.0)) is not None:
        taken.append(arrival)
    return taken

scenario = parse_scenario(sys.stdin.read())
whole = [arrival[1:] for arrival in arrivals(scenario, WHOLE)]
found = []
for count in range(1, 17):
    parts = [arrivals(scenario, Share(index, count)) for index in range(count)]
    numbered = all([arrival.seq for arrival in part] == list(range(len(part))) for part in parts)
    union = sorted(arrival[1:] for part in parts for arrival in part)
    found.append([numbered, union == sorted(whole), [len(part) for part in parts]])
print(json.dumps([len(whole), found]))
"""

BLOCKS = """\
scenario: many
seed: 7
messages:
  note: {size: {uniform: [1KiB, 9KiB]}, recipients: {uniform: [1, 5]}}
  ad: {weight: 3}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("load", "expected"),
    [
        ("{arrivals: even, stages: [{name: a, rate: 10001/s, duration: 1s}]}", 10_001),
        ("{stages: [{name: a, from: 0/s, to: 9000/s, duration: 2s}, {name: b, rate: 3/s, duration: 3s}]}", None),
        (
            (
                "{arrivals: {mmpp: {dispersion: 20, factor: 5, share: 10%}}, stages: [{name: a, duration: 3s, "
                "shape: {sine: {mean: 3000/s, amplitude: 3000/s, period: 1s}}}]}"
            ),
            None,
        ),
        ("{executor: shared_messages, sessions: 17, messages: 9973}", 9973),
    ],
)
def test_the_union_over_workers_is_exactly_the_schedule(load: str, expected: int | None) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=f"{BLOCKS}load: {load}\n",
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    total, found = json.loads(done.stdout)
    assert total == expected or (expected is None and total > 8000)
    for count, (numbered, same, lengths) in enumerate(found, 1):
        assert numbered
        assert same
        assert len(lengths) == count
        assert sum(lengths) == total
