"""A campaign's rate curve in elapsed time, its named stages, and the curve of a test that stands for it.

Local time is worked out piece by piece: between two changes of a zone's clocks it is elapsed time plus a constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from loadkit.scenario.campaign import seconds_of_day
from loadkit.scenario.curve import Curve, Floats
from loadkit.scenario.timetable import StageSpan, Timetable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from loadkit.scenario.campaign import Campaign, Event, StandIn

DAY_S = 86_400

MAX_PARTS = 2_000_000
"""Pieces of a campaign's curve, times their parts: some seconds of work, and some hundred megabytes."""

_TOO_FINE = "its days and events have too many pieces: use fewer events, batches or times of day"
_HOUR_S = 3600
_EPOCH = date(1970, 1, 1)
_EPOCH_WEEKDAY = _EPOCH.weekday()


@dataclass(frozen=True, slots=True)
class _LocalPieces:
    """The campaign's time cut at every midnight, every time named by the day's curve, and every change of clocks.

    Args:
        edges_s: Elapsed seconds, ascending from 0; shape (n + 1,).
        days: Local day of each piece, counted from 1970-01-01; shape (n,).
        starts_s: Where each piece begins, in local seconds of its day; shape (n,).
    """

    edges_s: Floats
    days: npt.NDArray[np.int64]
    starts_s: Floats

    @property
    def ends_s(self) -> Floats:
        """Where each piece ends, in local seconds of its day; midnight is 86,400."""
        return self.starts_s + np.diff(self.edges_s)


def campaign_timetable(campaign: Campaign) -> Timetable:
    """A campaign in real time: from its start, in elapsed seconds.

    Args:
        campaign: What was written.

    Raises:
        ValueError: If the factors of its days are 0 all the time, though its mean is not; or if it has too many pieces.

    Notes:
        The ordinary rate is mean x d(t) w(t) / m, with d the day's curve (linear between its points, around midnight
        from the last to the first), w the factor of the day of the week, and m the mean of d w over the campaign:
        without holidays and events the campaign's mean is the one that was written. A holiday's factor multiplies its
        day afterwards, so it adds to the volume or takes from it; events are added at last.
    """
    pieces = _local_pieces(campaign)
    holidays = {(date.fromisoformat(day) - _EPOCH).days: factor for day, factor in campaign.holidays.items()}
    weekdays = np.asarray(campaign.week.factors)[(pieces.days + _EPOCH_WEEKDAY) % 7]
    ordinary = _days_curve(campaign, pieces, weekdays)
    mean = ordinary.mean_per_s
    if mean <= 0 and campaign.mean_per_s > 0:
        raise ValueError("the factors of day and week are 0 all through the campaign")
    factors = np.array([holidays.get(int(day), 1.0) for day in np.unique(pieces.days)])
    factors = factors[np.searchsorted(np.unique(pieces.days), pieces.days)]
    curve = _days_curve(campaign, pieces, weekdays * factors * (campaign.mean_per_s / mean if mean > 0 else 0.0))
    occurrences = _occurrences_within_bounds(campaign)
    lanes = [_in_a_row(lane, campaign.duration_s) for lane in _lanes(occurrences)]
    pieces_in_all = len(curve.levels) + sum(len(lane.levels) for lane in lanes)
    if pieces_in_all * (1 + sum(lane.weights.shape[1] for lane in lanes)) > MAX_PARTS:
        raise ValueError(_TOO_FINE)
    for lane in lanes:
        curve = curve.plus(lane)
    return Timetable(tuple(_spans(pieces, occurrences)), curve)


def stand_in_timetable(campaign: Campaign) -> Timetable:
    """What a test of a campaign sends: the campaign itself unless it says what stands for it."""
    return stood_in(campaign_timetable(campaign), campaign.test)


def stood_in(timetable: Timetable, test: StandIn | None) -> Timetable:
    """A timetable as a test stands for it.

    Args:
        timetable: Of the whole campaign.
        test: Its busiest window, then less time at the same rates, then lower rates.
    """
    if test is None:
        return timetable
    if test.window_s is not None:
        assert timetable.curve is not None
        start_s = timetable.curve.busiest(test.window_s)
        timetable = timetable.cut(start_s, min(start_s + test.window_s, timetable.duration_s))
    return timetable.stretched(test.time_factor).scaled(test.rate_factor)


def _local_pieces(campaign: Campaign) -> _LocalPieces:
    times_of_day_s = np.unique([0, *map(seconds_of_day, campaign.day)])
    edges, days, starts = [], [], []
    for start_s, end_s, ahead_s in _clock_spans(campaign):
        local_start_s, local_end_s = start_s + ahead_s, end_s + ahead_s
        first, last = int(local_start_s // DAY_S), int(local_end_s // DAY_S)
        inner = (DAY_S * np.arange(first, last + 1)[:, None] + times_of_day_s).ravel()
        inner = inner[(inner > local_start_s) & (inner < local_end_s)]
        local_s = np.concatenate(([local_start_s], inner))
        edges.append(local_s - ahead_s)
        days.append((local_s // DAY_S).astype(np.int64))
        starts.append(local_s % DAY_S)
    edges.append(np.array([campaign.duration_s]))
    return _LocalPieces(np.concatenate(edges), np.concatenate(days), np.concatenate(starts))


def _clock_spans(campaign: Campaign) -> Iterator[tuple[float, float, float]]:
    """Elapsed start and end of each time without a change of clocks, and local minus elapsed seconds in it."""
    zone, start_s = campaign.zone, campaign.start_unix_s

    def offset_s(elapsed_s: float) -> float:
        offset = datetime.fromtimestamp(start_s + elapsed_s, UTC).astimezone(zone).utcoffset()
        assert offset is not None
        return offset.total_seconds()

    begun_s, offset = 0.0, offset_s(0.0)
    probes_s = [*np.arange(_HOUR_S, campaign.duration_s, _HOUR_S).tolist(), campaign.duration_s]
    for before_s, after_s in pairwise((0.0, *probes_s)):
        if offset_s(after_s) != offset:
            low_s, high_s = before_s, after_s
            while high_s - low_s > 1:
                middle_s = (low_s + high_s) / 2
                low_s, high_s = (middle_s, high_s) if offset_s(middle_s) == offset else (low_s, middle_s)
            # Clocks change at whole seconds of Unix time.
            change_s = float(np.floor(start_s + high_s)) - start_s
            if change_s < campaign.duration_s:
                yield begun_s, change_s, start_s + offset
                begun_s, offset = change_s, offset_s(after_s)
    yield begun_s, campaign.duration_s, start_s + offset


def _days_curve(campaign: Campaign, pieces: _LocalPieces, factors: Floats) -> Curve:
    """The day's curve over all pieces, each multiplied by a factor."""
    points = sorted((seconds_of_day(time), factor) for time, factor in campaign.day.items())
    times_s, levels = (np.array(column, dtype=np.float64) for column in zip(*points, strict=True))
    times_s = np.concatenate(([times_s[-1] - DAY_S], times_s, [times_s[0] + DAY_S]))
    levels = np.concatenate(([levels[-1]], levels, [levels[0]]))
    rates = np.stack([np.interp(at_s, times_s, levels) * factors for at_s in (pieces.starts_s, pieces.ends_s)], axis=1)
    edges_s = np.stack((pieces.edges_s[:-1], pieces.edges_s[1:]), axis=1)
    return Curve.points(edges_s.ravel(), rates.ravel())


@dataclass(frozen=True, slots=True)
class _Occurrence:
    name: str
    start_s: float
    end_s: float
    curve: Curve


def _occurrences(campaign: Campaign) -> Iterator[_Occurrence]:
    """Every event each time that it comes, as far as it lies within the campaign."""
    for event in campaign.events:
        curve = event.curve
        for name, start_s in _starts(campaign, event):
            end_s = min(start_s + event.length_s, campaign.duration_s)
            yield _Occurrence(name, start_s, end_s, curve.cut(0.0, end_s - start_s))


def _occurrences_within_bounds(campaign: Campaign) -> list[_Occurrence]:
    found: list[_Occurrence] = []
    pieces = 0
    for one in _occurrences(campaign):
        pieces += len(one.curve.levels)
        if pieces > MAX_PARTS:
            raise ValueError(_TOO_FINE)
        found.append(one)
    return found


def _starts(campaign: Campaign, event: Event) -> Iterator[tuple[str, float]]:
    if event.every is None:
        yield event.name, campaign.elapsed_s(event.moment)
        return
    time_of_day = timedelta(seconds=event.time_of_day_s)
    day = campaign.start.date()
    while day <= campaign.end.date():
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - local, as all moments of a campaign
        start_s = campaign.elapsed_s(midnight + time_of_day)
        if 0 <= start_s < campaign.duration_s:
            yield f"{event.name}-{day.isoformat()}", start_s
        day += timedelta(days=1)


def _lanes(occurrences: Sequence[_Occurrence]) -> list[list[_Occurrence]]:
    """Occurrences in as few rows as needed, so that those of a row do not overlap."""
    lanes: list[list[_Occurrence]] = []
    for one in sorted(occurrences, key=lambda one: one.start_s):
        lane = next((lane for lane in lanes if lane[-1].end_s <= one.start_s), None)
        if lane is None:
            lanes.append([one])
        else:
            lane.append(one)
    return lanes


def _in_a_row(lane: Sequence[_Occurrence], duration_s: float) -> Curve:
    curves, end_s = [], 0.0
    for one in lane:
        curves.append(one.curve.delayed(one.start_s - end_s))
        end_s = one.end_s
    if end_s < duration_s:
        curves.append(Curve.hold(0.0, duration_s - end_s))
    return Curve.chained(curves)


def _spans(pieces: _LocalPieces, occurrences: Sequence[_Occurrence]) -> Iterator[StageSpan]:
    """Local days and events in turn: any time belongs to the event that began last of those going on, else to its day.

    What is taken up again has a number behind its name.
    """
    starts_s = np.array([one.start_s for one in occurrences])
    ends_s = np.array([one.end_s for one in occurrences])
    latest_first = np.argsort(-starts_s, kind="stable")
    new_day = np.flatnonzero(np.diff(pieces.days, prepend=pieces.days[0] - 1))
    borders_s = np.unique(np.concatenate((pieces.edges_s[new_day], starts_s, ends_s, pieces.edges_s[-1:])))
    owners: list[tuple[str, float]] = []
    for start_s in borders_s[:-1]:
        going_on = latest_first[(starts_s[latest_first] <= start_s) & (start_s < ends_s[latest_first])]
        day = pieces.days[np.searchsorted(pieces.edges_s, start_s, side="right") - 1]
        name = occurrences[going_on[0]].name if going_on.size else (_EPOCH + timedelta(days=int(day))).isoformat()
        if not owners or owners[-1][0] != name:
            owners.append((name, float(start_s)))
    used: set[str] = set()
    for (name, start_s), (_, end_s) in pairwise((*owners, ("", float(borders_s[-1])))):
        unique, number = name, 1
        while unique in used:
            number += 1
            unique = f"{name}-{number}"
        used.add(unique)
        yield StageSpan(unique, start_s, end_s, measured=True)
