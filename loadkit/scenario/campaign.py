"""A campaign as people write it: real days with their curve, holidays and events, and what stands for it in a test."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from loadkit.scenario.block import Block
from loadkit.scenario.curve import Curve
from loadkit.scenario.findings import Finding, FindingsError, raise_findings
from loadkit.scenario.quantities import MAX_RATE_PER_S, Number, PositiveDuration, Rate, Ratio, exact_duration
from loadkit.scenario.shapes import Shape
from loadkit.scenario.texts import Name
from loadkit.units import UnitError, format_duration, format_rate, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_EVENTS = 100
MAX_EVENT_NAME = 26
"""Characters; a date or a number is added where an event makes several stages, and names have 40 at most."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?")
_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_PEAK = re.compile(r"peak\s+(\S.*)")


def _read_moment(value: object) -> datetime:
    text = str(value)
    try:
        if _MOMENT.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:  # a 31st of June
        pass
    raise ValueError(f"{text!r} is not a moment: write local time, such as 2026-11-10T09:30")


def _write_moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds" if moment.second else "minutes")


def _check_date(text: str) -> str:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text).isoformat()
    except ValueError:  # a 31st of June
        pass
    raise ValueError(f"{text!r} is not a date: write one such as 2026-11-11")


def _check_time_of_day(text: str) -> str:
    if not _TIME_OF_DAY.fullmatch(text):
        raise ValueError(f'{text!r} is not a time of day: write one from "00:00" to "23:59"')
    return text


def _check_time_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ValueError, OSError, KeyError):
        close = get_close_matches(text, available_timezones(), n=1, cutoff=0.5)
        fix = f"did you mean {close[0]}?" if close else "write one such as Asia/Shanghai or UTC"
        raise FindingsError(Finding(f"{text!r} is not a time zone", fix=fix)) from None
    return text


def _read_peak(value: object) -> float:
    match = _PEAK.fullmatch(str(value).strip())
    if not match:
        raise ValueError(f"{value!r} is not a window: write peak and a duration, such as peak 30m")
    try:
        width_s = parse_duration(match[1])
    except UnitError as error:
        raise ValueError(str(error)) from error
    if width_s <= 0:
        raise ValueError(f"must be more than 0, not {value}")
    return width_s


def _schema(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", "examples": [example]})


Moment = Annotated[
    datetime,
    BeforeValidator(_read_moment),
    PlainSerializer(_write_moment),
    _schema(_MOMENT.pattern, "2026-11-10T09:30"),
]
DateText = Annotated[str, AfterValidator(_check_date), _schema(_DATE.pattern, "2026-11-11")]
TimeOfDay = Annotated[str, AfterValidator(_check_time_of_day), _schema(_TIME_OF_DAY.pattern, "09:30")]
TimeZone = Annotated[str, AfterValidator(_check_time_zone), _schema("[A-Za-z0-9_+/-]+", "Asia/Shanghai")]
Factor = Annotated[Number, Field(ge=0, le=1e6, allow_inf_nan=False)]
PeakWindow = Annotated[
    float,
    BeforeValidator(_read_peak),
    PlainSerializer(lambda width_s: f"peak {exact_duration(width_s)}"),
    _schema(r"\s*peak\s+\S.*", "peak 30m"),
]


class Week(Block):
    """Factors of the days of the week; what is not named has 1."""

    mon: Factor = 1.0
    """Factor of Mondays."""
    tue: Factor = 1.0
    """Factor of Tuesdays."""
    wed: Factor = 1.0
    """Factor of Wednesdays."""
    thu: Factor = 1.0
    """Factor of Thursdays."""
    fri: Factor = 1.0
    """Factor of Fridays."""
    sat: Factor = 1.0
    """Factor of Saturdays."""
    sun: Factor = 1.0
    """Factor of Sundays."""

    @property
    def factors(self) -> tuple[float, ...]:
        """From Monday on; shape (7,)."""
        return (self.mon, self.tue, self.wed, self.thu, self.fri, self.sat, self.sun)


class Event(Block):
    """What comes on top of the ordinary days, once or at a time of every day."""

    name: Name
    """Its name in results and thresholds; a date is added where it comes every day."""
    at: str
    """Local time of its begin: a moment, or a time of day where it comes every day."""
    every: Literal["day"] | None = None
    """Whether it comes every day."""
    duration_s: PositiveDuration | None = Field(None, alias="duration")
    """How long it lasts; may be left out where its shape has a length of its own."""
    rate_per_s: Rate | None = Field(None, alias="rate")
    """Messages per time on top, all through it."""
    from_per_s: Rate | None = Field(None, alias="from")
    """Messages per time on top, at its start."""
    to_per_s: Rate | None = Field(None, alias="to")
    """Messages per time on top, at its end."""
    shape: Shape | None = None
    """Messages per time on top in another form."""

    @property
    def length_s(self) -> float:
        """How long it lasts in seconds: its duration, or its shape's own length."""
        own_s = None if self.shape is None else self.shape.length_s
        return self.duration_s or own_s or 0.0

    @property
    def curve(self) -> Curve:
        """Messages per second from its begin on."""
        if self.shape is not None:
            return self.shape.curve(self.length_s)
        if self.rate_per_s is not None:
            return Curve.hold(self.rate_per_s, self.length_s)
        return Curve.ramp(self.from_per_s or 0.0, self.to_per_s or 0.0, self.length_s)

    @property
    def words(self) -> str:
        """What it adds."""
        if self.shape is not None:
            return self.shape.words
        if self.rate_per_s is not None:
            return format_rate(self.rate_per_s)
        return f"{format_rate(self.from_per_s or 0.0)} to {format_rate(self.to_per_s or 0.0)}"

    @property
    def moment(self) -> datetime:
        """When it begins by local time; only of one that comes once."""
        return _read_moment(self.at)

    @property
    def time_of_day_s(self) -> int:
        """When it begins each day, in seconds after midnight; only of one that comes every day."""
        return seconds_of_day(self.at)

    @model_validator(mode="after")
    def _is_clear(self) -> Self:
        raise_findings(self._findings())
        return self

    def _findings(self) -> Iterator[Finding]:
        if len(self.name) > MAX_EVENT_NAME:
            yield Finding(f"is longer than {MAX_EVENT_NAME} characters", ("name",), "dates are added to it")
        try:
            (_read_moment if self.every is None else _check_time_of_day)(self.at)
        except ValueError as error:
            fix = ""
            if self.every is None and _TIME_OF_DAY.fullmatch(self.at):
                fix = "add every: day, or a date"
            elif self.every is not None and _MOMENT.fullmatch(self.at):
                fix = "remove every, or the date"
            yield Finding(str(error), ("at",), fix)
        yield from self._wrong_form()

    def _wrong_form(self) -> Iterator[Finding]:
        ramp = self.from_per_s is not None and self.to_per_s is not None
        half_ramp = (self.from_per_s is None) != (self.to_per_s is None)
        if half_ramp or [self.rate_per_s is not None, ramp, self.shape is not None].count(True) != 1:
            yield Finding("needs one form", fix="give rate, or from and to, or shape")
        elif not self.length_s:
            yield Finding("is missing", ("duration",))
        elif self.shape is not None:
            found = [Finding(one.message, ("shape", *one.key), one.fix) for one in self.shape.misfits(self.length_s)]
            yield from found
            if not found and (peak_per_s := self.curve.peak_per_s) > MAX_RATE_PER_S:
                fix = f"at most {format_rate(MAX_RATE_PER_S)}"
                yield Finding(f"reaches {format_rate(peak_per_s)}", ("shape",), fix)


class Compress(Block):
    """Time made shorter at the same rates."""

    from_s: PositiveDuration = Field(alias="from")
    """The campaign's length, or that of the window."""
    to_s: PositiveDuration = Field(alias="to")
    """How long the test lasts."""

    @model_validator(mode="after")
    def _shortens(self) -> Self:
        if self.to_s > self.from_s:
            raise FindingsError(Finding("is longer than from", ("to",), f"at most {format_duration(self.from_s)}"))
        return self


class StandIn(Block):
    """How a test stands for a campaign: its busiest window, then less time at the same rates, then lower rates."""

    window_s: PeakWindow | None = Field(None, alias="window")
    """The busiest part of so much time, such as peak 30m."""
    compress: Compress | None = None
    """Less time at the same rates."""
    scale: Ratio | None = None
    """Lower rates, such as 10%."""

    @property
    def time_factor(self) -> float:
        """On every duration, at the same rates."""
        return 1.0 if self.compress is None else self.compress.to_s / self.compress.from_s

    @property
    def rate_factor(self) -> float:
        """On every rate."""
        return 1.0 if self.scale is None else self.scale

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.window_s is None and self.compress is None and self.scale is None:
            raise FindingsError(Finding("says nothing", fix="give compress, window or scale, or remove it"))
        return self


class Campaign(Block):
    """Real days: a mean with a curve over the day, the week and holidays, and events on top.

    Durations are elapsed time; times of day and dates are local: a day on which clocks change has 23 or 25 hours. Where
    clocks show a time twice, an event comes at the first; one of every day that they skip comes an hour later.
    """

    start: Moment
    """Local time of its start."""
    time_zone: TimeZone = "UTC"
    """Where it is local time, such as Asia/Shanghai."""
    duration_s: PositiveDuration = Field(alias="duration")
    """Elapsed time."""
    volume_per_s: Rate | None = Field(None, alias="volume")
    """The mean without holidays and events, such as 5000000/d."""
    rate_per_s: Rate | None = Field(None, alias="rate")
    """The same as a rate, such as 58/s."""
    day: dict[TimeOfDay, Factor] = Field({"00:00": 1.0}, min_length=1, max_length=1440)
    """Factors at times of day, linear between them."""
    week: Week = Week()
    """Factors of the days of the week."""
    holidays: dict[DateText, Factor] = Field({}, max_length=400)
    """Factors of dates, which multiply their day."""
    events: tuple[Event, ...] = Field((), max_length=MAX_EVENTS)
    """What comes on top."""
    test: StandIn | None = None
    """What stands for it in a run."""

    @property
    def mean_per_s(self) -> float:
        """Messages per second on average, without holidays and events."""
        return (self.volume_per_s if self.rate_per_s is None else self.rate_per_s) or 0.0

    @property
    def zone(self) -> ZoneInfo:
        """Where it is local time."""
        return ZoneInfo(self.time_zone)

    @property
    def start_unix_s(self) -> float:
        """Unix time of its start."""
        return self.unix_s(self.start)

    def unix_s(self, moment: datetime) -> float:
        """Unix time of a local moment; the first one where clocks show it twice."""
        return moment.replace(tzinfo=self.zone).timestamp()

    def elapsed_s(self, moment: datetime) -> float:
        """Seconds from the start to a local moment."""
        return self.unix_s(moment) - self.start_unix_s

    @property
    def end(self) -> datetime:
        """When it ends by local time."""
        return self.local(self.duration_s)

    def local(self, elapsed_s: float) -> datetime:
        """Local time so many seconds after the start."""
        moment = datetime.fromtimestamp(self.start_unix_s, UTC) + timedelta(seconds=elapsed_s)
        return moment.astimezone(self.zone).replace(tzinfo=None)

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        raise_findings(self._findings())
        return self

    def _findings(self) -> Iterator[Finding]:
        if (self.volume_per_s is None) == (self.rate_per_s is None):
            yield Finding("needs either volume or rate", fix="volume: 5000000/d is the mean in messages a day")
        elif self.mean_per_s == 0 and not self.events:
            yield Finding("sends nothing: the mean is 0 and there are no events")
        if not self._exists(self.start):
            yield _skipped("start", self.start, self.time_zone)
        yield from self._wrong_events()
        yield from self._wrong_holidays()
        yield from self._wrong_test()

    def _exists(self, moment: datetime) -> bool:
        """Whether clocks show a local moment; in spring they skip an hour."""
        there = datetime.fromtimestamp(self.unix_s(moment), UTC).astimezone(self.zone)
        return there.replace(tzinfo=None) == moment

    def _wrong_events(self) -> Iterator[Finding]:
        names: set[str] = set()
        for index, event in enumerate(self.events):
            if event.name in names:
                yield Finding(f"{event.name!r} is the name of an earlier event", ("events", index, "name"))
            names.add(event.name)
            if event.every is not None:
                continue
            if not self._exists(event.moment):
                yield _skipped("at", event.moment, self.time_zone, "events", index)
            elif not 0 <= self.elapsed_s(event.moment) < self.duration_s:
                fix = f"it goes from {_write_moment(self.start)} to {_write_moment(self.end)}"
                yield Finding(f"{event.at} is not within the campaign", ("events", index, "at"), fix)

    def _wrong_holidays(self) -> Iterator[Finding]:
        first, last = self.start.date().isoformat(), self.end.date().isoformat()
        for day in self.holidays:
            if not first <= day <= last:
                yield Finding("is not within the campaign", ("holidays", day), f"it goes from {first} to {last}")

    def _wrong_test(self) -> Iterator[Finding]:
        if self.test is None:
            return
        window_s, compress = self.test.window_s, self.test.compress
        if window_s is not None and window_s > self.duration_s:
            yield Finding("is longer than the campaign", ("test", "window"), _at_most(self.duration_s))
            return
        what, length_s = ("window", window_s) if window_s is not None else ("campaign", self.duration_s)
        if compress is not None and compress.from_s != length_s:
            message = f"is {format_duration(compress.from_s)}, and the {what} is {format_duration(length_s)} long"
            yield Finding(message, ("test", "compress", "from"), f"write {exact_duration(length_s)}")


def seconds_of_day(text: str) -> int:
    """Seconds after midnight of a time such as ``09:30``."""
    hours, minutes = text.split(":")
    return 3600 * int(hours) + 60 * int(minutes)


def _at_most(duration_s: float) -> str:
    return f"at most {format_duration(duration_s)}"


def _skipped(key: str, moment: datetime, time_zone: str, *path: str | int) -> Finding:
    message = f"clocks in {time_zone} skip {_write_moment(moment)}"
    return Finding(message, (*path, key), "write a time an hour earlier or later")
