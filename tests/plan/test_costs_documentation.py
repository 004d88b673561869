"""What the page about costs shows is what loadkit does."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from loadkit.cli.app import main
from loadkit.plan.cost_reading import parse_csv, parse_yaml
from loadkit.plan.cost_table import check

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "costs.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


def test_its_command_prints_what_it_shows(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (block,) = [text for kind, text in BLOCKS if kind == "console"]
    command, _, output = block.partition("\n")
    assert main(command.split()[2:]) == 99
    assert capsys.readouterr().out == output


def test_its_files_are_the_same_table_and_add_up() -> None:
    (yaml,) = [parse_yaml(text, "t.yaml") for kind, text in BLOCKS if kind == "yaml"]
    (csv,) = [parse_csv(text, "t.csv") for kind, text in BLOCKS if kind == "csv"]
    assert check(yaml) == check(csv) == ()
    assert yaml.columns == csv.columns
    assert yaml.sums == csv.sums


def test_its_python_runs() -> None:
    source = "\n".join(text for kind, text in BLOCKS if kind == "pycon")
    examples = doctest.DocTestParser().get_doctest(source, {}, "docs/costs.md", None, 0)
    failed: list[str] = []
    result = doctest.DocTestRunner().run(examples, out=failed.append)
    assert result.attempted > 20
    assert failed == []
