"""The load by the hour: areas are kept, peaks are of a minute, and closed loops are refused."""

from __future__ import annotations

import numpy as np
import pytest

from loadkit.analysis.refusal import RefusedError
from loadkit.plan.hourly import hourly_load, steady_load
from loadkit.scenario.load import parse_scenario

CAMPAIGN = """
scenario: shop
sessions: {max: 10, messages_per_session: 20}
campaign:
  start: 2026-10-05T00:00
  duration: 2d
  rate: 10/s
  events: [{name: sale, at: 2026-10-05T09:30, duration: 2m, rate: 90/s}]
  test: {compress: {from: 2d, to: 10m}}
messages: {note: {size: 10KiB}}
"""
STAGES = """
scenario: spike
load:
  stages:
    - {name: quiet, rate: 10/s, duration: 9m}
    - {name: burst, rate: 100/s, duration: 30s}
    - {name: after, rate: 10/s, duration: 30s}
messages: {note: {size: 10KiB}}
"""


def test_a_calendar_gives_every_hour_its_mean_and_its_busiest_minute() -> None:
    load = hourly_load(parse_scenario(CAMPAIGN))
    assert load.mean_per_s.shape == (48,)
    assert load.mean_per_s[9] == pytest.approx(10 + 90 * 2 / 60)
    assert load.peak_per_s[9] == pytest.approx(100)
    others = np.delete(np.arange(48), 9)
    assert load.mean_per_s[others] == pytest.approx(np.full(47, 10.0))
    assert load.peak_per_s[others] == pytest.approx(np.full(47, 10.0))
    assert load.messages_per_connection == 20
    assert load.message_bytes is not None
    assert load.message_bytes.mid == pytest.approx(10_240, rel=0.01)
    assert load.remark == ""


def test_without_a_calendar_every_hour_is_as_busy_as_the_whole() -> None:
    load = hourly_load(parse_scenario(STAGES))
    assert load.mean_per_s == pytest.approx(np.full(168, (9.5 * 10 + 0.5 * 100) / 10))
    assert load.most_per_s == pytest.approx((100 * 30 + 10 * 30) / 60)
    assert load.remark == "spike has no calendar: every hour is taken to be as busy as the whole of it"


def test_another_peak_keeps_the_shape() -> None:
    load = hourly_load(parse_scenario(CAMPAIGN))
    scaled = load.scaled_to(2000)
    assert scaled.most_per_s == pytest.approx(2000)
    assert scaled.mean_per_s / load.mean_per_s == pytest.approx(np.full(48, 20.0))


def test_a_rate_is_held_at_all_hours() -> None:
    load = steady_load(500)
    assert load.most_per_s == 500
    assert load.mean_per_s.tolist() == [500.0] * 168


def test_a_closed_loop_is_no_rate_to_plan_for() -> None:
    text = "scenario: flat\nload: {executor: sessions, sessions: 4, duration: 10s}\nmessages: {note: {size: 10KiB}}\n"
    with pytest.raises(RefusedError, match="no rate to plan for"):
        hourly_load(parse_scenario(text))
