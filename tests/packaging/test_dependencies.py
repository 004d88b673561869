"""What loadkit depends on: each for a reason that is written down, and locked as it is asked for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
PYPROJECT = (ROOT / "pyproject.toml").read_text("utf-8")
PROJECT: dict[str, Any] = tomllib.loads(PYPROJECT)["project"]
LOCKED: list[dict[str, Any]] = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))["package"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
ASKED = [
    *((Requirement(text), "") for text in PROJECT["dependencies"]),
    *((Requirement(text), extra) for extra, texts in EXTRAS.items() for text in texts),
]
ASKED_BY_DEV = {extra for one, _ in ASKED if one.name == PROJECT["name"] for extra in one.extras}
LEAST_WORDS = 2


def test_every_dependency_has_its_reason_beside_it() -> None:
    lines = dict(re.findall(r'^    "([^"]+)",?(.*)$', PYPROJECT, re.MULTILINE))
    texts = {*PROJECT["dependencies"], *(text for texts in EXTRAS.values() for text in texts)}
    assert texts <= lines.keys()
    without = {text for text in texts if len(lines[text].partition("#")[2].split()) < LEAST_WORDS}
    assert without == set()


def test_the_lock_asks_for_what_the_project_asks_for() -> None:
    (own,) = (package for package in LOCKED if package["name"] == PROJECT["name"])
    locked = {
        (one["name"], SpecifierSet(one.get("specifier", "")), *re.findall(r"extra == '(\w+)'", one.get("marker", "")))
        for one in own["metadata"]["requires-dist"]
    }
    dev = [Requirement(text) for extra in ASKED_BY_DEV for text in EXTRAS[extra]]
    asked = {
        (one.name.lower(), one.specifier, *([extra] if extra else []))
        for one, extra in (*ASKED, *((one, "dev") for one in dev))
        if one.name != PROJECT["name"]
    }
    assert asked == locked, "uv lock renews uv.lock"


@pytest.mark.parametrize(("requirement", "extra"), ASKED, ids=str)
def test_what_is_locked_is_what_is_asked_for(requirement: Requirement, extra: str) -> None:
    versions = [package["version"] for package in LOCKED if package["name"] == requirement.name.lower() != "loadkit"]
    assert versions or requirement.name == PROJECT["name"]
    assert all(requirement.specifier.contains(version) for version in versions)


def test_the_lock_takes_everything_from_the_public_index() -> None:
    sources = [package["source"] for package in LOCKED if package["name"] != PROJECT["name"]]
    assert sources == [{"registry": "https://pypi.org/simple"}] * (len(LOCKED) - 1)
    files = [file["url"] for package in LOCKED for file in package.get("wheels", ())]
    assert len(files) > len(sources)
    assert all(url.startswith("https://files.pythonhosted.org/") for url in files)
