"""The frame of report pages."""

from __future__ import annotations

import json
import re

import pytest

from loadkit.report.blocks import (
    Code,
    Column,
    Data,
    Facts,
    Figure,
    Fold,
    Grid,
    Listing,
    Mark,
    Prose,
    Section,
    Tile,
    Tiles,
)
from loadkit.report.page import Chapter, Headline, Page, render_page
from loadkit.report.words import Words

NASTY = "<img src=x onerror=alert(1)>\"'&</script>"


def figure(name: str, text: str) -> Figure:
    data = Data({"at": Column("s", [1, 2]), "name": Column(text, [text, None])}, text)
    return Figure(name, text, text, (data,), ({"x": "@at", "text": "@name", "name": text},), note=text)


def page_of(text: str, chapters: int = 1) -> Page:
    blocks = (
        Prose(text, "warn"),
        Listing((text,)),
        Code(text),
        Facts(((text, text),)),
        Tiles((Tile(text, text, text),)),
        Grid((text, "n"), ((text, Mark(text, "bad")),), "lr", text),
    )
    made = [
        Chapter(
            f"run-{number}",
            text,
            Headline(text, text, "good"),
            (Section(f"s-{number}", text, (*blocks, Fold(text, (figure(f"f-{number}", text),)))),),
        )
        for number in range(chapters)
    ]
    return Page(text, text, tuple(made), scripts=("window.ours = 1;",))


def test_nothing_that_was_measured_becomes_markup() -> None:
    page = render_page(page_of(NASTY))
    shown = re.sub(r"<script>/\*\*\n\* plotly.*?</script>", "", page, flags=re.DOTALL)
    assert "<img" not in shown
    assert shown.count("&lt;img src=x onerror=alert(1)&gt;") > 15
    assert shown.count("</script>") == shown.count("<script") == 3  # figures, the page's own, and the given one


def test_figures_are_kept_as_they_were_said() -> None:
    page = render_page(page_of(NASTY))
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', page, re.DOTALL)
    assert found
    (data,) = json.loads(found[1])
    assert data["traces"] == [{"x": "@at", "text": "@name", "name": NASTY}]
    assert data["tables"][0]["columns"][1] == {"key": "name", "label": NASTY, "values": [NASTY, None]}


def test_a_page_without_figures_is_small_and_has_no_script() -> None:
    page = Page("t", "s", (Chapter("c", "c", Headline("w", "t"), (Section("s", "S", (Prose("words"),)),)),))
    text = render_page(page)
    assert "<script" not in text
    assert len(text) < 20_000


@pytest.mark.parametrize(("chapters", "articles"), [(1, 0), (3, 3)])
def test_several_chapters_stand_apart_and_every_link_leads_somewhere(chapters: int, articles: int) -> None:
    page = render_page(page_of("text", chapters))
    ids = re.findall(r' id="([\w-]+)"', page)
    assert page.count("<article ") == articles
    assert set(re.findall(r'href="#([\w-]+)"', page)) <= set(ids)
    assert len(ids) == len(set(ids))


def test_the_page_declares_its_language() -> None:
    page = page_of("text")
    assert '<html lang="en">' in render_page(page)
    assert '<html lang="zh-Hans">' in render_page(Page(page.title, "", page.chapters, words=Words("zh")))


def test_what_is_infinite_is_refused_rather_than_written() -> None:
    data = Data({"at": Column("s", [float("inf")])})
    section = Section("s", "S", (Figure("f", "f", "f", (data,), ()),))
    with pytest.raises(ValueError, match="not JSON compliant"):
        render_page(Page("t", "s", (Chapter("c", "c", Headline("w", "t"), (section,)),)))
