"""The documentation's site: it builds without a warning, its reference is the code's, its diagram is the imports'."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from loadkit.scenario.load import parse_scenario

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
FOUNDATION = {"errors", "units"}


def generator() -> ModuleType:
    spec = spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_the_code_says() -> None:
    assert generator().out_of_date() == [], "write it anew: python docs/generate.py"


def test_the_reference_names_every_file_of_a_run() -> None:
    """Of those that the example runs have; others need observers, sinks or workers."""
    seen = {path.name for path in (ROOT / "results" / "example").glob("*/*")}
    assert seen
    assert seen <= set(generator().FILES)


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(build, cwd=ROOT, env=quiet, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "reference" / "cli.html").is_file()


def test_every_page_is_in_the_contents() -> None:
    contents = re.findall(r": ([a-z/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted(contents) == sorted(str(page.relative_to(DOCS)) for page in PAGES)


def imports() -> dict[str, set[str]]:
    """The packages that each package imports."""
    found: dict[str, set[str]] = {}
    for path in [*(ROOT / "loadkit").glob("*/**/*.py"), *(ROOT / "sinks").rglob("*.py")]:
        parts = path.relative_to(ROOT).parts
        package = "sinks" if parts[0] == "sinks" else parts[1]
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module] if node.module != "loadkit" else [f"loadkit.{one.name}" for one in node.names]
            for name in names:
                top, _, rest = name.partition(".")
                if top in ("loadkit", "sinks"):
                    found.setdefault(package, set()).add("sinks" if top == "sinks" else rest.partition(".")[0])
    return {package: names - {package, "", "__version__"} - FOUNDATION for package, names in found.items()}


def test_the_diagram_is_what_the_packages_import() -> None:
    """Each arrow is an import, and each import is an arrow or a way along arrows."""
    page = (DOCS / "architecture.md").read_text()
    arrows = set(re.findall(r"^  (\w+) --> (\w+)$", page, re.MULTILINE))
    seen = imports()
    assert {arrow for arrow in arrows if arrow[1] not in seen.get(arrow[0], ())} == set()

    def reached(package: str) -> set[str]:
        direct = {target for source, target in arrows if source == package}
        return direct.union(*(reached(one) for one in direct))

    missing = {(package, one) for package, names in seen.items() for one in names - reached(package)}
    # A sink counts what arrived by the ledger of measure, and a profile is read as a scenario is.
    assert missing == {("sinks", "measure"), ("sinks", "scenario")}
    assert set(seen) <= set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))


SCENARIOS = [
    (page, block)
    for page in PAGES
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
    if block.startswith("scenario:")
]


@pytest.mark.parametrize(("page", "block"), SCENARIOS, ids=lambda value: getattr(value, "stem", ""))
def test_scenarios_on_pages_are_valid(page: Path, block: str) -> None:
    assert parse_scenario(block).name == yaml.safe_load(block)["scenario"], page
