"""What `loadkit check` has to say about a load, in lines, as numbers and as a page."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from loadkit.report.forecast import Outlook, drawn, outlook_lines, outlook_of
from loadkit.report.forecast_page import forecast_page
from loadkit.report.sparkline import ASCII
from loadkit.scenario.curve import Curve
from loadkit.scenario.load import parse_scenario

SALE = """\
scenario: sale
campaign:
  start: 2026-11-10T00:00
  time_zone: Asia/Shanghai
  duration: 2d
  rate: 50/s
  events: [{name: "opening", at: 2026-11-11T00:00, duration: 4h, rate: 350/s}]
  test: {compress: {from: 2d, to: 8m}, scale: 50%}
sessions: {max: 9, messages_per_session: 10}
messages: {note: {size: 2KiB, subject: "</script><b>&"}}
"""


def outlook(text: str, service_time_s: float = 0.05) -> Outlook:
    return outlook_of(parse_scenario(text), service_time_s=service_time_s)


def test_a_campaign_is_shown_in_real_time_and_as_it_is_run() -> None:
    lines = list(outlook_lines(outlook(SALE), columns=48, marks=ASCII))
    assert lines == [
        "Real calendar:",
        "  ........................@@@@....................  up to 400/s",
        "  11-10 00:00       11-11 00:00        11-12 00:00",
        "About 1,368,000 connections from one source, 2,400 in the busiest minute.",
        "About 20 sessions busy at the peak, 3.96 on average.",
        "The test:",
        "  ........................@@@@....................  up to 200/s",
        "  0s        2m00s       4m00s      6m00s     8m00s",
        "About 1,900 connections from one source, 850 in the busiest minute.",
        "About 10 sessions busy at the peak, 1.98 on average.",
        (
            "Sessions by Little's law for 50ms of the target's time a message: an assumption; measure it and give "
            "--service-time."
        ),
        "Note: these are more than sessions.max, which is 9: messages will wait for a session.",
        "",
        (
            "Warning: this would open 850 connections/min from one source; cloud-port-25 treats more than 500 from one "
            "as an attack: keep connections (>= 17 messages each) or use 2 sources (sessions.local_addresses)."
        ),
        (
            "In real time: this would open 2,400 connections/min from one source; cloud-port-25 treats more than 500 "
            "from one as an attack: keep connections (>= 48 messages each) or use 5 sources (sessions.local_addresses)."
        ),
    ]


def test_stages_and_closed_loops() -> None:
    stages = (
        "scenario: x\nload: {stages: [{name: a, rate: 40/s, duration: 8m}, {name: b, rate: 400/s, duration: 2m}]}\n"
        "sessions: {messages_per_session: 100}\nmessages: {note: {size: 2KiB}}\n"
    )
    lines = list(outlook_lines(outlook(stages, 0.005), columns=10))
    assert lines[:5] == [
        "Load over time:",
        "  ▁▁▁▁▁▁▁▁██  up to 400/s",
        "  0s  10m00s",
        "About 672 connections from one source, 240 in the busiest minute.",
        "About 2 sessions busy at the peak, 0.56 on average.",
    ]
    assert lines[-1] == "Within the limits of cloud-port-25."
    closed = "scenario: x\nload: {executor: sessions, sessions: 20, duration: 1m}\nmessages: {note: {size: 2KiB}}\n"
    assert list(outlook_lines(outlook(closed)))[:4] == [
        "Load:",
        "About 24,000 messages with 46.9MiB in 1m00s, 400/s.",
        "About 20 connections from one source, kept as long as there is mail.",
        (
            "Rates by Little's law for 50ms of the target's time a message: an assumption; measure it and give "
            "--service-time."
        ),
    ]


@pytest.mark.parametrize(
    ("severity", "word", "refused"), [("warning", "Warning: ", False), ("error", "Error: ", True), ('"off"', "", False)]
)
def test_severity(severity: str, word: str, refused: bool) -> None:
    one = outlook(f"{SALE}guardrails: {{severity: {severity}}}\n")
    last = [line for line in outlook_lines(one) if not line.startswith("In real time")][-1]
    assert last.startswith(word or "Note: these")
    assert one.refused is refused


def test_the_numbers_as_plain_values() -> None:
    numbers = json.loads(json.dumps(outlook(SALE).to_dict()))
    assert numbers["calendar"]["messages"] == pytest.approx(50 * 172_800 + 350 * 14_400)
    assert numbers["forecast"]["messages"] == pytest.approx(numbers["calendar"]["messages"] / 720)
    assert numbers["forecast"]["busy_peak"] == pytest.approx(10)
    assert [stage["name"] for stage in numbers["stages"]] == ["2026-11-10", "opening", "2026-11-11"]
    assert numbers["guardrails"]["provider"] == "cloud-port-25"
    assert [(one["limit"], one["allowed"]) for one in numbers["guardrails"]["breaches"]] == [("connections", 500)]
    curve = numbers["curve"]
    assert np.trapezoid(curve["rates_per_s"], curve["times_s"]) == pytest.approx(numbers["forecast"]["messages"])


def test_a_curve_of_many_corners_is_drawn_by_its_peaks() -> None:
    curve = Curve.steps(np.arange(9001.0), np.where(np.arange(9000) == 4567, 90.0, 1.0))
    times_s, rates = drawn(curve)
    assert len(times_s) == 2000
    assert rates.max() == 90
    assert times_s[rates.argmax()] == pytest.approx(4567, abs=4.5)


def test_the_page_has_all_that_it_needs_and_escapes_what_was_written() -> None:
    page = forecast_page(outlook(SALE))
    assert not re.search(r"<(?:script|link|img)[^>]*(?:src|href)=", page)
    assert page.count("</script>") == 2
    assert "&lt;/script&gt;&lt;b&gt;&amp;" in page
    assert "<td>messages</td><td>13,680,000</td><td>19,000</td>" in page
    assert "400/s on 2026-11-11 00:00" in page
    assert "200/s after 4m00s" in page
    data = json.loads(re.search(r"const curves = (.*);", page)[1])  # type: ignore[index]
    assert [one["id"] for one in data] == ["curve-calendar", "curve-run"]
    assert [name["text"] for name in data[1]["names"]] == ["2026-11-10", "opening", "2026-11-11"]
    assert data[1]["end"] == pytest.approx(480)
