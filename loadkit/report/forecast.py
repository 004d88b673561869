"""A forecast for a terminal: the curve as a line, connections, sessions under way, and a provider's limits."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from loadkit.report.sparkline import BLOCKS, column_peaks, sparkline, time_axis
from loadkit.scenario.breaches import Breach, breaches
from loadkit.scenario.calendar import campaign_timetable
from loadkit.scenario.campaign_words import peak_moment
from loadkit.scenario.forecast import Forecast, calendar_forecast_of, forecast_of
from loadkit.units import format_duration, format_rate, format_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loadkit.scenario.curve import Curve, Floats
    from loadkit.scenario.limits import Provider
    from loadkit.scenario.schema import Scenario
    from loadkit.scenario.timetable import Timetable

_DAY_S = 86_400
_MOST_POINTS = 2000


@dataclass(frozen=True, eq=False)
class Outlook:
    """All that `loadkit check` has to say about a scenario's load.

    Args:
        scenario: What is sent.
        timetable: When, in the run.
        run: What the run comes to.
        calendar_timetable: A campaign's in real time; None without a campaign.
        calendar: What that comes to.
        provider: The limits that it is held against; None where guardrails are off.
        breaches: The limits that the run would break.
        calendar_breaches: Those that the campaign would break in real time by its rates, whatever the run does.
    """

    scenario: Scenario
    timetable: Timetable
    run: Forecast
    calendar_timetable: Timetable | None
    calendar: Forecast | None
    provider: Provider | None
    breaches: tuple[Breach, ...]
    calendar_breaches: tuple[Breach, ...]

    @property
    def refused(self) -> bool:
        """Whether the scenario wants not to be run like this."""
        return bool(self.breaches) and self.scenario.guardrails.severity == "error"

    def to_dict(self) -> dict[str, Any]:
        """The numbers as plain values."""
        return {
            "forecast": asdict(self.run),
            "calendar": None if self.calendar is None else asdict(self.calendar),
            "stages": [asdict(stage) for stage in self.timetable.stages] if self.timetable.curve else [],
            "curve": None if self.timetable.curve is None else _curve_to_dict(self.timetable.curve),
            "guardrails": {
                "provider": None if self.provider is None else self.provider.name,
                "severity": self.scenario.guardrails.severity,
                "refused": self.refused,
                "breaches": [asdict(breach) for breach in self.breaches],
                "calendar_breaches": [asdict(breach) for breach in self.calendar_breaches],
            },
        }


def outlook_of(scenario: Scenario, *, service_time_s: float) -> Outlook:
    """Look ahead at a scenario.

    Args:
        scenario: What is sent.
        service_time_s: The target's time for one message.
    """
    rails, campaign = scenario.guardrails, scenario.campaign
    run = forecast_of(scenario, service_time_s=service_time_s)
    calendar = calendar_forecast_of(scenario, service_time_s=service_time_s)
    provider = None if rails.severity == "off" else rails.limits()
    return Outlook(
        scenario=scenario,
        timetable=scenario.timetable,
        run=run,
        calendar_timetable=None if campaign is None else campaign_timetable(campaign),
        calendar=calendar,
        provider=provider,
        breaches=() if provider is None else breaches(scenario, run, provider),
        calendar_breaches=()
        if provider is None or calendar is None
        else tuple(one for one in breaches(scenario, calendar, provider) if one.limit in {"connections", "rate"}),
    )


def outlook_lines(outlook: Outlook, *, columns: int = 64, marks: str = BLOCKS) -> Iterator[str]:
    """The outlook in words and lines.

    Args:
        outlook: What to say.
        columns: Width of the curves in characters.
        marks: What they are drawn with.
    """
    if outlook.calendar is not None and outlook.calendar_timetable is not None:
        yield "Real calendar:"
        yield from _picture(outlook.calendar_timetable, columns, marks, calendar_label(outlook))
        yield from _numbers(outlook.calendar)
        yield "The test:"
    else:
        yield "Load over time:" if outlook.timetable.curve else "Load:"
    yield from _picture(outlook.timetable, columns, marks, format_duration)
    yield from _numbers(outlook.run)
    yield (
        f"{'Rates' if outlook.run.closed_loop else 'Sessions'} by Little's law for "
        f"{format_duration(outlook.run.service_time_s)} of the target's time a message: an assumption; measure it and "
        "give --service-time."
    )
    most = outlook.scenario.sessions.max
    if not outlook.run.closed_loop and outlook.run.busy_peak > most:
        yield f"Note: these are more than sessions.max, which is {most:,}: messages will wait for a session."
    yield from guardrail_lines(outlook)


def guardrail_lines(outlook: Outlook) -> Iterator[str]:
    """What a provider would say; nothing where guardrails are off."""
    if outlook.provider is None:
        return
    yield ""
    if not outlook.breaches:
        yield f"Within the limits of {outlook.provider.name}."
    word = {"warning": "Warning", "error": "Error"}[outlook.scenario.guardrails.severity]
    for breach in outlook.breaches:
        yield f"{word}: {breach.words}."
    for breach in outlook.calendar_breaches:
        yield f"In real time: {breach.words}."


def number_rows(forecast: Forecast, peak: str) -> tuple[tuple[str, str], ...]:
    """The numbers of a forecast by name, for a table.

    Args:
        forecast: The numbers.
        peak: When the peak is.
    """
    return (
        ("duration", format_duration(forecast.duration_s)),
        ("messages", f"{forecast.messages:,.0f}"),
        ("content", format_size(forecast.content_bytes)),
        ("recipients", f"{forecast.recipients:,.0f}"),
        ("mean rate", format_rate(forecast.mean_per_s)),
        ("peak rate", f"{format_rate(forecast.peak_per_s)} {peak}"),
        ("connections", f"{forecast.connections:,.0f}{' (kept)' if forecast.kept else ''}"),
        ("connections in the busiest minute", f"{forecast.minute_connections:,.0f}"),
        ("sources", f"{forecast.sources:,}"),
        ("sessions busy on average", _sessions(forecast.busy_mean)),
        ("sessions busy at the peak", _sessions(forecast.busy_peak)),
    )


def peak_words(outlook: Outlook) -> tuple[str, str]:
    """When the peaks of the run and of the real calendar are; the second is empty without one."""
    after = f"after {format_duration(outlook.run.peak_at_s)}" if outlook.timetable.curve else "all the time"
    campaign = outlook.scenario.campaign
    if campaign is None or outlook.calendar_timetable is None:
        return after, ""
    return after, f"on {peak_moment(campaign, outlook.calendar_timetable)}"


def drawn(curve: Curve) -> tuple[Floats, Floats]:
    """Times and rates that show a curve: all of its corners, or the highest rate in each of many equal parts."""
    times_s, rates = curve.outline()
    if len(times_s) <= _MOST_POINTS:
        return times_s, rates
    borders_s = np.linspace(0.0, curve.duration_s, _MOST_POINTS + 1)
    return (borders_s[:-1] + borders_s[1:]) / 2, column_peaks(curve, _MOST_POINTS)


def _curve_to_dict(curve: Curve) -> dict[str, list[float]]:
    times_s, rates = drawn(curve)
    return {"times_s": times_s.tolist(), "rates_per_s": rates.tolist()}


def _picture(timetable: Timetable, columns: int, marks: str, label: Callable[[float], str]) -> Iterator[str]:
    curve = timetable.curve
    if curve is None:
        return
    yield f"  {sparkline(column_peaks(curve, columns), marks)}  up to {format_rate(curve.peak_per_s)}"
    yield f"  {time_axis(curve.duration_s, columns, label)}"


def calendar_label(outlook: Outlook) -> Callable[[float], str]:
    """Local time for elapsed seconds of the real calendar."""
    campaign = outlook.scenario.campaign
    assert campaign is not None
    clock = "%m-%d %H:%M" if campaign.duration_s > _DAY_S else "%H:%M"
    return lambda elapsed_s: campaign.local(round(elapsed_s)).strftime(clock)


def _numbers(forecast: Forecast) -> Iterator[str]:
    source = "one source" if forecast.sources == 1 else f"{forecast.sources:,} sources"
    if forecast.closed_loop:
        yield (
            f"About {forecast.messages:,.0f} messages with {format_size(forecast.content_bytes)} in "
            f"{format_duration(forecast.duration_s)}, {format_rate(forecast.mean_per_s)}."
        )
    if forecast.kept:
        yield f"About {forecast.connections:,.0f} connections from {source}, kept as long as there is mail."
    else:
        yield (
            f"About {forecast.connections:,.0f} connections from {source}, "
            f"{forecast.minute_connections:,.0f} in the busiest minute."
        )
    if not forecast.closed_loop:
        busy_peak, busy_mean = _sessions(forecast.busy_peak), _sessions(forecast.busy_mean)
        yield f"About {busy_peak} sessions busy at the peak, {busy_mean} on average."


def _sessions(count: float) -> str:
    return f"{count:,.3g}" if count < 1000 else f"{count:,.0f}"  # noqa: PLR2004 - three digits
