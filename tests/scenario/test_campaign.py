"""A campaign as written: read, written back, and in words."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
import yaml

from loadkit.scenario.arrivals import schedule_of
from loadkit.scenario.campaign import Campaign, Event, Week
from loadkit.scenario.describe import describe
from loadkit.scenario.load import dump_effective, load_scenario, parse_scenario
from loadkit.scenario.sharing import WHOLE, Share, arrivals_of

SALE = """\
scenario: sale
campaign:
  start: 2026-11-10T00:00
  time_zone: Asia/Shanghai
  duration: 3d
  volume: 5000000/d
  day: {"00:00": 0.2, "08:00": 1.0, "20:00": 1.8}
  week: {sat: 0.4}
  holidays: {2026-11-11: 2.5}
  events:
    - {name: opening, at: 2026-11-11T00:00, duration: 30m, from: 400/s, to: 0/s}
    - {name: reminder, every: day, at: "09:00", duration: 10m, rate: 100/s}
  test: {compress: {from: 3d, to: 10m}, scale: 50 %}
messages: {note: {size: 2KiB}}
thresholds: {"transactions{stage:opening}": ["count > 1"], "transactions{stage:reminder-2026-11-12}": ["count > 1"]}
"""
TOTAL = 15e6 + 1.5 * 5e6 + 200 * 1800 + 3 * 600 * 100

WORDS = """\
A campaign of 3d00h from 2026-11-10 00:00 to 2026-11-13 00:00, local time of Asia/Shanghai.
Without holidays and events 57.9/s on average, 5,000,000 a day.
  day: 0.2 at 00:00, 1 at 08:00, 1.8 at 20:00, linear between them
  week: sat 0.4, other days 1
  These factors are divided by their mean over the campaign, so that its volume is kept.
  holiday 2026-11-11: 2.5 times its day
  event opening: at 2026-11-11T00:00 for 30m00s, 400/s to 0/s on top
  event reminder: every day at 09:00 for 10m00s, 100/s on top
In real time about 23,040,000 messages: 88.9/s on average, 427/s at the peak, on 2026-11-11 00:00.
A test stands for it: 3d00h compressed to 10m00s at the same rates, rates at 50%; one message for 864.
Arrivals follow a schedule (poisson), whatever the target does.
About 26,667 messages in 10m00s: 44.4/s on average, 214/s at the peak.
  2026-11-10: 17.6/s on average, 28.9/s at the peak, for 1m15s
"""


def test_a_campaign_needs_no_load() -> None:
    scenario = parse_scenario(SALE)
    schedule = schedule_of(scenario)
    assert schedule.duration_s == pytest.approx(600)
    assert schedule.expected_arrivals == pytest.approx(TOTAL * 0.5 / 432)
    assert [stage.name for stage in schedule.stages[:4]] == [
        "2026-11-10",
        "reminder-2026-11-10",
        "2026-11-10-2",
        "opening",
    ]
    assert scenario.load.open_loop


def test_it_may_have_one_without_stages() -> None:
    load = parse_scenario(SALE + "load: {arrivals: even, queue: 7, scale: 50%}\n")
    assert schedule_of(load).expected_arrivals == pytest.approx(TOTAL * 0.25 / 432)
    assert load.load.queue == 7


@pytest.mark.parametrize("test", ["compress: {from: 3d, to: 10m}", "window: peak 30m", "scale: 10 %"])
def test_the_effective_scenario_loads_again_to_an_equal_one(test: str) -> None:
    text = SALE.replace("compress: {from: 3d, to: 10m}, scale: 50 %", test)
    scenario = parse_scenario("\n".join(line for line in text.splitlines() if "thresholds" not in line))
    effective = dump_effective(scenario)
    again = parse_scenario(effective)
    assert again == scenario
    assert schedule_of(again).expected_arrivals == schedule_of(scenario).expected_arrivals
    assert "stages" not in yaml.safe_load(effective)["load"]


def test_workers_of_a_campaign_send_what_one_process_would() -> None:
    """They get the scenario as YAML."""
    whole, theirs = parse_scenario(SALE), parse_scenario(dump_effective(parse_scenario(SALE)))
    parts = [arrivals_of(theirs, Share(index, 3), stretch=0.5, until_s=200) for index in range(3)]
    assert sum(part or 0 for part in parts) == arrivals_of(whole, WHOLE, stretch=0.5, until_s=200)


def test_in_words() -> None:
    assert WORDS in describe(parse_scenario(SALE))


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ("", "A test stands for it: all of it in real time, as no test is set.\n"),
        ("test: {window: peak 1h}", "its busiest 1h00m, from 2026-11-11 19:08 on.\n"),
        (
            "test: {window: peak 1h, compress: {from: 60m, to: 6m}}",
            "from 2026-11-11 19:08 on, 1h00m compressed to 6m00s at the same rates; one message for 10.",
        ),
    ],
)
def test_what_stands_for_it_in_words(test: str, words: str) -> None:
    """The rate rises by 0.8 in 12 hours and falls by 1.6 in 4: six sevenths of the window lie before the peak."""
    lines = [line for line in SALE.splitlines() if not line.startswith(("thresholds", "  test:"))]
    lines.insert(-1, f"  {test}")
    assert words in describe(parse_scenario("\n".join(lines)))


def test_many_stages_and_points_are_not_all_listed() -> None:
    points = ", ".join(f'"{hour:02d}:{minute:02d}": 1' for hour in range(24) for minute in (0, 30))
    text = (
        "scenario: x\nmessages: {note: {}}\ncampaign: {start: 2026-11-01 00:00, duration: 30d, rate: 1/s, "
        f"day: {{{points}}}}}\n"
    )
    words = describe(parse_scenario(text))
    assert "  day: a curve of 48 points, linear between them\n" in words
    assert "  2026-11-12: 1/s on average" in words
    assert "  2026-11-13: " not in words
    assert "  ... and 18 more stages\n" in words


def test_local_time() -> None:
    campaign = Campaign.model_validate(
        {"start": "2026-10-25T00:00", "time_zone": "Europe/Berlin", "duration": "1d", "rate": "1/s"}
    )
    assert campaign.start_unix_s == datetime.fromisoformat("2026-10-24T22:00+00:00").timestamp()
    assert campaign.end == datetime.fromisoformat("2026-10-25T23:00")
    assert campaign.local(2.5 * 3600) == campaign.local(3.5 * 3600) == datetime.fromisoformat("2026-10-25T02:30")


def test_days_of_the_week_begin_on_monday() -> None:
    assert Week(mon=2, sun=0.5).factors == (2, 1, 1, 1, 1, 1, 0.5)


def test_the_example_uses_every_key() -> None:
    path = Path(__file__).parents[2] / "examples" / "campaign.yaml"
    written = yaml.safe_load(path.read_text(encoding="utf-8"))["campaign"]
    keys = {field.alias or name for name, field in Campaign.model_fields.items()}
    assert written.keys() == keys - {"rate"}
    event_keys = {field.alias or name for name, field in Event.model_fields.items()}
    assert set().union(*(event.keys() for event in written["events"])) == event_keys
    scenario = load_scenario(path)
    assert schedule_of(scenario).expected_arrivals == pytest.approx(
        (15e6 + 7.5e6 + 900 * (30 + 540 + 1500) + 75 * 7200 + 3 * 80 * 1200) / 864
    )
