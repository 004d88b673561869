"""The schedule: the rate curve of an open loop turned into intended times, block by block, from a seed."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from loadkit.scenario.curve import Floats

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadkit.scenario.curve import Curve
    from loadkit.scenario.schema import Arrivals, Scenario
    from loadkit.scenario.timetable import StageSpan, Timetable


class Schedule:
    """The intended times of all arrivals of an open loop.

    Args:
        timetable: Stages and their rate curve.
        arrivals: How arrivals follow the curve.
        seed: Seed of Poisson arrivals; even arrivals need none.

    Attributes:
        stages: When each stage runs.
        curve: Messages per second over time.

    Raises:
        ValueError: If the timetable is that of a closed loop.

    Notes:
        With the rate r(t), let L(t) be its integral from 0 to t: the number of arrivals expected by t. Poisson arrivals
        are L^-1(E_1 + ... + E_k) for independent unit exponentials E (time change of the unit-rate Poisson process;
        Cinlar, Introduction to Stochastic Processes, 1975, 4.7). Even arrivals are L^-1(k + 1/2) for k = 0, 1, ...,
        so that a hold at 10/s for 1 s gives 10.
    """

    def __init__(self, timetable: Timetable, arrivals: Arrivals, seed: int) -> None:
        if timetable.curve is None:
            raise ValueError("a closed loop has no schedule")
        self.stages: tuple[StageSpan, ...] = timetable.stages
        self.curve: Curve = timetable.curve
        self._timetable = timetable
        self._seed = seed
        self._poisson = arrivals == "poisson"

    @property
    def duration_s(self) -> float:
        """End of the last stage, in seconds since the run's start."""
        return self.curve.duration_s

    @property
    def expected_arrivals(self) -> float:
        """The area under the rate curve."""
        return self.curve.area

    @property
    def peak_per_s(self) -> float:
        """The highest rate of the curve, per second."""
        return self.curve.peak_per_s

    def blocks(self, max_block: int = 4096) -> Iterator[Floats]:
        """The intended times in seconds since the run's start, ascending; the same whatever the size of blocks.

        Args:
            max_block: Most arrivals in a block.
        """
        areas = self._poisson_areas(max_block) if self._poisson else self._even_areas(max_block)
        for area in areas:
            if area.size:
                yield self.times_at(area)

    def stage_of(self, offsets_s: Floats) -> npt.NDArray[np.int64]:
        """Index of the stage that each time falls into; a time at a border belongs to the later stage."""
        return self._timetable.stage_of(offsets_s)

    def endless_areas(self, max_block: int = 4096) -> Iterator[Floats]:
        """The areas under the rate curve at which arrivals come, going on after its end as if the curve did."""
        if self._poisson:
            reached, generator = 0.0, np.random.default_rng(self._seed)
            while True:
                areas = reached + np.cumsum(generator.standard_exponential(max_block))
                yield areas
                reached = float(areas[-1])
        for first in itertools.count(0, max_block):
            yield np.arange(first, first + max_block, dtype=np.float64) + 0.5

    def _poisson_areas(self, max_block: int) -> Iterator[Floats]:
        generator = np.random.default_rng(self._seed)
        total, reached = self.expected_arrivals, 0.0
        while reached < total:
            steps = generator.standard_exponential(max_block)
            steps[0] += reached
            areas = np.cumsum(steps)
            reached = float(areas[-1])
            yield areas[areas < total]

    def _even_areas(self, max_block: int) -> Iterator[Floats]:
        count = math.ceil(round(self.expected_arrivals - 0.5, 6))  # a rounding error is no arrival
        for first in range(0, count, max_block):
            yield np.arange(first, min(first + max_block, count), dtype=np.float64) + 0.5

    def times_at(self, areas: Floats) -> Floats:
        """The inverse of the cumulative rate: when the area under the curve reaches each of these."""
        return self.curve.times_at(areas)


def schedule_of(scenario: Scenario, *, stretch: float = 1.0) -> Schedule:
    """The schedule of an open loop.

    Args:
        scenario: Its timetable, its arrivals and its seed.
        stretch: Factor on all durations; below 1 the run is compressed, at the same rates.
    """
    return Schedule(scenario.timetable.stretched(stretch), scenario.load.arrivals, scenario.seed)
