"""Channels beside mail: what a scenario may say of them, and what is left out where a library is missing."""

from __future__ import annotations

import math

import pytest

from loadkit.errors import ScenarioError, TargetError, UsageError
from loadkit.scenario.channels import MIN_PAYLOAD_BYTES, leave_out_missing, left_out_kinds, with_addresses
from loadkit.scenario.describe import describe
from loadkit.scenario.load import dump_effective, parse_scenario
from loadkit.scenario.mix import Mix
from loadkit.scenario.sharing import WHOLE, Share, arrivals_of

TEXT = """
scenario: plant
channels:
  api: {http: {url: 'http://127.0.0.1:8080/alerts?from=plant', headers: {X-Plant: a}}}
  devices: {mqtt: {topic: plant/line1, qos: 0}, optional: true}
load: {arrivals: even, stages: [{name: hold, rate: 100/s, duration: 10s}]}
messages:
  mail: {weight: 1, size: 2KiB}
  alert: {weight: 1, channel: api, size: 500B}
  reading: {weight: 2, channel: devices, size: 300B}
thresholds:
  "transaction_duration{kind:alert}": ["p(95) < 1s"]
  "transaction_failed{kind:reading}": ["count == 0"]
"""


@pytest.mark.parametrize(
    "target", ["", "target: {url: 'smtp://127.0.0.1'}", "target: {tls_minimum: '1.3', tls: starttls}"]
)
def test_what_is_written_out_reads_back_equal(target: str) -> None:
    scenario = parse_scenario(TEXT + target)
    assert parse_scenario(dump_effective(scenario)) == scenario


def test_a_payload_has_a_smallest_size_of_its_own() -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(TEXT.replace("300B", "20B"))
    assert [problem.message for problem in caught.value.problems] == ["20B is too small for headers and attachments"]
    draws = Mix(parse_scenario(TEXT)).draw(1000)
    assert set(draws.size_bytes[draws.kind == 1]) == {500}
    assert set(draws.size_bytes[draws.kind == 2]) == {300}
    assert MIN_PAYLOAD_BYTES == 200


def test_it_is_said_in_words() -> None:
    words = describe(parse_scenario(TEXT))
    assert "alert: 25 % of messages, 500B, 1 recipient, by http through api" in words
    assert "Channel api: http to http://127.0.0.1:8080/alerts?from=plant, at most 10 connections." in words
    assert "Channel devices: mqtt to the bundled sink, at most 10 connections." in words


def test_an_optional_channel_without_its_library_is_left_out() -> None:
    scenario = leave_out_missing(parse_scenario(TEXT), lambda package: package != "paho")
    assert scenario.channels["devices"].left_out == "paho is not installed: pip install 'loadkit[mqtt]'"
    assert left_out_kinds(scenario) == {"reading"}
    assert [str(one) for one in scenario.threshold_list()] == ["transaction_duration{kind:alert}: p(95) < 1s"]
    assert left_out_kinds(parse_scenario(dump_effective(scenario))) == {"reading"}


def test_any_other_channel_without_its_library_is_an_error_with_the_fix() -> None:
    scenario = parse_scenario(TEXT.replace("optional: true", "optional: false"))
    with pytest.raises(UsageError, match="devices needs paho") as caught:
        leave_out_missing(scenario, lambda _: None if _ == "paho" else "there")
    assert caught.value.hint.startswith("pip install 'loadkit[mqtt]'")
    unused = TEXT[: TEXT.index("  reading:")].replace("optional: true", "optional: false")
    assert leave_out_missing(parse_scenario(unused), lambda _: _ != "paho") == parse_scenario(unused)


def test_what_is_left_out_is_not_among_the_arrivals_of_a_worker() -> None:
    whole = parse_scenario(TEXT)
    part = leave_out_missing(whole, lambda package: package != "paho")
    share = Share(1, 3)
    all_of_it, rest = (arrivals_of(one, share, stretch=1.0, until_s=math.inf) for one in (whole, part))
    kinds = Mix(whole).draw(1000).kind[1::3]
    assert (all_of_it, rest) == (333, int((kinds != 2).sum()))
    assert arrivals_of(part, WHOLE, stretch=1.0, until_s=math.inf) == int((Mix(whole).draw(1000).kind != 2).sum())


@pytest.mark.parametrize(
    ("url", "allow", "refused"),
    [
        ("http://127.0.0.1:1/", (), False),
        ("http://[::1]/", (), False),
        ("https://api.example.net/x", (), True),
        ("https://api.example.net/x", ("api.example.net",), False),
        ("https://api.example.net/x", ("api.example.net:443",), False),
        ("https://api.example.net:8443/x", ("api.example.net:443",), True),
    ],
)
def test_an_address_is_allowed_as_a_target_is(url: str, allow: tuple[str, ...], *, refused: bool) -> None:
    channel = parse_scenario(TEXT).channels["api"].at(url)
    if not refused:
        channel.check_allowed(allow)
        return
    with pytest.raises(TargetError, match="not this machine"):
        channel.check_allowed(allow)


def test_only_the_bundled_sink_can_do_without_an_address() -> None:
    scenario = parse_scenario(TEXT)
    receivers = {"http": "http://127.0.0.1:80", "mqtt": "mqtt://127.0.0.1:1883"}
    urls = {name: one.endpoint.url for name, one in with_addresses(scenario, (), receivers).channels.items()}
    assert urls == {"api": "http://127.0.0.1:8080/alerts?from=plant", "devices": "mqtt://127.0.0.1:1883"}
    with pytest.raises(UsageError, match="devices has no url") as caught:
        with_addresses(scenario, (), {})
    assert caught.value.hint == "write channels.devices.mqtt.url in the scenario"
    without = leave_out_missing(scenario, lambda package: package != "paho")
    assert with_addresses(without, (), {}) == without


def test_every_address_is_checked() -> None:
    scenario = parse_scenario(TEXT.replace("127.0.0.1:8080", "192.0.2.1:8080"))
    receivers = {"mqtt": "mqtt://127.0.0.1:1883"}
    with pytest.raises(TargetError, match="is not this machine"):
        with_addresses(scenario, (), receivers)
    assert with_addresses(scenario, ("192.0.2.1",), receivers).channels["api"] == scenario.channels["api"]
