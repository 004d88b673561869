"""How fleets follow their load: nights, known moments, autoscaling with its delays; and the files that say so."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.problems import assert_exactly_the_expected_problems

from loadkit.errors import PolicyError
from loadkit.plan.fluid import Course, Load, Node, course_of
from loadkit.plan.policies import Ahead, Autoscaling, Night, Policy
from loadkit.plan.policy_schema import Timeline, load_policies, parse_policies
from loadkit.scenario.campaign import Campaign

NODE = Node(100.0, 0.05)
BAD = Path(__file__).parent / "bad_policies.yaml"


def course(policy: Policy, rates_per_s: list[float]) -> Course:
    load = Load(np.array(rates_per_s) * 60.0, 60.0)
    return course_of(load, NODE, policy.fleet(load))


def timeline(days: float = 3) -> Timeline:
    campaign = Campaign.model_validate(
        {"start": "2026-11-10T00:00", "time_zone": "Asia/Shanghai", "duration": f"{days}d", "rate": "50/s"}
    )
    return Timeline(days * 86_400, 7_200.0, campaign)


def test_a_full_fleet_gets_nodes_one_after_the_other_and_gives_them_back() -> None:
    scaling = Autoscaling(4, above=0.8, add=1, below=0.3, remove=1, cool_down_s=120)
    fleet = course(Policy("x", 1, start_up_s=120, warm_up_s=60, autoscaling=scaling), [90.0] * 12 + [5.0] * 10)

    # Seen after the first minute, and again after the cool-down, because the first that was ordered served nothing yet.
    assert fleet.nodes[:8].tolist() == [1, 2, 2, 3, 3, 3, 3, 3]
    assert fleet.serving[:7].tolist() == [1, 1, 1, 1.5, 2, 2.5, 3]
    assert fleet.nodes[12:].min() == 1
    assert fleet.nodes[-1] == 1


def test_more_is_never_ordered_than_allowed() -> None:
    scaling = Autoscaling(3, add=5, cool_down_s=0)
    assert course(Policy("x", 1, autoscaling=scaling), [900.0] * 9).nodes.tolist() == [1] + [3] * 8


def test_a_node_serves_after_its_start_and_warms_up_evenly() -> None:
    ahead = Ahead(moment_s=600, lead_s=300, hold_s=300, nodes=3)
    fleet = course(Policy("x", 1, start_up_s=180, warm_up_s=120, ahead=(ahead,)), [10.0] * 20)

    # Two nodes are ordered at 300 s, serve from 480 s on and fully from 600 s on; at 900 s they go.
    assert fleet.nodes.tolist() == [1] * 5 + [3] * 10 + [1] * 5
    assert fleet.serving.tolist() == [1] * 8 + [1.5, 2.5] + [3] * 5 + [1] * 5


def test_what_is_ordered_before_the_start_is_there_at_the_start() -> None:
    ahead = Ahead(moment_s=60, lead_s=600, hold_s=60, nodes=3)
    assert course(Policy("x", 1, ahead=(ahead,)), [10.0] * 4).serving.tolist() == [3, 3, 1, 1]


def test_nights_are_by_local_time() -> None:
    policy = Policy("x", 4, night=Night(22 * 3600, 7 * 3600, 2))
    load = Load(np.ones(24), 3600.0)

    planned = policy.planned(load, np.arange(24, dtype=np.float64) * 3600)
    assert planned.tolist() == [2] * 7 + [4] * 15 + [2] * 2
    assert policy.quiet_day.tolist() == planned.tolist()
    assert policy.fewest == 2
    with pytest.raises(ValueError, match="has nights"):
        policy.planned(load, None)


def test_part_of_an_hour_of_day_is_paid_for_as_day() -> None:
    assert Policy("x", 4, night=Night(1800, 3 * 3600, 2)).quiet_day.tolist() == [4, 2, 2] + [4] * 21


@settings(max_examples=40)
@given(
    st.lists(st.floats(0, 2000), min_size=5, max_size=60),
    st.integers(1, 5),
    st.integers(1, 9),
    st.tuples(st.floats(0, 1200), st.floats(0, 600), st.floats(0, 900)),
)
def test_a_fleet_is_never_below_its_plan_nor_above_its_most(
    rates_per_s: list[float], nodes: int, more: int, delays_s: tuple[float, float, float]
) -> None:
    start_up_s, warm_up_s, cool_down_s = delays_s
    ahead = Ahead(120, 60, 300, nodes + more)
    scaling = Autoscaling(nodes + more, add=3, remove=2, cool_down_s=cool_down_s)
    policy = Policy("x", nodes, start_up_s, warm_up_s, scaling, ahead=(ahead,))
    fleet = course(policy, rates_per_s)

    assert (fleet.nodes >= policy.planned(fleet.load, None)).all()
    assert (fleet.nodes <= nodes + more).all()
    assert (fleet.serving <= fleet.nodes + 1e-9).all()
    assert (fleet.serving >= nodes - 1e-9).all()


def test_a_file_of_policies() -> None:
    text = """\
policies:
  plain: {}
  all:
    nodes: 3
    start_up: 4m
    warm_up: 90s
    autoscale: {max: 9, above: 70%, add: 2, below: 20%, remove: 3, cool_down: 10m}
    night: {from: "23:00", to: "06:30", nodes: 2}
    prescale:
      - {at: peak, ahead: 10m, for: 1h, nodes: 5}
      - {at: 2026-11-11T00:00, ahead: 1h, for: 2h, nodes: 6}
      - {at: 90m, ahead: 0s, for: 2h, nodes: 7}
"""
    plain, everything = parse_policies(text, "p.yaml", 4, timeline())

    assert plain == Policy("plain", 4)
    assert everything == Policy(
        "all",
        3,
        240,
        90,
        Autoscaling(9, 0.7, 2, 0.2, 3, 600),
        Night(23 * 3600, 6.5 * 3600, 2),
        (Ahead(7200, 600, 3600, 5), Ahead(86_400, 3600, 7200, 6), Ahead(5400, 0, 7200, 7)),
    )


def test_every_problem_of_a_file_is_named() -> None:
    assert_exactly_the_expected_problems(BAD, lambda path: load_policies(path, 4, timeline()))


def test_what_does_not_fit_the_load_is_named() -> None:
    text = """\
policies:
  a:
    night: {from: "23:00", to: "06:30", nodes: 2}
    autoscale: {max: 3}
    prescale: [{at: 2026-11-11T00:00, ahead: 1h, for: 2h, nodes: 3}, {at: 4d, ahead: 1h, for: 2h, nodes: 3}]
"""
    with pytest.raises(PolicyError) as caught:
        parse_policies(text, "p.yaml", 4, Timeline(86_400, 0.0))

    assert [(one.line, one.key, one.message) for one in caught.value.problems] == [
        (3, "policies.a.night", "needs days, and the scenario has no campaign"),
        (4, "policies.a.autoscale.max", "is below the 4 nodes of the command line"),
        (5, "policies.a.prescale[0].at", "2026-11-11T00:00 is a date, and the scenario has no campaign with dates"),
        (5, "policies.a.prescale[1].at", "4d is not within the 1d00h of the load"),
    ]


def test_a_moment_is_local_time_of_the_campaign() -> None:
    line = timeline()
    assert line.place("2026-11-12T06:00") == 2 * 86_400 + 6 * 3600
    assert line.campaign is not None
    assert line.campaign.local(line.place("90m")) == datetime(2026, 11, 10, 1, 30)  # noqa: DTZ001 - local time
