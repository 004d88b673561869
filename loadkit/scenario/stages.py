"""When messages are sent: the stages of the rate curve, or as fast as a number of sessions can."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from loadkit.scenario.block import Block
from loadkit.scenario.curve import Curve
from loadkit.scenario.findings import Finding, FindingsError, raise_findings
from loadkit.scenario.processes import POISSON, Arrivals
from loadkit.scenario.quantities import (
    MAX_DURATION_S,
    MAX_RATE_PER_S,
    Duration,
    Flag,
    PositiveDuration,
    Rate,
    Ratio,
    WholeNumber,
)
from loadkit.scenario.shapes import Shape
from loadkit.scenario.texts import (
    Name,
)
from loadkit.scenario.timetable import Leg, StageSpan, Timetable
from loadkit.units import format_duration, format_rate

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_STAGES = 1000
MAX_MESSAGES = 2**31 - 1  # a ledger numbers the messages of a run with 31 bits

WARM_UP_STAGE = "warm-up"
MAIN_STAGE = "main"

Executor = Literal["arrival_rate", "sessions", "shared_messages"]
OnWorkerLoss = Literal["continue", "stop"]


class Stage(Block):
    """A piece of the rate curve.

    `rate` holds, `from` and `to` ramp, `to` alone ramps from where the last one ended, `shape` is all else. The
    duration may be left out where the shape has a length of its own.
    """

    name: Name
    """Its name in results and thresholds."""
    duration_s: PositiveDuration | None = Field(None, alias="duration")
    """How long it lasts; may be left out where the shape has a length of its own."""
    rate_per_s: Rate | None = Field(None, alias="rate")
    """Messages per time, all through the stage."""
    from_per_s: Rate | None = Field(None, alias="from")
    """Messages per time at its start; where the last stage ended unless told."""
    to_per_s: Rate | None = Field(None, alias="to")
    """Messages per time at its end."""
    shape: Shape | None = None
    """Messages per time over the stage in any other form."""
    measure: Flag = True
    """Whether it counts in the results; false for a warm-up."""

    @property
    def length_s(self) -> float:
        """How long it lasts in seconds: its duration, or its shape's own length."""
        own_s = self.shape.length_s if self.shape is not None else None
        return self.duration_s or own_s or 0.0

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        ramp = self.from_per_s is not None or self.to_per_s is not None
        if self.rate_per_s is not None and ramp:
            raise FindingsError(Finding("both holds and ramps", fix="give rate, or from and to"))
        if self.shape is not None and (ramp or self.rate_per_s is not None):
            raise FindingsError(Finding("has both a rate and a shape", fix="give rate, or from and to, or shape"))
        if self.rate_per_s is None and self.to_per_s is None and self.shape is None:
            raise FindingsError(Finding("has no rate", fix="give rate, or from and to, or shape"))
        if not self.length_s:
            raise FindingsError(Finding("is missing", ("duration",)))
        if self.shape is not None:
            raise_findings(self._shape_misfits(self.shape))
        return self

    def _shape_misfits(self, shape: Shape) -> Iterator[Finding]:
        found = [Finding(one.message, ("shape", *one.key), one.fix) for one in shape.misfits(self.length_s)]
        yield from found
        if not found and (peak_per_s := shape.curve(self.length_s).peak_per_s) > MAX_RATE_PER_S:
            yield Finding(f"reaches {format_rate(peak_per_s)}", ("shape",), f"at most {format_rate(MAX_RATE_PER_S)}")

    def curve(self, last_per_s: float) -> Curve:
        """Its rate over its length.

        Args:
            last_per_s: Rate at the end of the stage before, from which a lone `to` ramps.
        """
        if self.shape is not None:
            return self.shape.curve(self.length_s)
        if self.rate_per_s is not None:
            return Curve.hold(self.rate_per_s, self.length_s)
        start_per_s = last_per_s if self.from_per_s is None else self.from_per_s
        return Curve.ramp(start_per_s, self.to_per_s or 0.0, self.length_s)


_REQUIRED = {
    "arrival_rate": (),
    "sessions": ("sessions", "duration"),
    "shared_messages": ("sessions", "messages"),
}
_OPTIONAL = {"arrival_rate": ("stages", "scale", "arrivals", "queue"), "sessions": ("warm_up",), "shared_messages": ()}
_OF_EVERY_EXECUTOR = ("executor", "grace", "on_worker_loss")


class Load(Block):
    """When messages are sent: by a rate curve, or as fast as a number of sessions can."""

    executor: Executor = "arrival_rate"
    """arrival_rate follows stages whatever the server does; sessions and shared_messages send as fast as they can."""
    arrivals: Arrivals = POISSON
    """Whether arrivals are random (poisson), evenly spaced (even) or come in bursts (gamma, mmpp)."""
    queue: WholeNumber = Field(10_000, ge=0, le=10_000_000)
    """Messages that may wait for a connection; what is above is dropped and counted."""
    grace_s: Duration = Field(30.0, alias="grace")
    """How long messages under way may take after the end."""
    on_worker_loss: OnWorkerLoss = "continue"
    """Whether a run goes on when one of its workers is lost."""
    stages: tuple[Stage, ...] = Field((), max_length=MAX_STAGES)
    """The pieces of the rate curve, one after the other."""
    scale: Ratio | None = None
    """Factor on all rates."""
    sessions: WholeNumber | None = Field(None, ge=1, le=100_000)
    """Connections that send as fast as they can."""
    messages: WholeNumber | None = Field(None, ge=1, le=MAX_MESSAGES)
    """How many messages are sent in all."""
    duration_s: PositiveDuration | None = Field(None, alias="duration")
    """How long messages are sent."""
    warm_up_s: Duration = Field(0.0, alias="warm_up")
    """A time before it that is not measured."""

    @property
    def open_loop(self) -> bool:
        """Whether arrivals follow a schedule, whatever the target does."""
        return self.executor == "arrival_rate"

    @property
    def curves(self) -> tuple[Curve, ...]:
        """The rate of each stage of an open loop."""
        curves: list[Curve] = []
        last_per_s = 0.0
        for stage in self.stages:
            curves.append(stage.curve(last_per_s))
            last_per_s = curves[-1].final_per_s
        return tuple(curves)

    @property
    def timetable(self) -> Timetable:
        """Its stages and, for an open loop, the rate over all of them."""
        if self.open_loop:
            stages = zip(self.stages, self.curves, strict=True)
            return Timetable.of_legs(Leg(stage.name, curve, stage.measure) for stage, curve in stages)
        main_s = math.inf if self.duration_s is None else self.warm_up_s + self.duration_s
        ends = {WARM_UP_STAGE: (0.0, self.warm_up_s), MAIN_STAGE: (self.warm_up_s, main_s)}
        return Timetable(tuple(StageSpan(name, *ends[name], measured) for name, measured in self.stage_names.items()))

    @property
    def stage_names(self) -> dict[str, bool]:
        """Every stage by name, and whether it is measured; a closed loop has a main stage and may have a warm-up."""
        if self.open_loop:
            return {stage.name: stage.measure for stage in self.stages}
        return ({WARM_UP_STAGE: False} if self.warm_up_s else {}) | {MAIN_STAGE: True}

    @model_validator(mode="after")
    def _fits_its_executor(self) -> Self:
        raise_findings(self._misplaced_keys())
        if self.open_loop and "stages" in self.model_fields_set:
            raise_findings(self._wrong_stages())
        return self

    def _misplaced_keys(self) -> Iterator[Finding]:
        required, optional = _REQUIRED[self.executor], _OPTIONAL[self.executor]
        given = {type(self).model_fields[name].alias or name for name in self.model_fields_set}
        for key in required:
            if key not in given:
                yield Finding(f"is missing: the executor {self.executor} needs it", (key,))
        for key in sorted(given.difference(required, optional, _OF_EVERY_EXECUTOR)):
            fix = f"remove it, or set executor to {' or '.join(_executors_with(key))}"
            yield Finding(f"has no meaning for the executor {self.executor}", (key,), fix)

    def _wrong_stages(self) -> Iterator[Finding]:
        if not self.stages:
            yield Finding("must hold at least one stage", ("stages",))
            return
        first = self.stages[0]
        if first.rate_per_s is None and first.from_per_s is None and first.shape is None:
            yield Finding("the first stage ramps from nowhere", ("stages", 0), "add from: 0/s")
            return
        for index, stage in enumerate(self.stages):
            if stage.name in {earlier.name for earlier in self.stages[:index]}:
                yield Finding(f"{stage.name!r} is the name of an earlier stage", ("stages", index, "name"))
        if not any(stage.measure for stage in self.stages):
            yield Finding("no stage is measured", ("stages",), "remove measure: false from one")
        yield from self._wrong_totals()

    def _wrong_totals(self) -> Iterator[Finding]:
        if sum(stage.length_s for stage in self.stages) > MAX_DURATION_S:
            yield Finding(f"the stages last longer than {format_duration(MAX_DURATION_S)}", ("stages",))
        messages = sum(curve.area for curve in self.curves) * (self.scale or 1)
        if not 1 <= messages <= MAX_MESSAGES:
            yield Finding(
                f"the stages add up to {messages:,.10g} messages", ("stages",), f"1 to {MAX_MESSAGES:,} are possible"
            )

    @model_serializer(mode="wrap")
    def _only_what_the_executor_reads(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        meant = {*_REQUIRED[self.executor], *_OPTIONAL[self.executor], *_OF_EVERY_EXECUTOR}
        fields = type(self).model_fields
        unread = {name for name, field in fields.items() if (field.alias or name) not in meant}
        if not self.stages:  # those of a campaign
            unread.add("stages")
        return {key: value for key, value in handler(self).items() if key in meant and key not in unread}


def _executors_with(key: str) -> list[str]:
    return [executor for executor in _REQUIRED if key in _REQUIRED[executor] or key in _OPTIONAL[executor]]
