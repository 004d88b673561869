"""SMTP load testing and capacity planning.

The public names load their modules on first use, so that ``import loadkit`` stays cheap; `SmtpUser` brings Locust,
which patches the process for gevent.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadkit.analysis.demand import fit_demand
    from loadkit.analysis.latency import fit_latency
    from loadkit.analysis.scalability import fit_scalability
    from loadkit.drive.users import SmtpUser
    from loadkit.measure.store import Run, list_runs, open_run
    from loadkit.plan.planning import make_plan
    from loadkit.scenario.load import load_scenario
    from loadkit.scenario.schema import Scenario

__version__ = "0.1.0"

__all__ = [
    "Run",
    "Scenario",
    "SmtpUser",
    "__version__",
    "fit_demand",
    "fit_latency",
    "fit_scalability",
    "list_runs",
    "load_scenario",
    "make_plan",
    "open_run",
]

_HOMES = {
    "Run": "loadkit.measure.store",
    "Scenario": "loadkit.scenario.schema",
    "SmtpUser": "loadkit.drive.users",
    "fit_demand": "loadkit.analysis.demand",
    "fit_latency": "loadkit.analysis.latency",
    "fit_scalability": "loadkit.analysis.scalability",
    "list_runs": "loadkit.measure.store",
    "load_scenario": "loadkit.scenario.load",
    "make_plan": "loadkit.plan.planning",
    "open_run": "loadkit.measure.store",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
