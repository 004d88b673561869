"""A page about a folder of results: capacity over time, and runs with links to their reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from loadkit.report.blocks import Block, Cell, Column, Data, Figure, Grid, Link, Mark, Prose, Section
from loadkit.report.figures import area, column, line, values_axis
from loadkit.report.page import Chapter, Headline, Page
from loadkit.report.run_page import VERDICTS
from loadkit.report.trend import Finding, by_series, trend_header, trend_rows
from loadkit.report.words import ENGLISH, Words

if TYPE_CHECKING:
    from loadkit.measure.store import RunHead

PAGE_FILE = "report.html"


def index_page(results_dir: Path, heads: Sequence[RunHead], findings: Sequence[Finding], t: Words = ENGLISH) -> Page:
    """The page.

    Args:
        results_dir: The folder that the page will stand in; links are relative to it.
        heads: Its runs, the oldest first.
        findings: What its searches found.
        t: The language.
    """
    sections = [
        Section("trend", t("Capacity over time"), tuple(_trend(results_dir, findings, t))),
        Section("runs", t("Runs"), tuple(_runs(results_dir, heads, t))),
    ]
    title = t("Results in {folder}", folder=results_dir.name)
    counts = t("{runs} runs, {searches} searches", runs=len(heads), searches=len({one.name for one in findings}))
    chapter = Chapter("chapter", title, Headline(counts, _span(heads)), tuple(one for one in sections if one.blocks))
    return Page(title, str(results_dir), (chapter,), words=t)


def _span(heads: Sequence[RunHead]) -> str:
    return f"{_moment(heads[0].started_at)} - {_moment(heads[-1].started_at)} UTC" if heads else ""


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"


def _trend(results_dir: Path, findings: Sequence[Finding], t: Words) -> Iterator[Block]:
    if not findings:
        return
    for number, (series, group) in enumerate(by_series(findings)):
        if sum(one.result.lower_per_s is not None for one in group) > 1:
            yield _figure(f"trend-{number}", series, group, t)
    ordered = [one for _, group in by_series(findings) for one in group]
    rows = [
        (*row[:3], _linked(row[3], results_dir / one.name, results_dir), *row[4:])
        for one, row in zip(ordered, trend_rows(findings, t), strict=True)
    ]
    yield Grid(trend_header(t), tuple(rows), "llllrrl")


def _linked(text: str, folder: Path, results_dir: Path) -> Cell:
    """A text that leads to a folder's page, where there is one."""
    page = folder / PAGE_FILE
    return Link(text, quote(str(page.relative_to(results_dir)))) if page.exists() else text


def _figure(name: str, series: tuple[str, str, str], group: Sequence[Finding], t: Words) -> Figure:
    """The brackets of a goal over time."""
    results = [one.result for one in group]
    nan = float("nan")
    columns = {
        "at": Column(t("when"), [_moment(one.at) for one in group]),
        "low": column(t("lower bound, messages/s"), [one.lower_per_s or nan for one in results]),
        "high": column(t("upper bound, messages/s"), [one.upper_per_s or nan for one in results]),
    }
    traces = (
        *area("at", "low", "high", t("bracket"), 0),
        line("at", "low", t("lower bound"), 0, points=len(group)),
        line("at", "high", t("upper bound"), 1, points=len(group)),
    )
    layout = {"xaxis": {"type": "date"}, "yaxis": values_axis(t("messages/s"))}
    says = t("Lower and upper bound of the capacity in messages per second over time.")
    return Figure(name, " · ".join(series), says, (Data(columns),), traces, layout)


def _runs(results_dir: Path, heads: Sequence[RunHead], t: Words) -> Iterator[Block]:
    if not heads:
        return
    rows = tuple(_row(results_dir, head, t) for head in reversed(heads))
    header = (t("run"), t("verdict"), t("when"), t("scenario"), t("target"))
    yield Grid(header, rows, "lllll", t("The newest first"))
    yield Prose(t("A run or a search has a page once it was made: loadkit report RUN --type html."), "quiet")


def _row(results_dir: Path, head: RunHead, t: Words) -> tuple[Cell, ...]:
    word, tone = VERDICTS[head.verdict]
    name = _linked(head.name, head.path, results_dir)
    return (name, Mark(t(word), tone), _moment(head.started_at), head.scenario, head.target)
