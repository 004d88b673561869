"""What a policy's servers cost in a month."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.prices import instance_type

from loadkit.analysis.refusal import RefusedError
from loadkit.plan.fleet_cost import cheapest, month_costs, month_of
from loadkit.plan.fluid import Course, Load, Node, course_of
from loadkit.plan.policies import Ahead, Night, Policy

NODE = Node(100.0, 0.05)
TYPE = instance_type("small.4", 4, 2.0)
"""2 an hour, 1,000 for a month, 800 a month for a year."""


def course(policy: Policy, hours: int) -> Course:
    load = Load(np.full(hours * 60, 600.0), 60.0)
    return course_of(load, NODE, policy.fleet(load, np.arange(hours * 60, dtype=np.float64) * 60 % 86_400))


def test_a_fleet_that_never_changes_costs_its_nodes() -> None:
    policy = Policy("x", 3)
    costs = {one.mix: one.bill.total for one in month_costs(policy, [course(policy, 24)] * 3, TYPE)}

    assert {mix: float(total) for mix, total in costs.items()} == {
        "hourly": 3 * 730 * 2.0,
        "monthly base": 3000.0,
        "yearly base": 2400.0,
    }


def test_hours_after_a_campaign_are_quiet() -> None:
    policy = Policy("x", 1, ahead=(Ahead(3600, 0, 5400, 4),))
    month = month_of(policy, course(policy, 6))

    assert len(month) == 730
    # One and a half hours are paid for as two.
    assert month.tolist() == [1, 4, 4] + [1] * 727
    hourly = month_costs(policy, [course(policy, 6)] * 3, TYPE)[0]
    assert float(hourly.bill.total) == 2.0 * (730 + 2 * 3)


def test_a_month_longer_than_730_hours_is_brought_to_730() -> None:
    policy = Policy("x", 2)
    assert float(month_costs(policy, [course(policy, 744)] * 3, TYPE)[0].bill.total) == 2 * 730 * 2.0


def test_quiet_nights_are_cheap() -> None:
    policy = Policy("x", 4, night=Night(0, 12 * 3600, 2))
    month = month_of(policy, course(policy, 24))

    assert month[:48].tolist() == ([2] * 12 + [4] * 12) * 2
    costs = month_costs(policy, [course(policy, 24)] * 3, TYPE)
    assert cheapest(costs, "x") == min(costs, key=lambda one: one.bill.total)
    assert cheapest(costs, "y") is None


def test_the_bill_is_the_sum_of_its_lines_and_the_cost_has_the_range_of_the_courses() -> None:
    policy = Policy("x", 1, ahead=(Ahead(0, 0, 7200, 3),))
    more = Policy("x", 1, ahead=(Ahead(0, 0, 7200, 5),))
    courses = [course(policy, 10), course(more, 10), course(policy, 10)]
    for cost in month_costs(policy, courses, TYPE):
        assert cost.bill.total == sum(line.effective_cost for line in cost.bill.lines)
        assert cost.cost.value == pytest.approx(float(cost.bill.total), abs=0.02)
        assert cost.cost.high - cost.cost.low == pytest.approx(2 * 2 * 2.0)
        assert cost.to_dict()["total"] == str(cost.bill.total)


def test_what_has_no_price_is_left_out() -> None:
    policy = Policy("x", 1)
    hourly_only = replace(TYPE, monthly=None, yearly=None)

    assert [one.mix for one in month_costs(policy, [course(policy, 2)] * 3, hourly_only)] == ["hourly"]
    with pytest.raises(RefusedError, match=r"small\.4 has no hourly price"):
        month_costs(policy, [course(policy, 2)] * 3, replace(hourly_only, hourly=None))
