"""What a run does in place of what was written: less time, lower rates, a demonstration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from loadkit.errors import UsageError
from loadkit.scenario.arrivals import schedule_of
from loadkit.scenario.describe import describe
from loadkit.scenario.load import dump_effective, parse_scenario
from loadkit.scenario.rehearsal import DEMO_PEAK_PER_S, Rehearsal, rehearse, stretch_to_last

if TYPE_CHECKING:
    from loadkit.scenario.curve import Curve
    from loadkit.scenario.schema import Scenario

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


def scenario_of(text: str) -> Scenario:
    return parse_scenario(f"scenario: x\nmessages: {{plain: {{}}}}\n{text}\n")


def stages_of(*rates: str, duration: str = "10m") -> Scenario:
    stages = ", ".join(f"{{name: s{n}, rate: {rate}, duration: {duration}}}" for n, rate in enumerate(rates))
    return scenario_of(f"load: {{stages: [{stages}]}}")


CAMPAIGN = "campaign: {start: 2026-11-10T00:00, duration: 3d, rate: 40/s, test: {scale: 50%}}"


def sent(rehearsal: Rehearsal) -> Curve:
    """What a run follows, also in a worker that gets the scenario as text."""
    curve = schedule_of(rehearsal.scenario, stretch=rehearsal.stretch).curve
    by_text = schedule_of(parse_scenario(dump_effective(rehearsal.scenario)), stretch=rehearsal.stretch).curve
    assert np.array_equal(curve.levels, by_text.levels)
    assert np.array_equal(curve.edges_s, by_text.edges_s)
    return curve


def test_without_options_nothing_is_changed() -> None:
    scenario = stages_of("10/s")
    assert rehearse(scenario) == Rehearsal(scenario)


def test_stages_are_compressed_and_scaled() -> None:
    curve = sent(rehearse(stages_of("10/s", "30/s"), compress_s=120.0, scale=0.1))
    assert [curve.duration_s, curve.peak_per_s] == pytest.approx([120, 3])
    assert curve.area == pytest.approx(60 * 1 + 60 * 3)


def test_a_scale_multiplies_the_one_in_the_scenario() -> None:
    scenario = scenario_of("load: {scale: 20%, stages: [{name: a, rate: 100/s, duration: 10s}]}")
    assert sent(rehearse(scenario, scale=0.5)).area == pytest.approx(100)
    assert "Rates are scaled to 20% of what is written." in describe(scenario)


def test_compression_of_a_campaign_replaces_its_test() -> None:
    rehearsal = rehearse(scenario_of(CAMPAIGN), compress_s=60.0)
    assert sent(rehearsal).area == pytest.approx(60 * 40)
    assert rehearsal.stretch == 1
    assert rehearsal.words.startswith("--compress takes the whole campaign, in place of the test")
    with pytest.raises(UsageError, match="--compress is 4d00h, and the load lasts 3d00h"):
        rehearse(scenario_of(CAMPAIGN), compress_s=4 * 86400.0)


def test_a_scale_keeps_what_a_campaign_says() -> None:
    assert sent(rehearse(scenario_of(CAMPAIGN), scale=0.1)).area == pytest.approx(3 * 86400 * 40 * 0.05)


@pytest.mark.parametrize(
    ("scenario", "duration_s", "peak_per_s", "words"),
    [
        (
            stages_of("100/s", "700/s"),
            60,
            300,
            "demonstration: 20m00s compressed to 1m00s, rates at 42.8571%: about 10,286 messages, 300/s at the peak",
        ),
        (
            stages_of("20/s", duration="5s"),
            5,
            20,
            "demonstration: 5s compressed to 5s, rates at 100%: about 100 messages, 20/s at the peak",
        ),
        (
            scenario_of(CAMPAIGN),
            60,
            20,
            "demonstration: 3d00h compressed to 1m00s, rates at 100%: about 1,200 messages, 20/s at the peak",
        ),
    ],
    ids=["high", "small", "campaign"],
)
def test_a_demonstration_is_short_and_low(scenario: Scenario, duration_s: float, peak_per_s: float, words: str) -> None:
    rehearsal = rehearse(scenario, demo=True)
    curve = sent(rehearsal)
    assert curve.duration_s == pytest.approx(duration_s)
    assert curve.peak_per_s == pytest.approx(peak_per_s, rel=1e-5)
    assert curve.peak_per_s <= DEMO_PEAK_PER_S
    assert rehearsal.words == words


def test_closed_loops_are_shortened_for_a_demonstration() -> None:
    timed = rehearse(scenario_of("load: {executor: sessions, sessions: 2, duration: 9m, warm_up: 1m}"), demo=True)
    assert timed.scenario.timetable.stretched(timed.stretch).duration_s == pytest.approx(60)
    counted = rehearse(scenario_of("load: {executor: shared_messages, sessions: 2, messages: 50000}"), demo=True)
    assert counted.scenario.load.messages == 18_000
    assert counted.words == "demonstration: 18,000 of 50,000 messages"


@pytest.mark.parametrize("options", [{"compress_s": 10.0}, {"scale": 0.5}], ids=["compress", "scale"])
def test_a_demonstration_has_its_own_time_and_rates(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="--demo-time sets time and rates"):
        rehearse(stages_of("10/s"), demo=True, **options)


def test_a_closed_loop_has_no_rate_to_scale() -> None:
    with pytest.raises(UsageError, match="a closed loop has no rate to scale"):
        rehearse(scenario_of("load: {executor: sessions, sessions: 2, duration: 9m}"), scale=0.5)


def test_something_must_be_left() -> None:
    with pytest.raises(UsageError, match="less than one message would be left"):
        rehearse(stages_of("10/d", duration="1d"), compress_s=60.0)
