"""Shared parts: what wins, where problems are, and the bounds on how many are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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


def test_paths_start_from_the_file_in_which_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "parts" / "mails").mkdir(parents=True)
    (tmp_path / "parts" / "mails" / "one.eml").write_bytes(b"Subject: one\r\n\r\nbody\r\n")
    (tmp_path / "parts" / "own.yaml").write_text("messages: {own: {corpus: mails}}\ninclude: [../seed.yaml]\n")
    main = write(tmp_path, main="include: [parts/own.yaml]\n" + MINIMAL, seed="seed: 9\n")
    monkeypatch.chdir("/")

    scenario = load_scenario(main)

    assert scenario.messages["own"].corpus == tmp_path.resolve() / "parts" / "mails"
    assert scenario.seed == 9


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
