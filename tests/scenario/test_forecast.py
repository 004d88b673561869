"""Forecasts against what can be worked out by hand."""

from __future__ import annotations

import pytest

from loadkit.scenario.forecast import Forecast, calendar_forecast_of, forecast_of
from loadkit.scenario.load import parse_scenario

STAGES = (
    "load: {stages: [{name: a, rate: 20/s, duration: 100s}, {name: b, rate: 100/s, duration: 2m}, "
    "{name: c, to: 0/s, duration: 100s}]}"
)
MESSAGES = "messages: {note: {size: 2KiB, recipients: {uniform: [1, 3]}}}"


def forecast(*blocks: str, service_time_s: float = 0.05, stretch: float = 1.0) -> Forecast:
    scenario = parse_scenario("\n".join(("scenario: x", MESSAGES, *blocks)))
    return forecast_of(scenario, service_time_s=service_time_s, stretch=stretch)


def test_an_open_loop() -> None:
    one = forecast(STAGES, "sessions: {messages_per_session: {uniform: [1, 9]}}")
    assert one.messages == pytest.approx(20 * 100 + 100 * 120 + 50 * 100)
    assert one.content_bytes == pytest.approx(2048 * one.messages)
    assert one.recipients == pytest.approx(2 * one.messages)
    assert (one.duration_s, one.peak_per_s, one.peak_at_s) == (320, 100, 100)
    assert one.mean_per_s == pytest.approx(19_000 / 320)
    assert one.minute_messages == pytest.approx(6000)
    assert [one.connections, one.minute_connections] == pytest.approx([3800, 1200])
    assert [one.busy_peak, one.busy_mean] == pytest.approx([5, 19_000 / 320 * 0.05])
    assert (one.kept, one.closed_loop, one.sources) == (False, False, 1)


def test_less_time_has_a_shorter_busiest_minute() -> None:
    one = forecast(STAGES, "sessions: {messages_per_session: 5}", stretch=0.1)
    assert [one.duration_s, one.messages] == pytest.approx([32, 1900])
    assert one.minute_messages == pytest.approx(1900)
    assert one.minute_connections == pytest.approx(380)


def test_kept_connections_are_the_sessions_that_are_busy_at_the_peak() -> None:
    assert forecast(STAGES, service_time_s=0.2).connections == 20
    assert forecast(STAGES, "sessions: {max: 7}", service_time_s=0.2).minute_connections == 7
    assert forecast(STAGES, service_time_s=0.001).connections == 1


@pytest.mark.parametrize(("stop", "connections"), [("ehlo", 19_000), ("data", 19_000), ("rcpt", 190)])
def test_conversations_that_are_given_up_need_a_connection_each(stop: str, connections: int) -> None:
    one = forecast(STAGES, f"sessions: {{messages_per_session: 100, stop_after: {stop}}}")
    assert one.connections == pytest.approx(connections)


def test_closed_loops_by_littles_law() -> None:
    timed = forecast("load: {executor: sessions, sessions: 20, duration: 50s, warm_up: 10s}", service_time_s=0.1)
    assert [timed.peak_per_s, timed.messages, timed.duration_s] == pytest.approx([200, 12_000, 60])
    assert [timed.busy_mean, timed.connections] == pytest.approx([20, 20])
    assert timed.closed_loop
    counted = forecast("load: {executor: shared_messages, sessions: 20, messages: 500}", service_time_s=0.1)
    assert [counted.duration_s, counted.messages] == pytest.approx([2.5, 500])
    short = forecast("load: {executor: sessions, sessions: 20, duration: 90s}", "sessions: {messages_per_session: 2}")
    assert short.minute_connections == pytest.approx(20 / 0.05 * 60 / 2)


def test_sources_are_the_local_addresses() -> None:
    assert forecast(STAGES, "sessions: {local_addresses: [127.0.0.2, 127.0.0.3, 127.0.0.4]}").sources == 3


def test_a_campaign_has_two_forecasts() -> None:
    campaign = "campaign: {start: 2026-11-10T00:00, duration: 2d, rate: 50/s, test: {scale: 10%}}"
    scenario = parse_scenario(f"scenario: x\n{MESSAGES}\n{campaign}")
    real = calendar_forecast_of(scenario)
    assert real is not None
    assert real.messages == pytest.approx(2 * 86400 * 50)
    assert forecast_of(scenario).messages == pytest.approx(real.messages / 10)
    assert calendar_forecast_of(parse_scenario(f"scenario: x\n{MESSAGES}\n{STAGES}")) is None
