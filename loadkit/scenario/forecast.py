"""What a scenario will come to, in numbers: messages, bytes, rates, connections and sessions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from loadkit.scenario.calendar import campaign_timetable
from loadkit.scenario.describe import kinds_of

if TYPE_CHECKING:
    from loadkit.scenario.curve import Curve
    from loadkit.scenario.schema import Scenario
    from loadkit.scenario.timetable import Timetable

DEFAULT_SERVICE_TIME_S = 0.05
"""A manufacturer's mail service of five million messages a day answers so fast; what is not measured is an input."""

_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to be expected of a load.

    Args:
        duration_s: How long it lasts.
        messages: How many messages, expected.
        content_bytes: Their content.
        recipients: Recipients of all of them.
        mean_per_s: Messages per second on average.
        peak_per_s: Messages per second at the peak.
        peak_at_s: When the peak is first, in seconds since the start.
        minute_messages: Messages in the busiest minute.
        connections: Connections opened.
        minute_connections: Connections opened in the busiest minute.
        kept: Whether connections are kept as long as there is mail.
        busy_mean: Sessions busy with a message on average.
        busy_peak: The same at the peak.
        service_time_s: What was assumed for the target's time for a message.
        sources: Addresses that connections come from.
        closed_loop: Whether rates follow from the assumed service time.

    Notes:
        Little's law: with arrivals at rate X and each message taking the time W, L = X W messages are under way on
        average (Little, A proof for the queuing formula L = lambda W, Operations Research 9, 1961). A closed loop of N
        sessions has L = N, and its rate is X = N / W. Connections are messages over the mean number of messages in
        each, or the sessions that are busy at the peak where they are kept.
    """

    duration_s: float
    messages: float
    content_bytes: float
    recipients: float
    mean_per_s: float
    peak_per_s: float
    peak_at_s: float
    minute_messages: float
    connections: float
    minute_connections: float
    kept: bool
    busy_mean: float
    busy_peak: float
    service_time_s: float
    sources: int
    closed_loop: bool


def forecast_of(
    scenario: Scenario, *, stretch: float = 1.0, service_time_s: float = DEFAULT_SERVICE_TIME_S
) -> Forecast:
    """What a run of a scenario comes to.

    Args:
        scenario: What is sent.
        stretch: Factor on all durations of the run.
        service_time_s: The target's time for one message.
    """
    timetable = scenario.timetable.stretched(stretch)
    return _forecast(scenario, timetable, service_time_s)


def calendar_forecast_of(scenario: Scenario, *, service_time_s: float = DEFAULT_SERVICE_TIME_S) -> Forecast | None:
    """What a scenario's campaign comes to in real time; None without one.

    Args:
        scenario: What is sent.
        service_time_s: The target's time for one message.
    """
    if scenario.campaign is None:
        return None
    return _forecast(scenario, campaign_timetable(scenario.campaign), service_time_s)


@dataclass(frozen=True, slots=True)
class _Flow:
    duration_s: float
    messages: float
    peak_per_s: float
    peak_at_s: float
    minute_messages: float
    sessions: float
    """Sessions that are open at the peak."""


def _forecast(scenario: Scenario, timetable: Timetable, service_time_s: float) -> Forecast:
    curve = timetable.curve
    flow = (
        _closed_flow(scenario, timetable.duration_s, service_time_s)
        if curve is None
        else _open_flow(curve, scenario.sessions.max, service_time_s)
    )
    kinds, mean_per_s = kinds_of(scenario), flow.messages / flow.duration_s
    in_each = messages_per_session(scenario)
    opened, opened_in_minute = (
        max(flow.sessions if curve is None else 1.0, flow.sessions if in_each is None else messages / in_each)
        for messages in (flow.messages, flow.minute_messages)
    )
    return Forecast(
        duration_s=flow.duration_s,
        messages=flow.messages,
        content_bytes=flow.messages * sum(kind.share * kind.mean_bytes for kind in kinds),
        recipients=flow.messages * sum(kind.share * kind.mean_recipients for kind in kinds),
        mean_per_s=mean_per_s,
        peak_per_s=flow.peak_per_s,
        peak_at_s=flow.peak_at_s,
        minute_messages=flow.minute_messages,
        connections=opened,
        minute_connections=opened_in_minute,
        kept=in_each is None,
        busy_mean=mean_per_s * service_time_s,
        busy_peak=flow.peak_per_s * service_time_s,
        service_time_s=service_time_s,
        sources=max(1, len(scenario.sessions.local_addresses)),
        closed_loop=curve is None,
    )


def messages_per_session(scenario: Scenario) -> float | None:
    """Messages in a connection on average; None where connections are kept."""
    sessions = scenario.sessions
    if sessions.one_message_each:
        return 1.0
    return None if sessions.messages_per_session is None else sessions.messages_per_session.mean


def _open_flow(curve: Curve, most_sessions: int, service_time_s: float) -> _Flow:
    times_s, rates = curve.outline()
    busiest_s = curve.busiest(_MINUTE_S)
    begun, ended = curve.area_at(np.array([busiest_s, busiest_s + _MINUTE_S]))
    return _Flow(
        duration_s=curve.duration_s,
        messages=curve.area,
        peak_per_s=curve.peak_per_s,
        peak_at_s=float(times_s[np.argmax(rates)]),
        minute_messages=float(ended - begun),
        sessions=min(most_sessions, max(1.0, math.ceil(curve.peak_per_s * service_time_s - 1e-9))),
    )


def _closed_flow(scenario: Scenario, duration_s: float, service_time_s: float) -> _Flow:
    load = scenario.load
    assert load.sessions is not None
    rate_per_s = load.sessions / service_time_s
    if load.messages is not None:
        duration_s = load.messages / rate_per_s
    return _Flow(
        duration_s=duration_s,
        messages=rate_per_s * duration_s,
        peak_per_s=rate_per_s,
        peak_at_s=0.0,
        minute_messages=rate_per_s * min(duration_s, _MINUTE_S),
        sessions=load.sessions,
    )
