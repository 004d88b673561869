"""What those who contribute read is right: the commands exist, the forms can be shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")
KINDS = {"input", "textarea", "dropdown", "checkboxes", "markdown"}


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md", "docs/install.md"])
def test_targets_of_make_and_files_that_are_named_exist(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)\b(?= +#)", text)) <= targets
    for file in re.findall(r"`([\w./-]+\.(?:py|toml|lock|md)|\.ci/run)`", text):
        assert (ROOT / file).exists(), file


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_a_form_for_issues_has_what_it_needs(form: Path) -> None:
    told: dict[str, Any] = yaml.safe_load(form.read_text("utf-8"))
    assert told.keys() >= {"name", "description", "body"}
    assert {part["type"] for part in told["body"]} <= KINDS
    ids = [part["id"] for part in told["body"]]
    assert len(set(ids)) == len(ids)
    assert all(part["attributes"]["label"] for part in told["body"])
    assert any(part.get("validations", {}).get("required") for part in told["body"])
