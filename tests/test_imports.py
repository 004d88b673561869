"""Imports go one way, and only `loadkit.drive` touches locust or gevent, because importing them patches the process."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
FILES = sorted(path for package in ("loadkit", "sinks") for path in (ROOT / package).rglob("*.py"))

FOUNDATION = ("loadkit", "errors", "units")
ORDER = ("smtp", "scenario", "logs", "measure", "analysis", "plan", "report")
ALLOWED_AREAS = {
    "errors": (),
    "units": (),
    **{area: (*FOUNDATION, *ORDER[: place + 1]) for place, area in enumerate(ORDER)},
    "drive": (*FOUNDATION, "smtp", "scenario", "measure", "drive"),
    "preflight": (*FOUNDATION, "smtp", "scenario", "preflight"),
    "observe": (*FOUNDATION, "measure", "observe"),
    "sinks": (*FOUNDATION, "smtp", "sinks"),
    "cli": (*FOUNDATION, *ORDER, "drive", "preflight", "observe", "sinks", "cli"),
    "loadkit": (*FOUNDATION, *ORDER, "drive", "cli"),
}
ALLOWED_MODULES = {
    "sinks": (
        "loadkit.measure.histogram",
        "loadkit.measure.ledger",
        # A profile is read as a scenario is.
        "loadkit.scenario.block",
        "loadkit.scenario.document",
        "loadkit.scenario.findings",
        "loadkit.scenario.includes",
        "loadkit.scenario.quantities",
        "loadkit.scenario.reading",
        "loadkit.scenario.texts",
    ),
}

PATCHING = ("gevent", "locust")
LEADS_TO_DRIVE = ("loadkit.drive", "loadkit.cli._execute")


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def area_of(module: str) -> str:
    """The package below loadkit that a module is in: ``loadkit.smtp.reply`` is in ``smtp``."""
    parts = module.split(".")
    if parts[0] == "sinks" or len(parts) == 1 or parts[1] == "__main__":
        return parts[0]
    return parts[1]


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def imports_of(source: str) -> Iterator[str]:
    """Every module that a source imports anywhere, inside functions and for type checking too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if is_module(name) else node.module for name in names)


def wrong_imports(area: str, source: str) -> list[str]:
    wrong = []
    for module in sorted(set(imports_of(source))):
        top = module.split(".")[0]
        if top in PATCHING:
            allowed = area == "drive"
        elif top in ("loadkit", "sinks"):
            allowed = area_of(module) in ALLOWED_AREAS[area] or module in ALLOWED_MODULES.get(area, ())
        else:
            allowed = True
        if not allowed:
            wrong.append(module)
    return wrong


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_go_one_way(path: Path) -> None:
    assert wrong_imports(area_of(module_of(path)), path.read_text()) == []


@pytest.mark.parametrize(
    ("area", "source", "wrong"),
    [
        ("smtp", "from loadkit.measure.records import Tx", ["loadkit.measure.records"]),
        ("measure", "def f():\n    import loadkit.report.text", ["loadkit.report.text"]),
        ("report", "from loadkit import drive", ["loadkit.drive"]),
        ("sinks", "from loadkit.measure import ledger, records", ["loadkit.measure.records"]),
        ("sinks", "from loadkit.scenario import load, reading", ["loadkit.scenario.load"]),
        ("cli", "from gevent import sleep", ["gevent"]),
        ("drive", "import locust.env, gevent\nfrom loadkit.units import parse_rate", []),
        ("report", "from loadkit import __version__\nfrom loadkit.measure.store import Run", []),
    ],
)
def test_the_rule_itself(area: str, source: str, wrong: list[str]) -> None:
    assert wrong_imports(area, source) == wrong


def test_importing_anything_but_drive_leaves_the_process_unpatched() -> None:
    modules = [
        module
        for module in map(module_of, FILES)
        if not module.startswith(LEADS_TO_DRIVE) and not module.endswith("__main__")
    ]
    program = (
        "import importlib, sys\n"
        f"for module in {modules!r}:\n"
        "    importlib.import_module(module)\n"
        f"    loaded = [name for name in {PATCHING!r} if name in sys.modules]\n"
        "    assert not loaded, f'{module} loads {loaded}'\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
