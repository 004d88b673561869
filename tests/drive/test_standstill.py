"""A standstill of the target is told once, in time, and its end too."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from loadkit.drive.standstill import Standstill
from loadkit.measure.books import LiveTotals
from loadkit.smtp.outcome import OutcomeClass

NOTHING = LiveTotals(
    at_s=0.0,
    offered=0,
    started=0,
    completed=0,
    accepted=0,
    shed=0,
    failed={},
    in_flight=0,
    connections=0,
    queued=0,
    setups=0,
    setups_failed=0,
)


def told(*seconds: LiveTotals) -> dict[int, str]:
    """What is told, by the second in which it is."""
    watch = Standstill()
    found = {}
    for second, totals in enumerate(seconds, 1):
        if text := watch.look(replace(totals, at_s=float(second))):
            found[second] = text
    return found


def test_a_target_that_accepts_is_no_standstill() -> None:
    assert told(*(replace(NOTHING, accepted=second, in_flight=5) for second in range(1, 30))) == {}


def test_nothing_to_send_is_no_standstill() -> None:
    assert told(*[replace(NOTHING, accepted=7)] * 30) == {}


def test_messages_without_an_answer_are_told_once_and_so_is_the_end() -> None:
    standing = replace(NOTHING, accepted=100, in_flight=1200, queued=30)
    assert told(standing, *[standing] * 20, replace(standing, accepted=101), standing) == {
        4: "no message was accepted for 3s: 1,200 under way, 30 waiting, 0 failed",
        22: "messages are accepted again, after 21s",
    }


def test_failures_alone_are_a_standstill() -> None:
    seconds = [replace(NOTHING, accepted=5, failed={OutcomeClass.CONNECTION: 10 * second}) for second in range(8)]
    assert told(*seconds) == {4: "no message was accepted for 3s: 0 under way, 0 waiting, 30 failed"}


def test_the_time_without_work_does_not_count() -> None:
    idle, busy = replace(NOTHING, accepted=5), replace(NOTHING, accepted=5, in_flight=1)
    assert told(*[idle] * 10, busy, busy, idle, busy, busy, busy) == {
        16: "no message was accepted for 3s: 1 under way, 0 waiting, 0 failed"
    }


def test_a_slow_target_is_told_every_ten_seconds_at_most() -> None:
    seconds = [replace(NOTHING, accepted=second // 4, in_flight=1) for second in range(40)]
    starts = [second for second, text in told(*seconds).items() if text.startswith("no message")]
    assert all(after - before >= 10 for before, after in pairwise(starts))
    assert len(starts) >= 3
