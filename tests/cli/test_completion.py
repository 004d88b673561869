"""Shells complete verbs and options."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from loadkit.cli.app import main


@pytest.mark.parametrize(
    ("typed", "found"),
    [("loadkit ch", ["check"]), ("loadkit run --comp", ["--compress"]), ("loadkit re", ["report"])],
)
def test_bash_is_told_what_may_follow(
    typed: str, found: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_LOADKIT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))
    assert main([]) == 0
    assert capsys.readouterr().out.split() == found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_asks_this_command(
    shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert main(["--show-completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"complete_{shell}" in script
    assert "loadkit" in script


def test_bash_can_read_its_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    main(["--show-completion", "bash"])
    (tmp_path / "completion").write_text(capsys.readouterr().out)
    told = subprocess.run(
        ["bash", "-c", "source ./completion && complete -p loadkit"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "complete -o default -F _loadkit_completion loadkit\n"
