"""A campaign against fleets: which policies survive it, how many nodes it takes, and when they must be ordered."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from loadkit.analysis.goals import Goal
from loadkit.analysis.refusal import RefusedError
from loadkit.analysis.results import Estimate, finite
from loadkit.plan.bill import CostLine
from loadkit.plan.catalog import InstanceType
from loadkit.plan.charging import HOURS_PER_MONTH
from loadkit.plan.fleet_cost import MonthCost, month_costs
from loadkit.plan.fluid import Course, Fixed, Load, Node, course_of
from loadkit.plan.policies import Ahead, Autoscaling, Policy
from loadkit.scenario.curve import Floats
from loadkit.units import format_duration

QUANTILES = (0.5, 0.95, 0.99)
MOST_NODES = 100_000
_ALONE = "a fleet of {}"


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


@dataclass(frozen=True, slots=True)
class ScaleOut:
    """When nodes must be ordered so that the goal holds, however weak a node is within its interval.

    Args:
        policy: Name of the policy that stands until then.
        nodes: How many are ordered.
        order_s: Latest time, in seconds since the start; None where the policy does without, infinite never.
        lead_s: How long that is before the known moment that the policy names; None where it names none.
    """

    policy: str
    nodes: int
    order_s: float | None
    lead_s: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        order_s = None if self.order_s is None else finite(self.order_s)
        never = self.order_s is not None and order_s is None
        return {
            "policy": self.policy,
            "nodes": self.nodes,
            "needed": self.order_s is not None,
            "in_time": not never,
            "order_s": order_s,
            "lead_s": self.lead_s,
        }


@dataclass(frozen=True, eq=False)
class FleetForecast:
    """All that is said of a load and fleets.

    Args:
        setting: What all fleets are held against.
        prospects: What comes of each policy.
        tiers: What comes of a service that takes a tier's rate, whatever stands behind it.
        enough: Fewest nodes of a fleet that never changes with which the goal holds.
        scale_outs: When more nodes must be ordered.
        costs: What a month of each policy costs; empty where no type of server is named.
    """

    setting: Setting
    prospects: tuple[Prospect, ...]
    tiers: tuple[Prospect, ...]
    enough: Estimate
    scale_outs: tuple[ScaleOut, ...]
    costs: tuple[MonthCost, ...] = ()

    @property
    def rests_on(self) -> tuple[str, ...]:
        """What it rests on, in words."""
        return tuple(_rests_on(self))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        load = self.setting.load
        return {
            "goal": self.setting.goal.to_dict(),
            "capacity_per_s": self.setting.capacity.to_dict(),
            "service_time_s": self.setting.service_time_s,
            "load": {
                "duration_s": load.duration_s,
                "step_s": load.step_s,
                "messages": float(load.arrivals.sum()),
                "peak_s": load.peak_s,
                "rates_per_s": np.round(load.rates_per_s, 6).tolist(),
            },
            "policies": [one.to_dict() for one in self.prospects],
            "tiers": [one.to_dict() for one in self.tiers],
            "enough_nodes": self.enough.to_dict(),
            "scale_outs": [one.to_dict() for one in self.scale_outs],
            "costs": [one.to_dict() for one in self.costs],
            "rests_on": list(self.rests_on),
        }


def _rests_on(forecast: FleetForecast) -> Iterator[str]:
    setting = forecast.setting
    node = setting.nodes[0]
    yield f"Capacity of a node: {setting.basis}."
    if setting.capacity.low == setting.capacity.high:
        yield "Without an interval of it, what is said here is no more certain than that number."
    yield (
        f"A node takes {format_duration(setting.service_time_s)} for a message without waiting, so that it serves "
        f"{node.sessions:,} at once; service times are exponential and arrivals Poisson."
    )
    retried = f"{setting.retry:.3g} of all messages come a second time" if setting.retry else "nothing is tried again"
    yield f"Retries: {retried}; those that come again do so in the same minute."
    policies = [one.policy for one in forecast.prospects if one.policy is not None]
    if any(one.autoscaling for one in policies):
        yield "A node's CPU is taken to be as busy as its share of what it can serve."
    if any(one.autoscaling or one.night or one.ahead for one in policies):
        yield "Nodes are paid for from their order on, serve after start_up, and get their full share after warm_up."
    if forecast.costs:
        yield (
            f"Costs are those of servers alone, in a month of {HOURS_PER_MONTH} hours: the campaign, and quiet hours "
            "where it is shorter; a server is paid for by the hour begun."
        )
        for price in sorted({f"{line.sku_id}, grade {line.grade}: {line.source}" for line in _lines(forecast)}):
            yield f"Price of {price}."


def _lines(forecast: FleetForecast) -> Iterator[CostLine]:
    for one in forecast.costs:
        yield from one.bill.lines


def look_ahead(
    setting: Setting,
    nodes: int,
    policies: Sequence[Policy] = (),
    *,
    tiers: Mapping[str, float] | None = None,
    instance: InstanceType | None = None,
) -> FleetForecast:
    """Hold fleets against a load.

    Args:
        setting: The load, what a node can do, and what is to hold.
        nodes: Nodes of a fleet that never changes.
        policies: What to compare; without any, that fleet and one that grows with its load to as many as are enough.
        tiers: Messages per second that services take, by their name.
        instance: Type of a node, for the cost; None where it is not asked for.

    Raises:
        RefusedError: If no number of nodes is enough.
    """
    enough = enough_nodes(setting)
    most = round(enough.high)
    if not policies:
        policies = (
            Policy("fixed", nodes),
            Policy("elastic", nodes, autoscaling=Autoscaling(max(nodes, most))),
        )
    if not any(one == Policy(one.name, most, one.start_up_s, one.warm_up_s) for one in policies):
        policies = (*policies, Policy("enough", most))
    prospects = tuple(prospect_of(setting, policy) for policy in policies)
    costs = [month_costs(one.policy, one.courses, instance) for one in prospects if one.policy and instance]
    return FleetForecast(
        setting,
        prospects,
        tuple(tier_prospect(setting, name, rate) for name, rate in (tiers or {}).items()),
        enough,
        tuple(scale_out(setting, policy, most) for policy in policies if policy.ahead)
        or (scale_out(setting, replace(policies[0], name=_ALONE.format(policies[0].nodes), autoscaling=None), most),),
        tuple(one for several in costs for one in several),
    )


def prospect_of(setting: Setting, policy: Policy) -> Prospect:
    """What comes of a policy."""
    courses = {node: setting.course(policy, node) for node in setting.nodes}
    estimated, weak, strong = (courses[node] for node in setting.nodes)
    return Prospect(policy.name, policy, setting, (estimated, weak, strong))


def tier_prospect(setting: Setting, name: str, rate_per_s: float) -> Prospect:
    """What comes of a service that takes so many messages per second and lets others wait."""
    course = course_of(setting.load, Node(rate_per_s, setting.service_time_s), Fixed(1))
    return Prospect(name, None, setting, (course, course, course))


def enough_nodes(setting: Setting) -> Estimate:
    """Fewest nodes of a fleet that never changes with which the goal holds: a weaker node makes it more.

    Raises:
        RefusedError: If no number of nodes is enough.
    """
    fewest = {node: _fewest_nodes(setting, node) for node in setting.nodes}
    estimated, weak, strong = (float(fewest[node]) for node in setting.nodes)
    return Estimate("nodes", estimated, strong, weak)


def _fewest_nodes(setting: Setting, node: Node) -> int:
    def survives(nodes: int) -> bool:
        return setting.survives(course_of(setting.load, node, Fixed(nodes)))

    high = max(1, math.ceil(float(setting.load.rates_per_s.max()) / node.capacity_per_s))
    while high <= MOST_NODES:
        if survives(high):
            return _first(survives, 1, high)
        high *= 2
    raise RefusedError(
        f"not even {MOST_NODES:,} nodes hold {setting.goal.text}",
        hint="measure a node's capacity and its time for one message again",
    )


def scale_out(setting: Setting, policy: Policy, enough: int) -> ScaleOut:
    """When nodes must be ordered at the latest.

    Args:
        setting: The load, what a node can do, and what is to hold.
        policy: What stands until then. Where it knows moments ahead, its own nodes are ordered before each of them;
            else as many as are enough are, for all the rest of the time.
        enough: How many are enough.
    """
    weak = setting.nodes[1]
    step_s = setting.load.step_s

    def survives(one: Policy) -> bool:
        return setting.survives(setting.course(one, weak))

    if policy.ahead:
        if survives(replace(policy, ahead=())):
            return ScaleOut(policy.name, enough, None)
        first = min(policy.ahead, key=lambda one: one.moment_s)
        most = math.ceil(max(one.moment_s for one in policy.ahead) / step_s) + 1
        nodes = max(one.nodes for one in policy.ahead)
        if not survives(policy.with_lead(most * step_s)):
            return ScaleOut(policy.name, nodes, math.inf)
        lead_s = _first(lambda steps: survives(policy.with_lead(steps * step_s)), 0, most) * step_s
        return ScaleOut(policy.name, nodes, max(0.0, first.moment_s - lead_s), lead_s)
    if survives(policy):
        return ScaleOut(policy.name, enough, None)
    steps = len(setting.load.arrivals)

    def in_time(steps_before_end: int) -> bool:
        order = Ahead((steps - steps_before_end) * step_s, 0.0, math.inf, enough)
        return survives(replace(policy, ahead=(order,)))

    return ScaleOut(policy.name, enough, (steps - _first(in_time, 1, steps)) * step_s)


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The smallest number that holds, where all above one do and the highest does."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return high
