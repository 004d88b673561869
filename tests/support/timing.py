"""Bounds on time that a busy machine does not break, and a slow program does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def fewest_s(measure: Callable[[], float], *, below_s: float, tries: int = 3) -> float:
    """The smallest of some measurements, which others on the machine lengthen least.

    Args:
        measure: Does the work and gives the seconds that it took.
        below_s: Enough: no further try is made below it.
        tries: How many at most.
    """
    fewest = measure()
    for _ in range(tries - 1):
        if fewest < below_s:
            break
        fewest = min(fewest, measure())
    return fewest
