"""The frame of report pages: one HTML file that needs no network, for screens, phones, paper and keyboards."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup as Safe

from loadkit.report.blocks import Block, Figure, Fold, Section, Tone
from loadkit.report.words import ENGLISH, Words

TEMPLATES_DIR = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Headline:
    """What a page or chapter comes to, before everything else.

    Args:
        word: The verdict in a word or few, with a sign before it.
        text: About what.
        tone: How it is meant.
    """

    word: str
    text: str
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Chapter:
    """One run, or whatever else a page can show several of.

    Args:
        name: Its id on the page.
        title: Its heading; the page's own where it is the only one.
        headline: What it comes to.
        sections: Its parts.
    """

    name: str
    title: str
    headline: Headline
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A report.

    Args:
        title: The title.
        subtitle: When and what, in small.
        chapters: At least one.
        overview: Parts before the chapters, where there are several.
        words: The language.
        scripts: Scripts of ours that run after the figures are known; trusted.
    """

    title: str
    subtitle: str
    chapters: tuple[Chapter, ...]
    overview: tuple[Section, ...] = ()
    words: Words = ENGLISH
    scripts: tuple[str, ...] = ()


def render_page(page: Page, template: str = "page.html.j2") -> str:
    """A page as HTML, with everything that it needs in it.

    Args:
        page: What it shows.
        template: A template that extends the page's, for what the blocks can't say.
    """
    from plotly.offline import get_plotlyjs  # noqa: PLC0415 - half a second that only pages need

    sections = [*page.overview, *(section for chapter in page.chapters for section in chapter.sections)]
    figures = [figure for section in sections for figure in _figures(section.blocks)]
    return (
        _environment()
        .get_template(template)
        .render(
            page=page,
            t=page.words,
            lang=page.words.tag,
            has_figures=bool(figures),
            plotly=Safe(get_plotlyjs()) if figures else "",  # noqa: S704 - the package's own script
            figures=_json([_figure_data(figure) for figure in figures]),
        )
    )


def render_part(template: str, **values: Any) -> str:
    """A part of a page, for `Markup`.

    Args:
        template: A template that is no whole page; it escapes what it is given.
        values: What it shows.
    """
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES_DIR),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _figures(blocks: Sequence[Block]) -> Iterator[Figure]:
    for block in blocks:
        if isinstance(block, Figure):
            yield block
        elif isinstance(block, Fold):
            yield from _figures(block.blocks)


def _figure_data(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "tables": [
            {
                "title": table.title,
                "columns": [
                    {"key": key, "label": column.label, "values": list(column.values)}
                    for key, column in table.columns.items()
                ],
            }
            for table in figure.data
        ],
        "traces": figure.traces,
        "layout": figure.layout,
    }


def _json(value: Any) -> Safe:
    """JSON that may stand in a script: nothing in it ends the script or begins a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character, written in (("<", "\\u003c"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        text = text.replace(character, written)
    return Safe(text)  # noqa: S704 - no tag is left in it
