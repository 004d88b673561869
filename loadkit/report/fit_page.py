"""Fitted curves as a page: pictures, intervals, and the words of the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from loadkit.analysis.latency_fit import LatencyFit
from loadkit.analysis.scalability_fit import ScalabilityFit
from loadkit.report.blocks import Code, Fold, Section
from loadkit.report.fit_blocks import latency_blocks, scalability_blocks
from loadkit.report.page import Chapter, Headline, Page
from loadkit.report.words import ENGLISH, Words

Fitted = tuple[tuple[str, str], LatencyFit | ScalabilityFit]
"""What is varied and what comes of it, and the fit."""


def fit_page(fits: Sequence[Fitted], text: str, t: Words = ENGLISH) -> Page:
    """A page about fits.

    Args:
        fits: The fits; at least one.
        text: What a terminal shows.
        t: The language.
    """
    sections = [_section(number, names, fit, t) for number, (names, fit) in enumerate(fits)]
    words = Fold(t("As on the terminal"), (Code(text),))
    title = "loadkit fit"
    headline = Headline(t("{count} curves", count=len(fits)), ", ".join(section.title for section in sections))
    parts = (*sections, Section("words", t("In words"), (words,)))
    return Page(title, "", (Chapter("chapter", title, headline, parts),), words=t)


def _section(number: int, names: tuple[str, str], fit: LatencyFit | ScalabilityFit, t: Words) -> Section:
    name = f"fit-{number}"
    if isinstance(fit, LatencyFit):
        blocks, title = latency_blocks(f"{name}-figure", fit, names[0], t), t("Response time against rate")
    else:
        blocks, title = scalability_blocks(f"{name}-figure", fit, names, t), t("Throughput against concurrency")
    return Section(name, title, tuple(blocks))
