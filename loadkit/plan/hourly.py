"""The load by the hour: what a scenario's calendar asks for, or one rate at all hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from loadkit.analysis.refusal import RefusedError
from loadkit.plan.uncertain import Range
from loadkit.scenario.calendar import campaign_timetable
from loadkit.scenario.describe import kinds_of
from loadkit.scenario.forecast import messages_per_session

if TYPE_CHECKING:
    from loadkit.scenario.curve import Curve
    from loadkit.scenario.schema import Scenario

Floats = npt.NDArray[np.float64]

WEEK_HOURS = 168
_HOUR_S, _WINDOW_S = 3600.0, 60.0
_DECIMALS = 6
_WINDOWS = round(_HOUR_S / _WINDOW_S)
SIZE_SPREAD = 2.0
"""How far a real mean size may be off that of a scenario, as a factor either way."""


@dataclass(frozen=True, slots=True, eq=False)
class HourlyLoad:
    """Messages a second by the hour, as the whole of it repeats.

    Args:
        name: Where it is from.
        mean_per_s: Mean of each hour, shape (hours,).
        peak_per_s: Mean of the busiest minute of each hour, shape (hours,).
        message_bytes: Mean size of a message.
        messages_per_connection: Messages in a connection; None where connections are kept or nothing is known.
        remark: What was assumed to make hours of it; empty where nothing was.
        recipients_per_message: Recipients of a message on average; 1 where nothing is known.
    """

    name: str
    mean_per_s: Floats
    peak_per_s: Floats
    message_bytes: Range | None
    messages_per_connection: float | None
    remark: str
    recipients_per_message: float = 1.0

    @property
    def most_per_s(self) -> float:
        """The busiest minute of all."""
        return float(self.peak_per_s.max())

    def scaled_to(self, most_per_s: float) -> HourlyLoad:
        """The same shape with another peak."""
        factor = most_per_s / self.most_per_s
        return HourlyLoad(
            self.name,
            self.mean_per_s * factor,
            self.peak_per_s * factor,
            self.message_bytes,
            self.messages_per_connection,
            self.remark,
            self.recipients_per_message,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "name": self.name,
            "mean_per_s": self.mean_per_s.tolist(),
            "peak_per_s": self.peak_per_s.tolist(),
            "message_bytes": None if self.message_bytes is None else self.message_bytes.to_dict(),
            "messages_per_connection": self.messages_per_connection,
            "remark": self.remark,
            "recipients_per_message": self.recipients_per_message,
        }


def steady_load(rate_per_s: float) -> HourlyLoad:
    """One rate at all hours of a week."""
    rates = np.full(WEEK_HOURS, rate_per_s)
    return HourlyLoad("a steady rate", rates, rates, None, None, "no scenario: the rate is held at all hours")


def hourly_load(scenario: Scenario) -> HourlyLoad:
    """The load of a scenario by the hour.

    Args:
        scenario: One with a campaign has a calendar; of others every hour is as busy as the whole of it.

    Raises:
        RefusedError: If it is a closed loop, which has no rate, or sends nothing.
    """
    curve = scenario.timetable.curve if scenario.campaign is None else campaign_timetable(scenario.campaign).curve
    if curve is None or curve.area == 0:
        raise RefusedError(
            f"scenario {scenario.name} sends as fast as its target takes it, which is no rate to plan for",
            hint="give a rate: --rate 500/s, or a scenario with rates",
        )
    if scenario.campaign is None:
        means, peaks = np.full(WEEK_HOURS, curve.mean_per_s), np.full(WEEK_HOURS, _busiest_minute(curve))
        remark = f"{scenario.name} has no calendar: every hour is taken to be as busy as the whole of it"
    else:
        means, peaks = _by_hour(curve)
        remark = ""
    kinds = kinds_of(scenario)
    size = sum(kind.share * kind.mean_bytes for kind in kinds)
    recipients = sum(kind.share * kind.mean_recipients for kind in kinds)
    spread = Range(size / SIZE_SPREAD, size, size * SIZE_SPREAD)
    return HourlyLoad(scenario.name, means, peaks, spread, messages_per_session(scenario), remark, recipients)


def _busiest_minute(curve: Curve) -> float:
    width_s = min(_WINDOW_S, curve.duration_s)
    begun_s = curve.busiest(width_s)
    begun, ended = curve.area_at(np.array([begun_s, begun_s + width_s]))
    return float(ended - begun) / width_s


def _by_hour(curve: Curve) -> tuple[Floats, Floats]:
    """Means and busiest minutes: of the hours of the week up to a week, else of all hours; part of an hour is one."""
    hours = int(np.ceil(curve.duration_s / _HOUR_S - 1e-9))
    edges_s: Floats = np.arange(hours * _WINDOWS + 1, dtype=np.float64) * _WINDOW_S
    minutes = np.diff(curve.area_at(edges_s)).reshape(hours, _WINDOWS) / _WINDOW_S
    # Hours that are the same shall not differ by what sums of floats leave: a plan works each level out once.
    return minutes.mean(axis=1).round(_DECIMALS), minutes.max(axis=1).round(_DECIMALS)
