"""A run as Markdown, for pull requests and the step summaries of GitHub Actions."""

from __future__ import annotations

import re
import shlex
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from loadkit.report import run_tables
from loadkit.report.advice import advice
from loadkit.report.blocks import Cell, Grid, Listing, Prose
from loadkit.report.run_page import VERDICTS
from loadkit.report.words import ENGLISH, Words
from loadkit.units import format_duration

if TYPE_CHECKING:
    from loadkit.measure.store import RunHead
    from loadkit.measure.summary import Summary
    from loadkit.report.blocks import Block
    from loadkit.report.page import Page

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~&])")
_LISTED = 10


def render_markdown(head: RunHead, summary: Summary, t: Words = ENGLISH) -> str:
    """A run in Markdown as GitHub reads it.

    Args:
        head: Which run.
        summary: What it came to.
        t: The language.
    """
    return "\n".join(_lines(head, summary, t)).rstrip() + "\n"


def _lines(head: RunHead, summary: Summary, t: Words) -> Iterator[str]:
    word, _ = VERDICTS[head.verdict]
    what = f"{head.scenario} → {head.target}, {format_duration(summary.duration_s)}"
    yield from (f"## {plain(t(word))}: {plain(what)}", "")
    thresholds = run_tables.thresholds(summary.thresholds, t)
    if isinstance(thresholds, Grid):
        yield from (*table(thresholds), "")
    for sentence in advice(summary, head.run_id, t):
        yield f"- {plain(sentence)}"
    for reason in summary.validity.reasons:
        yield f"- ! {plain(str(reason))}"
    yield ""
    for grid in (run_tables.flows(summary, t), run_tables.whole(summary, t)):
        yield from (*table(grid), "")
    ended = run_tables.outcomes(t("How messages ended"), summary.outcomes[:_LISTED], t)
    if isinstance(ended, Grid):
        yield from _folded(t("How messages ended"), table(ended))
    yield from _folded(t("To repeat the run"), ("```sh", shlex.join(head.command), "```"))


def page_markdown(page: Page, sections: Container[str]) -> str:
    """Parts of a page in Markdown: its texts and tables, without its figures.

    Args:
        page: The page.
        sections: Ids of the parts.
    """
    lines: list[str] = []
    for chapter in page.chapters:
        lines += [f"## {plain(page.title)}: {plain(chapter.headline.word)} {plain(chapter.headline.text)}", ""]
        for section in chapter.sections:
            if section.name in sections:
                lines += [f"### {plain(section.title)}", "", *_blocks(section.blocks)]
    return "\n".join(lines).rstrip() + "\n"


def _blocks(blocks: Sequence[Block]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Prose):
            yield from (plain(block.text), "")
        elif isinstance(block, Listing):
            yield from (*(f"- {plain(item)}" for item in block.items), "")
        elif isinstance(block, Grid):
            yield from (*table(block), "")


def _folded(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield from (f"<details><summary>{title}</summary>", "", *lines, "", "</details>", "")


def table(grid: Grid) -> Iterator[str]:
    """A table in Markdown."""
    yield _row(grid.header)
    yield _row(["---:" if letter == "r" else "---" for letter in grid.layout], special=False)
    yield from map(_row, grid.rows)


def _row(cells: Sequence[Cell], *, special: bool = True) -> str:
    texts = (plain(str(cell)) if special else str(cell) for cell in cells)
    return f"| {' | '.join(texts)} |"


def plain(text: str) -> str:
    """A text in which nothing means anything to Markdown."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
