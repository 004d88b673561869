"""The what-if block of plan pages: a form whose answers are worked out in the page itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from loadkit.plan.whatif import whatif_data
from loadkit.report.blocks import Block, Markup, Prose
from loadkit.report.page import TEMPLATES_DIR, render_part
from loadkit.report.plan_words import GRADES, NAMES

if TYPE_CHECKING:
    from loadkit.plan.outcome import Plan
    from loadkit.report.words import Words

MOST_CASES = 1_000_000
"""Draws times different hours: more of them can't be worked out again while a slider moves."""


def whatif_blocks(plan: Plan, name: str, t: Words) -> Iterator[Block]:
    """The form with what it needs, or why there is none.

    Args:
        plan: The plan.
        name: The form's id.
        t: The language.
    """
    data = whatif_data(plan)
    if not data["types"]:
        yield Prose(t("No type has a price: there is nothing to work out."))
        return
    if plan.draws.count * max(len(tier["level_hours"]) for tier in data["tiers"]) > MOST_CASES:
        yield Prose(t("The plan has too many draws to be worked out again here: plan with --draws 1000."))
        return
    yield Prose(
        t(
            "Change something, and the page works the plan out again, offline, from the same draws as the planner. "
            "Ranges of message size and of repetitions grow with their medians."
        )
    )
    yield Markup(render_part("whatif.html.j2", name=name, data=data, words=_words(plan, t), t=t))


def whatif_script() -> str:
    """The script that all such forms of a page need, once."""
    return (TEMPLATES_DIR / "whatif.js").read_text(encoding="utf-8")


def _words(plan: Plan, t: Words) -> dict[str, object]:
    """What the script says, with the names of values in braces."""
    return {
        "names": {name: t(text) for name, text in NAMES.items()},
        "grades": {support.value: t(word) for support, (word, _) in GRADES.items()},
        "nodes": t("nodes"),
        "monthly": t("{currency} a month", currency=plan.currency),
        "per_million": t("{currency} a million messages", currency=plan.currency),
        "range": t("{low} to {high}"),
        "invalid": t("A value is missing or out of bounds."),
        "kept": t("availability {reached} of {promised}: kept"),
        "missed": t("availability {reached} of {promised}: missed"),
        "none": t("availability {reached}"),
        "says": t(
            "{grade}: {nodes} nodes, {cost} a month; {limiting} sets the number; {spares} of each fleet may fail; "
            "{availability}; bought {mix}."
        ),
    }
