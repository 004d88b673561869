"""Goals as the share of messages that may be bad."""

from __future__ import annotations

import pytest

from loadkit.analysis.goals import Goal, parse_goal
from loadkit.scenario.thresholds import ThresholdError


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("p(99) < 500ms", Goal("p(99) < 500ms", 0.01, 0.5)),
        (" p(99.9) <= 2s ", Goal("p(99.9) <= 2s", 0.001, 2.0)),
        ("med < 40ms", Goal("med < 40ms", 0.5, 0.04)),
        ("success >= 99.95%", Goal("success >= 99.95%", 0.0005)),
        ("success>99%", Goal("success>99%", 0.01)),
    ],
)
def test_goals(text: str, goal: Goal) -> None:
    assert parse_goal(text) == goal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fast",
        "avg < 1s",
        "p(99) > 1s",
        "p(99) < 1",
        "success >= 100%",
        "success >= 0%",
        "success >= 99",
        "p(99) < 0s",
    ],
)
def test_what_is_no_goal(text: str) -> None:
    with pytest.raises(ThresholdError):
        parse_goal(text)


def test_a_goal_can_be_written_down() -> None:
    goal = parse_goal("p(95) < 1s")
    assert Goal(**goal.to_dict()) == goal
