"""`loadkit run`: what is decided before anything is sent."""

from __future__ import annotations

import pytest

from loadkit.cli.run import stretch_to_last
from loadkit.errors import UsageError
from loadkit.scenario.load import parse_scenario

STAGES = """
  stages:
    - {name: rise, from: 1/s, to: 9/s, duration: 30s}
    - {name: hold, rate: 9/s, duration: 90s}"""


def duration_of(text: str) -> float:
    return parse_scenario(f"scenario: x\nmessages: {{plain: {{}}}}\nload: {text}").timetable.duration_s


@pytest.mark.parametrize(
    "text", [STAGES, "{executor: sessions, sessions: 2, duration: 110s, warm_up: 10s}"], ids=["stages", "sessions"]
)
def test_compression_is_a_factor_on_all_durations(text: str) -> None:
    assert stretch_to_last(duration_of(text), 30.0) == pytest.approx(0.25)
    assert stretch_to_last(duration_of(text), 120.0) == 1.0


@pytest.mark.parametrize("compress_s", [0.0, 120.1])
def test_compression_only_shortens(compress_s: float) -> None:
    with pytest.raises(UsageError, match="the load lasts 2m00s"):
        stretch_to_last(duration_of(STAGES), compress_s)


def test_a_number_of_messages_has_no_duration_to_compress() -> None:
    with pytest.raises(UsageError, match="--compress needs stages or a duration"):
        stretch_to_last(duration_of("{executor: shared_messages, sessions: 2, messages: 9}"), 30.0)
