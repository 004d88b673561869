"""What is said of a load and fleets: who survives, how many nodes are enough, when they must be ordered."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from loadkit.analysis.goals import parse_goal
from loadkit.analysis.refusal import RefusedError
from loadkit.analysis.results import Estimate
from loadkit.plan.fluid import Load
from loadkit.plan.outlook import look_ahead
from loadkit.plan.policies import Ahead, Autoscaling, Policy
from loadkit.plan.prospect import Setting, prospect_of, tier_prospect
from loadkit.plan.scale_out import enough_nodes, scale_out

GOAL = parse_goal("p(99) < 30s")


def setting(
    rates_per_s: list[float], low: float = 100.0, value: float = 100.0, high: float = 100.0, goal: str = GOAL.text
) -> Setting:
    load = Load(np.array(rates_per_s) * 60.0, 60.0)
    return Setting(load, Estimate("capacity", value, low, high), 0.05, parse_goal(goal), "as a test says")


PROMOTION = setting([40.0] * 60 + [350.0] * 30 + [40.0] * 90)


def test_enough_nodes_are_those_whose_capacity_is_above_the_peak() -> None:
    enough = enough_nodes(PROMOTION)

    assert (enough.value, enough.low, enough.high) == (4, 4, 4)


def test_the_weaker_a_node_may_be_the_more_are_enough() -> None:
    wide = enough_nodes(setting([40.0] * 60 + [350.0] * 30 + [40.0] * 90, low=80.0, high=130.0))

    assert (wide.low, wide.value, wide.high) == (3, 4, 5)


def test_an_uncertain_capacity_makes_an_uncertain_verdict() -> None:
    wide = setting([40.0] * 60 + [350.0] * 30 + [40.0] * 90, low=80.0, high=130.0)

    assert prospect_of(wide, Policy("x", 3)).verdict == "uncertain"
    assert prospect_of(wide, Policy("x", 2)).verdict == "no"
    assert prospect_of(wide, Policy("x", 5)).verdict == "yes"
    backlog = prospect_of(wide, Policy("x", 3)).backlog
    assert backlog.low < backlog.value < backlog.high


def test_a_wider_interval_never_gives_a_narrower_answer() -> None:
    rates = [40.0] * 60 + [350.0] * 30 + [40.0] * 90
    narrow, wide = (prospect_of(setting(rates, low=100 - by, high=100 + by), Policy("x", 3)) for by in (5.0, 25.0))

    for one in ("backlog", "late", "drain_s"):
        inner, outer = getattr(narrow, one), getattr(wide, one)
        assert outer.low <= inner.low
        assert outer.high >= inner.high


def test_a_tier_is_its_rate() -> None:
    assert tier_prospect(PROMOTION, "basic", 500.0).verdict == "yes"
    small = tier_prospect(PROMOTION, "small", 200.0)
    assert small.verdict == "no"
    # 150/s too much for half an hour: 270,000 wait, and 160/s drain them.
    assert small.backlog.value == pytest.approx(270_000, rel=0.03)
    assert small.drain_s.value == pytest.approx(1800 + 270_000 / 160, abs=60)


def test_nodes_are_ordered_so_early_that_they_serve_in_time() -> None:
    late = scale_out(PROMOTION, Policy("two", 2, start_up_s=600, warm_up_s=0), 4)

    # Two nodes are 150/s short from 3,600 s on. 30 s are too long once 6,000 wait, after 40 s, and in an hour of
    # 108,000 messages 1,080 may be late: so nodes that take ten minutes must be ordered by 3,000 s or a step later.
    assert late.nodes == 4
    assert late.order_s == pytest.approx(3000, abs=60)


def test_a_lead_is_found_by_the_policy_itself() -> None:
    ahead = Ahead(3600, 60, 2400, 4)
    told = scale_out(PROMOTION, Policy("told", 2, start_up_s=600, warm_up_s=0, ahead=(ahead,)), 4)

    assert told.lead_s == pytest.approx(600, abs=60)
    assert told.order_s == pytest.approx(3000, abs=60)


def test_where_no_lead_is_enough_that_is_said() -> None:
    few = scale_out(PROMOTION, Policy("few", 2, ahead=(Ahead(3600, 60, 2400, 3),)), 4)

    assert few.order_s is not None
    assert math.isinf(few.order_s)
    assert few.to_dict()["in_time"] is False


def test_who_survives_need_not_scale_out() -> None:
    assert scale_out(PROMOTION, Policy("four", 4), 4).order_s is None
    assert scale_out(PROMOTION, Policy("told", 4, ahead=(Ahead(3600, 60, 60, 9),)), 4).order_s is None


def test_without_policies_a_fixed_fleet_is_compared_with_one_that_grows() -> None:
    found = look_ahead(PROMOTION, 2, tiers={"basic": 500.0})

    assert [one.name for one in found.prospects] == ["fixed", "elastic", "enough"]
    assert [one.verdict for one in found.prospects] == ["no", "no", "yes"]
    fixed, elastic, enough = found.prospects
    assert elastic.policy is not None
    assert elastic.policy.autoscaling == Autoscaling(4)
    assert enough.backlog.value < elastic.backlog.value < fixed.backlog.value
    assert fixed.node_hours.value == pytest.approx(6)
    assert enough.node_hours.value == pytest.approx(12)
    assert 6 < elastic.node_hours.value < 12


def test_a_fleet_that_is_enough_is_not_added_twice() -> None:
    found = look_ahead(PROMOTION, 2, [Policy("mine", 4)])
    assert [one.name for one in found.prospects] == ["mine"]


def test_what_is_said_is_json_with_nothing_infinite() -> None:
    endless = look_ahead(setting([40.0] * 60 + [150.0] * 60), 1)

    told = json.loads(json.dumps(endless.to_dict(), allow_nan=False))
    assert told["policies"][0]["drain_s"]["value"] is None
    assert len(told["policies"][0]["steps"]["backlog"]) == len(told["load"]["rates_per_s"]) == 120
    p99 = told["policies"][0]["steps"]["delay_s"]["p99"]
    assert p99[30] < 1
    assert p99[119] > 1000
    assert told["enough_nodes"]["value"] == 2
    assert any("as a test says" in line for line in told["rests_on"])


def test_a_delay_below_service_is_refused() -> None:
    with pytest.raises(RefusedError, match="service alone takes 50ms"):
        setting([1.0] * 10, goal="p(99) < 40ms")


def test_a_load_beyond_any_fleet_is_refused() -> None:
    with pytest.raises(RefusedError, match="not even 100,000 nodes"):
        enough_nodes(setting([1e9] * 60))
