"""Real days as a rate curve, against a calendar that is walked minute by minute."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.timing import fewest_s

from loadkit.scenario.calendar import campaign_timetable, stood_in
from loadkit.scenario.campaign import Campaign
from loadkit.scenario.curve import Curve, Floats
from loadkit.scenario.timetable import Timetable
from loadkit.units import parse_duration

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Places and starts a few days before their clocks change, by an hour or by half of one, at night or at midnight.
CHANGES = [
    ("Europe/Berlin", "2026-10-23T00:00"),
    ("Europe/Berlin", "2026-03-27T13:30"),
    ("America/New_York", "2026-10-31T22:15"),
    ("America/Havana", "2026-03-06T00:00"),
    ("Australia/Lord_Howe", "2026-04-03T06:00"),
    ("Asia/Shanghai", "2026-11-09T00:00"),
    ("UTC", "2026-12-30T12:00"),
]
EVENT = {"name": "sale", "duration": "2h", "rate": "5/s"}


def campaign_of(**blocks: Any) -> Campaign:
    blocks = {"start": "2026-11-09T00:00", "duration": "7d", "volume": "864000/d"} | blocks
    if "rate" in blocks:
        del blocks["volume"]
    return Campaign.model_validate(blocks)


def curve_of(timetable: Timetable) -> Curve:
    assert timetable.curve is not None
    return timetable.curve


def area(timetable: Timetable, start_s: float, end_s: float) -> float:
    begun, ended = curve_of(timetable).area_at(np.array([start_s, end_s]))
    return float(ended - begun)


def minute_by_minute(campaign: Campaign) -> Floats:
    """Messages in each hour of a campaign without events: the rate in the middle of each minute, by its local time."""
    zone, minutes = ZoneInfo(campaign.time_zone), round(campaign.duration_s / 60)
    start = campaign.start.replace(tzinfo=zone).astimezone(UTC)
    times = sorted((int(key[:2]) * 60 + int(key[3:]), factor) for key, factor in campaign.day.items())
    ordinary, rates = np.empty(minutes), np.empty(minutes)
    for minute in range(minutes):
        local = (start + timedelta(minutes=minute + 0.5)).astimezone(zone)
        at = local.hour * 60 + local.minute + local.second / 60
        before = max((point for point in times if point[0] <= at), default=(times[-1][0] - 1440, times[-1][1]))
        after = min((point for point in times if point[0] > at), default=(times[0][0] + 1440, times[0][1]))
        factor = before[1] + (after[1] - before[1]) * (at - before[0]) / (after[0] - before[0])
        ordinary[minute] = factor * getattr(campaign.week, WEEKDAYS[local.weekday()])
        rates[minute] = ordinary[minute] * campaign.holidays.get(local.date().isoformat(), 1.0)
    rates *= campaign.mean_per_s / ordinary.mean()
    messages: Floats = (60 * rates).reshape(-1, 60).sum(axis=1)
    return messages


_FACTORS = st.floats(0.05, 10)


@st.composite
def calendars(draw: st.DrawFn) -> dict[str, Any]:
    """Some days around a change of clocks, as they are written."""
    zone, start = draw(st.sampled_from(CHANGES))
    days = draw(st.integers(1, 8))
    times = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59))
    some_days = [date.fromisoformat(start[:10]) + timedelta(days=number) for number in range(days)]
    return {
        "time_zone": zone,
        "start": start,
        "duration": f"{24 * days + draw(st.integers(0, 3))}h",
        "volume": f"{draw(st.integers(1, 10**8))}/d",
        "day": draw(st.dictionaries(times, _FACTORS, min_size=1, max_size=8)),
        "week": draw(st.dictionaries(st.sampled_from(WEEKDAYS), _FACTORS)),
        "holidays": draw(
            st.dictionaries(st.sampled_from([day.isoformat() for day in some_days]), _FACTORS, max_size=3)
        ),
    }


# Clocks change at the very end.
UNTIL_CLOCKS_CHANGE = {
    "time_zone": "America/Havana",
    "start": "2026-03-06T00:00",
    "duration": "48h",
    "volume": "1000/d",
    "holidays": {"2026-03-06": 0.5},
}


@settings(max_examples=10, deadline=None)
@given(calendars())
@example(UNTIL_CLOCKS_CHANGE)
def test_every_hour_has_the_messages_of_its_minutes(blocks: dict[str, Any]) -> None:
    campaign = campaign_of(**blocks)
    hours_s = np.arange(0, campaign.duration_s + 1, 3600.0)
    areas = curve_of(campaign_timetable(campaign)).area_at(hours_s)
    assert np.diff(areas) == pytest.approx(minute_by_minute(campaign), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(calendars(), st.floats(0.01, 1), st.floats(0.01, 1), st.booleans())
def test_totals_of_the_real_and_the_test_curve_agree_by_the_stated_factors(
    blocks: dict[str, Any], width: float, shorter: float, windowed: bool
) -> None:
    """Less time is fewer messages, lower rates are fewer messages, and a window has its part of the whole."""
    duration_s = parse_duration(blocks["duration"])
    window_s = round(duration_s * width) if windowed else round(duration_s)
    to_s = max(1, round(window_s * shorter))
    test: dict[str, Any] = {"compress": {"from": f"{window_s}s", "to": f"{to_s}s"}, "scale": "12.5 %"}
    if windowed:
        test["window"] = f"peak {window_s}s"
    campaign = campaign_of(**blocks, events=[EVENT | {"every": "day", "at": "07:30"}], test=test)
    real = campaign_timetable(campaign)
    stands_for_it = stood_in(real, campaign.test)
    start_s = curve_of(real).busiest(window_s) if windowed else 0.0
    expected = area(real, start_s, start_s + window_s) * to_s / window_s * 0.125
    assert curve_of(stands_for_it).area == pytest.approx(expected, rel=1e-9)
    assert stands_for_it.duration_s == pytest.approx(to_s)
    assert stands_for_it.stages[0].start_s == 0
    assert all(one.end_s == other.start_s for one, other in pairwise(stands_for_it.stages))
    parts = sum(area(stands_for_it, stage.start_s, stage.end_s) for stage in stands_for_it.stages)
    assert parts == pytest.approx(curve_of(stands_for_it).area, rel=1e-9)


@pytest.mark.parametrize(
    ("test", "factor", "duration_s"),
    [
        ({"compress": {"from": "7d", "to": "10m"}}, 600 / (7 * 86400), 600),
        ({"scale": "10 %"}, 0.1, 7 * 86400),
        ({"compress": {"from": "168h", "to": "7m"}, "scale": "50%"}, 0.5 * 420 / (7 * 86400), 420),
    ],
    ids=["compress", "scale", "both"],
)
def test_a_test_of_the_whole(test: dict[str, Any], factor: float, duration_s: float) -> None:
    campaign = campaign_of(day={"00:00": 0.2, "12:00": 3}, week={"sun": 0.3}, test=test)
    real, stands_for_it = campaign_timetable(campaign), stood_in(campaign_timetable(campaign), campaign.test)
    assert curve_of(stands_for_it).area == pytest.approx(6_048_000 * factor)
    assert stands_for_it.duration_s == pytest.approx(duration_s)
    scale = campaign.test.rate_factor if campaign.test else 1
    assert curve_of(stands_for_it).peak_per_s == pytest.approx(curve_of(real).peak_per_s * scale)
    assert [stage.name for stage in stands_for_it.stages] == [stage.name for stage in real.stages]


def test_the_busiest_window_is_where_the_event_is() -> None:
    campaign = campaign_of(
        events=[EVENT | {"at": "2026-11-11T08:00", "rate": "90/s", "duration": "30m"}], test={"window": "peak 30m"}
    )
    test = stood_in(campaign_timetable(campaign), campaign.test)
    assert curve_of(test).area == pytest.approx(100 * 1800)
    assert [(stage.name, stage.start_s, stage.end_s) for stage in test.stages] == [("sale", 0, 1800)]


def test_factors_of_day_and_week_are_recovered_and_the_volume_is_kept() -> None:
    week = {"sat": 0.4, "sun": 0.3}
    timetable = campaign_timetable(campaign_of(day={"00:00": 0.2, "08:00": 1.0, "20:00": 1.8}, week=week))
    days = np.array([area(timetable, day * 86400, (day + 1) * 86400) for day in range(7)])
    assert days.sum() == pytest.approx(7 * 864_000)
    assert days / days[0] == pytest.approx([1, 1, 1, 1, 1, 0.4, 0.3])
    rates = curve_of(timetable).rate_at(np.array([0, 8, 14, 20, 22]) * 3600.0)
    assert rates / rates[1] == pytest.approx([0.2, 1.0, 1.4, 1.8, 1.0])


def test_a_holiday_multiplies_its_day_and_adds_to_the_volume() -> None:
    timetable = campaign_timetable(campaign_of(holidays={"2026-11-11": 2.5, "2026-11-12": 0}))
    days = [area(timetable, day * 86400, (day + 1) * 86400) for day in range(7)]
    assert days == pytest.approx([864_000, 864_000, 2.5 * 864_000, 0, 864_000, 864_000, 864_000])


def test_days_on_which_clocks_change_have_23_and_25_hours() -> None:
    autumn = campaign_timetable(campaign_of(time_zone="Europe/Berlin", start="2026-10-24T00:00", duration="73h"))
    spring = campaign_timetable(campaign_of(time_zone="Europe/Berlin", start="2026-03-28T00:00", duration="71h"))
    assert [(stage.end_s - stage.start_s) / 3600 for stage in autumn.stages] == [24, 25, 24]
    assert [(stage.end_s - stage.start_s) / 3600 for stage in spring.stages] == [24, 23, 24]


def test_an_hour_that_comes_twice_has_its_rate_twice_and_one_that_is_skipped_has_none() -> None:
    day = {"02:00": 0, "02:30": 8, "03:00": 0, "12:00": 0, "12:30": 8, "13:00": 0}
    for start, hours, expected in (("2026-10-25T00:00", 25, 2), ("2026-03-29T00:00", 23, 0)):
        campaign = campaign_of(time_zone="Europe/Berlin", start=start, duration=f"{hours}h", day=day)
        timetable = campaign_timetable(campaign)
        noon_s = campaign.elapsed_s(datetime.fromisoformat(f"{start[:10]}T12:00"))
        at_noon = area(timetable, noon_s, noon_s + 3600)
        assert area(timetable, 0, noon_s) == pytest.approx(expected * at_noon)
        assert noon_s == (12 + hours - 24) * 3600


def test_events_come_by_local_time_and_have_stages_of_their_own() -> None:
    campaign = campaign_of(
        time_zone="Europe/Berlin",
        start="2026-10-24T00:00",
        duration="73h",
        rate="1/s",
        events=[
            EVENT | {"every": "day", "at": "09:00"},
            EVENT | {"name": "rush", "at": "2026-10-24T10:00", "from": "0/s", "to": "8/s", "rate": None},
        ],
    )
    timetable = campaign_timetable(campaign)
    assert [(stage.name, stage.start_s / 3600, stage.end_s / 3600) for stage in timetable.stages] == [
        ("2026-10-24", 0, 9),
        ("sale-2026-10-24", 9, 10),
        ("rush", 10, 12),  # begins while the other goes on
        ("2026-10-24-2", 12, 24),
        ("2026-10-25", 24, 34),  # nine o'clock is ten hours after this midnight
        ("sale-2026-10-25", 34, 36),
        ("2026-10-25-2", 36, 49),
        ("2026-10-26", 49, 58),
        ("sale-2026-10-26", 58, 60),
        ("2026-10-26-2", 60, 73),
    ]
    assert curve_of(timetable).area == pytest.approx(73 * 3600 + 3 * 2 * 3600 * 5 + 2 * 3600 * 4)
    assert curve_of(timetable).rate_at(np.array([9.5, 10.5, 20]) * 3600) == pytest.approx([6, 1 + 5 + 2, 1])


def test_what_an_event_interrupts_is_taken_up_again_under_another_name() -> None:
    long = EVENT | {"name": "long", "at": "2026-11-09T01:00", "duration": "5h"}
    short = EVENT | {"name": "short", "at": "2026-11-09T02:00", "duration": "1h"}
    timetable = campaign_timetable(campaign_of(duration="1d", events=[long, short]))
    assert [stage.name for stage in timetable.stages] == ["2026-11-09", "long", "short", "long-2", "2026-11-09-2"]
    assert [stage.end_s / 3600 for stage in timetable.stages] == [1, 2, 3, 6, 24]


def test_a_campaign_may_be_events_alone() -> None:
    timetable = campaign_timetable(campaign_of(rate="0/s", events=[EVENT | {"every": "day", "at": "10:00"}]))
    assert curve_of(timetable).area == pytest.approx(7 * 7200 * 5)


def test_an_event_of_every_day_that_clocks_skip_comes_an_hour_later() -> None:
    campaign = campaign_of(
        time_zone="Europe/Berlin",
        start="2026-03-28T00:00",
        duration="48h",
        events=[EVENT | {"every": "day", "at": "02:30", "duration": "10m"}],
    )
    starts = [stage.start_s for stage in campaign_timetable(campaign).stages if "sale" in stage.name]
    assert [campaign.local(start_s).isoformat() for start_s in starts] == ["2026-03-28T02:30:00", "2026-03-29T03:30:00"]


def test_events_of_every_day_begin_within_the_campaign() -> None:
    events = [EVENT | {"every": "day", "at": "10:00", "duration": "1h"}]
    timetable = campaign_timetable(campaign_of(start="2026-11-09T10:30", duration="48h", events=events))
    assert [stage.name for stage in timetable.stages if "sale" in stage.name] == ["sale-2026-11-10", "sale-2026-11-11"]
    assert curve_of(timetable).area == pytest.approx(2 * 864_000 + (3600 + 1800) * 5)


def test_an_event_ends_with_the_campaign() -> None:
    timetable = campaign_timetable(campaign_of(duration="1d", events=[EVENT | {"at": "2026-11-09T23:30"}]))
    assert timetable.duration_s == 86400
    assert curve_of(timetable).area == pytest.approx(864_000 + 1800 * 5)


def test_events_have_the_shapes_of_stages() -> None:
    spike = {"peak": "100/s", "rise": "1m", "hold": "5m", "fall": "10m"}
    campaign = campaign_of(
        rate="1/s",
        events=[
            {"name": "opening", "at": "2026-11-10T10:00", "shape": {"spike": spike}},
            {
                "name": "tail",
                "at": "2026-11-10T10:16",
                "duration": "2h",
                "shape": {"decay": {"from": "60/s", "half_life": "10m"}},
            },
            {
                "name": "lists",
                "every": "day",
                "at": "08:00",
                "duration": "1h",
                "shape": {"batches": {"messages": 3000, "rate": "10/s", "every": "30m"}},
            },
        ],
    )
    timetable = campaign_timetable(campaign)
    opened_s = (24 + 10) * 3600
    assert curve_of(timetable).rate_at(np.array([opened_s + 120.0, opened_s + 960 + 600])) == pytest.approx([101, 31])
    decayed = 60 * 600 / np.log(2) * (1 - 2.0**-12)
    assert curve_of(timetable).area == pytest.approx(7 * 86400 + 100 * (30 + 300 + 300) + decayed + 7 * 2 * 3000)
    assert [stage.name for stage in timetable.stages[5:8]] == ["2026-11-10-2", "opening", "tail"]


def test_thirty_days_by_the_minute_are_integrated_within_a_fifth_of_a_second() -> None:
    day = {f"{minute // 60:02d}:{minute % 60:02d}": 1 + minute % 7 for minute in range(1440)}
    campaign = campaign_of(time_zone="Europe/Berlin", start="2026-10-10T00:00", duration="30d", day=day)

    def seconds() -> float:
        started = time.process_time()
        assert curve_of(campaign_timetable(campaign)).area == pytest.approx(30 * 864_000)
        return time.process_time() - started

    assert fewest_s(seconds, below_s=0.2, tries=5) < 0.2
    assert len(curve_of(campaign_timetable(campaign)).levels) == 30 * 1440
