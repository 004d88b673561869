"""Forms of the rate within a stage: what is written in YAML, as a curve and in words."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from pydantic import BeforeValidator, Field, PlainSerializer, PrivateAttr, ValidationInfo, model_validator

from loadkit.scenario.block import Block
from loadkit.scenario.curve import Curve
from loadkit.scenario.findings import Finding, FindingsError
from loadkit.scenario.quantities import ClockTime, Duration, PositiveDuration, Rate, WholeNumber, exact_clock
from loadkit.scenario.texts import PATH_SCHEMA, HeaderText, beside
from loadkit.scenario.traces import Columns, Recording, read_recording
from loadkit.units import format_duration, format_rate

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BATCHES = 10_000

_DAY_S = 86400.0
_ROUNDING = 1e-9  # relative: durations such as 0.1s and 0.2s add up to a little more than 0.3s


class Form(Block):
    """One form that a rate can have, over a time that is given from outside unless it has a length of its own."""

    @property
    def length_s(self) -> float | None:
        """Its own length in seconds; None where it lasts as long as the stage."""
        return None

    @property
    def words(self) -> str:
        """What it is, for people."""
        raise NotImplementedError

    @property
    def notes(self) -> Iterator[str]:
        """What people should know about it."""
        yield from ()

    def misfits(self, duration_s: float) -> Iterator[Finding]:  # noqa: ARG002 - most forms fit everywhere
        """What is wrong with it in a stage of a given duration."""
        yield from ()

    def curve(self, duration_s: float) -> Curve:
        """Messages per second over a given duration, that it fits."""
        raise NotImplementedError


class Hold(Form):
    """One rate all the time."""

    rate_per_s: Rate = Field(alias="rate")
    """Messages per time."""

    @property
    def words(self) -> str:
        """See `Form`."""
        return format_rate(self.rate_per_s)

    def curve(self, duration_s: float) -> Curve:
        """See `Form`."""
        return Curve.hold(self.rate_per_s, duration_s)


class Ramp(Form):
    """A straight line."""

    from_per_s: Rate = Field(alias="from")
    """Messages per time at the start."""
    to_per_s: Rate = Field(alias="to")
    """Messages per time at the end."""

    @property
    def words(self) -> str:
        """See `Form`."""
        return _from_to(self.from_per_s, self.to_per_s)

    def curve(self, duration_s: float) -> Curve:
        """See `Form`."""
        return Curve.ramp(self.from_per_s, self.to_per_s, duration_s)


class Spike(Form):
    """Up in a straight line, some time there, and down again; the base before and after."""

    base_per_s: Rate = Field(0.0, alias="base")
    """The rate before and after."""
    peak_per_s: Rate = Field(alias="peak")
    """The highest rate."""
    at_s: Duration = Field(0.0, alias="at")
    """When the rise begins, after the start."""
    rise_s: Duration = Field(alias="rise")
    """How long the rate rises."""
    hold_s: Duration = Field(0.0, alias="hold")
    """How long it stays at the peak."""
    fall_s: Duration = Field(alias="fall")
    """How long it falls."""

    @property
    def length_s(self) -> float:
        """See `Form`."""
        return self.at_s + self.rise_s + self.hold_s + self.fall_s

    @property
    def words(self) -> str:
        """See `Form`."""
        start = f" after {format_duration(self.at_s)}" if self.at_s else ""
        return (
            f"spike from {_from_to(self.base_per_s, self.peak_per_s)}{start} ({format_duration(self.rise_s)} up, "
            f"{format_duration(self.hold_s)} there, {format_duration(self.fall_s)} down)"
        )

    @model_validator(mode="after")
    def _goes_up(self) -> Self:
        if self.peak_per_s <= self.base_per_s:
            raise FindingsError(Finding("is not above base", ("peak",), f"more than {format_rate(self.base_per_s)}"))
        if self.length_s == self.at_s:
            raise FindingsError(Finding("lasts no time", fix="give rise, hold or fall more than 0s"))
        return self

    def misfits(self, duration_s: float) -> Iterator[Finding]:
        """See `Form`."""
        if _exceeds(self.length_s, duration_s):
            parts = " + ".join(key for key in ("at", "rise", "hold", "fall") if getattr(self, f"{key}_s"))
            message = (
                f"{parts} are {format_duration(self.length_s)}, longer than the {format_duration(duration_s)} here"
            )
            yield Finding(message, (), "shorten one of them, or make duration longer")

    def curve(self, duration_s: float) -> Curve:
        """See `Form`."""
        ends_s = np.cumsum((0.0, self.at_s, self.rise_s, self.hold_s, self.fall_s))
        times_s = np.append(np.minimum(ends_s, duration_s), duration_s)
        base, peak = self.base_per_s, self.peak_per_s
        return Curve.points(times_s, (base, base, peak, peak, base, base))


class Steps(Form):
    """Levels of equal length, from one rate to another by equal steps."""

    from_per_s: Rate = Field(alias="from")
    """The rate of the first step."""
    to_per_s: Rate = Field(alias="to")
    """The rate of the last step."""
    count: WholeNumber = Field(ge=2, le=1000)
    """How many steps, of equal length."""

    @property
    def words(self) -> str:
        """See `Form`."""
        return f"{self.count} steps from {_from_to(self.from_per_s, self.to_per_s)}"

    def curve(self, duration_s: float) -> Curve:
        """See `Form`."""
        edges_s = np.linspace(0.0, duration_s, self.count + 1)
        return Curve.steps(edges_s, np.linspace(self.from_per_s, self.to_per_s, self.count))


class Sine(Form):
    """A wave about a mean."""

    mean_per_s: Rate = Field(alias="mean")
    """The rate on average."""
    amplitude_per_s: Rate = Field(alias="amplitude")
    """How far it goes above and below the mean."""
    period_s: PositiveDuration = Field(alias="period")
    """From peak to peak."""
    peak_at_s: Duration = Field(0.0, alias="peak_at")
    """When it is highest, after the start."""

    @property
    def words(self) -> str:
        """See `Form`."""
        return (
            f"wave of {format_rate(self.amplitude_per_s)} about {format_rate(self.mean_per_s)} every "
            f"{format_duration(self.period_s)}, highest at {format_duration(self.peak_at_s)}"
        )

    @model_validator(mode="after")
    def _is_never_below_zero(self) -> Self:
        if self.amplitude_per_s > self.mean_per_s:
            fix = f"at most {format_rate(self.mean_per_s)}, or raise mean"
            raise FindingsError(Finding("is above mean, so that rates would be below zero", ("amplitude",), fix))
        return self

    def curve(self, duration_s: float) -> Curve:
        """See `Form`."""
        return Curve.sine(
            self.mean_per_s, self.amplitude_per_s, self.period_s, duration_s, peak_s=self.peak_at_s % self.period_s
        )


class Daily(Form):
    """A wave of 24 hours by the clock."""

    low_per_s: Rate = Field(alias="low")
    """The lowest rate, twelve hours from the highest."""
    high_per_s: Rate = Field(alias="high")
    """The highest rate."""
    peak_at_s: ClockTime = Field(alias="peak_at")
    """The time of day at which it is highest."""
    begin_s: ClockTime = Field(0.0, alias="begin")
    """The time of day at which it begins."""

    @property
    def words(self) -> str:
        """See `Form`."""
        return (
            f"days from {_from_to(self.low_per_s, self.high_per_s)}, highest at {exact_clock(self.peak_at_s)}, "
            f"beginning at {exact_clock(self.begin_s)}"
        )

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.high_per_s < self.low_per_s:
            raise FindingsError(Finding("is below low", ("high",), f"at least {format_rate(self.low_per_s)}"))
        return self

    def curve(self, duration_s: float) -> Curve:
        """See `Form`."""
        mean, amplitude = (self.high_per_s + self.low_per_s) / 2, (self.high_per_s - self.low_per_s) / 2
        return Curve.sine(mean, amplitude, _DAY_S, duration_s, peak_s=(self.peak_at_s - self.begin_s) % _DAY_S)


class Decay(Form):
    """An exponential decay to a floor, the distance to which halves again and again."""

    from_per_s: Rate = Field(alias="from")
    """The rate at the start."""
    to_per_s: Rate = Field(0.0, alias="to")
    """The rate that it comes down to in the end."""
    half_life_s: PositiveDuration = Field(alias="half_life")
    """The time in which the distance to it halves."""

    @property
    def words(self) -> str:
        """See `Form`."""
        return (
            f"decay from {_from_to(self.from_per_s, self.to_per_s)} by half every {format_duration(self.half_life_s)}"
        )

    @model_validator(mode="after")
    def _goes_down(self) -> Self:
        if self.to_per_s >= self.from_per_s:
            raise FindingsError(Finding("is not below from", ("to",), f"less than {format_rate(self.from_per_s)}"))
        return self

    def curve(self, duration_s: float) -> Curve:
        """See `Form`."""
        return Curve.decay(self.from_per_s, self.to_per_s, self.half_life_s / math.log(2), duration_s)


class Batches(Form):
    """A number of messages at one rate, again and again."""

    messages: WholeNumber = Field(ge=1, le=2**31 - 1)
    """Messages of one batch."""
    rate_per_s: Rate = Field(alias="rate")
    """The rate while a batch is sent."""
    every_s: PositiveDuration = Field(alias="every")
    """From the begin of one batch to that of the next."""
    at_s: Duration = Field(0.0, alias="at")
    """When the first begins, after the start."""
    idle_per_s: Rate = Field(0.0, alias="idle")
    """The rate between batches."""

    @property
    def words(self) -> str:
        """See `Form`."""
        start = f" after {format_duration(self.at_s)}" if self.at_s else ""
        idle = f", {format_rate(self.idle_per_s)} between" if self.idle_per_s else ""
        return (
            f"batches of {self.messages:,} at {format_rate(self.rate_per_s)} every "
            f"{format_duration(self.every_s)}{start}{idle}"
        )

    @property
    def _batch_s(self) -> float:
        return self.messages / self.rate_per_s

    @model_validator(mode="after")
    def _is_done_before_the_next(self) -> Self:
        if self.rate_per_s == 0:
            raise FindingsError(Finding("sends no batch", ("rate",), "more than 0/s"))
        if _exceeds(self._batch_s, self.every_s):
            message = f"a batch takes {format_duration(self._batch_s)}, longer than the time to the next"
            raise FindingsError(Finding(message, ("every",), f"at least {format_duration(self._batch_s)}"))
        return self

    def misfits(self, duration_s: float) -> Iterator[Finding]:
        """See `Form`."""
        if self.at_s >= duration_s:
            yield Finding("is after the end", ("at",), f"less than {format_duration(duration_s)}")
        elif (duration_s - self.at_s) / self.every_s > MAX_BATCHES:
            yield Finding(f"makes more than {MAX_BATCHES:,} batches", ("every",), "make it longer")

    def curve(self, duration_s: float) -> Curve:
        """See `Form`."""
        starts_s = np.arange(self.at_s, duration_s, self.every_s)
        inner_s = np.concatenate((starts_s, starts_s + self._batch_s))
        edges_s = np.unique(np.concatenate(([0.0], inner_s[inner_s < duration_s], [duration_s])))
        middles_s = (edges_s[:-1] + edges_s[1:]) / 2 - self.at_s
        sending = (middles_s > 0) & (middles_s % self.every_s < self._batch_s)
        return Curve.steps(edges_s, np.where(sending, self.rate_per_s, self.idle_per_s))


def _find_trace(value: object, info: ValidationInfo) -> Path:
    path = beside(value, info)
    try:
        if not path.name.isprintable() or not path.exists():
            raise ValueError(f"{value!r} does not exist beside the scenario")
        if not path.is_file():
            raise ValueError(f"{value!r} is no file")
    except OSError as error:
        raise ValueError(f"{value!r} can't be read: {error.strerror}") from error
    return path


class Trace(Form):
    """Recorded traffic: a CSV with a header, of a line for each message or for each interval."""

    file: Annotated[Path, BeforeValidator(_find_trace), PlainSerializer(str), PATH_SCHEMA]
    """The CSV file."""
    timestamps: HeaderText | None = None
    """Name of the column with times."""
    counts: HeaderText | None = None
    """Name of the column with numbers of messages."""
    every_s: PositiveDuration = Field(60.0, alias="every")
    """The interval of one count."""
    _recording: Recording = PrivateAttr()

    @property
    def length_s(self) -> float:
        """See `Form`."""
        return self._recording.length_s

    @property
    def words(self) -> str:
        """See `Form`."""
        return f"trace {self.file.name} ({len(self._recording.counts):,} times {format_duration(self.every_s)})"

    @property
    def notes(self) -> Iterator[str]:
        """See `Form`."""
        recording = self._recording
        if recording.broken:
            yield (
                f"{self.file.name} has {recording.broken:,} broken line{'s' if recording.broken > 1 else ''} of "
                f"{recording.lines:,}, counted for nothing; {recording.first_broken}."
            )

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.timestamps is None and self.counts is None:
            raise FindingsError(Finding("names no column", fix="give timestamps, counts or both"))
        self._recording = read_recording(self.file, Columns(self.timestamps, self.counts), self.every_s)
        return self

    def misfits(self, duration_s: float) -> Iterator[Finding]:
        """See `Form`."""
        if _exceeds(duration_s, self.length_s):
            message = f"lasts {format_duration(self.length_s)}, shorter than the {format_duration(duration_s)} here"
            yield Finding(message, (), "leave duration out, or make it shorter")

    def curve(self, duration_s: float) -> Curve:
        """See `Form`."""
        return self._recording.curve().cut(0.0, duration_s)


def _from_to(start_per_s: float, end_per_s: float) -> str:
    return f"{format_rate(start_per_s)} to {format_rate(end_per_s)}"


def _exceeds(length_s: float, limit_s: float) -> bool:
    return length_s > limit_s * (1 + _ROUNDING)
