"""The published schema accepts what the reader accepts, and catches what an editor should mark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from copy import deepcopy
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from loadkit.cli.app import main
from loadkit.plan import catalog_schema
from loadkit.scenario import quantities, texts
from loadkit.scenario.block import Block
from loadkit.scenario.document import read_document
from loadkit.scenario.json_schema import SchemaMissingError, json_schema
from loadkit.scenario.schema import Scenario
from sinks.behaviour import fields
from sinks.behaviour.profile import Profile

ROOT = Path(__file__).parents[2]
GOOD = {
    "scenario": [
        *ROOT.glob("scenarios/*.yaml"),
        *ROOT.glob("tests/scenario/good/*.yaml"),
        ROOT / "examples/campaign.yaml",
    ],
    "profile": [*ROOT.glob("sinks/profiles/*.yaml"), ROOT / "examples" / "sink_profile.yaml"],
    "provider": [*ROOT.glob("loadkit/scenario/providers/*.yaml")],
    "catalog": [*ROOT.glob("loadkit/plan/catalogs/*.yaml")],
    "cost": [ROOT / "examples" / "school_costs.yaml"],
    "policy": [ROOT / "examples" / "policies.yaml"],
}
KINDS = ("scenario", "part", "profile", "provider", "catalog", "cost", "policy")


@pytest.fixture(scope="module")
def published() -> dict[str, Draft202012Validator]:
    """Validators of the schemas as the command prints them."""
    validators = {}
    for kind in KINDS:
        with redirect_stdout(StringIO()) as printed:
            assert main(["schema", kind]) == 0
        validators[kind] = Draft202012Validator(json.loads(printed.getvalue()))
    return validators


@pytest.fixture(scope="module")
def everything() -> Any:
    return read_document((ROOT / "tests" / "scenario" / "good" / "everything.yaml").read_text()).data


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_valid_and_says_what_it_is(kind: str, published: dict[str, Draft202012Validator]) -> None:
    schema = published[kind].schema

    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert schema["$id"] == f"urn:loadkit:schema:{kind}:1"


@pytest.mark.parametrize(
    ("kind", "path"),
    [(kind, path) for kind, paths in GOOD.items() for path in sorted(paths)],
    ids=lambda value: value.stem if isinstance(value, Path) else value,
)
def test_every_good_file_is_right_by_the_schema(
    kind: str, path: Path, published: dict[str, Draft202012Validator]
) -> None:
    errors = [f"{error.json_path}: {error.message}" for error in published[kind].iter_errors(_data(path.read_text()))]

    assert errors == []


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ("sed", 7),
        ("scenario", "With Spaces"),
        ("seed", -1),
        ("seed", "many"),
        ("description", 7),
        ("target.url", "http://127.0.0.1"),
        ("target.tls", "startls"),
        ("target.verify", "yes"),
        ("target.auth.password", "hunter2"),
        ("target.auth.password_env", "hunter 2"),
        ("sessions.max", 0),
        ("sessions.max", None),
        ("sessions.timeouts.dot", 30),
        ("sessions.timeouts.dot", "0s"),
        ("sessions.timeouts.dot", "30 seconds"),
        ("sessions.messages_per_session", 0),
        ("sessions.messages_per_session", "10000000"),
        ("load.stages", {}),
        ("load.stages.0.rate", 200),
        ("load.stages.0.rate", "200/week"),
        ("load.stages.0.rat", "200/s"),
        ("load.arrivals", "random"),
        ("messages", {}),
        ("messages", {"Order Notice": {}}),
        ("messages.order_notice.weight", 0),
        ("messages.order_notice.size", 12),
        ("messages.order_notice.size", "12"),
        ("messages.order_notice.size", "0KiB"),
        ("messages.order_notice.size", {"uniform": ["1KiB"]}),
        ("messages.order_notice.size", {"uniform": ["1KiB", "2KiB"], "table": {"1KiB": 1}}),
        ("messages.order_notice.size", {"lognormal": {"median": "1KiB", "p95": "2KiB"}}),
        ("messages.order_notice.recipients", {"table": {"0": 1}}),
        ("messages.order_notice.recipients", {"table": {"1": 1.5}}),
        ("recipients.domain", "no domain"),
        ("delivery.sinks", ["127.0.0.1:8025"]),
        ("thresholds.transaction_failed", ["rate < 0.1"]),
        ("thresholds.transaction_duration", ["p(95) < 10"]),
        ("thresholds.transaction_duration", ["p95 < 10s"]),
        ("thresholds.transaction_duration", [{"check": "p(0) < 10s"}]),
        ("thresholds.transaction_duration", [{"check": "avg < 10s", "abort": True}]),
        ("thresholds.phase_duration", ["avg < 10s"]),
        ("thresholds.delivered{kind:own}", ["count > 1"]),
        ("thresholds.duration", ["avg < 10s"]),
        ("include", "parts/senders.yaml"),
    ],
)
def test_the_mistakes_that_it_must_catch(
    keys: str, value: object, everything: Any, published: dict[str, Draft202012Validator]
) -> None:
    blocks = deepcopy(everything)
    *outer, last = [int(key) if key.isdecimal() else key for key in keys.split(".")]
    block = blocks
    for key in outer:
        block = block[key]
    block[last] = value

    found = [list(error.absolute_path) for error in published["scenario"].iter_errors(blocks)]

    assert found
    for path in found:
        assert all(one == other for one, other in zip(path, [*outer, last], strict=False))


def test_what_must_be_there_may_be_in_an_included_file(published: dict[str, Draft202012Validator]) -> None:
    scenario, part = published["scenario"], published["part"]

    assert sorted(error.message for error in scenario.iter_errors({"seed": 1})) == [
        "'messages' is a required property",
        "'scenario' is a required property",
    ]
    assert scenario.is_valid({"seed": 1, "include": ["parts/load.yaml"]})
    assert part.is_valid({"senders": {"count": 1}})
    assert not part.is_valid({"senders": {"cuont": 1}})


@pytest.mark.parametrize(
    ("key", "value"),
    [("rate", 5), ("rate", "5"), ("conections", "500/min"), ("size", {"normal": "30MB"}), ("recipients", 0)],
)
def test_the_mistakes_in_the_limits_of_a_provider(
    key: str, value: object, published: dict[str, Draft202012Validator]
) -> None:
    limits = {"provider": "mine", "connections": "500/min"}
    assert published["provider"].is_valid(limits)
    assert not published["provider"].is_valid(limits | {key: value})
    assert not published["provider"].is_valid({"connections": "500/min"})


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_is_explained(kind: str, published: dict[str, Draft202012Validator]) -> None:
    blocks = {"": published[kind].schema, **published[kind].schema["$defs"]}

    unexplained = [
        f"{block}.{key}"
        for block, schema in blocks.items()
        for form in (schema, *schema.get("anyOf", []))
        for key, value in form.get("properties", {}).items()
        if not value.get("description")
    ]
    assert unexplained == [], "write a docstring below the field"


def test_defaults_are_written_as_in_yaml(published: dict[str, Draft202012Validator]) -> None:
    blocks = published["scenario"].schema["$defs"]

    assert blocks["Timeouts"]["properties"]["dot"]["default"] == "2m"
    assert blocks["Load"]["properties"]["executor"]["default"] == "arrival_rate"
    assert blocks["MessageKind"]["properties"]["recipients"]["default"] == 1
    assert "default" not in blocks["Target"]["properties"]["url"]
    for block in blocks.values():
        for schema in block.get("properties", {}).values():
            if "default" in schema:
                assert Draft202012Validator(schema).is_valid(schema["default"])


def _no_odd(value: int) -> int:
    if value % 2:
        raise ValueError("is odd")
    return value


def _strip(value: str) -> str:
    return value.strip()


class _Before(Block):
    value: Annotated[int, BeforeValidator(_no_odd)]


class _After(Block):
    value: dict[str, tuple[Annotated[str, AfterValidator(_strip)], ...]] = Field({})


class _Shorthand(Block):
    value: int

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: object) -> object:
        return {"value": value} if isinstance(value, int) else value


class _FieldValidator(Block):
    value: int
    other: Literal["a"] = "a"

    @field_validator("value")
    @classmethod
    def _even(cls, value: int) -> int:
        return _no_odd(value)


@pytest.mark.parametrize(
    ("model", "culprit"),
    [(_Before, "_no_odd"), (_After, "_strip"), (_Shorthand, "_from_number"), (_FieldValidator, "_even")],
)
def test_a_type_of_ours_without_a_schema_is_no_silent_number(model: type[Block], culprit: str) -> None:
    with pytest.raises(SchemaMissingError, match=f"{culprit} validates a type without a JSON Schema"):
        json_schema(model, "test")


def _types(*modules: Any) -> Iterator[Any]:
    """The field types with a schema of their own, of simple values."""
    left_out = {
        "AddressDomain",
        "Corpus",
        "AllowedHost",
        "TargetUrl",
        "SinkUrl",
        "IpAddress",
        "Prose",
    }  # as the files below say
    for module in modules:
        for name, value in vars(module).items():
            if name[0].isupper() and name not in left_out and hasattr(value, "__metadata__"):
                yield pytest.param(value, id=name)


_number = st.from_regex(r"[0-9]{0,4}(\.[0-9]{0,3})?", fullmatch=True)
_unit = st.sampled_from(
    ["", "us", "ms", "s", "min", "m", "h", "d", "B", "KiB", "MB", "kB", "k", "/s", "/min", "/d", " / h", "%", "S", "/S"]
)
_quantity = st.builds(
    "{}{}{}{}".format, st.sampled_from(["", " ", "-", "1m"]), _number, st.sampled_from(["", " "]), _unit
)
_text = st.text(alphabet=st.sampled_from(list("ab0Z9._-+@ /*{}\n\t\x00é🙂45:%")), max_size=12).map(str.rstrip)
_reply = st.builds("{} {}".format, st.integers(100, 999), _text)
_plain = st.one_of(
    _quantity, _text, _reply, st.integers(-2, 1200), st.booleans(), st.none(), st.sampled_from(["a/b", "multipart/x"])
)
_values = st.one_of(
    _plain,
    st.lists(_plain, max_size=2),
    st.builds(lambda name, low, high: {name: [low, high]}, st.sampled_from(["uniform", "table"]), _quantity, _quantity),
    st.builds(lambda key, share: {"table": {key: share}}, _quantity, st.sampled_from([1, 1.0, 2, 0, True, "1"])),
)


@pytest.mark.parametrize("field_type", list(_types(quantities, texts, fields, catalog_schema)))
@settings(max_examples=60, deadline=None)
@given(value=_values)
@example(value="5s")
@example(value="5/s")
@example(value="5KiB")
@example(value="5%")
@example(value=5)
@example(value="5")
@example(value="a")
@example(value="450 4.2.0 later")
def test_a_simple_value_is_right_by_the_schema_if_it_is_for_the_reader(field_type: Any, value: object) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(field_type)
    right = Draft202012Validator(adapter.json_schema()).is_valid(value)

    complaint = _complaint(adapter, value)

    # What the schema leaves to the reader: how large a quantity is, and how two numbers go together.
    beyond = ("must be at most", "must be more than 0", "the lowest is above", "add up to")
    assert right == (not complaint) or any(words in complaint for words in beyond), complaint


def _complaint(adapter: TypeAdapter[Any], value: object) -> str:
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        return str(error)
    return ""


def _data(text: str) -> object:
    document = read_document(text)
    assert document.slips == []
    return document.data


def test_models_of_all_kinds_are_known() -> None:
    assert json_schema(Scenario, "scenario")["properties"].keys() >= {"include", "load", "messages"}
    assert json_schema(Profile, "profile")["properties"].keys() >= {"include", "service", "faults"}


def test_what_init_writes_is_right_by_the_schema_that_it_names(
    published: dict[str, Draft202012Validator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "mine"]) == 0

    text = Path("mine.yaml").read_text()

    assert "# yaml-language-server: $schema=scenario.schema.json" in text.splitlines()
    assert list(published["scenario"].iter_errors(_data(text))) == []
    assert main(["check", "mine.yaml"]) == 0
