"""Running, measuring and alternating on known commands."""

from __future__ import annotations

import sys

import pytest
from support.programs import find_program

from benchmarks.commands import SESSIONS
from benchmarks.peers import PEERS
from benchmarks.running import Cost, Finding, Spread, alternate, run

BUSY = "import time\nwhile time.process_time() < 0.3: pass\nprint('done')"


def test_cpu_of_children_counts_and_waiting_does_not() -> None:
    find_program("taskset")
    program = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BUSY!r}])"

    cost = run([sys.executable, "-c", program])

    assert cost.output == "done\n"
    assert 0.3 <= cost.cpu_s <= cost.wall_s


def test_a_command_without_end_is_stopped_and_what_it_used_counts() -> None:
    cost = run([sys.executable, "-c", "while True: pass"], core=None, stop_after_s=0.5)

    assert cost.wall_s >= 0.5
    assert cost.cpu_s > 0


def test_a_command_that_fails_is_named() -> None:
    with pytest.raises(SystemExit, match="ended with 7"):
        run([sys.executable, "-c", "raise SystemExit(7)"], core=None)


def test_rounds_alternate_in_order_and_keep_their_places() -> None:
    taken: list[str] = []

    def note(name: str) -> str:
        taken.append(name)
        return name

    rounds = list(alternate("x", 2, [lambda: note("a"), lambda: note("b")]))

    assert rounds == [("a", "b"), ("a", "b")]
    assert taken == ["a", "b", "b", "a"]


def test_a_finding_is_the_median_of_ratios_not_the_ratio_of_medians() -> None:
    finding = Finding.ratio("x", [(1.0, 2.0), (9.0, 3.0), (4.0, 4.0)], 1.0)

    assert finding == Finding("x", 1.0, 1.0, "0.50 to 3.00 in 3 rounds", met=True)
    assert not Finding.ratio("x", [(1.1, 1.0)], 1.05).met


def test_spreads_and_differences() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0, 3)
    assert Cost(3.0, 5.0, "x") - Cost(1.0, 2.0) == Cost(2.0, 3.0)


def test_slow_peers_get_a_share_in_whole_steps() -> None:
    lengths = {peer.name: peer.lengths(60_000) for peer in PEERS}

    assert lengths["loadkit"] == (10_000, 60_000)
    assert lengths["swaks"] == (5, 30)
    assert all(count % SESSIONS == 0 for name in ("aiosmtplib", "Locust + smtplib") for count in lengths[name])
