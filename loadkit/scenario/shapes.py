"""The shape of a stage: one form, or a sum of shapes, times a factor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from loadkit.scenario.block import Block
from loadkit.scenario.findings import Finding, FindingsError
from loadkit.scenario.forms import Batches, Daily, Decay, Form, Hold, Ramp, Sine, Spike, Steps, Trace
from loadkit.scenario.quantities import Number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadkit.scenario.curve import Curve

MAX_SHAPES = 20
FORMS = ("hold", "ramp", "spike", "steps", "sine", "daily", "decay", "batches", "trace")


class Shape(Block):
    """The rate over a stage in one form, or a sum of shapes; times a factor."""

    hold: Hold | None = None
    """One rate all the time."""
    ramp: Ramp | None = None
    """A straight line."""
    spike: Spike | None = None
    """A rise, a peak and a fall."""
    steps: Steps | None = None
    """Steps of equal length."""
    sine: Sine | None = None
    """A sine about a mean."""
    daily: Daily | None = None
    """A sine of 24 hours."""
    decay: Decay | None = None
    """An exponential decay."""
    batches: Batches | None = None
    """Batches with pauses between them."""
    trace: Trace | None = None
    """Recorded traffic from a CSV file."""
    parts: tuple[Shape, ...] | None = Field(None, alias="sum")
    """Shapes whose rates are added up."""
    times: Number = Field(1.0, gt=0, le=1e6, allow_inf_nan=False)
    """Factor on the rate."""

    @property
    def length_s(self) -> float | None:
        """Its own length in seconds, the longest of its parts'; None where it lasts as long as the stage."""
        lengths_s = [form.length_s for _, form in self._forms() if form.length_s is not None]
        return max(lengths_s, default=None)

    @property
    def words(self) -> str:
        """What it is, for people."""
        words = " + ".join(form.words for _, form in self._forms())
        return words if self.times == 1 else f"{self.times:g} times ({words})"

    @property
    def notes(self) -> Iterator[str]:
        """What people should know about it."""
        for _, form in self._forms():
            yield from form.notes

    def misfits(self, duration_s: float) -> Iterator[Finding]:
        """What is wrong with it in a stage of a given duration."""
        for key, form in self._forms():
            for finding in form.misfits(duration_s):
                yield Finding(finding.message, (*key, *finding.key), finding.fix)

    def curve(self, duration_s: float) -> Curve:
        """Messages per second over a given duration, that it fits."""
        curve, *others = (form.curve(duration_s) for _, form in self._forms())
        for other in others:
            curve = curve.plus(other)
        return curve.scaled(self.times)

    def _forms(self) -> Iterator[tuple[tuple[str | int, ...], Form | Shape]]:
        """The form that is given, or the parts of the sum, with the way to each."""
        for index, part in enumerate(self.parts or ()):
            yield ("sum", index), part
        for key in FORMS:
            form: Form | None = getattr(self, key)
            if form is not None:
                yield (key,), form

    @property
    def size(self) -> int:
        """How many forms it is made of."""
        return sum(part.size for part in self.parts) if self.parts else 1

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.parts == ():
            raise FindingsError(Finding("must hold at least one shape", ("sum",)))
        given = [key[0] for key, _ in self._forms()]
        if not given:
            raise FindingsError(Finding("has no form", fix=f"one of: {', '.join((*FORMS, 'sum'))}"))
        if len(set(given)) > 1:
            raise FindingsError(Finding(f"has {len(set(given))} forms", fix="keep one, or add them up under sum"))
        if self.size > MAX_SHAPES:
            raise FindingsError(Finding(f"adds up more than {MAX_SHAPES} shapes", ("sum",), "use fewer"))
        return self
