"""Draw the pictures of the documentation anew, by loadkit itself: `python docs/pictures.py`; needs Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
PICTURES_DIR = Path(__file__).parent / "pictures"
COLUMNS, WIDTH, HEIGHT = 104, 1200, 800
EXAMPLE = str(ROOT / "results" / "example")
SUMMARY_LINES = 34

SUMMARY = ("run", "promotion", "--compress", "30s", "--scale", "50%")
REPORT = ("report", "latest", "--type", "html")
LADDER = ("report", EXAMPLE, "--type", "html")
PLAN = (
    "plan",
    EXAMPLE,
    "--scenario",
    "mixed_month",
    "--tier",
    "basic",
    "--tier",
    "professional",
    "--measured",
    "ecs.c8i.large",
)


def loadkit(*arguments: str, folder: Path) -> str:
    """What a command prints in a folder, with its colours."""
    given = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "loadkit", *arguments]
    return subprocess.run(command, env=given, cwd=folder, check=True, text=True, stdout=subprocess.PIPE).stdout  # noqa: S603


def terminal(text: str, command: tuple[str, ...]) -> str:
    """A page that shows a command and what it prints as a terminal does."""
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
    console.print(Text(f"$ loadkit {' '.join(command)}", "bold"))
    console.print(Text.from_ansi("\n".join([*text.splitlines()[:SUMMARY_LINES], "..."])))
    body = console.export_html(inline_styles=True, code_format="{code}")
    style = "margin:0;padding:24px;background:#fff;color:#111;font:14px/1.35 'DejaVu Sans Mono',monospace"
    return f'<meta charset="utf-8"><body style="margin:0"><pre id="main" style="{style}">{body}</pre></body>'


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    found = shutil.which("chromium")
    if found is None:
        raise SystemExit("pictures need Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def draw(browser: Browser, page: Path, name: str, *, element: str = "", height: int = HEIGHT) -> None:
    """The picture of a page's head, or of one of its elements."""
    view = browser.new_page(viewport={"width": WIDTH, "height": height})
    view.goto(page.as_uri())
    view.wait_for_timeout(1500)
    target = PICTURES_DIR / f"{name}.png"
    if element:
        view.locator(element).screenshot(path=target)
    else:
        view.screenshot(path=target)
    view.close()


def main() -> None:
    """Draw every picture."""
    PICTURES_DIR.mkdir(exist_ok=True)
    with TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name)
        summary = folder / "summary.html"
        summary.write_text(terminal(loadkit(*SUMMARY, "--quiet", folder=folder), SUMMARY), encoding="utf-8")
        pages = {name: folder / f"{name}.html" for name in ("report", "ladder", "plan")}
        loadkit(*REPORT, "-o", str(pages["report"]), folder=folder)
        loadkit(*LADDER, "-o", str(pages["ladder"]), folder=folder)
        loadkit(*PLAN, "--html", str(pages["plan"]), folder=folder)
        draw(browser, summary, "summary", element="#main")
        draw(browser, pages["report"], "report", height=1400)
        draw(browser, pages["ladder"], "ladder", element="#scalability")
        draw(browser, pages["plan"], "plan", height=1400)


if __name__ == "__main__":
    main()
