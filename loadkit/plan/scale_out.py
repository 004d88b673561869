"""How many nodes are enough for a load, and when they must be ordered."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from loadkit.analysis.refusal import RefusedError
from loadkit.analysis.results import Estimate, finite
from loadkit.plan.fluid import Fixed, Node, course_of
from loadkit.plan.policies import Ahead, Policy
from loadkit.plan.prospect import Setting

MOST_NODES = 100_000


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
