"""What a run came to, as tables and facts of a page."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from loadkit.measure.health import NO_DESCRIPTOR, NO_MEMORY, NO_PORT, NO_ROUTE, NOT_PERMITTED
from loadkit.measure.summary import QUANTILES, SCHEDULED
from loadkit.report.blocks import Block, Code, Facts, Grid, Listing, Mark, Prose, Tile, Tiles
from loadkit.report.retelling import retell, retell_parts
from loadkit.report.run_figures import CLASSES, FLOWS
from loadkit.report.run_sentences import OF_DIAGNOSIS, OF_VALIDITY
from loadkit.report.status_codes import explain
from loadkit.report.tables import NONE, milliseconds, share, with_unit
from loadkit.report.thresholds import observed, unobserved
from loadkit.report.validity import tool_or_server
from loadkit.report.words import marked
from loadkit.smtp.outcome import OutcomeClass
from loadkit.units import format_duration, format_rate, format_size

if TYPE_CHECKING:
    from loadkit.measure.ends import OutcomeLine
    from loadkit.measure.rules import Finding
    from loadkit.measure.store import Run
    from loadkit.measure.summary import Latency, Part, Summary, ThresholdLine
    from loadkit.report.blocks import Tone
    from loadkit.report.words import Words

_PASSED: dict[bool | None, tuple[str, Tone]] = {
    True: (marked("✓ passed"), "good"),
    False: (marked("✗ failed"), "bad"),
    None: (marked("? unknown"), "warn"),
}
REASONS = {
    "generator_cpu": marked("the generator used up its processor"),
    "generator_starved": marked("other processes had the generator's processor"),
    "gc_pauses": marked("the generator paused to collect garbage"),
    "loop_stalls": marked("the generator's event loop stood still"),
    "clock_step": marked("the clock stepped"),
    "nothing_offered": marked("nothing was offered"),
    "arrivals_shed": marked("arrivals were given up"),
    "schedule_lag": marked("the generator was late"),
    "ledger_unread": marked("the sink could not be asked"),
    "worker_lost": marked("a worker was lost"),
    "worker_silent": marked("a worker was silent"),
    "worker_clock": marked("a worker's clock is off"),
    NO_DESCRIPTOR: marked("the generator ran out of file descriptors"),
    NO_PORT: marked("the generator ran out of ports"),
    NO_MEMORY: marked("the generator ran out of memory"),
    NO_ROUTE: marked("the generator's network was down"),
    NOT_PERMITTED: marked("the generator was not allowed to connect"),
}


def figures_first(summary: Summary, t: Words) -> Tiles:
    """The numbers that are read first."""
    accepted, quantiles = summary.flows["accepted"].per_s, summary.response_time.quantiles_s
    completed = summary.flows["completed"].count
    failed = completed - summary.flows["accepted"].count
    tiles = [
        Tile(t("accepted"), NONE if accepted is None else format_rate(accepted), t("messages per second")),
        *(Tile(t("response {name}", name=name), _quantile(quantiles[name], t)) for name in ("p50", "p95", "p99")),
        Tile(
            t("failed"), share(failed, completed), t("of {count}", count=f"{completed:,}"), "bad" if failed else "good"
        ),
    ]
    if summary.ledger is not None:
        lost = summary.ledger.lost
        note = t("of {count} accepted", count=f"{summary.ledger.accepted:,}")
        tiles.append(Tile(t("lost"), f"{lost:,}", note, "bad" if lost else "good"))
    return Tiles(tuple(tiles))


def _quantile(value_s: float | None, t: Words) -> str:
    return t("n too small") if value_s is None else with_unit(value_s)


def thresholds(lines: Sequence[ThresholdLine], t: Words) -> Block:
    """Every threshold with what was seen."""
    if not lines:
        return Prose(t("The scenario has no thresholds."))
    rows = []
    for one in lines:
        text, tone = _PASSED[one.passed]
        seen = unobserved(one, t) if one.observed is None else observed(one)
        rows.append((one.metric, one.check, seen, Mark(t(text), tone)))
    return Grid((t("threshold"), t("demanded"), t("observed"), t("result")), tuple(rows), "llll")


def run_card(run: Run, summary: Summary, t: Words) -> tuple[Block, ...]:
    """Which run, and how to repeat it."""
    head, facts = run.head, run.facts
    machine, versions = facts.get("machine", {}), facts.get("versions", {})
    started = datetime.fromtimestamp(head.started_at, UTC)
    pairs = [
        (t("scenario"), head.scenario),
        (t("target"), head.target),
        (t("began"), f"{started:%Y-%m-%d %H:%M:%S} UTC"),
        (t("duration"), format_duration(summary.duration_s)),
        (t("load"), t("open: by a schedule") if summary.open_loop else t("closed: as replies come")),
        (t("seed"), str(facts["seed"])),
        (t("run id"), head.run_id),
        (t("folder"), head.name),
        (t("load generator"), _machine(machine, t)),
        (t("versions"), ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
    if summary.workers:
        pairs.append((t("worker processes"), str(len(summary.workers))))
    return (Facts(tuple(pairs)), Prose(t("To repeat the run:")), Code(shlex.join(head.command)))


def _machine(machine: Mapping[str, object], t: Words) -> str:
    memory = machine.get("memory_bytes")
    return ", ".join(
        (
            str(machine.get("cpu", NONE)),
            t("{count} cores", count=machine.get("cores", NONE)),
            format_size(memory) if isinstance(memory, int) else NONE,
        )
    )


def validity(summary: Summary, t: Words) -> Iterator[Block]:
    """Whether the run may be believed, and whose the numbers are."""
    found = summary.validity
    yield (
        Prose(t("✓ Valid: the load generator did what it was told."), "good")
        if found.valid
        else Prose(t("✗ Not valid: the numbers say nothing about the target."), "warn")
    )
    if found.reasons:
        rows = tuple(
            (
                t(REASONS.get(one.name, one.name)) or t("reason"),
                retell(one.seen, OF_VALIDITY, t),
                retell(one.bound, OF_VALIDITY, t) or NONE,
                retell(t(one.fix), OF_VALIDITY, t),
            )
            for one in found.reasons
        )
        yield Grid((t("why"), t("seen"), t("valid"), t("what to do")), rows, "llll")
    yield Prose(tool_or_server(summary, t))


def flows(summary: Summary, t: Words) -> Grid:
    """The rates over the measured stages."""
    whole = SCHEDULED if SCHEDULED in summary.flows else "offered"
    total = summary.flows[whole].count
    rows = tuple(
        (
            t(FLOWS.get(name, name)),
            f"{flow.count:,}",
            share(flow.count, total),
            NONE if flow.per_s is None else format_rate(flow.per_s),
        )
        for name, flow in summary.flows.items()
    )
    header = ("", t("messages"), t("of {what}", what=t(FLOWS.get(whole, whole))), t("rate"))
    return Grid(header, rows, "lrrr", t("In the measured stages"))


def generator(summary: Summary, t: Words) -> Facts:
    """The load generator's health."""
    seen = summary.generator
    return Facts(
        (
            (t("CPU, p95 of seconds, of a core"), _percent(seen.cpu_p95_ratio)),
            (t("waiting for a core, p95 of seconds"), _percent(seen.cpu_wait_p95_ratio)),
            (t("schedule lag p99"), with_unit(seen.lag_p99_s)),
            (t("longest stall"), with_unit(seen.stall_max_s)),
            (t("longest pause of the garbage collector"), with_unit(seen.gc_pause_max_s)),
            (t("memory at most"), NONE if seen.rss_max_bytes is None else format_size(seen.rss_max_bytes)),
        )
    )


def _percent(ratio: float | None) -> str:
    return NONE if ratio is None else f"{ratio:.0%}"


def latencies(title: str, found: Mapping[str, Latency], t: Words, caption: str = "") -> Grid:
    """Latencies in milliseconds, a row for each.

    Args:
        title: What the rows are.
        found: By name.
        t: The language.
        caption: What the table shows.
    """
    rows = tuple((name, *_cells(latency, t)) for name, latency in found.items())
    header = (title, *(f"{name}, ms" for name in QUANTILES), t("maximum, ms"), t("mean, ms"), "n")
    return Grid(header, rows, "l" + "r" * (len(header) - 1), caption)


def _cells(latency: Latency, t: Words) -> tuple[str, ...]:
    quantiles = (latency.quantiles_s[name] for name in QUANTILES)
    return (
        *(t("n too small") if value is None and latency.n else milliseconds(value) for value in quantiles),
        milliseconds(latency.max_s),
        milliseconds(latency.mean_s),
        f"{latency.n:,}",
    )


def whole(summary: Summary, t: Words) -> Grid:
    """Latencies of all messages."""
    found = {
        t("response time"): summary.response_time,
        t("service time"): summary.service_time,
        t("wait for a session"): summary.wait,
    }
    return latencies("", found, t)


def parts(of: str, found: Mapping[str, Part], t: Words) -> Grid:
    """Response times and failures by message kind or by stage."""
    header = (of, *(f"{name}, ms" for name in QUANTILES), t("maximum, ms"), t("mean, ms"), "n", t("failed"))
    rows = tuple(
        (name, *_cells(part.response_time, t), share(part.completed - part.accepted, part.completed))
        for name, part in found.items()
    )
    return Grid(header, rows, "l" + "r" * (len(header) - 1), t("Response time by {what}", what=of))


def outcomes(of: str, lines: Sequence[OutcomeLine], t: Words) -> Block:
    """How messages or sessions ended, with what each reply means."""
    total = sum(one.count for one in lines)
    if not total:
        return Prose(t("None ended: {what}.", what=of))
    rows = tuple(
        (
            _ending(one, t),
            one.phase,
            str(one.code or NONE),
            one.enhanced or NONE,
            f"{one.count:,}",
            share(one.count, total),
            "" if one.kind == OutcomeClass.ACCEPTED and not one.reason else explain(one, t),
            one.reason.replace("_", " "),
        )
        for one in lines
    )
    header = (t("class"), t("step"), t("code"), t("enhanced"), t("count"), t("share"), t("what it means"), t("reason"))
    return Grid(header, rows, "llllrrll", of)


def _ending(one: OutcomeLine, t: Words) -> Mark:
    if one.kind == OutcomeClass.ACCEPTED:
        return Mark(f"✓ {t(CLASSES[one.kind])}", "good")
    return Mark(f"✗ {t(CLASSES.get(one.kind, one.kind))}", "bad")


def limits(findings: Sequence[Finding], t: Words) -> Grid:
    """Limits of the server that were met."""
    rows = tuple((one.name.replace("_", " "), _seen(one, t), t(one.why), t(one.fix), one.source) for one in findings)
    return Grid((t("limit"), t("seen"), t("why servers do it"), t("what to do"), t("says who")), rows, "lllll")


def _seen(finding: Finding, t: Words) -> str:
    """What was seen of a limit; the replies behind the colon stay as they came."""
    seen, colon, replies = finding.seen.partition(": ")
    return retell_parts(seen, OF_DIAGNOSIS, t) + colon + replies


def sentences(texts: Sequence[str]) -> Iterator[Block]:
    """Sentences one below the other; nothing where there is none."""
    if texts:
        yield Listing(tuple(texts))
