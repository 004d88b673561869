"""Every text of report pages that is marked for translation."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2.ext import babel_extract

from loadkit.measure import health
from loadkit.measure.rules import RULES
from loadkit.plan.assumptions import Assumptions

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
KEYWORDS = ("t", "marked")


def marked_texts() -> set[str]:
    """Texts that code and templates hand to the catalogue, measure's advice and what plans assume."""
    found = {text for file in (ROOT / "loadkit/report").glob("*.py") for text in _of_code(file)}
    for template in (ROOT / "loadkit/report/templates").glob("*.j2"):
        with template.open("rb") as lines:
            found |= {str(text) for _, _, text, _ in babel_extract(lines, KEYWORDS, [], {})}
    found |= {one.meaning for one in Assumptions().stated()}
    found |= {text for rule in RULES for text in (rule.why, rule.fix)} | set(health._FIXES.values())
    return found | {text for file in (ROOT / "loadkit/measure").glob("*.py") for text in _fixes(file)}


def _calls(file: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield node.func.id if isinstance(node.func, ast.Name) else node.func.attr, node


def _of_code(file: Path) -> Iterator[str]:
    for name, call in _calls(file):
        if name in KEYWORDS:
            first = call.args[0]
            # What is no text here is marked where it stands.
            if isinstance(first, ast.Constant):
                yield str(first.value)
            assert not isinstance(first, ast.JoinedStr), f"{file}:{call.lineno}: values go where the text is shown"


def _fixes(file: Path) -> Iterator[str]:
    """What is to be done about a measurement that is not valid, where it holds no numbers."""
    for name, call in _calls(file):
        if name == "Reason" and isinstance(call.args[3], ast.Constant):
            yield str(call.args[3].value)
