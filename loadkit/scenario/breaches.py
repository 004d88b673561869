"""What a scenario would do beyond a provider's limits, in words, with what keeps it within them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadkit.scenario.describe import kinds_of
from loadkit.scenario.limits import megabytes
from loadkit.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadkit.scenario.forecast import Forecast
    from loadkit.scenario.limits import Provider, SizeLimits
    from loadkit.scenario.schema import Scenario

_SLACK = 1 + 1e-9
"""A rounding error is no breach."""


@dataclass(frozen=True, slots=True)
class Breach:
    """One limit that would be broken.

    Args:
        limit: ``connections``, ``size``, ``recipients`` or ``rate``.
        expected: What would happen, in the limit's unit: per minute and source, bytes, recipients, per second.
        allowed: The limit.
        words: What would happen, the limit, and what can be done.
    """

    limit: str
    expected: float
    allowed: float
    words: str


def breaches(scenario: Scenario, forecast: Forecast, provider: Provider) -> tuple[Breach, ...]:
    """Every limit of a provider that a run of a scenario would break.

    Args:
        scenario: What is sent.
        forecast: What it comes to.
        provider: The limits.
    """
    return (
        *_connections(scenario, forecast, provider),
        *_sizes(scenario, provider),
        *_recipients(scenario, provider),
        *_rate(forecast, provider),
    )


def _connections(scenario: Scenario, forecast: Forecast, provider: Provider) -> Iterator[Breach]:
    limit, opened, sources = provider.connections_per_min, forecast.minute_connections, forecast.sources
    if limit is None or opened <= limit * sources * _SLACK:
        return
    come_from = "one source" if sources == 1 else f"{sources:,} sources"
    assumed = f" (at {format_duration(forecast.service_time_s)} a message)" if forecast.closed_loop else ""
    needed_sources = math.ceil(opened / limit / _SLACK)
    in_each = math.ceil(forecast.minute_messages / (limit * sources) / _SLACK)
    key = "load.sessions" if forecast.closed_loop else "sessions.max"
    fewer_sessions = f"lower {key} to {limit * sources:,.0f}"
    if forecast.kept:
        remedy = fewer_sessions
    elif scenario.sessions.one_message_each:
        remedy = f"send at most {limit * sources:,.0f} messages a minute, since each is a connection of its own"
    else:
        remedy = f"keep connections (>= {in_each:,} messages each)"
        if forecast.closed_loop and (scenario.load.sessions or 0) > limit * sources:
            remedy += f", {fewer_sessions}"
    words = (
        f"this would open {opened:,.0f} connections/min from {come_from}{assumed}; {provider.name} treats more than "
        f"{limit:,.0f} from one as an attack: {remedy} or use {needed_sources:,} sources (sessions.local_addresses)"
    )
    yield Breach("connections", opened / sources, limit, words)


def _sizes(scenario: Scenario, provider: Provider) -> Iterator[Breach]:
    if provider.size is None:
        return
    for kind in kinds_of(scenario):
        if kind.most_bytes > provider.size.normal_bytes:
            words = f"messages of kind {kind.name} would have up to {megabytes(kind.most_bytes)}; {provider.name} "
            words += _size_words(kind.most_bytes, provider.size)
            yield Breach("size", kind.most_bytes, provider.size.normal_bytes, words)


def _size_words(most_bytes: float, limits: SizeLimits) -> str:
    normal, anomalous = megabytes(limits.normal_bytes), megabytes(limits.anomalous_bytes)
    if most_bytes > limits.anomalous_bytes:
        return f"treats more than {anomalous} as an attack: make them at most {normal}, or send a link"
    return f"expects up to {normal} and treats more than {anomalous} as an attack: make them at most {normal}"


def _recipients(scenario: Scenario, provider: Provider) -> Iterator[Breach]:
    limit = provider.recipients
    for kind in kinds_of(scenario) if limit is not None else ():
        if limit is not None and kind.most_recipients > limit:
            parts = math.ceil(kind.most_recipients / limit)
            words = (
                f"messages of kind {kind.name} would go to up to {kind.most_recipients:,} recipients; {provider.name} "
                f"takes {limit:,} in one: send each as {parts:,} messages with at most {limit:,} recipients"
            )
            yield Breach("recipients", kind.most_recipients, limit, words)


def _rate(forecast: Forecast, provider: Provider) -> Iterator[Breach]:
    limit, peak = provider.rate_per_s, forecast.peak_per_s
    if limit is None or peak <= limit * _SLACK:
        return
    assumed = f" at {format_duration(forecast.service_time_s)} a message" if forecast.closed_loop else " at the peak"
    remedy = "use fewer sessions" if forecast.closed_loop else f"scale it to {math.floor(1000 * limit / peak) / 10:g}%"
    words = (
        f"this would send {peak:,.0f} messages/s{assumed}; {provider.name} takes {limit:,g}: "
        f"{remedy} or choose a larger tier"
    )
    yield Breach("rate", peak, limit, words)
