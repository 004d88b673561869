"""What a provider would say, and whether its remedies are enough."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.errors import ProviderError, UsageError
from loadkit.scenario.breaches import Breach, breaches
from loadkit.scenario.forecast import forecast_of
from loadkit.scenario.limits import Provider, load_provider, provider_names
from loadkit.scenario.load import load_scenario, parse_scenario

BUNDLED = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))
CLOUD = load_provider("cloud-port-25")


def found(provider: Provider, *blocks: str, rate: str = "320/s", messages: str = "note: {}") -> tuple[Breach, ...]:
    load = f"load: {{stages: [{{name: hold, rate: {rate}, duration: 2m}}]}}"
    given = (f"messages: {{{messages}}}", *blocks)
    lines = (
        ["scenario: x", *given] if any(block.startswith("load") for block in blocks) else ["scenario: x", load, *given]
    )
    scenario = parse_scenario("\n".join(lines))
    return breaches(scenario, forecast_of(scenario), provider)


def words(*blocks: str, rate: str = "320/s", provider: Provider = CLOUD) -> str:
    (breach,) = found(provider, *blocks, rate=rate)
    return breach.words


def test_the_shipped_limits_are_those_of_the_guide() -> None:
    tiers = {name: load_provider(name) for name in provider_names()}
    assert {name: tier.rate_per_s for name, tier in tiers.items()} == {
        "basic": 500,
        "cloud-port-25": None,
        "enterprise": 100_000,
        "professional": 2000,
    }
    for tier in tiers.values():
        assert (tier.connections_per_min, tier.recipients) == (500, None)
        assert tier.size is not None
        assert (tier.size.normal_bytes, tier.size.anomalous_bytes) == (30_000_000, 100_000_000)


def test_connections_and_both_remedies() -> None:
    assert words("sessions: {messages_per_session: 6}") == (
        "this would open 3,200 connections/min from one source; cloud-port-25 treats more than 500 from one as an "
        "attack: keep connections (>= 39 messages each) or use 7 sources (sessions.local_addresses)"
    )


@settings(max_examples=25, deadline=None)
@given(rate=st.integers(1, 1000), in_each=st.integers(1, 20), sources=st.integers(1, 4))
def test_the_remedies_are_enough_and_no_more_than_that(rate: int, in_each: int, sources: int) -> None:
    def run(in_each: int, sources: int) -> tuple[Breach, ...]:
        addresses = ", ".join(f"127.0.0.{number + 1}" for number in range(sources))
        sessions = f"sessions: {{messages_per_session: {in_each}, local_addresses: [{addresses}]}}"
        return found(CLOUD, sessions, rate=f"{rate}/s")

    for breach in run(in_each, sources):
        match = re.search(r">= (\d+) messages each\) or use (\d+) sources", breach.words)
        assert match is not None
        better_each, more_sources = map(int, match.groups())
        assert not run(better_each, sources)
        assert run(better_each - 1, sources)
        assert not run(in_each, more_sources)
        assert run(in_each, more_sources - 1)


def test_connections_that_are_kept_or_can_not_be() -> None:
    kept = words("sessions: {max: 4000}", rate="80000/s")
    assert kept.startswith("this would open 4,000 connections/min from one source; ")
    assert kept.endswith("attack: lower sessions.max to 500 or use 8 sources (sessions.local_addresses)")
    given_up = words("sessions: {stop_after: ehlo}", rate="10/s")
    assert "attack: send at most 500 messages a minute, since each is a connection of its own or use 2" in given_up


def test_closed_loops_by_the_assumed_time() -> None:
    load = "load: {executor: sessions, sessions: 20, duration: 60s}"
    assert words(load, "sessions: {messages_per_session: 10}").startswith(
        "this would open 2,400 connections/min from one source (at 50ms a message); "
    )
    many = words("load: {executor: sessions, sessions: 900, duration: 60s}", "sessions: {max: 900}")
    assert many.endswith("attack: lower load.sessions to 500 or use 2 sources (sessions.local_addresses)")


def test_sizes() -> None:
    large, huge = found(CLOUD, messages="fine: {}, large: {size: 31MB}, huge: {size: {uniform: [1KiB, 120MB]}}")
    assert large.words == (
        "messages of kind large would have up to 31 MB; cloud-port-25 expects up to 30 MB and treats more than 100 MB "
        "as an attack: make them at most 30 MB"
    )
    assert huge.words == (
        "messages of kind huge would have up to 120 MB; cloud-port-25 treats more than 100 MB as an attack: make them "
        "at most 30 MB, or send a link"
    )
    assert (large.limit, large.expected, large.allowed) == ("size", 31_000_000, 30_000_000)


def test_recipients_and_rates() -> None:
    own = Provider.model_validate({"provider": "own", "recipients": 20, "rate": "300/s"})
    many, fast = found(own, messages="note: {recipients: {uniform: [1, 50]}}")
    assert many.words == (
        "messages of kind note would go to up to 50 recipients; own takes 20 in one: send each as 3 messages with at "
        "most 20 recipients"
    )
    assert fast.words == (
        "this would send 320 messages/s at the peak; own takes 300: scale it to 93.7% or choose a larger tier"
    )
    (closed,) = found(own, "load: {executor: sessions, sessions: 20, duration: 9s}")
    assert closed.words == (
        "this would send 400 messages/s at 50ms a message; own takes 300: use fewer sessions or choose a larger tier"
    )


def test_what_is_just_at_a_limit_is_within_it() -> None:
    basic = load_provider("basic")
    assert found(basic, "sessions: {messages_per_session: 60}", rate="500/s") == ()
    assert [breach.limit for breach in found(basic, "sessions: {messages_per_session: 60}", rate="501/s")] == [
        "connections",
        "rate",
    ]


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_bundled_scenarios_are_within_the_limits(path: Path) -> None:
    scenario = load_scenario(path)
    assert breaches(scenario, forecast_of(scenario), CLOUD) == ()


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("provider: own\nconnections: 30/min\n", encoding="utf-8")
    assert load_provider(str(file)).connections_per_min == 30
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(
        "scenario: x\nload: {stages: [{name: a, rate: 1/s, duration: 1s}]}\nmessages: {note: {}}\n"
        "guardrails: {provider: own.yaml, severity: error}\n",
        encoding="utf-8",
    )
    rails = load_scenario(scenario).guardrails
    assert (rails.provider, rails.limits().name) == (str(file), "own")


def test_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("provider: own\nconnections: 30\nsizes: 3\n", encoding="utf-8")
    with pytest.raises(ProviderError, match="2 problems in the provider's limits; nothing was sent") as caught:
        load_provider(str(file))
    assert [(problem.line, problem.key) for problem in caught.value.problems] == [(2, "connections"), (3, "sizes")]
    with pytest.raises(UsageError, match="there is no provider 'clod-port-25'") as unknown:
        load_provider("clod-port-25")
    assert "did you mean cloud-port-25?" in unknown.value.hint
