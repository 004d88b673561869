from __future__ import annotations

from math import exp, log, pi, sin
from pathlib import Path

import pytest

from loadkit.scenario.describe import describe, expected_messages
from loadkit.scenario.load import load_scenario, parse_scenario

GOOD = Path(__file__).parent / "good"
GOLDEN = Path(__file__).parent / "golden"
BUNDLED = Path(__file__).parents[2] / "scenarios"
MESSAGES = "messages: {note: {size: 2KiB, recipients: {uniform: [1, 3]}}}\n"
HOLD = "scenario: x\nload: {stages: [{name: hold, rate: 50/s, duration: 20s}]}\n"

OPEN_LOOP = """\
Scenario x, seed 1.

Arrivals follow a schedule (poisson), whatever the target does.
About 1,000 messages in 20s: 50/s on average, 50/s at the peak.
  hold: 50/s for 20s
In all about 1.95MiB of content to 2,000 recipients.

Messages:
  note: 100 % of messages, 2KiB, 2 recipients, "loadkit message"

From 10 senders at example.com to 10,000 recipients at example.com.
The target is named when it is run; without one, the bundled sink.
At most 50 sessions at once, no limit of messages in each.

No thresholds: the run passes if it is valid.
"""


def test_an_open_loop_in_words() -> None:
    assert describe(parse_scenario(HOLD + MESSAGES)) == OPEN_LOOP


@pytest.mark.parametrize(
    ("load", "words", "count"),
    [
        (
            "{executor: sessions, sessions: 20, duration: 30s, warm_up: 5s}",
            (
                "20 sessions, each sending its next message as soon as the last is done, for 30s after a warm-up of 5s."
                "\nA message has 2KiB and 2 recipients on average."
            ),
            None,
        ),
        (
            "{executor: shared_messages, sessions: 20, messages: 60000}",
            (
                "60,000 messages shared by 20 sessions, as fast as the target takes them.\n"
                "In all about 117MiB of content to 120,000 recipients."
            ),
            60_000,
        ),
    ],
)
def test_a_closed_loop_in_words(load: str, words: str, count: int | None) -> None:
    scenario = parse_scenario(f"scenario: x\nload: {load}\n{MESSAGES}")

    assert words in describe(scenario)
    assert "At most 20 sessions at once" in describe(scenario)
    assert expected_messages(scenario) == count


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("target: {url: 'smtp://127.0.0.1:2525'}", "Target smtp://127.0.0.1:2525: no TLS.\nAt most"),
        ("target: {url: 'smtps://localhost'}", "Target smtps://localhost:465: TLS from the start.\nAt most"),
        (
            (
                "target: {url: 'smtp://mail.example.net', tls: starttls, allow: [mail.example.net], "
                "auth: {mechanism: plain, username_env: U, password_env: P}}"
            ),
            "Target smtp://mail.example.net:25: STARTTLS, login by plain.\nAt most",
        ),
        (
            "target: {url: 'smtp://mail.example.net'}",
            "  It would be refused: if you may load it, add mail.example.net to target.allow.",
        ),
        (
            "delivery: {sinks: ['http://127.0.0.1:8025', 'http://127.0.0.1:8026'], drain: 90s}",
            (
                "What arrives is asked of http://127.0.0.1:8025, http://127.0.0.1:8026.\n"
                "After the load the run waits for what was accepted, as long as something arrives every 1m30s.\n"
            ),
        ),
        ("sessions: {stop_after: rcpt}", "Conversations stop after rcpt: nothing is delivered."),
        (
            "thresholds: {transaction_failed: ['rate < 1%', {check: rate < 20%, abort_on_fail: true, delay: 10s}]}",
            (
                "It passes if:\n  transaction_failed: rate < 1%\n"
                "  transaction_failed: rate < 20% (stops the run if not, from 10s on)\n"
            ),
        ),
    ],
)
def test_what_else_is_said(block: str, words: str) -> None:
    assert words in describe(parse_scenario(f"{HOLD}{MESSAGES}{block}\n"))


def test_kinds_that_are_more_than_a_size() -> None:
    lines = describe(load_scenario(GOOD / "everything.yaml")).splitlines()

    assert "  rise: 8.33/s to 400/s for 3s" in lines
    assert "  warm-up: 8.33/s for 5s, not measured" in lines
    notice = next(line for line in lines if line.startswith("  order_notice"))
    assert notice.startswith("  order_notice: 46.2 % of messages, 15.7KiB on average (at most 1MiB), 2.9 recipients")
    assert any(line.endswith("2 own messages from corpus") for line in lines)
    assert any(line.endswith("1 own message from first.eml") for line in lines)


def decayed(above_per_s: float, *, half_life_s: float, duration_s: float) -> float:
    """What an exponential decay sends above its floor."""
    constant_s = half_life_s / log(2)
    return above_per_s * constant_s * (1 - exp(-duration_s / constant_s))


@pytest.mark.parametrize("name", sorted(path.stem for path in BUNDLED.glob("*.yaml")))
def test_bundled_scenarios_in_words(name: str) -> None:
    text = describe(load_scenario(BUNDLED / f"{name}.yaml"))

    assert text == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "messages", "recipients_per_message"),
    [
        # The trickle of half an hour at twice the mean, where the day's factors have the mean 25.5 / 24; and the batch.
        ("exam_batch", 2 * 2 / (25.5 / 24) * 1800 + 200_000, 1.0),
        (
            "promotion",
            40 * 600 + 220 * 30 + 400 * 180 + 40 * 2790 + decayed(360, half_life_s=360, duration_s=2790),
            0.7 * 1 + 0.2 * 30 + 0.1 * 1,
        ),
        ("industrial_alerts", 50 * 60 + 120 * 1200 + 120 * 540 + 80 * (5 + 180 + 60), (2 + 10 + 30) / 41),
        (
            "healthcare",
            32.5 * 50_400 + 27.5 * 86_400 / (2 * pi) * (sin(2 * pi * 10 / 24) + sin(2 * pi * 4 / 24)),
            1.0,
        ),
        ("manufacturer", 5_000_000 / 144, 0.8 * (0.8 * 1 + 0.15 * 3 + 0.05 * 10) + 0.2),
        ("government", (740_000 * 7 + 200_000 * 7) / 1008, 0.7 * (0.7 * 1 + 0.3 * 4) + 0.3),
        ("newsletter", 4 * 125_000 + (14_400 - 4 * 625) * 1, 1.0),
        (
            "password_reset",
            10 * 1200 + 10 * 1200 + 40 * (30 + 600 + 120) + 2 * 1200 + decayed(8, half_life_s=240, duration_s=1200),
            1.0,
        ),
        ("bounce_storm", 150 * 630 + 80 * 60, 1.0),
        ("smoke", 20 * 5, 1.0),
        ("steady", 200 * 65, 0.9 * (0.8 * 1 + 0.15 * 3 + 0.05 * 10) + 0.1 * 1),
    ],
)
def test_bundled_numbers(name: str, messages: float, recipients_per_message: float) -> None:
    text = describe(load_scenario(BUNDLED / f"{name}.yaml"))

    assert f"About {messages:,.0f} messages in " in text
    assert f" of content to {messages * recipients_per_message:,.0f} recipients." in text


def test_every_bundled_scenario_has_a_golden_description() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {path.stem for path in BUNDLED.glob("*.yaml")}
