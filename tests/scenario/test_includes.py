"""Shared parts: what wins, where problems are, and the bounds on how many are read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from loadkit.errors import Problem, ScenarioError
from loadkit.scenario.distributions import Uniform
from loadkit.scenario.load import dump_effective, load_scenario, parse_scenario

MINIMAL = "scenario: x\nload: {stages: [{name: hold, rate: 5/s, duration: 5s}]}\nmessages: {note: {}}\n"


def write(folder: Path, **files: str) -> Path:
    """Write files, named after their keywords, and give the path of ``main``."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder / "main.yaml"


def problems_of(path: Path) -> list[tuple[str, int, str, str]]:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    return [(Path(one.file).name, one.line, one.key, one.message) for one in caught.value.problems]


def test_blocks_are_put_together_and_the_including_file_wins(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main="include: [first.yaml, second.yaml]\nsenders: {count: 3}\nload: {grace: 1s}\n"
        "messages: {note: {size: {uniform: [1KiB, 2KiB]}}}\n",
        first="scenario: first\nseed: 7\nsenders: {count: 1, local_part: first}\n"
        "load: {queue: 1, stages: [{name: a, rate: 1/s, duration: 1s}, {name: b, rate: 1/s, duration: 1s}]}\n"
        "messages: {note: {size: {lognormal: {median: 1KiB, p95: 2KiB, max: 3KiB}}, weight: 4}, other: {}}\n",
        second="scenario: second\nsenders: {local_part: second, domain: example.org}\n"
        "load: {stages: [{name: c, rate: 2/s, duration: 2s}]}\n",
    )

    scenario = load_scenario(main)

    assert (scenario.name, scenario.seed) == ("second", 7)
    assert (scenario.senders.local_part, scenario.senders.domain, scenario.senders.count) == (
        "second",
        "example.org",
        3,
    )
    assert [stage.name for stage in scenario.load.stages] == ["c"]
    assert (scenario.load.queue, scenario.load.grace_s) == (1, 1)
    assert list(scenario.messages) == ["note", "other"]
    assert (scenario.messages["note"].size, scenario.messages["note"].weight) == (Uniform(1024, 2048), 4)
    assert parse_scenario(dump_effective(scenario)) == scenario
    assert "include" not in dump_effective(scenario)


def test_a_part_that_two_others_include_counts_where_it_first_stands(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main="include: [left.yaml, right.yaml]\n" + MINIMAL,
        left="include: [shared.yaml]\nseed: 2\n",
        right="include: [./shared.yaml]\n",
        shared="seed: 1\nsenders: {count: 5}\n",
    )

    assert (load_scenario(main).seed, load_scenario(main).senders.count) == (2, 5)


def key_in_pem() -> str:
    key = generate_private_key(65537, 1024)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


NAMED_FILES: dict[str, tuple[str, str, str | Callable[[], str]]] = {
    "corpus": ("messages: {own: {corpus: named/one.eml}}", "one.eml", "Subject: one\r\n\r\nbody\r\n"),
    "corpus folder": ("messages: {own: {corpus: named}}", "one.eml", "Subject: one\r\n\r\nbody\r\n"),
    "body": ("messages: {own: {body: {file: named/body.txt}}}", "body.txt", "Hello {recipient}\n"),
    "html": ("messages: {own: {html: {file: named/body.html}}}", "body.html", "<p>{number}</p>\n"),
    "attachments": ("messages: {own: {attachments: [{from: named}]}}", "1.pdf", "x"),
    "dkim key": ("messages: {own: {signature: {dkim: {key: named/dkim.pem}}}}", "dkim.pem", key_in_pem),
    "provider": ("guardrails: {provider: named/mine.yaml}", "mine.yaml", "provider: mine\nrecipients: 5\n"),
    "trace": (
        "load: {stages: [{name: log, shape: {trace: {file: named/counts.csv, counts: n}}}]}",
        "counts.csv",
        "n\n60\n120\n",
    ),
    "trace in a sum": (
        (
            "load: {stages: [{name: log, duration: 1m, shape: {sum: [{hold: {rate: 1/s}}, "
            "{trace: {file: named/counts.csv, counts: n}}]}}]}"
        ),
        "counts.csv",
        "n\n60\n120\n",
    ),
    "trace of an event": (
        (
            "campaign: {start: 2026-11-09T00:00, time_zone: Asia/Shanghai, duration: 1d, volume: 1000/d, "
            "events: [{name: wave, at: 2026-11-09T12:00, shape: {trace: {file: named/counts.csv, counts: n}}}]}"
        ),
        "counts.csv",
        "n\n60\n120\n",
    ),
}
"""A block that names a file or its folder, the file's name, and what it holds."""


@pytest.mark.parametrize("kind", NAMED_FILES)
def test_what_a_part_names_is_looked_for_from_its_own_folder(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, name, content = NAMED_FILES[kind]
    named = tmp_path / "parts" / "deep" / "named"
    named.mkdir(parents=True)
    (named / name).write_text(content if isinstance(content, str) else content(), newline="")
    (named.parent / "own.yaml").write_text(f"{part}\ninclude: [../../seed.yaml]\n")
    load = "load: {stages: [{name: hold, rate: 5/s, duration: 5s}]}\n" if part[:4] not in {"load", "camp"} else ""
    main = write(
        tmp_path,
        main=f"include: [parts/middle.yaml]\nscenario: x\nmessages: {{note: {{}}}}\n{load}",
        seed="seed: 9\n",
    )
    (tmp_path / "parts" / "middle.yaml").write_text("include: [deep/own.yaml]\n")
    monkeypatch.chdir("/")

    scenario = load_scenario(main)

    effective = dump_effective(scenario)
    expected = str((named if "named}" in part else named / name).resolve())
    assert [text for text in texts_in(yaml.safe_load(effective)) if "named" in text] == [expected]
    assert scenario.seed == 9
    assert parse_scenario(effective) == scenario


def texts_in(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for below in value.values() for text in texts_in(below)]
    if isinstance(value, list):
        return [text for below in value for text in texts_in(below)]
    return [value] if isinstance(value, str) else []


def test_a_file_beside_the_scenario_is_not_the_one_that_a_part_names(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "counts.csv").write_text("n\n60\n")
    part = "load:\n  stages:\n    - {name: log, shape: {trace: {file: counts.csv, counts: n}}}\n"
    (tmp_path / "parts" / "load.yaml").write_text(part)
    main = write(tmp_path, main="include: [parts/load.yaml]\nscenario: x\nmessages: {note: {}}\n")

    assert problems_of(main) == [
        ("load.yaml", 3, "load.stages[0].shape.trace.file", "'counts.csv' does not exist beside the scenario"),
    ]


def test_new_blocks_are_put_together_and_choices_replace(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main="include: [base.yaml]\nscenario: x\nguardrails: {severity: error}\n"
        "load: {arrivals: {gamma: {dispersion: 4}}}\n"
        "channels: {alerts: {http: {timeout: 3s}}}\n"
        "messages: {letter: {signature: {smime: 2KiB}}, alert: {channel: alerts}}\n",
        base="guardrails: {provider: basic}\n"
        "load: {arrivals: {mmpp: {dispersion: 20, factor: 5, share: 10%}}, "
        "stages: [{name: peak, duration: 1m, shape: {spike: {base: 1/s, peak: 5/s, rise: 1s, fall: 9s}}}]}\n"
        'channels: {alerts: {http: {url: "http://127.0.0.1:8080/a", connections: 7}}}\n'
        "messages: {letter: {signature: {dkim: sized}}}\n",
    )

    effective = yaml.safe_load(dump_effective(load_scenario(main)))

    assert (effective["guardrails"]["provider"], effective["guardrails"]["severity"]) == ("basic", "error")
    assert effective["load"]["arrivals"] == {"gamma": {"dispersion": 4.0}}
    assert effective["load"]["stages"][0]["shape"]["spike"]["peak"] == "5/s"
    http = effective["channels"]["alerts"]["http"]
    assert (http["url"], http["connections"], http["timeout"]) == ("http://127.0.0.1:8080/a", 7, "3s")
    signature = effective["messages"]["letter"]["signature"]
    assert (signature["dkim"] is not None, signature["smime"]) == (True, "2KiB")


def test_a_problem_between_two_files_is_where_the_wrong_key_stands(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main="include: [pool.yaml]\nscenario: x\nmessages: {note: {}}\n"
        "load: {executor: shared_messages, sessions: 9, messages: 1}\n",
        pool="# few\nsessions:\n  max: 5\nload:\n  stages: []\n",
    )

    assert problems_of(main) == [
        ("pool.yaml", 5, "load.stages", "has no meaning for the executor shared_messages"),
    ]


def test_the_file_of_a_problem_is_named_as_the_scenario_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine" / "parts").mkdir(parents=True)
    (tmp_path / "mine" / "main.yaml").write_text("include: [./parts/seed.yaml]\n" + MINIMAL)
    (tmp_path / "mine" / "parts" / "seed.yaml").write_text("\nsed: 7\n")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ScenarioError) as caught:
        load_scenario("mine/main.yaml")

    assert caught.value.problems == (
        Problem("is not a known key", "mine/parts/seed.yaml", 2, "sed", "did you mean seed?"),
    )


def chain(folder: Path, length: int) -> Path:
    for index in range(length):
        (folder / f"{index}.yaml").write_text(f"include: [{index + 1}.yaml]\n")
    (folder / f"{length}.yaml").write_text("seed: 3\n")
    return write(folder, main="include: [0.yaml]\n" + MINIMAL)


def test_includes_are_eight_deep_at_most(tmp_path: Path) -> None:
    assert load_scenario(chain(tmp_path, 7)).seed == 3

    assert problems_of(chain(tmp_path, 8)) == [
        ("7.yaml", 1, "include[0]", "includes are nested more than 8 deep"),
    ]


def test_fifty_files_are_included_at_most(tmp_path: Path) -> None:
    for index in range(51):
        (tmp_path / f"{index}.yaml").write_text(f"seed: {index}\n")

    def including(count: int) -> Path:
        return write(tmp_path, main=f"include: [{', '.join(f'{index}.yaml' for index in range(count))}]\n{MINIMAL}")

    assert load_scenario(including(50)).seed == 49
    assert problems_of(including(51)) == [("main.yaml", 1, "include[50]", "more than 50 files are included")]


def test_the_included_files_are_bounded_together_and_one_by_one(tmp_path: Path) -> None:
    half = "#" * (600 * 1024) + "\nseed: 5\n"
    main = write(tmp_path, main="include: [a.yaml, b.yaml]\n" + MINIMAL, a=half, b=half)
    assert problems_of(main) == [("main.yaml", 1, "include[1]", "the included files are longer than 1024 KiB together")]

    write(tmp_path, a="#" * (1024 * 1024 + 1), b="seed: 5\n")
    assert problems_of(main) == [
        ("main.yaml", 1, "include[0]", f"{tmp_path.resolve() / 'a.yaml'} is longer than 1024 KiB")
    ]


def test_neither_a_pipe_nor_a_circle_of_links_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("link")
    main = write(tmp_path, main="include: [pipe, link]\n" + MINIMAL)

    assert [message for *_, message in problems_of(main)] == [
        "can't read 'pipe': it is no plain file",
        "can't read 'link': not a possible path",
    ]


def test_a_text_that_is_in_no_file_includes_nothing(tmp_path: Path) -> None:
    part = write(tmp_path, main="seed: 3\n")

    with pytest.raises(ScenarioError) as caught:
        parse_scenario(f"include: ['{part}']\n{MINIMAL}", file="text")

    assert [str(problem) for problem in caught.value.problems] == ["text:1: include: is followed in a file alone"]
    assert parse_scenario("include: []\n" + MINIMAL).seed == 1
