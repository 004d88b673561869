"""What a verification came to, in words: the verdict, the promise, and what each goal rests on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from loadkit.analysis.verification import LOOK_LEVEL, Kept, Promise, Result, TierVerdict, Verifying
from loadkit.report.capacity import rate_text
from loadkit.report.tables import table
from loadkit.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

COLOURS = {
    TierVerdict.MET: "green",
    TierVerdict.NOT_MET: "red",
    TierVerdict.INCONCLUSIVE: "yellow",
    TierVerdict.INVALID: "magenta",
}
HEADER = ("promised", "verdict", "bad", "of", "seen", "good at least", "at most", "design effect")


def run_words(number: int, verifying: Verifying) -> str:
    """A run that has ended, in a line."""
    done = verifying.done[number]
    if done.seen.invalid:
        return f"run {number + 1}: void: {done.seen.invalid}"
    result = verifying.result()
    goals = "; ".join(f"{one.goal.text} {one.proof.verdict.value}" for one in result.kept)
    return f"run {number + 1}: {sum(done.seen.offered):,} messages, so far {goals}"


def goal_row(kept: Kept) -> tuple[str, ...]:
    """A goal as cells, below `HEADER`."""
    proof = kept.proof
    return (
        kept.goal.text,
        proof.verdict.value,
        f"{proof.failures:,}",
        f"{proof.requests:,}",
        f"{proof.rate.rate:.4%}",
        f"{proof.rate.low:.4%}",
        f"{proof.rate.high:.4%}",
        f"{proof.design_effect:.2f}",
    )


def basis_lines(promise: Promise, result: Result) -> Iterator[str]:
    """What the verdict rests on, and what it does not say."""
    if result.runs:
        yield (
            f"{result.messages:,} messages in {format_duration(result.measured_s)} at {rate_text(promise.rate_per_s)}, "
            f"in {result.runs} valid {'run' if result.runs == 1 else 'runs'}; bounds are exact, each holds with "
            f"{LOOK_LEVEL:.2%}, which leaves 95 % after every look."
        )
    if result.overloaded:
        yield f"In {result.overloaded} of them a backlog grew: the server does not hold this rate."
    for reason in result.invalid:
        yield f"A run was void: {reason}."
    if any(one.proof.failures == 0 for one in result.kept):
        yield "Where nothing was bad nothing tells how bad messages would hang together; they are taken as independent."
    if result.verdict is TierVerdict.INCONCLUSIVE:
        yield needed_line(promise, result)
    yield "This is the share of messages that went well while the rate was held, not the hours of a month that are up."


def needed_line(promise: Promise, result: Result) -> str:
    """How long the test would have to be."""
    if result.needed_s is None:
        return (
            "As many were bad as the promise allows, or nearly: only a longer test that sees fewer would prove it; "
            f"without any bad message it takes {format_duration(promise.least_s)}."
        )
    return f"To decide it, the test would have to last {format_duration(math.ceil(result.needed_s))} in all."


def render_certificate(verifying: Verifying) -> RenderableType:
    """The verdict for a terminal."""
    promise, result = verifying.promise, verifying.result()
    head = Text.assemble(
        (result.verdict.value, f"bold {COLOURS[result.verdict]}"),
        f"  {promise.name} at {rate_text(promise.rate_per_s)}",
    )
    goals = table("wlrrrrrr", [goal_row(one) for one in result.kept], HEADER)
    return Group(head, "", *((goals, "") if result.kept else ()), *basis_lines(promise, result))
