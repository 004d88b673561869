"""`loadkit plan --html`."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.planning import MEASURED, TYPES

from loadkit.cli.app import main
from loadkit.errors import ExitCode
from loadkit.plan import measured

PLAN = ("plan", "results/example", "--rate", "300/s", "--type", TYPES[0], "--draws", "50")


@pytest.fixture(autouse=True)
def ladder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ladder that needs no reading."""
    monkeypatch.setattr(measured, "read_measured", lambda *_, **__: MEASURED)


@pytest.mark.parametrize(("lang", "tag", "title"), [("en", "en", "Capacity plan"), ("zh", "zh-Hans", "容量规划")])
def test_a_page_is_written_beside_what_is_printed(
    lang: str, tag: str, title: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "plan.html"
    assert main([*PLAN, "--html", str(file), "--lang", lang]) == 0
    shown = capsys.readouterr()
    assert shown.err == f"wrote {file}\n"
    assert "MEASURED" in shown.out
    page = file.read_text(encoding="utf-8")
    assert f'<html lang="{tag}">' in page
    assert f"<title>{title}</title>" in page
    assert page.count("loadkitWhatIf = ") == 1


def test_a_page_that_cannot_be_written_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*PLAN, "--html", str(tmp_path / "nowhere" / "plan.html")]) == ExitCode.USAGE
    shown = capsys.readouterr()
    assert shown.err.endswith("plan.html: No such file or directory\n")
    assert shown.out == ""
