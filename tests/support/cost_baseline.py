"""What plans cost when they were last looked at: a change of a formula or a price shows as a changed line.

Renew it, and read what changed, with::

    PYTHONPATH=.:tests python -m support.cost_baseline && git diff tests/plan/baselines/plans.json
"""

from __future__ import annotations

import json
from pathlib import Path

from support.planning import LARGE, MEASURED, TYPES, whole_plan

from loadkit.plan.outcome import Plan
from loadkit.plan.site import Order

FILE = Path(__file__).parents[1] / "plan" / "baselines" / "plans.json"
RENEW = "PYTHONPATH=.:tests python -m support.cost_baseline"

Baseline = dict[str, dict[str, str]]


def baseline() -> Baseline:
    """By plan and choice: nodes, how they are bought, and the bill of the median case."""
    order = Order(tiers=("all",), instance_types=TYPES, draws=51)
    plans = {"small ladder": whole_plan(MEASURED, order=order), "four boxes": whole_plan(LARGE, order=order)}
    return {name: _figures(plan) for name, plan in plans.items()}


def _figures(plan: Plan) -> dict[str, str]:
    return {
        f"{tier.name} on {choice.instance_type}": (
            f"{choice.fleet.nodes.p50:.0f} nodes, {choice.mix}, {choice.bill.total} {plan.currency}"
        )
        for tier in plan.tiers
        for choice in sorted(tier.choices, key=lambda choice: choice.instance_type)
        if choice.bill is not None
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(baseline(), indent=2) + "\n", encoding="utf-8")
