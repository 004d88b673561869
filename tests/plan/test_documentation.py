"""What the page about catalogues shows is true: its files load, its commands run, its Python runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from loadkit.cli.app import main
from loadkit.errors import ExitCode
from loadkit.plan.catalog_load import catalog_names, parse_catalog
from loadkit.plan.catalog_rules import UNITS

PAGE = (Path(__file__).parents[2] / "docs" / "catalogs.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
YAML = {block.partition(":")[0]: block for kind, block in BLOCKS if kind == "yaml"}
COMMANDS = [line[2:] for kind, block in BLOCKS if kind == "console" for line in block.splitlines()]
TABLE = next(block for kind, block in BLOCKS if kind == "text")
PRICE_FILE = """{"currency": "CNY", "publicationDate": "2026-10-08T08:15:52Z", "pricingInfo":
{"cn-hangzhou::ecs.c8i.large::vpc::linux::optimized": {"hours": [{"price": "0.70", "period": "1"}]}}}"""


def test_its_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (
        ("prices.yaml", YAML["catalog"]),
        ("offer.yaml", YAML["quote"]),
        ("table.csv", TABLE),
        ("instancePrice.json", PRICE_FILE),
    ):
        Path(name).write_text(text)

    codes = {command: main(shlex.split(command)[1:]) for command in COMMANDS}

    assert len(codes) == 11
    assert set(codes.values()) == {ExitCode.OK}, codes
    assert "left out: " not in capsys.readouterr().err.replace("left out: 0", "")


def test_its_catalogue_is_as_it_says() -> None:
    catalog = parse_catalog(YAML["catalog"], "docs/catalogs.md")

    one = catalog.instance_types["node.4"]
    assert one.yearly is not None
    assert (one.yearly.shown, one.yearly.grade.value) == ("408", "D")
    unit = catalog.load_balancers["lb"].unit
    assert unit is not None
    assert unit.shown == "0.036"


def test_its_table_of_catalogues_is_complete() -> None:
    assert tuple(re.findall(r"^\| `([a-z-]+)` \|", PAGE.partition("## Check")[0], re.MULTILINE)) == catalog_names()


def test_its_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = (block for kind, block in BLOCKS if kind == "python")
    exec(compile(program, "docs/catalogs.md", "exec"), {})
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == "1.354 CNY C list of hourly prices in public code, region not stated"
    assert len(rest) == 95
    assert {line.split()[1] for line in rest} <= {key for _, key in UNITS}
