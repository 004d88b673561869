"""Costs of fixed cases stay as they were frozen, unless a price or a rule was meant to change."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise

import pytest

from benchmarks.costs import BASELINE, INSTANCE_TYPES, MIXES, RENEW, TIERS, Costs, current, differences


@pytest.fixture(scope="module")
def now() -> Costs:
    return current()


def test_costs_are_as_frozen(now: Costs) -> None:
    changed = differences(json.loads(BASELINE.read_text()), now)
    assert not changed, f"costs changed; if they were meant to, renew them by {RENEW}:\n" + "\n".join(changed)


def test_all_cases_are_there_and_add_up(now: Costs) -> None:
    assert len(now) == len(TIERS) * len(INSTANCE_TYPES) * len(MIXES) == 18
    for parts in now.values():
        assert sum(Decimal(cost) for name, cost in parts.items() if name != "total") == Decimal(parts["total"])


def test_a_larger_tier_costs_more_and_a_longer_subscription_less(now: Costs) -> None:
    for instance in INSTANCE_TYPES:
        for mix in MIXES:
            rising = [Decimal(now[f"{tier}, {instance}, {mix}"]["total"]) for tier in TIERS]
            assert all(larger > smaller for smaller, larger in pairwise(rising))
        for tier in TIERS:
            falling = [Decimal(now[f"{tier}, {instance}, {mix}"]["total"]) for mix in MIXES]
            assert all(longer < shorter for shorter, longer in pairwise(falling))


def test_what_changed_is_named_by_case_and_part() -> None:
    frozen = {"a": {"servers": "1.00", "total": "1.00"}, "b": {"total": "2.00"}}
    now = {"a": {"servers": "1.50", "total": "1.50"}, "c": {"total": "3.00"}}
    assert differences(frozen, now) == [
        "a: servers: 1.00 -> 1.50",
        "a: total: 1.00 -> 1.50",
        "b: total: 2.00 -> nothing",
        "c: total: nothing -> 3.00",
    ]
    assert differences(frozen, frozen) == []
