"""A run's arrivals, sessions and limits shared out over workers, so that the shares add up to the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from loadkit.errors import UsageError
from loadkit.scenario.arrivals import schedule_of
from loadkit.scenario.channels import left_out_kinds
from loadkit.scenario.mix import Mix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadkit.scenario.schema import Scenario

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Share:
    """One worker's part of a whole.

    Args:
        index: Number of the worker, from 0.
        count: How many workers there are.
    """

    index: int
    count: int

    def of(self, total: int) -> int:
        """Its part of a number; the first workers take one more where it can't be divided."""
        return total // self.count + (self.index < total % self.count)

    def among(self, items: Sequence[Item]) -> tuple[Item, ...]:
        """Its part of a list; where there are fewer items than workers, the one that it shares with others."""
        if 0 < len(items) < self.count:
            return (items[self.index % len(items)],)
        return tuple(items[self.index :: self.count])

    def of_scenario(self, scenario: Scenario) -> Scenario:
        """The scenario with this worker's part of the sessions, the queue and the local addresses.

        Raises:
            UsageError: If there is a worker without a session.
        """
        if self.count == 1:
            return scenario
        check_enough_sessions(scenario, self.count)
        sessions, load = scenario.sessions, scenario.load
        own_sessions = {"max": self.of(sessions.max), "local_addresses": self.among(sessions.local_addresses)}
        own_load = {"queue": self.of(load.queue)}
        if load.sessions is not None:
            own_load["sessions"] = self.of(load.sessions)
        return scenario.model_copy(
            update={"sessions": sessions.model_copy(update=own_sessions), "load": load.model_copy(update=own_load)}
        )


WHOLE = Share(0, 1)


def check_enough_sessions(scenario: Scenario, workers: int) -> None:
    """See that each worker has a session.

    Raises:
        UsageError: If one has none.
    """
    key, sessions = "sessions.max", scenario.sessions.max
    if scenario.load.sessions is not None:
        key, sessions = "load.sessions", scenario.load.sessions
    if workers > sessions:
        raise UsageError(
            f"{workers} workers can't share {sessions} session{'s' if sessions > 1 else ''}",
            hint=f"take at most {sessions} workers, or raise {key} in the scenario",
        )


class Stripe:
    """Which arrivals of a run are a worker's: the union over the workers is every arrival, each once.

    The arrivals of an open loop go to the workers in turn. Those of a closed loop go to its sessions in turn, so that
    a worker with more sessions has as many more messages, and none has to wait for another at the end.

    Args:
        share: Which worker, of how many.
        sessions: How many sessions a closed loop has in all; None for an open loop.
    """

    def __init__(self, share: Share, sessions: int | None = None) -> None:
        self._slots = share.count if sessions is None else sessions
        self._count = share.count
        self._index = share.index
        self.whole = share.count == 1
        """Whether every arrival is its own."""

    def places(self, first: int, count: int) -> npt.NDArray[np.int64]:
        """Which of the arrivals from a number on are its own, as places from 0.

        Args:
            first: Number of the first arrival, within the run.
            count: How many arrivals.
        """
        slots = np.arange(first, first + count, dtype=np.int64) % self._slots
        return np.flatnonzero(slots % self._count == self._index)

    def before(self, number: int) -> int:
        """How many of the arrivals before a number are its own: the number that its next one has within the worker."""
        rounds, rest = divmod(number, self._slots)
        return rounds * self._own_slots(self._slots) + self._own_slots(rest)

    def _own_slots(self, slots: int) -> int:
        return max(0, -(-(slots - self._index) // self._count))


def arrivals_of(scenario: Scenario, share: Share, *, stretch: float, until_s: float) -> int | None:
    """How many arrivals a worker has in the measured stages; None where no number is set beforehand.

    Args:
        scenario: The whole run's.
        share: Which worker, of how many.
        stretch: Factor on all durations.
        until_s: When arrivals ended in seconds since the run's start; infinite if the schedule came to its end.
    """
    load, stripe = scenario.load, stripe_of(scenario, share)
    if not load.open_loop:
        return None if load.messages is None else stripe.before(load.messages)
    schedule = schedule_of(scenario, stretch=stretch)
    measured = np.array([stage.measured for stage in schedule.stages])
    left_out = left_out_kinds(scenario)
    mix = Mix(scenario) if left_out else None
    first = count = 0
    for block in schedule.blocks():
        places = stripe.places(first, len(block))
        times_s = block[places]
        wanted = measured[schedule.stage_of(times_s)] & (times_s < until_s)
        if mix is not None:
            wanted &= ~np.isin(mix.draw(len(block)).kind[places], [mix.kinds.index(kind) for kind in left_out])
        count += int(np.count_nonzero(wanted))
        first += len(block)
    return count


def stripe_of(scenario: Scenario, share: Share) -> Stripe:
    """A worker's arrivals of a scenario, of which the sessions are not shared out yet."""
    return Stripe(share, scenario.load.sessions)
