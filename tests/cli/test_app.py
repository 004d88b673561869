"""The command as a whole: help, speed of start, exit codes, and what goes to which stream."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import get_type_hints

import pytest
import typer
from support.timing import fewest_s

from loadkit import __version__
from loadkit.cli import check
from loadkit.cli.app import app, main
from loadkit.errors import ExitCode, Problem, ScenarioError, UsageError

ROOT = Path(__file__).parents[2]
VERBS = (
    "init",
    "demo",
    "run",
    "blast",
    "capacity",
    "verify",
    "check",
    "preflight",
    "fit",
    "plan",
    "forecast",
    "compare",
    "report",
    "export",
    "list",
    "sink",
    "schema",
    "worker",
    "catalog",
    "cost",
)
HEAVY = (
    "aiosmtpd",
    "aiosmtplib",
    "cryptography",
    "dns",
    "gevent",
    "hdrh",
    "locust",
    "numpy",
    "pyarrow",
    "pydantic",
    "plotly",
    "rich",
    "scipy",
    "ssl",
    "yaml",
)


def loadkit(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "loadkit", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_names_every_verb_and_every_exit_code() -> None:
    done = loadkit("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    _, _, commands = done.stdout.partition("Commands:\n")
    verbs, _, rest = commands.partition("\n\n")
    assert tuple(line.split()[0] for line in verbs.splitlines()) == VERBS
    codes = [int(line.split()[0]) for line in rest.partition("Exit codes:\n")[2].splitlines()]
    assert codes == [code.value for code in ExitCode if code is not ExitCode.TERMINATED]


@pytest.mark.alone
def test_help_starts_within_300_ms() -> None:
    def seconds() -> float:
        started = time.perf_counter()
        assert loadkit("--help").returncode == 0
        return time.perf_counter() - started

    assert fewest_s(seconds, below_s=0.3) < 0.3


def test_nothing_heavy_is_loaded_for_help() -> None:
    program = f"import sys, loadkit.cli.app; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_two_examples_that_name_it_and_json(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    examples = shown.partition("Examples:\n")[2].splitlines()
    assert len(examples) == 2
    assert all(line.startswith(f"    loadkit {verb}") for line in examples)
    assert "--json" in shown


@pytest.mark.parametrize(
    ("group", "verb"),
    [
        (group.name, verb.name)
        for group in app.registered_groups
        if group.typer_instance
        for verb in group.typer_instance.registered_commands
    ],
)
def test_every_verb_of_a_group_has_two_examples_that_name_it_and_json(
    group: str, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([group, verb, "--help"]) == 0
    shown = capsys.readouterr().out
    examples = shown.partition("Examples:\n")[2].splitlines()
    assert len(examples) == 2
    assert all(line.startswith(f"    loadkit {group} {verb}") for line in examples)
    assert "--json" in shown


def test_every_option_has_help() -> None:
    for group in (app, *(one.typer_instance for one in app.registered_groups)):
        assert group is not None
        for command in group.registered_commands:
            assert command.callback is not None
            hints = get_type_hints(command.callback, include_extras=True)
            options = {name: hint for name, hint in hints.items() if name != "return" and hint is not typer.Context}
            assert {name for name, hint in options.items() if not hint.__metadata__[0].help} == set(), command.name


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"loadkit {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["rnu"], "Did you mean 'run'?"),
        (["run"], "SCENARIO"),
        (["run", "smoke", "--compress", "60"], "write a number with a unit"),
        (["blast", "--size", "1"], "such as 900B"),
        (["blast", "--rate", "fast"], "such as 2000/s"),
        (["run", "smoke", "--seed", "x"], "--seed"),
        (["sink", "--port", "70000"], "65535"),
        (["run", "smoke", "--workers", "0"], "--workers"),
        (["worker"], "--master-host"),
    ],
)
def test_wrong_usage_is_said_on_stderr_and_ends_with_2(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == ExitCode.USAGE
    shown = capsys.readouterr()
    assert complaint in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--workers", "2", "--master"], "--workers can't go with --master"),
        (["--expect-workers", "2"], "--expect-workers needs --master"),
        (["--master-port", "6000"], "--master-port needs --master"),
    ],
)
def test_workers_that_contradict_each_other_are_refused(options: list[str], complaint: str) -> None:
    # In a process of its own, because a run imports Locust, which patches the process that imports it.
    command = [sys.executable, "-m", "loadkit", "run", "smoke", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == ExitCode.USAGE
    assert complaint in done.stderr
    assert done.stdout == ""


def raising(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(check, "_check_one", refuse)


def test_all_problems_of_a_scenario_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = Problem("unknown key", "a.yaml", 3, "load.rat", "did you mean rate?")
    second = Problem("has no unit", "a.yaml", 9, "messages.x.size", "write 900B")
    raising(ScenarioError((first, second)), monkeypatch)
    assert main(["check", "a.yaml"]) == ExitCode.USAGE
    assert capsys.readouterr().err.splitlines() == [
        "a.yaml:3: load.rat: unknown key (did you mean rate?)",
        "a.yaml:9: messages.x.size: has no unit (write 900B)",
        "error: 2 problems in the scenario; nothing was sent",
    ]


@pytest.mark.parametrize(
    ("error", "exit_code", "lines"),
    [
        (UsageError("no such thing", hint="use the other"), 2, ["error: no such thing", "hint: use the other"]),
        (PermissionError(13, "Permission denied", "results"), 2, ["error: results: Permission denied"]),
        (
            KeyError("oops"),
            1,
            [
                "error: KeyError: 'oops'",
                "hint: this is a bug in loadkit; run again with LOADKIT_DEBUG=1 to see where it happened",
            ],
        ),
        (KeyboardInterrupt(), 130, []),
    ],
)
def test_errors_are_sentences_and_exit_codes(
    error: BaseException,
    exit_code: int,
    lines: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    raising(error, monkeypatch)
    assert main(["check", "a.yaml"]) == exit_code
    shown = capsys.readouterr()
    assert shown.err.splitlines() == lines
    assert shown.out == ""


def test_debugging_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    raising(KeyError("oops"), monkeypatch)
    monkeypatch.setenv("LOADKIT_DEBUG", "1")
    assert main(["check", "a.yaml"]) == ExitCode.BUG
    assert "Traceback (most recent call last)" in capsys.readouterr().err
