"""The timetable of a run: its stages one behind the other, and the rate curve over all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from loadkit.scenario.curve import Curve, Floats

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class StageSpan:
    """When a stage runs.

    Args:
        name: Unique name within the run.
        start_s: Start in seconds since the run's start.
        end_s: End; infinite where only a count bounds the run.
        measured: False for warm-up.
    """

    name: str
    start_s: float
    end_s: float
    measured: bool


@dataclass(frozen=True, slots=True)
class Leg:
    """A stage of an open loop before it has its place.

    Args:
        name: Unique name within the run.
        curve: Its rate, as long as it lasts.
        measured: False for warm-up.
    """

    name: str
    curve: Curve
    measured: bool = True


@dataclass(frozen=True, eq=False)
class Timetable:
    """When each stage of a run is, and how many messages per second are sent when.

    Args:
        stages: The stages in order, without gaps, from 0.
        curve: The rate over all of them; None for a closed loop, which sends as fast as it can.
    """

    stages: tuple[StageSpan, ...]
    curve: Curve | None = None

    @classmethod
    def of_legs(cls, legs: Iterable[Leg]) -> Timetable:
        """An open loop's stages, one behind the other."""
        spans: list[StageSpan] = []
        curves: list[Curve] = []
        start_s = 0.0
        for leg in legs:
            end_s = start_s + leg.curve.duration_s
            spans.append(StageSpan(leg.name, start_s, end_s, leg.measured))
            curves.append(leg.curve)
            start_s = end_s
        return cls(tuple(spans), Curve.chained(curves))

    @property
    def duration_s(self) -> float:
        """End of the last stage, in seconds since the run's start; infinite where only a count bounds the run."""
        return self.stages[-1].end_s

    def stretched(self, factor: float) -> Timetable:
        """The same rates over another length of time; below 1 the run is compressed, with fewer messages."""
        spans = (
            StageSpan(span.name, span.start_s * factor, span.end_s * factor, span.measured) for span in self.stages
        )
        return Timetable(tuple(spans), self.curve and self.curve.stretched(factor))

    def scaled(self, factor: float) -> Timetable:
        """The same times at other rates; a closed loop has none."""
        return self if self.curve is None or factor == 1 else replace(self, curve=self.curve.scaled(factor))

    def cut(self, start_s: float, end_s: float) -> Timetable:
        """The part between two times, from 0 on; stages outside it fall away."""
        spans = (
            replace(span, start_s=max(span.start_s, start_s) - start_s, end_s=min(span.end_s, end_s) - start_s)
            for span in self.stages
            if span.end_s > start_s and span.start_s < end_s
        )
        return Timetable(tuple(spans), self.curve and self.curve.cut(start_s, end_s))

    def stage_of(self, offsets_s: Floats) -> npt.NDArray[np.int64]:
        """Index of the stage that each time falls into; a time at a border belongs to the later stage."""
        ends_s = [span.end_s for span in self.stages]
        indexes = np.searchsorted(ends_s, offsets_s, side="right")
        return np.minimum(indexes, len(self.stages) - 1).astype(np.int64)
