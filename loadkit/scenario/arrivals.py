"""The schedule: the rate curve of an open loop turned into intended times, block by block, from a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from loadkit.scenario.curve import Floats

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadkit.scenario.curve import Curve
    from loadkit.scenario.processes import Arrivals
    from loadkit.scenario.schema import Scenario
    from loadkit.scenario.timetable import StageSpan, Timetable


class Schedule:
    """The intended times of all arrivals of an open loop.

    Args:
        timetable: Stages and their rate curve.
        arrivals: How arrivals follow the curve.
        seed: Seed of arrivals that are random; even ones need none.

    Attributes:
        stages: When each stage runs.
        curve: Messages per second over time.

    Raises:
        ValueError: If the timetable is that of a closed loop.

    Notes:
        With the rate r(t), let L(t) be its integral from 0 to t: the number of arrivals expected by t. A process of
        rate 1 that comes at a_1 < a_2 < ... becomes one of the rate r(t) that comes at L^-1(a_1), L^-1(a_2), ... So an
        even one, a_k = k - 1/2, gives a hold at 10/s for 1 s 10 arrivals, and a Poisson one stays Poisson. See
        `loadkit.scenario.processes` for the processes, `Curve` for L and its inverse.
    """

    def __init__(self, timetable: Timetable, arrivals: Arrivals, seed: int) -> None:
        if timetable.curve is None:
            raise ValueError("a closed loop has no schedule")
        self.stages: tuple[StageSpan, ...] = timetable.stages
        self.curve: Curve = timetable.curve
        self._timetable = timetable
        self._seed = seed
        self._process = arrivals.process

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
        end, last_s = self._process.end(self.expected_arrivals), 0.0
        for areas in self.endless_areas(max_block):
            inside = areas[: np.searchsorted(areas, end)]
            if inside.size:
                # Where two areas are next to each other, the times found for them may be the wrong way round.
                times_s = np.maximum.accumulate(np.maximum(self.times_at(inside), last_s))
                last_s = float(times_s[-1])
                yield times_s
            if inside.size < areas.size:
                return

    def stage_of(self, offsets_s: Floats) -> npt.NDArray[np.int64]:
        """Index of the stage that each time falls into; a time at a border belongs to the later stage."""
        return self._timetable.stage_of(offsets_s)

    def endless_areas(self, max_block: int = 4096) -> Iterator[Floats]:
        """The areas under the rate curve at which arrivals come, going on after its end as if the curve did."""
        return self._process.areas(self._seed, max_block)

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
