from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loadkit.errors import Problem, ScenarioError, UsageError
from loadkit.scenario.distributions import Constant, Lognormal, Table, Uniform
from loadkit.scenario.guardrails import TargetAddress
from loadkit.scenario.load import dump_effective, load_scenario, parse_scenario, read_scenario_text
from loadkit.scenario.processes import POISSON
from loadkit.scenario.quantities import exact_duration, exact_rate, exact_size
from loadkit.scenario.schema import Scenario
from loadkit.units import parse_duration, parse_rate, parse_size

GOOD = sorted((Path(__file__).parent / "good").glob("*.yaml"))
BUNDLED = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))
MINIMAL = "scenario: x\nload: {stages: [{name: hold, rate: 5/s, duration: 5s}]}\nmessages: {note: {}}\n"


@pytest.fixture(scope="module")
def everything() -> Scenario:
    return load_scenario(Path(__file__).parent / "good" / "everything.yaml")


@pytest.mark.parametrize("path", [*GOOD, *BUNDLED], ids=lambda path: path.stem)
def test_the_effective_scenario_loads_again_to_an_equal_one(path: Path) -> None:
    scenario = load_scenario(path)

    effective = dump_effective(scenario)

    assert parse_scenario(effective) == scenario
    assert dump_effective(parse_scenario(effective)) == effective


def test_the_effective_scenario_writes_defaults_out() -> None:
    effective = yaml.safe_load(dump_effective(parse_scenario(MINIMAL)))

    assert effective["sessions"]["timeouts"]["dot"] == "2m"
    assert effective["sessions"]["reconnect"] == {"initial": "0.1s", "max": "5s"}
    assert effective["load"]["arrivals"] == "poisson"
    assert effective["senders"] == {"local_part": "sender", "domain": "example.com", "count": 10}


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("minimal", {"executor", "arrivals", "queue", "grace", "on_worker_loss", "stages"}),
        ("sessions", {"executor", "grace", "on_worker_loss", "sessions", "duration", "warm_up"}),
        ("shared_messages", {"executor", "grace", "on_worker_loss", "sessions", "messages"}),
    ],
)
def test_the_effective_load_has_only_what_its_executor_reads(name: str, keys: set[str]) -> None:
    scenario = load_scenario(Path(__file__).parent / "good" / f"{name}.yaml")

    assert yaml.safe_load(dump_effective(scenario))["load"].keys() == keys


def test_defaults() -> None:
    scenario = parse_scenario(MINIMAL)
    sessions, load, timeouts = scenario.sessions, scenario.load, scenario.sessions.timeouts

    assert (scenario.name, scenario.description, scenario.seed) == ("x", "", 1)
    assert (scenario.target.address, scenario.target.allow, scenario.target.tls) == (None, (), "none")
    assert (sessions.max, sessions.messages_per_session, sessions.idle_timeout_s) == (50, None, 30)
    assert (sessions.pipelining, sessions.chunking, sessions.stop_after) == (True, False, "dot")
    assert (sessions.reconnect.initial_s, sessions.reconnect.max_s) == (0.1, 5)
    assert (sessions.retry.attempts, sessions.retry.delay_s) == (1, 5)
    assert (timeouts.connect_s, timeouts.banner_s, timeouts.tls_s, timeouts.ehlo_s) == (30, 60, 30, 30)
    assert (timeouts.auth_s, timeouts.mail_s, timeouts.rcpt_s, timeouts.data_s) == (30, 60, 60, 60)
    assert (timeouts.dot_s, timeouts.quit_s) == (120, 5)
    assert (load.executor, load.arrivals, load.queue, load.grace_s) == ("arrival_rate", POISSON, 10_000, 30)
    assert scenario.messages["note"].recipients == Constant(1)
    assert (scenario.recipients.local_part, scenario.recipients.domain, scenario.recipients.count) == (
        "user",
        "example.com",
        10_000,
    )
    assert scenario.threshold_list() == ()


def test_every_key_arrives(everything: Scenario) -> None:
    target, sessions, load, kinds = everything.target, everything.sessions, everything.load, everything.messages

    assert (everything.name, everything.description, everything.seed) == ("every-thing_1", "all keys: yes", 7)
    assert target.address == TargetAddress("smtp", "::1", 2525)
    assert target.allow == ("mail.example.net", "192.0.2.7:2525", "[2001:db8::1]:25")
    assert target.auth is not None
    assert (target.auth.mechanism, target.auth.username_env) == ("cram-md5", "SMTP_USER")
    assert sessions.messages_per_session == Uniform(1, 20)
    assert (sessions.idle_timeout_s, sessions.local_addresses) == (90, ("127.0.0.2", "::1"))
    assert (sessions.timeouts.quit_s, sessions.retry.delay_s) == (1.5, 0.0005)
    ends = [tuple(curve.rate_at(np.array([0.0, curve.duration_s]))) for curve in load.curves]
    assert ends == [(500 / 60, 500 / 60), pytest.approx((500 / 60, 400)), (0, 0), (100, 0)]
    assert load.stage_names == {"warm-up": False, "rise": True, "pause": True, "again": True}
    assert kinds["order_notice"].size == Lognormal(12 * 1024, 40 * 1024, 1024**2)
    assert kinds["order_notice"].recipients == Table((1, 20), (0.9, 0.1))
    assert kinds["report"].size == Uniform(90_000, 1_500_000)
    assert kinds["report"].attachments[0].size_bytes == 30 * 1024
    assert kinds["own"].corpus == Path(__file__).parent / "good" / "corpus"
    assert [str(threshold) for threshold in everything.threshold_list()][:3] == [
        "transaction_duration: p(95) < 2s",
        "transaction_duration: p(99.9) <= 1m30s",
        "transaction_duration{kind:order_notice,stage:rise}: med < 3s",
    ]
    assert [threshold.delay_s for threshold in everything.threshold_list() if threshold.abort_on_fail] == [10]


def test_as_many_sessions_and_recipients_as_there_are_can_be_used() -> None:
    scenario = parse_scenario(
        "scenario: x\n"
        "sessions: {max: 20}\n"
        "load: {executor: shared_messages, sessions: 20, messages: 1}\n"
        "messages: {note: {recipients: 30}}\n"
        "recipients: {count: 30}\n"
    )

    assert (scenario.load.sessions, scenario.recipients.count) == (20, 30)


def test_certificates_are_verified_everywhere_but_on_this_machine_unless_told() -> None:
    here, there = TargetAddress("smtps", "127.0.0.1", 465), TargetAddress("smtps", "mail.example.net", 465)
    default, always, never = (
        parse_scenario(f"{MINIMAL}target: {{{verify}}}\n").target for verify in ("", "verify: true", "verify: false")
    )

    assert [target.verifies(here) for target in (default, always, never)] == [False, True, False]
    assert [target.verifies(there) for target in (default, always, never)] == [True, True, False]


def test_aliases_are_written_out() -> None:
    scenario = load_scenario(Path(__file__).parent / "good" / "shared_messages.yaml")

    assert scenario.messages["copy"] == scenario.messages["note"]
    assert scenario.messages["note"].size == Constant(2048)


def test_a_problem_within_an_alias_names_the_line_it_is_written_on() -> None:
    text = MINIMAL.replace("messages: {note: {}}\n", "messages:\n  a: &kind\n    size: 12\n  b: *kind\n")

    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text)

    assert [(problem.line, problem.key) for problem in caught.value.problems] == [
        (5, "messages.a.size"),
        (5, "messages.b.size"),
    ]


def test_problems_name_the_file_as_given() -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(MINIMAL + "sed: 7\n", file="mine.yaml")

    assert caught.value.problems == (
        Problem("is not a known key", file="mine.yaml", line=4, key="sed", fix="did you mean seed?"),
    )


def test_a_corpus_is_beside_the_scenario_and_not_in_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.eml").write_bytes(b"Subject: one\r\n\r\nbody\r\n")
    (tmp_path / "mine.yaml").write_text(MINIMAL.replace("{}", "{corpus: one.eml}"))
    monkeypatch.chdir("/")

    assert load_scenario(tmp_path / "mine.yaml").messages["note"].corpus == tmp_path.resolve() / "one.eml"
    with pytest.raises(ScenarioError):
        parse_scenario(MINIMAL.replace("{}", "{corpus: one.eml}"))


def test_a_corpus_is_bounded_in_files_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    for index in range(1001):
        (tmp_path / "many" / f"{index}.eml").touch()
    with (tmp_path / "large.eml").open("wb") as large:
        large.truncate(128 * 1024**2 + 1)  # a hole: it takes no space, and must not be read

    for corpus, words in (("many", "has 1,001 .eml files, more than 1,000"), ("large.eml", "more than 128MiB")):
        with pytest.raises(ScenarioError) as caught:
            parse_scenario(MINIMAL.replace("{}", f"{{corpus: {corpus}}}"), base=tmp_path)
        assert [problem.key for problem in caught.value.problems] == ["messages.note.corpus"]
        assert words in caught.value.problems[0].message


def test_a_file_that_is_no_text_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"scenario: \xff\xfe")
    (tmp_path / "huge").write_bytes(b"#" * (1024 * 1024 + 1))

    with pytest.raises(UsageError, match="is not UTF-8 text"):
        load_scenario(tmp_path / "binary")
    with pytest.raises(UsageError, match="is longer than 1024 KiB"):
        load_scenario(str(tmp_path / "huge"))
    with pytest.raises(UsageError, match=r"can't read .*: No such file or directory"):
        load_scenario(tmp_path / "missing")
    with pytest.raises(UsageError, match=r"can't read .*: Is a directory"):
        load_scenario(tmp_path)


def test_the_text_of_a_file_is_given_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("# 促销\n" + MINIMAL, encoding="utf-8")

    assert read_scenario_text(tmp_path / "mine.yaml") == "# 促销\n" + MINIMAL


def test_a_scenario_can_not_be_changed(everything: Scenario) -> None:
    with pytest.raises(ValueError, match="frozen"):
        everything.seed = 8  # type: ignore[misc]


def test_field_names_are_not_keys() -> None:
    with pytest.raises(ScenarioError, match="1 problem"):
        parse_scenario(MINIMAL + "sessions: {idle_timeout_s: 5s}\n")


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_bundled_scenarios_are_named_after_their_file_and_send_to_nobody(path: Path) -> None:
    scenario = load_scenario(path)

    assert scenario.name == path.stem
    assert scenario.target.url is None
    assert scenario.recipients.allow == ()
    assert scenario.threshold_list()


numbers = st.decimals(min_value=0, max_value=9999, places=4).map(str)


@given(number=numbers, unit=st.sampled_from(["us", "ms", "s", "m", "h", "d"]))
def test_an_exact_duration_reads_back(number: str, unit: str) -> None:
    seconds = parse_duration(number + unit)

    assert parse_duration(exact_duration(seconds)) == seconds


@given(number=numbers, unit=st.sampled_from(["s", "min", "h", "d"]))
def test_an_exact_rate_reads_back(number: str, unit: str) -> None:
    per_s = parse_rate(f"{number}/{unit}")

    assert parse_rate(exact_rate(per_s)) == per_s


@given(st.integers(1, 2**40))
def test_an_exact_size_reads_back(size_bytes: int) -> None:
    assert parse_size(exact_size(size_bytes)) == size_bytes


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0s"), (0.25, "0.25s"), (60.0, "1m"), (90.0, "90s"), (7200.0, "2h"), (0.0005, "0.5ms")]
)
def test_an_exact_duration_is_short(seconds: float, text: str) -> None:
    assert exact_duration(seconds) == text


def test_an_exact_rate_keeps_its_unit_where_per_second_is_not_exact() -> None:
    assert exact_rate(parse_rate("500/min")) == "500/min"
    assert exact_rate(parse_rate("5000000/d")) == "5000000/d"
    assert exact_rate(200.0) == "200/s"


yaml_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["5s", "1KiB", "5/s", "x", "p(95) < 1s"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["rate", "size", "a"]), inner),
    max_leaves=6,
)
KEYS = ["target", "sessions", "load", "messages", "senders", "recipients", "thresholds", "seed", "nonsense"]


@given(blocks=st.dictionaries(st.sampled_from(KEYS), yaml_values, min_size=1))
@settings(max_examples=150, deadline=None)
def test_any_shape_gives_a_scenario_or_problems_with_lines(blocks: dict[str, object]) -> None:
    text = yaml.safe_dump({**yaml.safe_load(MINIMAL), **blocks}, sort_keys=False)

    try:
        scenario = parse_scenario(text)
    except ScenarioError as error:
        lines = text.count("\n")
        wrong = [problem for problem in error.problems if not 1 <= problem.line <= lines or not problem.message]
        assert wrong == []
    else:
        assert parse_scenario(dump_effective(scenario)) == scenario


durations = st.builds("{}{}".format, st.integers(1, 900), st.sampled_from(["ms", "s", "m"]))
rates = st.builds("{}/{}".format, st.integers(1, 900), st.sampled_from(["s", "min", "h"]))
texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=30)
counts = st.integers(1, 50)
sizes = st.integers(10, 900).map("{}KiB".format)
distributions = st.one_of(
    sizes,
    st.builds(lambda low: {"uniform": [f"{low}KiB", "1MiB"]}, st.integers(1, 1024)),
    st.builds(
        lambda median: {"lognormal": {"median": f"{median}KB", "p95": "1MiB", "max": "2MB"}}, st.integers(1, 900)
    ),
    st.builds(lambda share: {"table": {"2KiB": share, "30KiB": 1 - share}}, st.floats(0.001, 0.999)),
)
kinds = st.fixed_dictionaries(
    {},
    optional={
        "weight": st.floats(1e-6, 1e6),
        "subject": texts,
        "size": distributions,
        "recipients": st.one_of(counts, st.builds(lambda most: {"uniform": [1, most]}, counts)),
    },
)
conditions = st.one_of(
    st.builds("p({}) < {}".format, st.integers(1, 99), durations),
    st.fixed_dictionaries({"check": st.builds("avg < {}".format, durations)}, optional={"delay": durations}),
)
scenarios = st.fixed_dictionaries(
    {
        "scenario": st.from_regex(r"[a-z0-9_-]{1,40}", fullmatch=True),
        "load": st.builds(
            lambda stages: {"stages": [{"name": f"s{index}", **stage} for index, stage in enumerate(stages)]},
            st.lists(st.fixed_dictionaries({"rate": rates, "duration": durations}), min_size=1, max_size=3).map(
                lambda stages: [{"rate": "10/s", "duration": "1s"}, *stages]
            ),
        ),
        "messages": st.dictionaries(st.sampled_from(["a", "no", "null", "1", "true", "-"]), kinds, min_size=1),
    },
    optional={
        "description": texts,
        "seed": st.integers(0, 2**63 - 1),
        "target": st.sampled_from([{}, {"url": "smtps://[::1]"}, {"tls": "starttls", "allow": ["[2001:db8::1]:25"]}]),
        "sessions": st.fixed_dictionaries({}, optional={"max": counts, "idle_timeout": durations}),
        "thresholds": st.fixed_dictionaries({}, optional={"schedule_lag": st.lists(conditions, max_size=3)}),
    },
)


@given(blocks=scenarios)
@settings(max_examples=40, deadline=None)
def test_any_right_scenario_survives_its_effective_form(blocks: dict[str, object]) -> None:
    scenario = parse_scenario(yaml.safe_dump(blocks, sort_keys=False, allow_unicode=True))

    assert parse_scenario(dump_effective(scenario)) == scenario


@given(weight=st.floats(1e-9, 1e9))
@example(weight=0.0026755766158630297)
@settings(deadline=None)
def test_any_weight_survives_the_effective_form(weight: float) -> None:
    scenario = parse_scenario(yaml.safe_dump(yaml.safe_load(MINIMAL) | {"messages": {"a": {"weight": weight}}}))

    assert scenario.messages["a"].weight == weight
    assert parse_scenario(dump_effective(scenario)) == scenario


@pytest.mark.parametrize(
    "description", ["", " ", "\n", " a\n\n\tb ", "off", "1:30", "'\"", "# x", "订单 🙂", "a\n---\n"]
)
def test_a_description_survives_the_effective_form(description: str) -> None:
    scenario = parse_scenario(f"{MINIMAL}description: {json.dumps(description, ensure_ascii=False)}\n")

    assert scenario.description == description
    assert parse_scenario(dump_effective(scenario)) == scenario


@pytest.mark.parametrize("prefix", ["", "\ufeff"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_files_of_other_systems_have_the_same_lines(tmp_path: Path, prefix: str, line_end: str) -> None:
    (tmp_path / "mine.yaml").write_bytes(f"{prefix}{MINIMAL}sed: 7\n".replace("\n", line_end).encode())

    with pytest.raises(ScenarioError) as caught:
        load_scenario(tmp_path / "mine.yaml")

    assert [(problem.line, problem.key) for problem in caught.value.problems] == [(4, "sed")]


@pytest.mark.timeout(10)
def test_the_time_to_find_problems_grows_with_their_number_and_not_with_its_square() -> None:
    text = MINIMAL + "thresholds:\n" + "".join(f"  a{index}:\n" for index in range(15_000))

    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text)

    assert len(caught.value.problems) == 15_000


def test_a_long_value_does_not_flood_the_message() -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(f"{MINIMAL}target: {{url: smtp://{'a' * 5000}}}\n{'k' * 1000}: 1\n")

    assert [problem.line for problem in caught.value.problems] == [4, 5]
    assert max(len(problem.message) for problem in caught.value.problems) == 300
    assert max(len(problem.key) for problem in caught.value.problems) == 300


def test_a_secret_in_the_wrong_place_is_not_repeated() -> None:
    text = MINIMAL + (
        "target:\n"
        "  url: smtp://me:hunter2@localhost:99999\n"
        "  auth: {mechanism: plain, username_env: U, password_env: hunter2!, password: hunter2}\n"
    )

    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text)

    assert [problem.key for problem in caught.value.problems] == [
        "target.url",
        "target.auth.password_env",
        "target.auth.password",
    ]
    assert "hunter2" not in "".join(map(str, caught.value.problems))
