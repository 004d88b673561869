"""The part of a run's summary that says whether it may be believed, and whose the numbers are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from loadkit.measure.reason import Blame
from loadkit.measure.summary import SCHEDULED
from loadkit.report.tables import NONE, milliseconds, share, table, with_unit
from loadkit.report.words import ENGLISH, Words, marked
from loadkit.smtp.outcome import OutcomeClass
from loadkit.units import format_rate, format_size

if TYPE_CHECKING:
    from loadkit.measure.summary import Generator, Summary

_NOTABLE_WAIT = 0.1
_NOTABLE_CPU_WAIT = 0.05
_ANSWERS = {
    Blame.SERVER: marked("The generator kept up: what is slow or refused below is the target's."),
    Blame.TOOL: marked(
        "The tool: the load generator or its machine was the limit, so blame nothing below on the target."
    ),
    Blame.UNKNOWN: marked("It can't be told: the measurement is not valid, so blame nothing below on the target."),
}


def validity_section(summary: Summary) -> RenderableType:
    """Valid or not and why, the four rates, the generator's health, and the answer: tool or server?"""
    validity = summary.validity
    state = Text("VALID", "green") if validity.valid else Text("INVALID", "bold yellow")
    reasons = [Text(f"! {reason}", "yellow") for reason in validity.reasons]
    return Group(state, *reasons, "", _flows(summary), "", _generator(summary.generator), Text(tool_or_server(summary)))


def _flows(summary: Summary) -> RenderableType:
    whole = SCHEDULED if SCHEDULED in summary.flows else "offered"
    offered = summary.flows[whole].count
    rows = (
        (
            name,
            f"{flow.count:,}",
            share(flow.count, offered),
            NONE if flow.per_s is None else format_rate(flow.per_s),
        )
        for name, flow in summary.flows.items()
    )
    return table("lrrr", rows, ("", "messages", f"of {whole}", "rate"))


def _generator(generator: Generator) -> Text:
    cpu = NONE if generator.cpu_p95_ratio is None else f"{generator.cpu_p95_ratio:.0%}"
    if len(generator.cpu_p95_by_process) > 1:
        cpu = f"of the busiest of {len(generator.cpu_p95_by_process)} processes {cpu}"
    waited = generator.cpu_wait_p95_ratio or 0.0
    wait = f" (and {waited:.0%} waiting for one)" if waited >= _NOTABLE_CPU_WAIT else ""
    memory = NONE if generator.rss_max_bytes is None else format_size(generator.rss_max_bytes)
    return Text(
        f"Generator: CPU p95 {cpu} of a core{wait}, schedule lag p99 {with_unit(generator.lag_p99_s)}, "
        f"longest stall {with_unit(generator.stall_max_s)}, memory {memory}."
    )


def tool_or_server(summary: Summary, t: Words = ENGLISH) -> str:
    """The answer to the question whose the numbers are, with what to know beside it."""
    blame = summary.validity.blame
    caveats = _caveats(summary, t) if blame is Blame.SERVER else ()
    return " ".join((t("Tool or server?"), t(_ANSWERS[blame]), *caveats))


def _caveats(summary: Summary, t: Words) -> Iterator[str]:
    response_s, wait_s = summary.response_time.mean_s, summary.wait.mean_s
    if summary.open_loop and response_s and wait_s and wait_s >= _NOTABLE_WAIT * response_s:
        yield t(
            "But of {response} ms mean response time {wait} ms were spent waiting for a free session: the target is "
            "too slow for this rate, or sessions.max too small.",
            response=milliseconds(response_s),
            wait=milliseconds(wait_s),
        )
    if not summary.open_loop:
        yield t(
            "A slow target also got less load, for sessions wait for its replies: these times don't hold for a rate."
        )
    ours = sum(line.count for line in summary.outcomes if line.kind == OutcomeClass.CLIENT)
    if ours:
        yield t("But {count} failed on this side: client, below.", count=f"{ours:,}")
    if summary.diagnosis:
        yield t("It protects itself by limits: see DIAGNOSIS.")
