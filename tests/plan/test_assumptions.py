"""Assumptions: ranges as people write them, every problem named, and what is stated."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from loadkit.plan.assumptions import Assumptions, AssumptionsError, load_assumptions
from loadkit.plan.uncertain import Range
from loadkit.scenario.json_schema import json_schema


def test_single_values_go_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "assumptions.yaml"
    file.write_text("headroom: 0.6\nmessage_size: 10KiB..50KiB..100KiB\nretry: [0.01, 0.02, 0.1]\nzones: 3\n")
    found = load_assumptions(file, ["headroom=0.8", "node_time=50ms"])
    assert found.headroom == 0.8
    assert found.message_size == Range(10240, 51200, 102400)
    assert found.retry == Range(0.01, 0.02, 0.1)
    assert found.node_time == Range.exactly(0.05)
    assert found.zones == 3
    assert found.spares == 1
    given = {one.name: one.value for one in found.stated() if one.given}
    assert given == {
        "headroom": "0.8",
        "message_size": "10KiB..50KiB..100KiB",
        "retry": "0.01..0.02..0.1",
        "node_time": "0.05s",
        "zones": "3",
    }


def test_every_problem_is_named(tmp_path: Path) -> None:
    file = tmp_path / "assumptions.yaml"
    file.write_text("headrom: 0.6\nretry: 0.2..0.1..0.3\nmessage_size: 30\nwidening: 0.1\n")
    with pytest.raises(AssumptionsError) as caught:
        load_assumptions(file, ["headroom=7", "demand=1..2", "node_mtbf=30d"])
    said = [str(problem).removeprefix(f"{file}:") for problem in caught.value.problems]
    assert said == [
        "1: headrom: is not a known key (did you mean headroom?)",
        "2: retry: 0.2, 0.1 and 0.3 do not ascend to a finite number",
        "3: message_size: '30' is not a size: write a number with a unit, such as 900B, 12KiB or 3MB",
        "4: widening: must be at least 0.15",
        "--assume: headroom: must be at most 1.0",
        "--assume: demand: '1..2' is not one value or three: write low..mid..high, of which each may be alone",
    ]


def test_time_between_failures_needs_time_to_repair() -> None:
    assert load_assumptions(given=["node_mtbf=30d", "node_repair=1h"]).availability == pytest.approx(720 / 721)
    assert load_assumptions().availability == 0.999
    with pytest.raises(AssumptionsError) as caught:
        load_assumptions(given=["node_mtbf=30d"])
    assert [str(one) for one in caught.value.problems] == [
        "--assume: node_repair: is missing beside the other (give both, or node_availability)"
    ]


def test_what_is_written_reads_back_and_is_right_by_the_schema() -> None:
    plain = Assumptions().model_dump(by_alias=True, exclude_none=True, mode="json")
    schema = json_schema(Assumptions, "assumptions")
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(plain)
    assert Assumptions.model_validate(plain) == Assumptions()
    validator.validate(yaml.safe_load("retry: 0.05\nmessage_size: [1KiB, 2KiB, 3KiB]\nidle: 0.2s..1s..5s"))
    assert not validator.is_valid({"retry": "a few"})
    assert not validator.is_valid({"widening": 0.1})


def test_every_assumption_says_what_it_is() -> None:
    stated = list(Assumptions().stated())
    assert len(stated) == len(Assumptions.model_fields)
    assert all(one.meaning.endswith(".") for one in stated)
    assert not any(one.given for one in stated)
