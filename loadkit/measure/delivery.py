"""What became of the accepted mail: how it arrived over time, and how much of it waited in between."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from loadkit.measure.histogram import Histogram
from loadkit.measure.ledger import MAX_SECONDS, EndToEnd
from loadkit.measure.reconciliation import Reconciliation
from loadkit.measure.statistics import duration_or_none
from loadkit.measure.trend import trend_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from loadkit.measure.ledger import ArrivalCounts, DeliveryLedger
    from loadkit.measure.records import RunPlan

    Integers = npt.NDArray[np.int64]

SCHEMA_VERSION = 2
METRICS = ("backlog", "end_to_end_duration", "delivered")

GROWTH_NOTABLE = 0.005
"""Share of the accepted rate below which a rise of the backlog is not worth a word."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Messages that were accepted and had not arrived yet, as of the end of each second.

    Args:
        max: The most.
        end: At the end of arrivals.
        slope_per_s: How fast it rose in the measured stages, in messages per second; None where these are too short.
        slope_low_per_s: Lower end of the slope's 95 % confidence interval, or None.
        slope_high_per_s: Its upper end, or None.
        grows: Whether it rose without doubt, and by more than `GROWTH_NOTABLE` of what was accepted.
    """

    max: int
    end: int
    slope_per_s: float | None
    slope_low_per_s: float | None
    slope_high_per_s: float | None
    grows: bool


@dataclass(frozen=True, slots=True)
class DeliveryCourse:
    """How mail arrived over time.

    Args:
        drained: Whether all that was accepted had arrived when the wait for it ended.
        drain_s: From the last accepting reply to the last delivery; None where there was none of them.
        delivered_per_s: Deliveries over the whole seconds of the measured stages; None where there is none.
        backlog: What was accepted and had not arrived.
        clock_behind: Deliveries before they were sent, by the two clocks: these disagree, and latencies with them.
    """

    drained: bool
    drain_s: float | None
    delivered_per_s: float | None
    backlog: Backlog
    clock_behind: int


@dataclass(frozen=True, slots=True)
class DeliverySeries:
    """The run second by second; all of shape (seconds,).

    Args:
        second: Seconds since the run's start, as in the timeline.
        accepted: Messages accepted up to the end of the second.
        delivered: Deliveries up to then, duplicates included.
        backlog: The difference, and 0 where a sink had counted what it had not acknowledged yet.
    """

    second: Integers
    accepted: Integers
    delivered: Integers
    backlog: Integers

    def columns(self) -> dict[str, Integers]:
        """The columns by name."""
        return {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}


@dataclass(frozen=True, slots=True)
class Delivery:
    """All that is known of the far end after a run.

    Args:
        counts: Accepted against delivered.
        course: How mail arrived over time; None in runs of older versions.
        end_to_end: Latencies by message kind, over the whole run.
        series: The run second by second; None where it is read from `to_dict`.
        channels: Different messages that arrived by other channels than SMTP, by kind.
    """

    counts: Reconciliation
    course: DeliveryCourse | None = None
    end_to_end: Mapping[str, EndToEnd] = field(default_factory=dict)
    series: DeliverySeries | None = None
    channels: Mapping[str, int] = field(default_factory=dict)

    def value(self, metric: str, tags: Mapping[str, str], statistic: str, quantile: float | None) -> float | None:
        """The statistic that a threshold on one of `METRICS` asks for; see `loadkit.scenario.thresholds.Statistics`."""
        if metric == "end_to_end_duration":
            merged = Histogram()
            for kind, latencies in self.end_to_end.items():
                if tags.get("kind") in (None, kind):
                    merged.merge(latencies.intended)
            return duration_or_none(merged, statistic, quantile)
        if metric == "delivered" and statistic == "count":
            return self.counts.delivered
        if self.course is None:
            return None
        if metric == "delivered":
            return self.course.delivered_per_s
        backlog = self.course.backlog
        return {"max": backlog.max, "end": backlog.end, "slope": backlog.slope_per_s}[statistic]

    def to_dict(self) -> dict[str, Any]:
        """All but the series as plain JSON values."""
        return {
            "schema_version": SCHEMA_VERSION,
            **dataclasses.asdict(self.counts),
            "course": None if self.course is None else dataclasses.asdict(self.course),
            "end_to_end": {kind: one.to_dict() for kind, one in sorted(self.end_to_end.items())},
            "channels": dict(sorted(self.channels.items())),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Delivery:
        """Read what `to_dict` made, of this version or the one before it, which had the counts alone.

        Raises:
            KeyError: If a value is missing.
            TypeError: If a value is unknown.
            ValueError: If it is of a newer version, or a histogram is damaged.
        """
        if data.get("schema_version", 1) > SCHEMA_VERSION:
            raise ValueError(f"schema version {data['schema_version']!r} is not {SCHEMA_VERSION}")
        names = {one.name for one in dataclasses.fields(Reconciliation)}
        counts = {name: value for name, value in data.items() if name in names}
        counts["lost_ranges"] = tuple(tuple(one) for one in data["lost_ranges"])
        course = data.get("course")
        return cls(
            Reconciliation(**counts),
            None if course is None else DeliveryCourse(**{**course, "backlog": Backlog(**course["backlog"])}),
            {kind: EndToEnd.from_dict(one) for kind, one in data.get("end_to_end", {}).items()},
            channels=dict(data.get("channels", {})),
        )


def follow_delivery(
    plan: RunPlan,
    accepted_per_second: Integers,
    ledger: DeliveryLedger,
    *,
    drained: bool,
    last_accepted_s: float | None,
    duration_s: float,
) -> tuple[DeliveryCourse, DeliverySeries]:
    """Put what was accepted and what arrived on one axis of time.

    Args:
        plan: The run's stages, and the Unix time of its start. Deliveries are counted by whole Unix seconds: unless
            the start is one, those within a second are taken to be spread evenly.
        accepted_per_second: Messages accepted in each second of the run.
        ledger: What arrived.
        drained: Whether all that was accepted had arrived when the wait for it ended.
        last_accepted_s: Seconds from the start to the last accepting reply, or None.
        duration_s: Seconds from the start to the last transaction's end.
    """
    series = _series(plan, accepted_per_second, ledger.arrivals, duration_s)
    measured = _measured_seconds(plan, series.second, duration_s)
    accepted_per_s, delivered_per_s = (_rate(series.accepted, measured), _rate(series.delivered, measured))
    drain_s = None
    if last_accepted_s is not None and ledger.last_at is not None:
        drain_s = max(0.0, ledger.last_at - plan.started_at - last_accepted_s)
    course = DeliveryCourse(
        drained=drained,
        drain_s=drain_s,
        delivered_per_s=delivered_per_s,
        backlog=_backlog(series, measured, min(plan.stages[-1].end_s, duration_s), accepted_per_s),
        clock_behind=ledger.clock_behind,
    )
    return course, series


def _series(plan: RunPlan, accepted_per_second: Integers, arrivals: ArrivalCounts, duration_s: float) -> DeliverySeries:
    counts, first_s = arrivals.counts(), 0.0
    if arrivals.first_second is not None:
        first_s = arrivals.first_second - plan.started_at
    last_s = max(accepted_per_second.size, first_s + counts.size, duration_s)
    seconds = min(math.ceil(last_s), MAX_SECONDS)
    second = np.arange(seconds, dtype=np.int64)
    accepted = np.zeros(seconds, dtype=np.int64)
    accepted[: accepted_per_second.size] = accepted_per_second[:seconds]
    edges_s = first_s + np.arange(counts.size + 1)
    delivered = np.interp(second + 1, edges_s, np.concatenate(([0], np.cumsum(counts)))).round().astype(np.int64)
    accepted = np.cumsum(accepted)
    return DeliverySeries(second, accepted, delivered, np.maximum(accepted - delivered, 0))


def _measured_seconds(plan: RunPlan, second: Integers, duration_s: float) -> npt.NDArray[np.bool_]:
    """Which seconds lie wholly within a measured stage."""
    measured = np.zeros(second.size, dtype=np.bool_)
    for stage in plan.stages:
        if stage.measured:
            measured |= (second >= stage.start_s) & (second + 1 <= min(stage.end_s, duration_s))
    return measured


def _rate(cumulative: Integers, measured: npt.NDArray[np.bool_]) -> float | None:
    if not measured.any():
        return None
    return float(np.diff(cumulative, prepend=0)[measured].mean())


def _backlog(
    series: DeliverySeries, measured: npt.NDArray[np.bool_], end_s: float, accepted_per_s: float | None
) -> Backlog:
    values = series.backlog
    if not values.size:
        return Backlog(0, 0, None, None, None, grows=False)
    at_end = min(max(math.ceil(end_s), 1), values.size) - 1
    trend = trend_of(
        np.asarray(series.second[measured] + 1, dtype=np.float64), np.asarray(values[measured], dtype=np.float64)
    )
    if trend is None:
        return Backlog(int(values.max()), int(values[at_end]), None, None, None, grows=False)
    notable_per_s = GROWTH_NOTABLE * (accepted_per_s or 0.0)
    return Backlog(
        max=int(values.max()),
        end=int(values[at_end]),
        slope_per_s=trend.slope_per_s,
        slope_low_per_s=trend.low_per_s,
        slope_high_per_s=trend.high_per_s,
        grows=trend.low_per_s > 0 and trend.slope_per_s > notable_per_s,
    )
