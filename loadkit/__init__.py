"""SMTP load testing and capacity planning.

The public names load their modules on first use, so that ``import loadkit`` stays cheap; `SmtpUser` brings Locust,
which patches the process for gevent.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadkit.drive.users import SmtpUser
    from loadkit.measure.store import Run, list_runs, open_run
    from loadkit.scenario.load import load_scenario
    from loadkit.scenario.schema import Scenario

__version__ = "0.1.0"

__all__ = ["Run", "Scenario", "SmtpUser", "__version__", "list_runs", "load_scenario", "open_run"]

_HOMES = {
    "Run": "loadkit.measure.store",
    "Scenario": "loadkit.scenario.schema",
    "SmtpUser": "loadkit.drive.users",
    "list_runs": "loadkit.measure.store",
    "load_scenario": "loadkit.scenario.load",
    "open_run": "loadkit.measure.store",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
