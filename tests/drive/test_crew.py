"""What the master knows of its workers: clocks compared over a round trip, silence, loss."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.drive.crew import Crew, Member
from loadkit.drive.messages import ClockReading, Hello, Job, Ping, Pong, pack, this_process, unpack

HELLO = Hello("1.0", "here", "boot", 7)
DELAYS = st.floats(min_value=0, max_value=2)


class Process:
    """A worker's process as the crew sees it."""

    def __init__(self) -> None:
        self.end = ""

    def ended(self) -> str:
        return self.end


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def crew_of(count: int, clock: Clock) -> tuple[Crew, list[Member]]:
    crew = Crew(count, clock)
    members = [crew.join(f"client-{number}", HELLO, None) for number in range(count)]
    for member in members:
        member.hear(clock.now_s)
    return crew, members


@given(st.floats(min_value=-5, max_value=5), DELAYS, DELAYS, DELAYS)
def test_a_round_trip_bounds_the_difference_of_clocks(
    ahead_s: float, there_s: float, thinking_s: float, back_s: float
) -> None:
    pinged = 1_700_000_000.0
    received = pinged + there_s + ahead_s
    sent = received + thinking_s
    reading = Pong(pinged, received, sent).compared(pinged + there_s + thinking_s + back_s)
    assert reading.error_s == pytest.approx((there_s + back_s) / 2, abs=1e-5)
    assert abs(reading.ahead_s - ahead_s) <= reading.error_s + 1e-5
    assert reading.apart_s <= abs(ahead_s) + 1e-5


def test_equal_ways_give_the_difference_exactly() -> None:
    reading = Pong(10.0, 10.31, 10.41).compared(10.12)
    assert (reading.ahead_s, reading.error_s) == pytest.approx((0.3, 0.01))
    assert reading.apart_s == pytest.approx(0.29)


def test_the_best_reading_is_the_surest_and_the_worst_shows_the_most() -> None:
    _, (member,) = crew_of(1, Clock())
    for reading in (ClockReading(0.4, 0.5), ClockReading(0.06, 0.001), ClockReading(-0.09, 0.01)):
        member.compare(reading)
    assert member.best == ClockReading(0.06, 0.001)
    assert member.worst == ClockReading(-0.09, 0.01)
    assert member.readings == 3


def test_a_silent_worker_is_not_awaited_and_in_the_end_given_up() -> None:
    clock = Clock()
    crew, (first, second) = crew_of(2, clock)
    clock.now_s += 5.5
    first.hear(clock.now_s)
    assert crew.awaited() == [first]
    assert crew.silent() == [second]
    assert list(crew.newly_lost()) == []
    clock.now_s += 5.0
    second.hear(clock.now_s)  # it was stopped, and goes on
    first.hear(clock.now_s)
    assert crew.awaited() == [first, second]
    assert second.silence_s == pytest.approx(10.5)
    clock.now_s += 15.5
    first.hear(clock.now_s)
    assert list(crew.newly_lost()) == [second]
    assert second.lost == "it did not report for 15s"
    assert list(crew.newly_lost()) == []
    assert crew.underway() == [first]


def test_a_process_that_ended_is_lost_at_once_unless_it_was_done() -> None:
    clock = Clock()
    crew = Crew(2, clock)
    processes = Process(), Process()
    done, died = (crew.join(str(process), HELLO, process) for process in processes)  # type: ignore[arg-type]
    done.done = True
    for process in processes:
        process.end = "its process ended with 1"
    assert list(crew.newly_lost()) == [died]
    assert (done.lost, died.lost) == ("", "its process ended with 1")


@pytest.mark.parametrize("value", [HELLO, Ping(1.5, 3), Job("a: b", "smtp://127.0.0.1:25", 0.5, "abcdefgh", 1, 2)])
def test_messages_survive_the_wire(value: object) -> None:
    assert unpack(type(value), pack(value)) == value


def test_this_process_says_who_it_is() -> None:
    hello = this_process("1.0", 4711)
    assert (hello.version, hello.pid) == ("1.0", 4711)
    assert hello.name == f"{hello.host}, process 4711"
    assert hello == this_process("1.0", 4711)
