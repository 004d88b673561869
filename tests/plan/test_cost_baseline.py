"""What plans cost is what it was when somebody last looked at it."""

from __future__ import annotations

import json

from support.cost_baseline import FILE, RENEW, baseline


def test_costs_are_those_of_the_baseline() -> None:
    assert baseline() == json.loads(FILE.read_text(encoding="utf-8")), f"if this is meant, renew it: {RENEW}"
