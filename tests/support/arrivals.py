"""One of each kind of arrivals, as written in YAML."""

from __future__ import annotations

from typing import Any

ARRIVALS: tuple[Any, ...] = (
    "even",
    "poisson",
    {"gamma": {"dispersion": 4}},
    {"mmpp": {"dispersion": 20, "factor": 5, "share": "10%"}},
)
