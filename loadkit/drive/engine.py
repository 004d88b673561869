"""What sends in one process: a scenario's sender and all around it, for the whole of a run or a worker's share."""

from __future__ import annotations

import math
import resource
from time import perf_counter
from typing import TYPE_CHECKING

from locust.env import Environment
from locust.event import Events

from loadkit.drive.build import build_policy, build_wiring
from loadkit.drive.channel_sender import Wrapper
from loadkit.drive.clocks import unix_offset_s
from loadkit.drive.composer import ClosedLoop, Composer, scheduled_arrivals, steered_arrivals
from loadkit.drive.control import Control, Course
from loadkit.drive.events import BulkStats, EventFeed, RequestHook
from loadkit.drive.journal import Journal
from loadkit.drive.network import resolve
from loadkit.drive.outlets import Outlets, channel_senders
from loadkit.drive.pacer import Pacer
from loadkit.drive.sender import Sender
from loadkit.drive.users import ScenarioUser
from loadkit.measure.records import Route, RunPlan, Stage
from loadkit.scenario.arrivals import schedule_of
from loadkit.scenario.channels import SMTP, left_out_kinds
from loadkit.scenario.mix import Mix
from loadkit.scenario.sharing import WHOLE, Share, stripe_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadkit.drive.control import KeepsRecords
    from loadkit.drive.observer import Observer
    from loadkit.measure.records import OutcomeTable
    from loadkit.scenario.guardrails import TargetAddress
    from loadkit.scenario.schema import Scenario
    from loadkit.scenario.steering import Steering

# Time for Locust to start its user, so that the first arrivals are not late.
LEAD_S = 0.25


def new_environment() -> Environment:
    """Locust's environment of a process that sends, which takes messages in batches."""
    environment = Environment(events=Events())
    environment.events.request = RequestHook()
    environment.stats = BulkStats()
    return environment


class Engine:
    """A sender made ready; to start it takes the moment of the run's start.

    Args:
        environment: From `new_environment`; it gets the user that hosts the sender.
        scenario: What to send and when, in the whole run.
        target: Where to.
        stretch: Factor on all durations.
        share: Which part of it is sent by this process.
        steering: Multiplies the rate of an open loop, or None where nobody may.

    Raises:
        LoadkitError: If nothing can be sent: the target has no address, a credential is missing, a worker no session.
    """

    def __init__(
        self,
        environment: Environment,
        scenario: Scenario,
        target: TargetAddress,
        *,
        stretch: float = 1.0,
        share: Share = WHOLE,
        steering: Steering | None = None,
    ) -> None:
        self._environment = environment
        self._scenario = share.of_scenario(scenario)
        self._stretch = stretch
        self._share = share
        self._steering = steering
        self._mix = Mix(scenario)
        self._stripe = stripe_of(scenario, share)
        self._wiring = build_wiring(scenario, target)
        self._policy = build_policy(self._scenario, stream=share.index)
        self._addresses = resolve(target.host, target.port)
        _raise_descriptor_limit()

    def control(  # noqa: PLR0917 - the parts of a run, put together in one place
        self,
        plan: RunPlan,
        epoch_s: float,
        outcomes: OutcomeTable,
        recorder: KeepsRecords,
        observer: Observer,
        each_second: Callable[[float, float], bool],
    ) -> Control:
        """Put the parts of a run together.

        Args:
            plan: Stages, kinds and Unix time of the start.
            epoch_s: The clock's reading at the start.
            outcomes: Where outcomes get their numbers.
            recorder: Takes what happened.
            observer: Watches this process.
            each_second: See `Control`.
        """
        load = self._scenario.load
        composer = Composer(self._mix, plan.run_id, self._share.index, epoch_unix_s=plan.started_at, epoch_s=epoch_s)
        journal = Journal(outcomes)
        sender = Sender(
            self._wiring,
            self._addresses,
            self._policy,
            composer,
            journal,
            epoch_s=epoch_s,
            closed_loop=None if load.open_loop else self._closed_loop(plan),
        )
        outlets = self._outlets(sender, plan, journal, epoch_s)
        control = Control(
            Course(epoch_s, plan.stages[-1].end_s, load.grace_s, self._scenario.sessions.timeouts.quit_s),
            outlets,
            self._pacer(outlets, epoch_s) if load.open_loop else None,
            journal,
            recorder,
            EventFeed(self._environment.events.request, self._environment.stats, plan, outcomes),
            observer,
            each_second,
        )
        self._environment.user_classes = [type("ScenarioUser", (ScenarioUser,), {"control": control})]
        return control

    def _outlets(self, mail: Sender, plan: RunPlan, journal: Journal, epoch_s: float) -> Sender | Outlets:
        """The sender of mail alone, unless the scenario has other channels."""
        if not self._scenario.channels:
            return mail
        wrapper = Wrapper(
            plan.run_id, self._share.index, self._mix.kinds, epoch_unix_s=plan.started_at, epoch_s=epoch_s
        )
        senders = channel_senders(self._scenario, self._share, wrapper, journal, epoch_s=epoch_s)
        # Kinds that are left out have no arrivals.
        names = [kind.channel if kind.channel in senders else SMTP for kind in self._scenario.messages.values()]
        return Outlets(mail, senders, names)

    def _pacer(self, sender: Sender | Outlets, epoch_s: float) -> Pacer:
        schedule = schedule_of(self._scenario, stretch=self._stretch)
        if self._steering is None:
            arrivals = scheduled_arrivals(schedule, self._mix, self._stripe)
        else:
            arrivals = steered_arrivals(schedule, self._mix, self._steering, self._stripe)
        left_out = {self._mix.kinds.index(kind) for kind in left_out_kinds(self._scenario)}
        if left_out:
            arrivals = (arrival for arrival in arrivals if arrival.kind not in left_out)
        return Pacer(arrivals, sender.release, epoch_s)

    def _closed_loop(self, plan: RunPlan) -> ClosedLoop:
        warm_up_s = plan.stages[0].end_s if len(plan.stages) > 1 else 0.0
        return ClosedLoop(self._mix, warm_up_s, self._scenario.load.messages, self._stripe)


def start_times(lead_s: float, *, whole_second: bool) -> tuple[float, float]:
    """When a run starts, on the monotonic clock and in Unix time.

    Args:
        lead_s: How far ahead it must be at least.
        whole_second: Whether it must be a whole Unix second, as sinks count deliveries: then both ends count alike.
    """
    offset_s = unix_offset_s()
    start_unix_s = perf_counter() + offset_s + lead_s
    if whole_second:
        start_unix_s = float(math.ceil(start_unix_s))
    return start_unix_s - offset_s, start_unix_s


def plan_of(scenario: Scenario, run_id: str, *, started_at: float, stretch: float) -> RunPlan:
    """A run's plan.

    Args:
        scenario: When messages are sent, and their kinds.
        run_id: The run's id.
        started_at: Unix time of the start.
        stretch: Factor on all durations.
    """
    spans = scenario.timetable.stretched(stretch).stages
    stages = tuple(Stage(span.name, span.start_s, span.end_s, span.measured) for span in spans)
    return RunPlan(run_id, tuple(scenario.messages), stages, scenario.load.open_loop, started_at, routes_of(scenario))


def routes_of(scenario: Scenario) -> tuple[Route, ...]:
    """How each kind is sent; empty where all are mail."""
    if not scenario.channels:
        return ()
    routes = {name: Route(name, one.protocol, one.left_out) for name, one in scenario.channels.items()}
    routes[SMTP] = Route(SMTP, SMTP)
    return tuple(routes[kind.channel] for kind in scenario.messages.values())


def _raise_descriptor_limit() -> None:
    """Let this process open as many connections as the system permits it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
