"""The pages of the documentation hold: their Python runs, their commands exist or run, and what they show comes out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.documents import Page

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_holds(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "results").mkdir()
    shutil.copytree(ROOT / "results" / "example", tmp_path / "results" / "example")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    Page(path.read_text(encoding="utf-8"), tmp_path).hold()
