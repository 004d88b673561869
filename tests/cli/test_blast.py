"""The scenario that a blast's options amount to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from loadkit.cli.blast import BlastOptions, blast_scenario
from loadkit.errors import UsageError
from loadkit.scenario.load import parse_scenario

OPTIONS = BlastOptions(
    url="smtp://127.0.0.1:2525",
    allow=(),
    messages=None,
    sessions=20,
    size="1KiB",
    rate=None,
    duration=None,
    tls="none",
    pipelining=False,
    chunking=False,
)


def load_of(**changes: Any) -> Any:
    return yaml.safe_load(blast_scenario(replace(OPTIONS, **changes)))["load"]


def test_a_number_of_messages_is_shared_by_the_sessions() -> None:
    assert load_of(messages=60000) == {"executor": "shared_messages", "sessions": 20, "messages": 60000}


def test_nothing_said_means_ten_thousand_messages() -> None:
    assert load_of() == {"executor": "shared_messages", "sessions": 20, "messages": 10000}


def test_a_duration_alone_is_a_closed_loop() -> None:
    assert load_of(duration="12s") == {"executor": "sessions", "sessions": 20, "duration": "12s"}


@pytest.mark.parametrize(("duration", "expected"), [(None, "30s"), ("5s", "5s")])
def test_a_rate_is_a_schedule(duration: str | None, expected: str) -> None:
    assert load_of(rate="500/s", duration=duration) == {
        "executor": "arrival_rate",
        "stages": [{"name": "hold", "rate": "500/s", "duration": expected}],
    }


@pytest.mark.parametrize("bound", [{"rate": "5/s"}, {"duration": "5s"}])
def test_two_bounds_are_refused(bound: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="--messages can't go with"):
        blast_scenario(replace(OPTIONS, messages=5, **bound))


@pytest.mark.parametrize("bound", [{"messages": 7}, {"duration": "5s"}, {"rate": "5/s"}, {"url": None}])
def test_it_is_a_valid_scenario(bound: dict[str, Any]) -> None:
    options = replace(OPTIONS, **bound, tls="starttls", pipelining=True, chunking=True, allow=("mail.example.net",))
    scenario = parse_scenario(blast_scenario(options))
    assert scenario.target.url == options.url
    assert scenario.target.tls == "starttls"
    assert scenario.target.allow == ("mail.example.net",)
    assert scenario.sessions.max == 20
    assert scenario.sessions.pipelining is True
    assert scenario.sessions.chunking is True
