"""`loadkit demo`: the whole way, and what it says at the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadkit.cli.app import main
from loadkit.errors import ExitCode


@pytest.mark.long
def test_a_demonstration_ends_with_a_page_and_ten_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "plan.html"
    assert main(["demo", "--results", str(tmp_path), "--html", str(page), "--quiet", "--json"]) == ExitCode.OK
    said = json.loads(capsys.readouterr().out)

    low, high = (said["ladder"]["results"][0][end] for end in ("lower_per_s", "upper_per_s"))
    assert low < 400 < 1.2 * high, "four servers of 10 ms hold less than 400/s"
    assert [tier["name"] for tier in said["plan"]["tiers"]] == ["basic", "professional", "enterprise"]
    html = page.read_text(encoding="utf-8")
    assert "professional" in html
    assert "Plotly" in html
