"""Objectives from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadkit.analysis.goals import Goal


def read_goals(objectives: Sequence[str]) -> tuple[tuple[Goal, ...], list[str]]:
    """Read all that can be read.

    Args:
        objectives: Goals as text.

    Returns:
        The goals, and what is wrong with the others.
    """
    from loadkit.analysis.goals import parse_goal
    from loadkit.scenario.thresholds import ThresholdError

    goals, wrong = [], []
    for text in objectives:
        try:
            goals.append(parse_goal(text))
        except ThresholdError as error:
            wrong.append(f"--objective {text!r}: {error}" + (f" ({error.fix})" if error.fix else ""))
    return tuple(goals), wrong
