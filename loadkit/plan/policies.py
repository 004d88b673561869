"""Policies: how many nodes a fleet has when, by plan and by what it sees of its load."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from loadkit.plan.fluid import Load

DEFAULT_START_UP_S = 180.0
DEFAULT_WARM_UP_S = 120.0


@dataclass(frozen=True, slots=True)
class Autoscaling:
    """Nodes that come and go with the load.

    Args:
        most: Most nodes.
        above: Busy share of the fleet above which nodes are added.
        add: How many at a time.
        below: Busy share below which nodes are removed.
        remove: How many at a time.
        cool_down_s: Seconds after a change in which nothing else is changed.
    """

    most: int
    above: float = 0.8
    add: int = 1
    below: float = 0.4
    remove: int = 1
    cool_down_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Night:
    """Another number of nodes at some hours of every day.

    Args:
        start_s: Seconds after midnight, local time.
        end_s: Seconds after midnight; before `start_s` where midnight lies between.
        nodes: How many there are then.
    """

    start_s: float
    end_s: float
    nodes: int

    def covers(self, seconds_of_day: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Whether local times, in seconds after midnight, are within it."""
        after, before = seconds_of_day >= self.start_s, seconds_of_day < self.end_s
        return after & before if self.start_s < self.end_s else after | before


@dataclass(frozen=True, slots=True)
class Ahead:
    """More nodes from some time before a known moment on.

    Args:
        moment_s: The moment, in seconds since the start.
        lead_s: How long before it nodes are ordered.
        hold_s: How long after it they stay.
        nodes: How many there are then.
    """

    moment_s: float
    lead_s: float
    hold_s: float
    nodes: int


@dataclass(frozen=True, slots=True)
class Policy:
    """How a fleet follows its load.

    Args:
        name: Its name.
        nodes: How many there are without any of the following.
        start_up_s: From the order of a node to its first message.
        warm_up_s: How long a load balancer takes to give a new node its full share, which grows evenly.
        autoscaling: Nodes by load; None without.
        night: Other nodes at some hours; None without.
        ahead: More nodes before known moments.
    """

    name: str
    nodes: int
    start_up_s: float = DEFAULT_START_UP_S
    warm_up_s: float = DEFAULT_WARM_UP_S
    autoscaling: Autoscaling | None = None
    night: Night | None = None
    ahead: tuple[Ahead, ...] = ()

    @property
    def fewest(self) -> int:
        """Nodes that are always there."""
        return self.nodes if self.night is None else min(self.nodes, self.night.nodes)

    @property
    def constant(self) -> bool:
        """Whether it never changes anything."""
        return self.autoscaling is None and self.night is None and not self.ahead

    def with_lead(self, lead_s: float) -> Policy:
        """The same, with nodes ordered so long before each known moment."""
        return replace(self, ahead=tuple(replace(one, lead_s=lead_s) for one in self.ahead))

    def planned(self, load: Load, seconds_of_day: npt.NDArray[np.float64] | None) -> npt.NDArray[np.int64]:
        """Nodes by plan in each step, which autoscaling only adds to.

        Args:
            load: The arrivals.
            seconds_of_day: Local time at which each step begins, in seconds after midnight; None where it has no days.

        Returns:
            Shape (n,).

        Raises:
            ValueError: If nights are wanted where there are no days.
        """
        starts_s = np.arange(len(load.arrivals)) * load.step_s
        nodes = np.full(len(starts_s), self.nodes, dtype=np.int64)
        if self.night is not None:
            if seconds_of_day is None:
                raise ValueError(f"policy {self.name} has nights, and a load without a calendar has none")
            nodes[self.night.covers(seconds_of_day)] = self.night.nodes
        for one in self.ahead:
            held = (starts_s >= one.moment_s - one.lead_s) & (starts_s < one.moment_s + one.hold_s)
            nodes[held] = np.maximum(nodes[held], one.nodes)
        return nodes

    @property
    def quiet_day(self) -> npt.NDArray[np.int64]:
        """Nodes in each hour of a day on which nothing is known ahead and nothing is scaled; shape (24,)."""
        nodes = np.full(24, self.nodes, dtype=np.int64)
        if self.night is not None:
            # An hour of which a part is not night is paid for as by day.
            seconds = np.arange(24 * 60, dtype=np.float64) * 60
            night = self.night.covers(seconds).reshape(24, 60).all(axis=1)
            nodes[night] = self.night.nodes
        return nodes

    def fleet(self, load: Load, seconds_of_day: npt.NDArray[np.float64] | None = None) -> PolicyFleet:
        """A fleet that follows the policy through a load once; see `planned`."""
        return PolicyFleet(self, self.planned(load, seconds_of_day).tolist(), load.step_s)


class PolicyFleet:
    """A fleet that follows a policy; what is there at the start is already warm.

    Args:
        policy: The policy.
        planned: Nodes by plan in each step.
        step_s: Length of a step in seconds.
    """

    def __init__(self, policy: Policy, planned: list[int], step_s: float) -> None:
        self._policy = policy
        self._planned = planned
        self._step_s = step_s
        self._warm = planned[0]
        self._ordered_s: list[float] = []
        self._calm_from_s = 0.0

    def nodes_for(self, step: int, busy: float) -> tuple[float, float]:
        """Nodes that are paid for, from their order on, and nodes that serve; see `loadkit.plan.fluid.Fleet`."""
        if not self._ordered_s and self._warm == self._planned[step] and self._policy.autoscaling is None:
            return self._warm, self._warm  # most steps of most policies, and a month has 43,200
        now_s = step * self._step_s
        self._resize(self._wanted(now_s, self._planned[step], busy), now_s)
        serving = self._warm + sum(self._serving_share(now_s - ordered_s) for ordered_s in self._ordered_s)
        ready_s = self._policy.start_up_s + self._policy.warm_up_s
        while self._ordered_s and now_s - self._ordered_s[0] >= ready_s:
            self._ordered_s.pop(0)
            self._warm += 1
        return float(self._warm + len(self._ordered_s)), serving

    def _wanted(self, now_s: float, planned: int, busy: float) -> int:
        scaling = self._policy.autoscaling
        if scaling is None:
            return planned
        nodes = self._warm + len(self._ordered_s)
        if now_s >= self._calm_from_s and nodes >= planned:
            if busy > scaling.above and nodes < scaling.most:
                nodes = min(nodes + scaling.add, scaling.most)
                self._calm_from_s = now_s + scaling.cool_down_s
            elif busy < scaling.below and nodes > planned:
                nodes = max(nodes - scaling.remove, planned)
                self._calm_from_s = now_s + scaling.cool_down_s
        return max(nodes, planned)

    def _resize(self, wanted: int, now_s: float) -> None:
        """Order nodes, or remove the youngest."""
        self._ordered_s += [now_s] * (wanted - self._warm - len(self._ordered_s))
        surplus = self._warm + len(self._ordered_s) - wanted
        younger = min(surplus, len(self._ordered_s))
        if surplus > 0:
            del self._ordered_s[len(self._ordered_s) - younger :]
            self._warm -= surplus - younger

    def _serving_share(self, age_s: float) -> float:
        """Part of a node that serves on average over a step that begins at an age."""
        begun_s = age_s - self._policy.start_up_s
        return (self._served(begun_s + self._step_s) - self._served(begun_s)) / self._step_s

    def _served(self, since_start_s: float) -> float:
        """Seconds of full work that a node has done since it began to serve, its share growing evenly."""
        warm_up_s = self._policy.warm_up_s
        if since_start_s <= 0:
            return 0.0
        if since_start_s < warm_up_s:
            return since_start_s * since_start_s / (2 * warm_up_s)
        return since_start_s - warm_up_s / 2
