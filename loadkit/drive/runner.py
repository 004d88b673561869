"""Runs: a scenario, a target and a folder for the results; from the first connection to the verdict on disk."""

from __future__ import annotations

import logging
import resource
import secrets
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import gevent
from locust.env import Environment
from locust.event import Events

from loadkit.drive.build import build_policy, build_wiring
from loadkit.drive.composer import ClosedLoop, Composer, scheduled_arrivals
from loadkit.drive.control import Control, Course
from loadkit.drive.events import BulkStats, EventFeed, RequestHook
from loadkit.drive.journal import Journal
from loadkit.drive.live import LiveFigures
from loadkit.drive.network import resolve
from loadkit.drive.observer import Observer
from loadkit.drive.pacer import Pacer
from loadkit.drive.sender import Sender
from loadkit.drive.users import ScenarioUser
from loadkit.measure.recorder import Recorder
from loadkit.measure.records import OutcomeTable, RunPlan, Stage
from loadkit.measure.store import RunWriter
from loadkit.scenario.arrivals import Schedule, stage_spans
from loadkit.scenario.mix import Mix
from loadkit.scenario.thresholds import evaluate

if TYPE_CHECKING:
    from loadkit.drive.live import Progress
    from loadkit.scenario.guardrails import TargetAddress
    from loadkit.scenario.schema import Scenario

# Time for Locust to start its user, so that the first arrivals are not late.
_LEAD_S = 0.25


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What to run.

    Args:
        scenario: What to send and when.
        source_text: The scenario as written, for the run folder.
        target: Where to; already checked against the allowed ones.
        results_dir: Where the run folder is made.
        command: The command line that repeats the run.
        stretch: Factor on all durations; below 1 the run is compressed.
        ledger_reader: Gives the sink's ledger after the run, or None where the sink is not ours.
        progress: Shows live figures, or None.
    """

    scenario: Scenario
    source_text: str
    target: TargetAddress
    results_dir: Path
    command: tuple[str, ...]
    stretch: float = 1.0
    ledger_reader: Callable[[], Mapping[str, Any]] | None = None
    progress: Progress | None = None
