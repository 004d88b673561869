"""What comes of one fleet under a load: who waits and for how long, and whether the objective holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from loadkit.analysis.goals import Goal
from loadkit.analysis.refusal import RefusedError
from loadkit.analysis.results import Estimate, finite
from loadkit.plan.fluid import Course, Fixed, Load, Node, course_of
from loadkit.plan.policies import Policy
from loadkit.scenario.curve import Floats
from loadkit.units import format_duration

QUANTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, eq=False)
class Setting:
    """What all fleets are held against.

    Args:
        load: The arrivals.
        capacity: Messages per second that a node can serve, with its interval.
        service_time_s: A node's time for one message without waiting.
        goal: What is to hold in every hour; its limit is that of the delay.
        basis: What the capacity rests on, in words.
        retry: Messages among the arrivals that come a second time, as a share of the others.
        seconds_of_day: Local time at which each step of the load begins; None where it has no days.

    Raises:
        RefusedError: If service alone takes longer than the goal allows.
    """

    load: Load
    capacity: Estimate
    service_time_s: float
    goal: Goal
    basis: str
    retry: float = 0.0
    seconds_of_day: npt.NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if self.limit_s <= self.service_time_s:
            raise RefusedError(
                f"service alone takes {format_duration(self.service_time_s)}, and {self.goal.text} leaves it no time",
                hint="measure the time for one message without load, and name it or a later limit",
            )

    @property
    def limit_s(self) -> float:
        """Delay above which a message is late."""
        return self.goal.limit_s or 0.0

    @property
    def nodes(self) -> tuple[Node, Node, Node]:
        """A node as estimated, as weak as the interval allows, and as strong."""
        ends = (self.capacity.value, self.capacity.low, self.capacity.high)
        estimated, weak, strong = (Node(end, self.service_time_s) for end in ends)
        return estimated, weak, strong

    def course(self, policy: Policy, node: Node) -> Course:
        """What happens under a policy."""
        return course_of(self.load, node, policy.fleet(self.load, self.seconds_of_day))

    def survives(self, course: Course) -> bool:
        """Whether the goal holds in every hour."""
        return course.worst_late_share(self.limit_s) <= self.goal.allowed


@dataclass(frozen=True, eq=False)
class Prospect:
    """What comes of one fleet.

    Args:
        name: Its name.
        policy: The policy that it follows; None for a tier, which is a rate.
        setting: What it is held against.
        courses: What happens with a node as estimated, as weak as the interval allows, and as strong.
    """

    name: str
    policy: Policy | None
    setting: Setting
    courses: tuple[Course, Course, Course]

    @property
    def course(self) -> Course:
        """What happens with a node as estimated."""
        return self.courses[0]

    @cached_property
    def survives(self) -> tuple[bool, bool, bool]:
        """Whether the goal holds in every hour, for each of the courses."""
        estimated, weak, strong = map(self.setting.survives, self.courses)
        return estimated, weak, strong

    @property
    def verdict(self) -> str:
        """``yes``, ``no``, or ``uncertain`` where it depends on where in its interval a node's capacity is."""
        if all(self.survives):
            return "yes"
        return "uncertain" if any(self.survives) else "no"

    @cached_property
    def backlog(self) -> Estimate:
        """Most messages that wait."""
        return self._estimate("backlog", lambda course: float(course.backlog.max()))

    @cached_property
    def delays(self) -> dict[float, Estimate]:
        """Quantiles of the delay of all messages, in seconds."""
        return {one: self._estimate(_named(one), partial(Course.delay_s, quantile=one)) for one in QUANTILES}

    @cached_property
    def late(self) -> Estimate:
        """Share of late messages in the worst hour."""
        return self._estimate("late", lambda course: course.worst_late_share(self.setting.limit_s))

    @cached_property
    def drain_s(self) -> Estimate:
        """Longest time in which something waits, in seconds; infinite where that does not end within the load."""
        return self._estimate("drain", lambda course: course.longest_drain_s)

    @cached_property
    def node_hours(self) -> Estimate:
        """Hours of nodes that are paid for."""
        return self._estimate("node hours", lambda course: course.node_hours)

    def _estimate(self, name: str, figure: Callable[[Course], float]) -> Estimate:
        figures = [figure(course) for course in self.courses]
        return Estimate(name, figures[0], min(figures), max(figures))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is infinite is null."""
        course = self.course
        return {
            "name": self.name,
            "survives": self.verdict,
            "backlog": self.backlog.to_dict(),
            "delays_s": [one.to_dict() for one in self.delays.values()],
            "late_in_worst_hour": self.late.to_dict(),
            "drain_s": self.drain_s.to_dict(),
            "node_hours": None if self.policy is None else self.node_hours.to_dict(),
            "steps": {
                "nodes": None if self.policy is None else course.nodes.tolist(),
                "capacity_per_s": course.capacity_per_s.tolist(),
                "backlog": np.round(course.backlog, 3).tolist(),
                "delay_s": {_named(one): _finite(course.delays_s(one)) for one in QUANTILES},
                "late": np.round(course.late(self.setting.limit_s), 6).tolist(),
                "drain_s": _finite(course.drain_s),
            },
        }


def _named(quantile: float) -> str:
    return f"p{100 * quantile:g}"


def _finite(values: Floats) -> list[float | None]:
    """Values as JSON has them, to a millisecond where they are seconds."""
    return [finite(round(value, 3)) for value in values.tolist()]


def prospect_of(setting: Setting, policy: Policy) -> Prospect:
    """What comes of a policy."""
    courses = {node: setting.course(policy, node) for node in setting.nodes}
    estimated, weak, strong = (courses[node] for node in setting.nodes)
    return Prospect(policy.name, policy, setting, (estimated, weak, strong))


def tier_prospect(setting: Setting, name: str, rate_per_s: float) -> Prospect:
    """What comes of a service that takes so many messages per second and lets others wait."""
    course = course_of(setting.load, Node(rate_per_s, setting.service_time_s), Fixed(1))
    return Prospect(name, None, setting, (course, course, course))
