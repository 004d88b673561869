"""The schedule: the rate curve of an open loop turned into intended times, block by block, from a seed."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from loadkit.scenario.schema import MAIN_STAGE, WARM_UP_STAGE, Load

if TYPE_CHECKING:
    from collections.abc import Iterator

Times = npt.NDArray[np.float64]


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


def stage_spans(load: Load, *, stretch: float = 1.0) -> tuple[StageSpan, ...]:
    """The stages of any load in order, without gaps.

    Args:
        load: The load.
        stretch: Factor on all durations; below 1 the run is compressed.
    """
    spans: list[StageSpan] = []
    start_s = 0.0
    for (name, measured), duration_s in zip(load.stage_names.items(), _durations_s(load), strict=True):
        end_s = start_s + duration_s * stretch
        spans.append(StageSpan(name, start_s, end_s, measured))
        start_s = end_s
    return tuple(spans)


def _durations_s(load: Load) -> list[float]:
    if load.open_loop:
        return [stage.duration_s for stage in load.stages]
    names = load.stage_names
    main_s = math.inf if load.duration_s is None else load.duration_s
    return [{WARM_UP_STAGE: load.warm_up_s, MAIN_STAGE: main_s}[name] for name in names]


class Schedule:
    """The intended times of all arrivals of an open loop.

    Args:
        load: A load with the executor ``arrival_rate``.
        seed: Seed of Poisson arrivals; even arrivals need none.
        stretch: Factor on all durations; below 1 the run is compressed, at the same rates.

    Attributes:
        stages: When each stage runs.

    Notes:
        With the rate r(t), let L(t) be its integral from 0 to t: the number of arrivals expected by t. Poisson arrivals
        are L^-1(E_1 + ... + E_k) for independent unit exponentials E (time change of the unit-rate Poisson process;
        Cinlar, Introduction to Stochastic Processes, 1975, 4.7). Even arrivals are L^-1(k + 1/2) for k = 0, 1, ...,
        so that a hold at 10/s for 1 s gives 10. Within a stage the rate is linear, r(t) = r0 + k t, and L(t) = A has
        the solution t = 2 A / (r0 + sqrt(r0^2 + 2 k A)), the form of the quadratic formula that does not cancel.
    """

    def __init__(self, load: Load, seed: int, *, stretch: float = 1.0) -> None:
        self.stages = stage_spans(load, stretch=stretch)
        self._seed = seed
        self._poisson = load.arrivals == "poisson"
        ramps = np.asarray(load.ramps, dtype=np.float64).reshape(-1, 2)
        self._starts_s = np.array([span.start_s for span in self.stages])
        self._ends_s = np.array([span.end_s for span in self.stages])
        durations_s = self._ends_s - self._starts_s
        self._rates = ramps[:, 0]
        self._slopes = (ramps[:, 1] - ramps[:, 0]) / durations_s
        self._peak_per_s = float(ramps.max())
        self._area_at_end = np.cumsum(ramps.mean(axis=1) * durations_s)
        self._area_at_start = np.concatenate(([0.0], self._area_at_end[:-1]))

    @property
    def duration_s(self) -> float:
        """End of the last stage, in seconds since the run's start."""
        return float(self._ends_s[-1])

    @property
    def expected_arrivals(self) -> float:
        """The area under the rate curve."""
        return float(self._area_at_end[-1])

    @property
    def peak_per_s(self) -> float:
        """The highest rate of the curve, per second."""
        return self._peak_per_s

    def blocks(self, max_block: int = 4096) -> Iterator[Times]:
        """The intended times in seconds since the run's start, ascending; the same whatever the size of blocks.

        Args:
            max_block: Most arrivals in a block.
        """
        areas = self._poisson_areas(max_block) if self._poisson else self._even_areas(max_block)
        for area in areas:
            if area.size:
                yield self.times_at(area)

    def stage_of(self, offsets_s: Times) -> npt.NDArray[np.int64]:
        """Index of the stage that each time falls into; a time at a border belongs to the later stage."""
        indexes = np.searchsorted(self._ends_s, offsets_s, side="right")
        return np.minimum(indexes, len(self.stages) - 1).astype(np.int64)

    def endless_areas(self, max_block: int = 4096) -> Iterator[Times]:
        """The areas under the rate curve at which arrivals come, going on after its end as if the curve did."""
        if self._poisson:
            reached, generator = 0.0, np.random.default_rng(self._seed)
            while True:
                areas = reached + np.cumsum(generator.standard_exponential(max_block))
                yield areas
                reached = float(areas[-1])
        for first in itertools.count(0, max_block):
            yield np.arange(first, first + max_block, dtype=np.float64) + 0.5

    def _poisson_areas(self, max_block: int) -> Iterator[Times]:
        generator = np.random.default_rng(self._seed)
        total, reached = self.expected_arrivals, 0.0
        while reached < total:
            steps = generator.standard_exponential(max_block)
            steps[0] += reached
            areas = np.cumsum(steps)
            reached = float(areas[-1])
            yield areas[areas < total]

    def _even_areas(self, max_block: int) -> Iterator[Times]:
        count = math.ceil(round(self.expected_arrivals - 0.5, 6))  # a rounding error is no arrival
        for first in range(0, count, max_block):
            yield np.arange(first, min(first + max_block, count), dtype=np.float64) + 0.5

    def times_at(self, areas: Times) -> Times:
        """The inverse of the cumulative rate: when the area under the curve reaches each of these."""
        # To the right of equal ends: a stage at rate 0 has no area and no arrivals.
        stage = np.minimum(np.searchsorted(self._area_at_end, areas, side="right"), len(self.stages) - 1)
        inside = areas - self._area_at_start[stage]
        rates = self._rates[stage]
        roots = np.sqrt(np.maximum(rates**2 + 2 * self._slopes[stage] * inside, 0.0))
        with np.errstate(invalid="ignore"):  # 0 / 0 at the foot of a ramp from 0
            after_start_s = np.where(inside > 0, 2 * inside / (rates + roots), 0.0)
        times: Times = np.minimum(self._starts_s[stage] + after_start_s, self._ends_s[stage])
        return times
