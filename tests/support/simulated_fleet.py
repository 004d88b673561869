"""A fleet message by message, in simulated time: what forecasts are checked against, sharing no formula with them."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy

from loadkit.plan.fluid import Course
from loadkit.scenario.curve import Floats


@dataclass(frozen=True, eq=False)
class Simulated:
    """What a simulation saw.

    Args:
        backlog: Messages that waited, on average over each step; shape (n,).
        waits_s: How long each message waited that began to be served, in the order of arrival.
        arrived: How many messages came.
        served: How many began to be served.
    """

    backlog: Floats
    waits_s: Floats
    arrived: int
    served: int


def simulate(course: Course, seed: int) -> Simulated:
    """Let Poisson arrivals meet the nodes of a forecast, which join and leave when it says so.

    Args:
        course: Arrivals, nodes and the variation of service times; exponential where it is 1, else lognormal.
        seed: Of arrivals and service times.
    """
    random = np.random.default_rng(seed)
    edges_s = np.arange(len(course.load.arrivals) + 1, dtype=np.float64) * course.load.step_s
    expected = np.concatenate(([0.0], np.cumsum(course.load.arrivals)))
    count = random.poisson(expected[-1])
    times_s = np.interp(np.sort(random.uniform(0.0, expected[-1], count)), expected, edges_s)
    environment = simpy.Environment()
    fleet = _Fleet(environment, edges_s)
    environment.process(_arrive(environment, fleet, times_s.tolist(), _services(course, count, random).tolist()))
    environment.process(_scale(environment, fleet, course))
    environment.run(until=edges_s[-1])
    fleet.account()
    return Simulated(fleet.area / course.load.step_s, np.array(fleet.waits_s), count, len(fleet.waits_s))


def _services(course: Course, count: int, random: np.random.Generator) -> Floats:
    mean_s = course.node.sessions / course.node.capacity_per_s
    if course.variation == 1:
        return random.exponential(mean_s, count)
    width = math.log1p(course.variation)
    return random.lognormal(math.log(mean_s) - width / 2, math.sqrt(width), count)


def _arrive(environment: Any, fleet: _Fleet, times_s: list[float], services_s: list[float]) -> Any:
    for time_s, service_s in zip(times_s, services_s, strict=True):
        yield environment.timeout(time_s - environment.now)
        fleet.take(service_s)


def _scale(environment: Any, fleet: _Fleet, course: Course) -> Any:
    for serving in course.serving.tolist():
        fleet.resize(round(serving * course.node.sessions))
        yield environment.timeout(course.load.step_s)


class _Fleet:
    """Sessions that serve first in, first out; whoever leaves ends what it has begun."""

    def __init__(self, environment: Any, edges_s: Floats) -> None:
        self._environment = environment
        self._edges_s = edges_s
        self._sessions = self._busy = 0
        self._queue: deque[tuple[float, float]] = deque()
        self._seen_s = 0.0
        self.area = np.zeros(len(edges_s) - 1)
        self.waits_s: list[float] = []

    def take(self, service_s: float) -> None:
        self.account()
        self._queue.append((self._environment.now, service_s))
        self._begin()

    def resize(self, sessions: int) -> None:
        self.account()
        self._sessions = sessions
        self._begin()

    def account(self) -> None:
        """Add up what has waited since the last look, which is in one step: every step begins with a look."""
        now_s = self._environment.now
        step = min(int(self._seen_s / self._edges_s[1]), len(self.area) - 1)
        self.area[step] += len(self._queue) * (now_s - self._seen_s)
        self._seen_s = now_s

    def _begin(self) -> None:
        while self._queue and self._busy < self._sessions:
            came_s, service_s = self._queue.popleft()
            self.waits_s.append(self._environment.now - came_s)
            self._busy += 1
            self._environment.timeout(service_s).callbacks.append(self._end)

    def _end(self, _: Any) -> None:
        self.account()
        self._busy -= 1
        self._begin()
