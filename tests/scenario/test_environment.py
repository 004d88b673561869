"""Addresses from the environment."""

from __future__ import annotations

import pytest

from loadkit.errors import ScenarioError
from loadkit.scenario.load import dump_effective, parse_scenario

MINIMAL = "scenario: x\nload: {stages: [{name: hold, rate: 5/s, duration: 5s}]}\nmessages: {note: {}}\n"


def test_addresses_of_target_and_sinks_are_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_HOST", "mail.example.net")
    monkeypatch.setenv("_port2", "2525")
    text = MINIMAL + (
        "target: {url: 'smtp://${MAIL_HOST}:${_port2}'}\n"
        "delivery: {sinks: ['http://${MAIL_HOST}:8025/${_port2}', 'http://127.0.0.1']}\n"
    )

    scenario = parse_scenario(text)

    assert scenario.target.url == "smtp://mail.example.net:2525"
    assert scenario.delivery.sinks == ("http://mail.example.net:8025/2525", "http://127.0.0.1")
    assert parse_scenario(dump_effective(scenario)) == scenario
    assert scenario.target.allow == ()


@pytest.mark.parametrize(
    "name", ["SMTP_PASSWORD", "apiKey", "SINK_TOKEN", "CLIENT_SECRET", "mail_pwd", "AWS_CREDENTIALS", "DB_PASS"]
)
def test_what_is_a_secret_by_its_name_is_not_put_into_an_address(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "hunter2")

    with pytest.raises(ScenarioError) as caught:
        parse_scenario(MINIMAL + f"target: {{url: 'smtp://${{{name}}}'}}\n")

    assert "hunter2" not in str(caught.value.problems)
    assert caught.value.problems[0].message.startswith(f"{name} is a secret by its name")


@pytest.mark.parametrize("value", ["hunter2@host", "hunter 2", "hunter2/path", "hunter2:99999", "-hunter2"])
def test_a_value_that_makes_no_address_is_not_repeated(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHERE", value)

    with pytest.raises(ScenarioError) as caught:
        parse_scenario(MINIMAL + "target: {url: 'smtp://${WHERE}'}\ndelivery: {sinks: ['http://${WHERE}?x']}\n")

    assert [problem.key for problem in caught.value.problems] == ["target.url", "delivery.sinks[0]"]
    assert all(problem.message == "is wrong with the value of WHERE" for problem in caught.value.problems)
    assert "hunter" not in str(caught.value.problems)


def test_a_value_is_not_filled_in_a_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTER", "${INNER}")
    monkeypatch.setenv("INNER", "127.0.0.1")

    with pytest.raises(ScenarioError, match="1 problem"):
        parse_scenario(MINIMAL + "target: {url: 'smtp://${OUTER}'}\n")


def test_what_an_unknown_key_holds_is_not_judged() -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(MINIMAL + "extra: {deep: ['${X}']}\nseed: $1\ndescription: 5 ${ and {x}\n")

    assert [(problem.line, problem.key, problem.message[:18]) for problem in caught.value.problems] == [
        (4, "extra", "is not a known key"),
        (5, "seed", "must be a whole nu"),
        (6, "description", "has ${, and only t"),
    ]
