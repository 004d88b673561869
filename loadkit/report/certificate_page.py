"""A verification as a page that can be handed on: one file, no network."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from loadkit.analysis.verification import TierVerdict
from loadkit.report.blocks import Code, Facts, Grid, Listing, Section
from loadkit.report.capacity import rate_text
from loadkit.report.certificate import HEADER, basis_lines, goal_row
from loadkit.report.page import Chapter, Headline, Page, render_page
from loadkit.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadkit.analysis.verification import DoneRun, Verifying
    from loadkit.report.blocks import Tone

_TONES: dict[TierVerdict, Tone] = {
    TierVerdict.MET: "good",
    TierVerdict.NOT_MET: "bad",
    TierVerdict.INCONCLUSIVE: "warn",
    TierVerdict.INVALID: "warn",
}
_RUN_HEADER = ("run", "measured", "messages", "failed", "note", "run folder")


def certificate_page(verifying: Verifying, command: Sequence[str]) -> str:
    """The certificate as HTML.

    Args:
        verifying: The verification as it ended.
        command: The command line that began it.
    """
    promise, result = verifying.promise, verifying.result()
    facts = (
        ("promise", promise.name),
        ("rate held", rate_text(promise.rate_per_s)),
        ("measured", format_duration(result.measured_s)),
        ("messages", f"{result.messages:,}"),
        ("valid runs", str(result.runs)),
        ("void runs", str(len(result.invalid))),
    )
    sections = (
        Section(
            "verdict", "What was promised, and what was seen", (Grid(HEADER, _goal_rows(verifying), "l" + "r" * 7),)
        ),
        Section("basis", "What it rests on", (Facts(facts), Listing(tuple(basis_lines(promise, result))))),
        Section("runs", "Runs", (Grid(_RUN_HEADER, tuple(_run_row(one) for one in verifying.done), "rrrrll"),)),
        Section("again", "To do it again", (Code(shlex.join(command)),)),
    )
    headline = Headline(
        result.verdict.value, f"{promise.name} at {rate_text(promise.rate_per_s)}", _TONES[result.verdict]
    )
    title = f"Verification of {promise.name}"
    return render_page(
        Page(title, "a tier's promise, held against a server", (Chapter("case", title, headline, sections),))
    )


def _goal_rows(verifying: Verifying) -> tuple[tuple[str, ...], ...]:
    return tuple(goal_row(one) for one in verifying.result().kept)


def _run_row(done: DoneRun) -> tuple[str, ...]:
    trial, seen = done.trial, done.seen
    return (
        str(trial.number),
        format_duration(trial.duration_s),
        f"{sum(seen.offered):,}",
        f"{sum(seen.failed):,}",
        f"void: {seen.invalid}" if seen.invalid else "valid",
        seen.name,
    )
