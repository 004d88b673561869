"""A campaign in plain words: its days, what it sends in real time, and how a test stands for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from loadkit.scenario.quantities import exact_ratio
from loadkit.units import format_duration, format_rate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadkit.scenario.campaign import Campaign, Event
    from loadkit.scenario.timetable import Timetable

MOST_STAGES = 12
_MOST_POINTS = 24
_CLOCK = "%Y-%m-%d %H:%M"
_DAY_S = 86_400


def campaign_lines(campaign: Campaign, real: Timetable) -> Iterator[str]:
    """The campaign as written, what it comes to in real time, and how a test stands for it.

    Args:
        campaign: What was written.
        real: Its timetable in real time.
    """
    assert real.curve is not None
    yield (
        f"A campaign of {format_duration(campaign.duration_s)} from {campaign.start:{_CLOCK}} to "
        f"{campaign.end:{_CLOCK}}, local time of {campaign.time_zone}."
    )
    yield (
        f"Without holidays and events {format_rate(campaign.mean_per_s)} on average, "
        f"{campaign.mean_per_s * _DAY_S:,.0f} a day."
    )
    yield from _factor_lines(campaign)
    yield from map(_event_line, campaign.events)
    yield (
        f"In real time about {real.curve.area:,.0f} messages: {format_rate(real.curve.mean_per_s)} on average, "
        f"{format_rate(real.curve.peak_per_s)} at the peak, on {peak_moment(campaign, real)}."
    )
    yield f"A test stands for it: {test_words(campaign, real)}."


def peak_moment(campaign: Campaign, real: Timetable) -> str:
    """When a campaign's rate is highest first, by local time."""
    assert real.curve is not None
    times_s, rates = real.curve.outline()
    return f"{campaign.local(round(float(times_s[np.argmax(rates)]))):{_CLOCK}}"


def test_words(campaign: Campaign, real: Timetable) -> str:
    """How a test stands for a campaign."""
    test = campaign.test
    if test is None:
        return "all of it in real time, as no test is set"
    parts = []
    if test.window_s is not None:
        assert real.curve is not None
        start_s = round(real.curve.busiest(test.window_s))
        parts.append(f"its busiest {format_duration(test.window_s)}, from {campaign.local(start_s):{_CLOCK}} on")
    if test.compress is not None:
        from_s, to_s = test.compress.from_s, test.compress.to_s
        parts.append(f"{format_duration(from_s)} compressed to {format_duration(to_s)} at the same rates")
    if test.scale is not None:
        parts.append(f"rates at {exact_ratio(test.scale)}")
    factor = test.time_factor * test.rate_factor
    words = ", ".join(parts)
    return words if factor == 1 else f"{words}; one message for {1 / factor:,.4g}"


def _factor_lines(campaign: Campaign) -> Iterator[str]:
    points = sorted(campaign.day.items())
    if len(points) > _MOST_POINTS:
        yield f"  day: a curve of {len(points):,} points, linear between them"
    elif len(points) > 1:
        yield f"  day: {', '.join(f'{factor:g} at {time}' for time, factor in points)}, linear between them"
    week = [f"{name} {factor:g}" for name, factor in campaign.week if factor != 1]
    if week:
        yield f"  week: {', '.join(week)}, other days 1"
    if len(points) > 1 or week:
        yield "  These factors are divided by their mean over the campaign, so that its volume is kept."
    for day, factor in sorted(campaign.holidays.items()):
        yield f"  holiday {day}: {factor:g} times its day"


def _event_line(event: Event) -> str:
    when = f"every {event.every} at {event.at}" if event.every is not None else f"at {event.at}"
    return f"  event {event.name}: {when} for {format_duration(event.length_s)}, {event.words} on top"


def stage_lines(timetable: Timetable) -> Iterator[str]:
    """The stages that a campaign makes, as far as they can be read at a glance."""
    curve = timetable.curve
    assert curve is not None
    for stage in timetable.stages[:MOST_STAGES]:
        part = curve.cut(stage.start_s, stage.end_s)
        yield (
            f"  {stage.name}: {format_rate(part.mean_per_s)} on average, {format_rate(part.peak_per_s)} at the peak, "
            f"for {format_duration(part.duration_s)}"
        )
    if len(timetable.stages) > MOST_STAGES:
        yield f"  ... and {len(timetable.stages) - MOST_STAGES:,} more stages"
