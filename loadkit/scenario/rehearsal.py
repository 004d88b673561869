"""A scenario made shorter and smaller for a run: compressed in time, scaled in rate, or both for a demonstration."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadkit.errors import UsageError
from loadkit.scenario.campaign import Compress, StandIn
from loadkit.scenario.quantities import exact_ratio
from loadkit.units import format_duration, format_rate, parse_ratio

if TYPE_CHECKING:
    from loadkit.scenario.schema import Scenario

DEMO_DURATION_S = 60.0
"""How long people look on."""
DEMO_PEAK_PER_S = 300.0
"""A generator and the complete sink beside it on two cores keep up with it, so that the demonstration is valid."""

_STEPS = 1e6
"""A factor found here is a multiple of a millionth, so that it is the same when it was written and read again."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a run does in place of what was written.

    Args:
        scenario: What is sent.
        stretch: Factor on all its durations.
        words: What was changed; empty if nothing.
    """

    scenario: Scenario
    stretch: float = 1.0
    words: str = ""


def rehearse(
    scenario: Scenario, *, compress_s: float | None = None, scale: float | None = None, demo: bool = False
) -> Rehearsal:
    """Apply what the command line says about time and rates.

    Everything is in the scenario and in one factor on its durations, so that a run's workers follow the same curve.

    Args:
        scenario: As written.
        compress_s: How long the run lasts, at the same rates; of a campaign it replaces what `test` says.
        scale: Factor on the rates of an open loop.
        demo: Make it a demonstration: at most `DEMO_DURATION_S` long, at most `DEMO_PEAK_PER_S` high.

    Raises:
        UsageError: If these do not go together or with the scenario, or nothing would be left.
    """
    if demo:
        if compress_s is not None or scale is not None:
            raise UsageError("--demo-time sets time and rates", hint="leave out --compress and --scale")
        return _demonstration(scenario)
    stretch, words = 1.0, ""
    if compress_s is not None and scenario.campaign is not None:
        if scenario.campaign.test is not None:
            words = "--compress takes the whole campaign, in place of the test that the scenario sets"
        scenario = _compressed_campaign(scenario, compress_s)
    elif compress_s is not None:
        stretch = stretch_to_last(scenario.timetable.duration_s, compress_s)
    if scale is not None:
        scenario = _scaled(scenario, scale)
    return _checked(Rehearsal(scenario, stretch, words))


def stretch_to_last(duration_s: float, compress_s: float) -> float:
    """The factor on all durations that makes a load last a given time.

    Args:
        duration_s: Duration of the load as written, in seconds; infinite where only a count bounds it.
        compress_s: Wanted duration in seconds.

    Raises:
        UsageError: If the load is bounded by a number of messages, or would not become shorter.
    """
    if math.isinf(duration_s):
        raise UsageError("--compress needs stages or a duration", hint="this load ends after a number of messages")
    if not 0 < compress_s <= duration_s:
        raise UsageError(
            f"--compress is {format_duration(compress_s)}, and the load lasts {format_duration(duration_s)}",
            hint="choose a time above 0s and not above that",
        )
    return compress_s / duration_s


def _compressed_campaign(scenario: Scenario, compress_s: float) -> Scenario:
    campaign = scenario.campaign
    assert campaign is not None
    stretch_to_last(campaign.duration_s, compress_s)
    test = StandIn.model_validate({"compress": Compress.model_construct(from_s=campaign.duration_s, to_s=compress_s)})
    return scenario.model_copy(update={"campaign": campaign.model_copy(update={"test": test})})


def _scaled(scenario: Scenario, factor: float) -> Scenario:
    load = scenario.load
    if not load.open_loop:
        raise UsageError("a closed loop has no rate to scale", hint="lower load.sessions in the scenario")
    # As it will be read from the scenario that workers get.
    factor = parse_ratio(exact_ratio(factor * (1.0 if load.scale is None else load.scale)))
    return scenario.model_copy(update={"load": load.model_copy(update={"scale": factor})})


def _demonstration(scenario: Scenario) -> Rehearsal:
    load = scenario.load
    if load.messages is not None:
        messages = min(load.messages, round(DEMO_DURATION_S * DEMO_PEAK_PER_S))
        shorter = scenario.model_copy(update={"load": load.model_copy(update={"messages": messages})})
        return Rehearsal(shorter, words=f"demonstration: {messages:,} of {load.messages:,} messages")
    duration_s, curve = scenario.timetable.duration_s, scenario.timetable.curve
    demo_s = min(duration_s, DEMO_DURATION_S)
    words = f"demonstration: {format_duration(duration_s)} compressed to {format_duration(demo_s)}"
    if curve is None:
        return Rehearsal(scenario, demo_s / duration_s, words)
    factor = 1.0
    if curve.peak_per_s > DEMO_PEAK_PER_S:
        factor = math.floor(DEMO_PEAK_PER_S / curve.peak_per_s * _STEPS + 0.5 / _STEPS) / _STEPS
        scenario = _scaled(scenario, factor)
    words += (
        f", rates at {exact_ratio(factor)}: about {curve.area * factor * demo_s / duration_s:,.0f} messages, "
        f"{format_rate(curve.peak_per_s * factor)} at the peak"
    )
    return _checked(Rehearsal(scenario, demo_s / duration_s, words))


def _checked(rehearsal: Rehearsal) -> Rehearsal:
    curve = rehearsal.scenario.timetable.curve
    if curve is not None and curve.area * rehearsal.stretch < 1:
        raise UsageError("less than one message would be left", hint="compress or scale it less")
    return rehearsal
