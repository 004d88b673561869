"""Values given anew: which place a path means, how a value is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from loadkit.errors import ScenarioError
from loadkit.scenario.document import read_document
from loadkit.scenario.load import dump_effective, load_scenario
from loadkit.scenario.overrides import with_overrides
from loadkit.scenario.schema import Scenario

TEXT = """\
scenario: x
load:
  stages:
    - {name: warm-up, rate: 1/s, duration: 5s}
    - {name: "1", rate: 2/s, duration: 5s}
    - {name: hold, rate: 3/s, duration: 5s}
messages:
  note: {size: 90KiB, attachments: [{name: a.pdf, size: 30KiB, type: application/pdf}]}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize(
    ("assignment", "keys", "value"),
    [
        ("seed=7", ["seed"], 7),
        ("seed = 7", ["seed"], 7),
        ("load.stages.hold.rate=300/s", ["load", "stages", 2, "rate"], "300/s"),
        ("load.stages[0].rate=300/s", ["load", "stages", 0, "rate"], "300/s"),
        ("load.stages.0.measure=false", ["load", "stages", 0, "measure"], False),
        ("load.stages.1.rate=9/s", ["load", "stages", 1, "rate"], "9/s"),
        ("load.stages[2]={name: end}", ["load", "stages", 2], {"name": "end"}),
        ("messages.note.attachments[0].size=1KiB", ["messages", "note", "attachments", 0, "size"], "1KiB"),
        ("messages.letter.weight=0.5", ["messages", "letter"], {"weight": 0.5}),
        ("sessions.timeouts.dot=5s", ["sessions"], {"timeouts": {"dot": "5s"}}),
        ('description="a # b: [c"', ["description"], "a # b: [c"),
        ("description=a=b", ["description"], "a=b"),
        ("description=yes", ["description"], "yes"),
        ("target.allow=[a.example, b.example]", ["target"], {"allow": ["a.example", "b.example"]}),
        (
            "thresholds.transaction_duration{kind:note}=['p(95) < 1s']",
            ["thresholds", "transaction_duration{kind:note}"],
            ["p(95) < 1s"],
        ),
    ],
)
def test_one_value_and_no_other_changes(assignment: str, keys: list[Any], value: object) -> None:
    document = with_overrides(read_document(TEXT), [assignment], Scenario)

    expected: Any = read_document(TEXT).data
    block = expected
    for key in keys[:-1]:
        block = block.setdefault(key, {}) if isinstance(block, dict) else block[key]
    block[keys[-1]] = value
    assert document.data == expected
    assert document.slips == []
    assert document.place_of(tuple(keys)) == ("--set", 0)


BLOCKS = """\
scenario: x
load:
  arrivals: {gamma: {dispersion: 4}}
  stages:
    - {name: calm, rate: 1/s, duration: 5s}
    - {name: opening, duration: 1m, shape: {spike: {base: 1/s, peak: 5/s, rise: 1s, fall: 9s}}}
channels: {alerts: {http: {url: "http://127.0.0.1:8080/a", connections: 7}}}
messages: {letter: {signature: {dkim: sized}}, alert: {channel: alerts}}
"""

CAMPAIGN = """\
scenario: x
campaign:
  start: 2026-11-09T00:00
  time_zone: Asia/Shanghai
  duration: 1d
  volume: 1000/d
  events:
    - {name: opening, at: 2026-11-09T08:00, shape: {spike: {peak: 5/s, rise: 1m, fall: 9m}}}
    - {name: reminder, every: day, at: "09:00", duration: 1h, rate: 1/s}
messages: {letter: {}}
"""


@pytest.mark.parametrize(
    ("text", "assignment", "keys", "expected"),
    [
        (BLOCKS, "load.stages.opening.shape.spike.peak=90/s", "load.stages.1.shape.spike.peak", "90/s"),
        (BLOCKS, "load.stages.opening.shape={ramp: {from: 1/s, to: 9/s}}", "load.stages.1.shape.ramp.to", "9/s"),
        (BLOCKS, "load.arrivals=even", "load.arrivals", "even"),
        (BLOCKS, "load.arrivals.gamma.dispersion=9", "load.arrivals.gamma.dispersion", 9.0),
        (
            BLOCKS,
            "load.arrivals={mmpp: {dispersion: 20, factor: 5, share: 10%}}",
            "load.arrivals.mmpp.dispersion",
            20.0,
        ),
        (
            BLOCKS,
            "channels.alerts.http.url=https://localhost:8443/b",
            "channels.alerts.http.url",
            "https://localhost:8443/b",
        ),
        (BLOCKS, "channels.alerts.http.timeout=3s", "channels.alerts.http.timeout", "3s"),
        (BLOCKS, "messages.letter.signature={smime: 2KiB}", "messages.letter.signature", {"smime": "2KiB"}),
        (BLOCKS, "messages.letter.signature.smime=2KiB", "messages.letter.signature.smime", "2KiB"),
        (BLOCKS, "guardrails.provider=enterprise", "guardrails.provider", "enterprise"),
        (CAMPAIGN, "campaign.events.opening.shape.spike.peak=90/s", "campaign.events.0.shape.spike.peak", "90/s"),
        (CAMPAIGN, "campaign.events.reminder.at=10:30", "campaign.events.1.at", "10:30"),
        (CAMPAIGN, "campaign.volume=2400/d", "campaign.volume", "100/h"),
        (CAMPAIGN, "campaign.test={scale: 10%}", "campaign.test.scale", "10%"),
    ],
)
def test_every_kind_of_block_takes_single_values(
    text: str, assignment: str, keys: str, expected: object, path: Path
) -> None:
    path.write_text(text)

    scenario = load_scenario(path, overrides=[assignment])

    value = yaml.safe_load(dump_effective(scenario))
    for key in keys.split("."):
        value = value[int(key) if key.isdecimal() else key]
    assert value == expected


@pytest.mark.parametrize(
    ("text", "assignment", "problem"),
    [
        (
            CAMPAIGN,
            "campaign.events.openin.shape.spike.peak=1/s",
            "--set: campaign.events.openin: is not an entry of this list (did you mean opening?)",
        ),
        (
            BLOCKS,
            "load.stages.opening.shape.spike.peek=1/s",
            "--set: load.stages[1].shape.spike.peek: is not a known key (did you mean peak?)",
        ),
        (
            BLOCKS,
            "channels.alerts.http.url=ftp://127.0.0.1/a",
            (
                "--set: channels.alerts.http.url: 'ftp://127.0.0.1/a' does not start with http:// or https:// "
                "(write http://host:port/path)"
            ),
        ),
        (
            BLOCKS,
            "messages.letter.signature.dkim.selector=s2",
            "--set: messages.letter.signature.dkim: is a value without keys (set it as a whole)",
        ),
    ],
)
def test_what_is_wrong_in_a_new_block_names_the_option(text: str, assignment: str, problem: str, path: Path) -> None:
    path.write_text(text)

    with pytest.raises(ScenarioError) as caught:
        load_scenario(path, overrides=[assignment])

    assert [str(one) for one in caught.value.problems] == [problem]


def test_a_name_goes_before_an_index() -> None:
    document = with_overrides(read_document(TEXT), ["load.stages.1.name=second", "load.stages.1.rate=7/s"], Scenario)

    assert document.data["load"]["stages"][1] == {"name": "second", "rate": "7/s", "duration": "5s"}  # type: ignore[index]


def test_the_last_of_several_wins(path: Path) -> None:
    scenario = load_scenario(
        path,
        overrides=[
            "load.stages=[{name: all, rate: 1/s, duration: 1s}]",
            "load.stages.all.rate=8/s",
            "seed=2",
            "seed=3",
        ],
    )

    assert [stage.rate_per_s for stage in scenario.load.stages] == [8]
    assert scenario.seed == 3


def test_problems_of_the_file_and_of_options_are_named_together(path: Path) -> None:
    path.write_text(TEXT + "sed: 1\n")

    with pytest.raises(ScenarioError) as caught:
        load_scenario(path, overrides=["load.stages.holdd.rate=1/s", "load.stages.hold.rate=0.5", "seed=x"])

    assert [str(problem) for problem in caught.value.problems] == [
        f"{path}:9: sed: is not a known key (did you mean seed?)",
        "--set: load.stages.holdd: is not an entry of this list (did you mean hold?)",
        "--set: seed: must be a whole number",
        "--set: load.stages[2].rate: '0.5' is not a rate: write a number per unit of time, such as 2000/s or 500/min",
    ]


def test_what_a_new_value_replaces_is_judged_no_more(path: Path) -> None:
    path.write_text(TEXT.replace("90KiB", "12"))

    assert load_scenario(path, overrides=["messages={note: {size: 2KiB}}"]).messages["note"].attachments == ()


def test_paths_of_a_value_start_from_the_current_folder(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "one.eml").write_bytes(b"Subject: one\r\n\r\nbody\r\n")
    monkeypatch.chdir(tmp_path / "here")

    scenario = load_scenario(path, overrides=["messages={own: {corpus: one.eml}}"])

    assert scenario.messages["own"].corpus == tmp_path.resolve() / "here" / "one.eml"


def test_a_document_without_keys_keeps_its_own_problem(path: Path) -> None:
    path.write_text("- x\n")

    with pytest.raises(ScenarioError) as caught:
        load_scenario(path, overrides=["seed=7"])

    assert [str(problem) for problem in caught.value.problems] == [f"{path}:1: must be a block of keys"]
