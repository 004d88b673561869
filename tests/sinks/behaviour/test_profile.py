from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel
from support.problems import assert_exactly_the_expected_problems

from loadkit.errors import ScenarioError, UsageError
from sinks.behaviour.fields import Frequency, wire_reply
from sinks.behaviour.policy import Delay
from sinks.behaviour.profile import Profile, load_profile, parse_profile, profile_names

ROOT = Path(__file__).parents[3]
BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))
SHIPPED = {
    "accept_all",
    "basic",
    "brown_out",
    "enterprise",
    "flaky",
    "greylist",
    "hostile",
    "mailbox_providers",
    "outage",
    "professional",
    "provider_limits",
    "slow",
    "stale_list",
    "station",
    "usl",
}


def test_the_bad_profiles_are_not_lost() -> None:
    assert len(BAD) >= 7


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_exactly_the_expected_problems_are_found(path: Path) -> None:
    assert_exactly_the_expected_problems(path, lambda file: load_profile(str(file)))


def test_the_shipped_profiles() -> None:
    assert set(profile_names()) == SHIPPED


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_shipped_profile_bears_its_name_and_is_described(name: str) -> None:
    profile = load_profile(name)

    assert profile.name == name
    assert len(profile.description) > 40


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_shipped_profile_says_where_its_numbers_come_from(name: str) -> None:
    first = (ROOT / "sinks" / "profiles" / f"{name}.yaml").read_text().splitlines()[0]

    assert first.startswith("# ")


def test_numbers_of_the_shipped_profiles() -> None:
    rates = {
        name: load_profile(name).limits.total.messages for name in ("basic", "professional", "enterprise", "accept_all")
    }
    watched = load_profile("provider_limits")

    assert rates == {
        "basic": Frequency(500, 1.0),
        "professional": Frequency(2000, 1.0),
        "enterprise": Frequency(100_000, 1.0),
        "accept_all": None,
    }
    assert watched.limits.per_source.connections == Frequency(500, 60.0)
    assert watched.limits.size_bytes == 100_000_000
    assert watched.faults[0].when.larger_than_bytes == 30_000_000


def test_an_unknown_name_is_answered_with_the_closest() -> None:
    with pytest.raises(UsageError, match="there is no profile 'graylist'") as caught:
        load_profile("graylist")

    assert caught.value.hint == "did you mean greylist?"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"can't read .*mine\.yaml: No such file") as caught:
        load_profile(str(tmp_path / "mine.yaml"))

    assert caught.value.hint == "give the path of a profile file"


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("profile: mine\nservice: {mail: 2ms}\n")

    profile = load_profile(str(file))

    assert profile.service.mail is not None
    assert profile.service.mail.constant_s == 0.002


def test_the_error_says_that_it_is_about_a_profile() -> None:
    with pytest.raises(ScenarioError, match=r"^1 problem in the profile; the sink does not follow it$"):
        parse_profile("profile: 3", "text")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("profile: x\nservice: {mail: 2ms}", None),
        ("profile: x\nservice: {mail: {station: {time: 2ms}}}", "service.mail is a station"),
        (
            "profile: x\nproviders: {a: {share: 1%, service: {dot: {station: {servers: 1, time: 2ms}}}}}",
            "providers.a.service.dot is a station",
        ),
    ],
)
def test_a_station_asks_for_a_single_process(text: str, reason: str | None) -> None:
    found = parse_profile(text, "text").single_process_reason

    assert found == (reason and f"{reason}, and a station is one queue in one process")


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_profile_survives_being_written_out(name: str) -> None:
    profile = load_profile(name)

    plain = profile.model_dump(by_alias=True, exclude_defaults=True, mode="json")

    assert type(profile).model_validate(plain) == profile


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("450 4.2.0 Try later", b"450 4.2.0 Try later\r\n"),
        ("421 4.7.0 a\n421 4.7.0 b", b"421-4.7.0 a\r\n421 4.7.0 b\r\n"),
        ("421 4.7.0 from {source}", b"421 4.7.0 from ::1\r\n"),
    ],
)
def test_a_reply_on_the_wire(text: str, wire: bytes) -> None:
    assert wire_reply(text, source="::1") == wire


def used_keys(block: object) -> set[tuple[type[BaseModel], str]]:
    """The keys that are given in a block and below it, each with the model that it belongs to."""
    if isinstance(block, dict | tuple):
        return set().union(*map(used_keys, block.values() if isinstance(block, dict) else block))
    if not isinstance(block, BaseModel):
        return set()
    own = {(type(block), name) for name in block.model_fields_set}
    return own.union(*(used_keys(getattr(block, name)) for name in block.model_fields_set))


def test_the_example_uses_every_key() -> None:
    used = used_keys(load_profile(str(ROOT / "examples" / "sink_profile.yaml")))

    # A step's time is a delay, or a station: its keys are those of a delay and one more.
    models = {model for model, _ in used} - {Delay}
    assert len(models) == 21
    # What a profile includes is put into it as it is read.
    assert {(model, name) for model in models for name in model.model_fields} - used == {(Profile, "include")}
