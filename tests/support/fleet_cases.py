"""Twenty seeded cases of a load at a fleet, in five kinds, small enough to be simulated message by message."""

from __future__ import annotations

import numpy as np

from loadkit.plan.fluid import Course, Fixed, Load, Node, course_of
from loadkit.plan.policies import Ahead, Autoscaling, Policy
from loadkit.scenario.curve import Floats

KINDS = ("settled", "step", "spike", "ahead", "elastic")
CASES = range(20)
STEP_S = 60.0


def course_of_case(seed: int) -> Course:
    """A load and a fleet, with exponential or lognormal service.

    It is below saturation all the time, or has a peak of 1.3 to 1.9 times what the fleet can serve. Peaks that hardly
    reach the capacity are no cases: what they leave behind is mostly luck, so that no simulation of a bearable length
    says what it is on average.
    """
    random = np.random.default_rng(seed)
    kind = KINDS[seed % len(KINDS)]
    node = Node(random.uniform(6, 12), random.uniform(0.1, 0.5))
    nodes = int(random.integers(2, 5))
    capacity_per_s = nodes * node.capacity_per_s
    variation = float(random.choice([0.5, 1.0]))
    if kind == "settled":
        load = Load(np.full(120, random.uniform(0.7, 0.85) * capacity_per_s * STEP_S), STEP_S)
        return course_of(load, node, Fixed(nodes), variation=variation)
    load = Load(_rates(kind, random) * capacity_per_s * STEP_S, STEP_S)
    policy = Policy("case", nodes)
    if kind == "ahead":
        late_s = float(random.integers(2, 6)) * STEP_S
        policy = Policy("case", nodes, ahead=(Ahead(20 * STEP_S, -late_s, 40 * STEP_S, 2 * nodes),))
    elif kind == "elastic":
        policy = Policy("case", nodes, autoscaling=Autoscaling(2 * nodes, cool_down_s=180))
    return course_of(load, node, policy.fleet(load), variation=variation)


def _rates(kind: str, random: np.random.Generator) -> Floats:
    """Arrivals over capacity in each minute: quiet, a peak, quiet for long enough to drain it."""
    quiet, top = random.uniform(0.3, 0.6), random.uniform(1.3, 1.9)
    minutes = int(random.integers(10, 21))
    if kind == "spike":
        decay = quiet + (top - quiet) * np.exp(-np.arange(70) / minutes)
        return np.concatenate((np.full(20, quiet), np.linspace(quiet, top, 3), decay))
    return np.concatenate((np.full(20, quiet), np.full(minutes, top), np.full(50, quiet)))
