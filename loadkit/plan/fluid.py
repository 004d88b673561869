"""A fleet under a rate curve, minute by minute: what waits, for how long, and when it has drained."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from loadkit.plan.queue_moments import advance, waiting_probability, waiting_tail
from loadkit.scenario.curve import Curve, Floats

STEP_S = 60.0
_FEWEST_STEPS = 60
HOUR_S = 3600.0
_EMPTY = 1e-6
_HALVINGS = 10
_ENDLESS_S = 1e9

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Node:
    """One server of a fleet.

    Args:
        capacity_per_s: Messages per second that it can serve.
        service_time_s: Its time for one message without waiting, on average.
    """

    capacity_per_s: float
    service_time_s: float

    @property
    def sessions(self) -> int:
        """How many messages it serves at once, by Little's law."""
        return max(1, round(self.capacity_per_s * self.service_time_s))


@dataclass(frozen=True, eq=False)
class Load:
    """Arrivals in equal steps of about a minute.

    Args:
        arrivals: Messages in each step, what is tried again included; shape (n,).
        step_s: Length of a step in seconds.
    """

    arrivals: Floats
    step_s: float

    @classmethod
    def of(cls, curve: Curve, *, retry: float = 0.0) -> Load:
        """A rate curve in steps of a minute, or less where it is shorter than an hour.

        Args:
            curve: Messages per second.
            retry: Messages that come a second time, as a share.
        """
        steps = max(_FEWEST_STEPS, math.ceil(curve.duration_s / STEP_S - 1e-9))
        areas = curve.area_at(np.linspace(0.0, curve.duration_s, steps + 1))
        return cls(np.maximum(np.diff(areas), 0.0) * (1 + retry), curve.duration_s / steps)

    @property
    def rates_per_s(self) -> Floats:
        """Arrivals per second in each step."""
        return self.arrivals / self.step_s

    @property
    def duration_s(self) -> float:
        """All of it, in seconds."""
        return self.step_s * len(self.arrivals)

    @property
    def peak_s(self) -> float:
        """When the busiest step begins."""
        return float(np.argmax(self.arrivals)) * self.step_s


class Fleet(Protocol):
    """Nodes that change over time; it is asked once for every step, in order."""

    def nodes_for(self, step: int, busy: float) -> tuple[float, float]:
        """Nodes in a step.

        Args:
            step: Which one, from 0.
            busy: Share of the fleet that was busy in the step before.

        Returns:
            Nodes that are paid for, and nodes that serve, of which those that warm up are parts.
        """
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """A fleet that never changes.

    Args:
        nodes: How many.
    """

    nodes: float

    def nodes_for(self, step: int, busy: float) -> tuple[float, float]:  # noqa: ARG002 - as any fleet is asked
        """Always the same."""
        return self.nodes, self.nodes


@dataclass(frozen=True, eq=False)
class Course:
    """What happens, step by step.

    Args:
        load: The arrivals.
        node: One server.
        nodes: Nodes that are paid for; shape (n,).
        serving: Nodes that serve; shape (n,).
        fluid: Messages that wait at the end of each step if nothing were random; shape (n,).
        mean: Messages that wait, given that all servers are busy, on average over each step; shape (n,).
        variance: Their variance, over each step too; shape (n,).
        variation: Squared coefficient of variation of service times.
    """

    load: Load
    node: Node
    nodes: Floats
    serving: Floats
    fluid: Floats
    mean: Floats
    variance: Floats
    variation: float

    @property
    def capacity_per_s(self) -> Floats:
        """What the fleet can serve in each step; shape (n,)."""
        return self.serving * self.node.capacity_per_s

    @property
    def served(self) -> Floats:
        """Messages served in each step if nothing were random; shape (n,)."""
        return self.load.arrivals - np.diff(self.fluid, prepend=0.0)

    @cached_property
    def waiting(self) -> Floats:
        """Probability in each step that a message waits; shape (n,)."""
        rates, capacity = self.load.rates_per_s, self.capacity_per_s
        sessions = np.maximum(np.round(self.serving * self.node.sessions), 1.0)
        spread = rates + self.variation * np.minimum(rates, capacity)
        with np.errstate(divide="ignore", invalid="ignore"):
            rest = np.where(rates < capacity, spread / (2 * (capacity - rates)), np.inf)
            offered = np.where(capacity > 0, rates * sessions / capacity, 0.0)
        return waiting_probability(self.mean, rest, servers=sessions, offered=offered)

    @cached_property
    def backlog(self) -> Floats:
        """Messages that wait, on average over each step; shape (n,)."""
        return self.mean * self.waiting

    @property
    def node_hours(self) -> float:
        """Hours of nodes that are paid for."""
        return float(self.nodes.sum()) * self.load.step_s / HOUR_S

    @cached_property
    def drain_s(self) -> Floats:
        """From each step's end, seconds until nothing waits; infinite where that is not within the time; shape (n,)."""
        ends_s = np.arange(1, len(self.fluid) + 1) * self.load.step_s
        empty_s: Floats = np.where(self.fluid <= _EMPTY, ends_s, np.inf)
        drained_s: Floats = np.minimum.accumulate(empty_s[::-1])[::-1] - ends_s
        return drained_s

    @property
    def longest_drain_s(self) -> float:
        """Longest time without a moment in which nothing waits; infinite where something waits at the end."""
        if self.fluid[-1] > _EMPTY:
            return math.inf
        empty = np.flatnonzero(np.concatenate(([True], self.fluid <= _EMPTY)))
        return (float(np.diff(empty).max()) - 1) * self.load.step_s

    def late(self, limit_s: float | Floats) -> Floats:
        """Share of each step's messages that are delayed by more than a limit, service included; shape (n,).

        Args:
            limit_s: Seconds, one number or shape (n,).
        """
        patience_s = limit_s - np.full_like(self.mean, self.node.service_time_s)
        # First in, first out: late is who finds more waiting than the fleet can serve in time.
        tail = waiting_tail(self.mean, self.variance, self._served_within(np.maximum(patience_s, 0.0)))
        share: Floats = np.where(patience_s < 0, 1.0, self.waiting * tail)
        return share

    def _served_within(self, durations_s: Floats) -> Floats:
        """Messages that the fleet, as it changes, can serve in a time from the middle of each step on; shape (n,)."""
        durations = durations_s / self.load.step_s
        capacity = self.capacity_per_s * self.load.step_s
        sums = np.concatenate(([0.0], np.cumsum(capacity)))
        # Beyond the end the fleet stays as it was.
        beyond = math.ceil(durations.max()) + 1
        sums = np.append(sums, sums[-1] + beyond * capacity[-1])
        edges = np.append(np.arange(len(capacity) + 1.0), len(capacity) + beyond)
        middles = np.arange(len(capacity)) + 0.5
        served: Floats = np.interp(middles + durations, edges, sums) - np.interp(middles, edges, sums)
        return served

    def delay_s(self, quantile: float) -> float:
        """A quantile of the delay of all messages, from arrival to the end of service, in seconds.

        Args:
            quantile: Between 0 and 1.
        """
        most = (1 - quantile) * self.load.arrivals.sum()

        def later(limit_s: Floats) -> Bools:
            return np.array([(self.load.arrivals * self.late(limit_s)).sum() > most])

        return float(_first_in_time(later, np.array([self.node.service_time_s]))[0])

    def delays_s(self, quantile: float) -> Floats:
        """A quantile of the delay of each step's messages, in seconds; infinite where there is no end; shape (n,).

        Args:
            quantile: Between 0 and 1.
        """

        def later(limits_s: Floats) -> Bools:
            return np.asarray(self.late(limits_s) > 1 - quantile)

        return _first_in_time(later, np.full_like(self.mean, self.node.service_time_s))

    def worst_late_share(self, limit_s: float, *, window_s: float = HOUR_S) -> float:
        """Largest share of the messages of any window that are delayed by more than a limit.

        Args:
            limit_s: Seconds.
            window_s: Length of a window; the last may be shorter.
        """
        starts = np.arange(0, len(self.mean), max(1, round(window_s / self.load.step_s)))
        came = np.add.reduceat(self.load.arrivals, starts)
        late = np.add.reduceat(self.load.arrivals * self.late(limit_s), starts)
        return float((late / np.maximum(came, 1e-12)).max())


def _first_in_time(later: Callable[[Floats], Bools], from_s: Floats) -> Floats:
    """The shortest times, from some on, that are not too short; infinite where none is, else to a thousandth."""
    low_s, high_s = from_s, from_s.copy()
    while (short := later(high_s) & (high_s < _ENDLESS_S)).any():
        low_s, high_s = np.where(short, high_s, low_s), np.where(short, 2 * high_s, high_s)
    for _ in range(_HALVINGS):
        middle_s = (low_s + high_s) / 2
        short = later(middle_s)
        low_s, high_s = np.where(short, middle_s, low_s), np.where(short, high_s, middle_s)
    return np.where(later(from_s), np.where(high_s < _ENDLESS_S, high_s, np.inf), from_s)


def course_of(load: Load, node: Node, fleet: Fleet, *, variation: float = 1.0) -> Course:
    """What happens to a load at a fleet.

    Args:
        load: The arrivals, Poisson at the mean rate of each step.
        node: One server of the fleet.
        fleet: How many servers there are when.
        variation: Squared coefficient of variation of service times; 1 for exponential.

    Notes:
        The fluid queue is b' = max(0, b + r - c) in each step, with r what comes and c what can be served: after a time
        T at a rate above capacity (r - c) T, which a lower rate r2 drains in (r - c) T / (c - r2). What randomness adds
        to it near and below the capacity is by `loadkit.plan.queue_moments`.
    """
    rows: list[tuple[float, ...]] = []
    fluid = busy = mean = variance = 0.0
    for step, arrivals in enumerate(load.arrivals.tolist()):
        paid, serving = fleet.nodes_for(step, busy)
        capacity_per_s = serving * node.capacity_per_s
        served = min(fluid + arrivals, capacity_per_s * load.step_s)
        fluid = fluid + arrivals - served
        busy = served / (capacity_per_s * load.step_s) if capacity_per_s > 0 else float(fluid > 0)
        rate_per_s = arrivals / load.step_s
        spread = rate_per_s + variation * min(rate_per_s, capacity_per_s)
        later, wider, on_average = advance(
            mean, variance, drift=rate_per_s - capacity_per_s, spread=spread, duration_s=load.step_s
        )
        # Those who come early in a step find another queue than those who come late.
        rows.append((paid, serving, fluid, on_average, (variance + wider) / 2 + (later - mean) ** 2 / 12))
        mean, variance = later, wider
    paid_nodes, serving_nodes, fluids, means, variances = np.array(rows, dtype=np.float64).T
    return Course(load, node, paid_nodes, serving_nodes, fluids, means, variances, variation)
