"""Steering: a rate curve that is multiplied, while it is followed, by a factor that someone changes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from loadkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadkit.scenario.arrivals import Schedule

LEAST_FACTOR, MOST_FACTOR = 0.01, 100.0


class Steering:
    """The factor on the rate, 1 until someone sets it.

    Attributes:
        factor: As it is now.
        changes: Seconds since the run's start, and the factor set then.
    """

    def __init__(self) -> None:
        self.factor = 1.0
        self.changes: list[tuple[float, float]] = []

    def set(self, factor: float, at_s: float) -> None:
        """Multiply the rate by another factor from now on.

        Args:
            factor: From `LEAST_FACTOR` to `MOST_FACTOR`.
            at_s: Now, in seconds since the run's start.

        Raises:
            UsageError: If the factor is out of bounds.
        """
        if not LEAST_FACTOR <= factor <= MOST_FACTOR:  # also refuses what is no number
            raise UsageError(f"the factor must be from {LEAST_FACTOR:g} to {MOST_FACTOR:g}, and is {factor:g}")
        if not math.isclose(factor, self.factor):
            self.factor = factor
            self.changes.append((at_s, factor))


def steered_times(schedule: Schedule, steering: Steering) -> Iterator[tuple[float, int]]:
    """Intended times in seconds since the run's start, ascending, with the index of their stage.

    A change of the factor takes hold at the time that was given last; stages keep their times.

    Args:
        schedule: The rate curve, with a seed.
        steering: The factor, looked at for each time.

    Notes:
        Arrivals come where the area under the curve, which grows with time, reaches the steps of a process of rate one:
        see `Schedule`. Multiplying the rate by a factor f multiplies the area by f, so a step of d in the process is
        one of d / f in the area under the curve as written. Poisson arrivals stay Poisson, even ones even.
    """
    end = schedule.expected_arrivals
    reached, stepped = 0.0, 0.0
    for steps in schedule.endless_areas():
        done = 0
        while done < steps.size:
            factor = steering.factor
            areas = reached + (steps[done:] - stepped) / factor
            areas = areas[areas < end]
            if not areas.size:
                return
            times_s = schedule.times_at(areas)
            stages = schedule.stage_of(times_s).tolist()
            for one in zip(times_s.tolist(), stages, strict=True):
                yield one
                done += 1
                if steering.factor != factor:
                    break
            reached, stepped = reached + (float(steps[done - 1]) - stepped) / factor, float(steps[done - 1])
