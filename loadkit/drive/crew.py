"""The workers of a run as the master knows them: who they are, what was heard of them, who was lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loadkit.drive.messages import ClockReading, Hello
from loadkit.measure.workers import SILENCE_MOST_S

if TYPE_CHECKING:
    from loadkit.drive.processes import LocalWorker

GIVEN_UP_AFTER_S = 15.0
"""A worker that was silent for so long is not waited for any more."""
MISSED_AFTER_S = 3.0
"""A worker that was silent for so long is named."""


@dataclass(slots=True)
class Member:
    """One worker.

    Args:
        client_id: Its id at Locust's runner.
        hello: What it says of itself.
        index: Its number.
        heard_s: The clock's reading when it was last heard.
        process: Its process, where it is a child of this one.
        ready: Whether it can start.
        done: Whether it has reported its end.
        stopped: Whether it was told to stop, or stops by itself.
        lost: Why it is lost, in words; empty if it isn't.
        missed: Whether it was named for its silence.
        silence_s: The longest time without a report.
        readings: How many comparisons of clocks there were.
        best: The comparison of clocks with the smallest error.
        worst: The one that shows the largest difference.
    """

    client_id: str
    hello: Hello
    index: int
    heard_s: float
    process: LocalWorker | None = None
    ready: bool = False
    done: bool = False
    stopped: bool = False
    lost: str = ""
    missed: bool = False
    silence_s: float = 0.0
    readings: int = 0
    best: ClockReading | None = None
    worst: ClockReading = field(default_factory=lambda: ClockReading(0.0, 0.0))

    @property
    def who(self) -> str:
        """What it is called towards people."""
        return f"worker {self.index} ({self.hello.name})"

    def hear(self, now_s: float) -> None:
        """Note that it reported."""
        self.silence_s = max(self.silence_s, now_s - self.heard_s)
        self.heard_s = now_s

    def compare(self, reading: ClockReading) -> None:
        """Take a comparison of clocks."""
        self.readings += 1
        if self.best is None or reading.error_s < self.best.error_s:
            self.best = reading
        if reading.apart_s > self.worst.apart_s:
            self.worst = reading


class Crew:
    """The workers of a run.

    Args:
        size: How many are wanted.
        clock: The steady clock.
    """

    def __init__(self, size: int, clock: Callable[[], float]) -> None:
        self.size = size
        self._clock = clock
        self._members: dict[str, Member] = {}

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members.values())

    def __len__(self) -> int:
        return len(self._members)

    def find(self, client_id: str) -> Member | None:
        """The worker with an id, or None if it is none of ours."""
        return self._members.get(client_id)

    def join(self, client_id: str, hello: Hello, process: LocalWorker | None) -> Member:
        """Take a worker in."""
        member = Member(client_id, hello, len(self._members), self._clock(), process)
        self._members[client_id] = member
        return member

    def underway(self) -> list[Member]:
        """Those that have not come to their end and are not lost."""
        return [member for member in self if not member.done and not member.lost]

    def awaited(self) -> list[Member]:
        """Those under way that are heard, whose figures are waited for."""
        return [member for member in self.underway() if not self._is_silent(member)]

    def silent(self) -> list[Member]:
        """Those under way that have not been heard for too long."""
        return [member for member in self.underway() if self._is_silent(member)]

    def _is_silent(self, member: Member) -> bool:
        return self._clock() - member.heard_s > SILENCE_MOST_S

    def newly_missed(self) -> Iterator[Member]:
        """Those under way that have been silent for so long as of now that they must be named."""
        now_s = self._clock()
        for member in self.underway():
            if not member.missed and now_s - member.heard_s > MISSED_AFTER_S:
                member.missed = True
                yield member

    def newly_lost(self) -> Iterator[Member]:
        """Those under way that are lost as of now: their process ended, or they were silent for too long."""
        now_s = self._clock()
        for member in self.underway():
            ended = member.process.ended() if member.process is not None else ""
            if ended:
                member.lost = ended
            elif now_s - member.heard_s > GIVEN_UP_AFTER_S:
                member.lost = f"it did not report for {GIVEN_UP_AFTER_S:.0f}s"
            else:
                continue
            member.silence_s = max(member.silence_s, now_s - member.heard_s)
            yield member
