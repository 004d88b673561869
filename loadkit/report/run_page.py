"""The report of one run or several as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadkit.measure.course import Course, read_course
from loadkit.measure.statistics import Metric
from loadkit.measure.store import read_statistics
from loadkit.measure.validity import Verdict
from loadkit.report import run_tables
from loadkit.report.advice import advice
from loadkit.report.blocks import Block, Cell, Figure, Grid, Mark, Prose, Section
from loadkit.report.definitions import OF_RUN, definitions
from loadkit.report.delivery import course_sentences, ledger_rows
from loadkit.report.distributions import phases, spectrum
from loadkit.report.page import Chapter, Headline, Page
from loadkit.report.run_figures import RunFigures
from loadkit.report.tables import NONE, share
from loadkit.report.words import ENGLISH, Words, marked
from loadkit.units import format_duration, format_rate

if TYPE_CHECKING:
    from loadkit.measure.reconciliation import Reconciliation
    from loadkit.measure.store import Run
    from loadkit.measure.summary import Summary
    from loadkit.report.blocks import Tone

MOST_POINTS = 720
"""So many places a figure over time has at most: a day in steps of two minutes."""
MOST_POINTS_OF_ALL = 6 * MOST_POINTS
"""Runs on one page share these, so that the page stays small."""

VERDICTS: dict[str, tuple[str, Tone]] = {
    Verdict.PASSED.value: (marked("✓ PASSED"), "good"),
    Verdict.FAILED.value: (marked("✗ FAILED"), "bad"),
    Verdict.INVALID.value: (marked("! INVALID"), "warn"),
    Verdict.INTERRUPTED.value: (marked("! INTERRUPTED"), "warn"),
    "running": (marked("! CUT SHORT"), "warn"),
}


def run_page(runs: Sequence[Run], t: Words = ENGLISH) -> Page:
    """A page about runs, each a chapter.

    Args:
        runs: At least one.
        t: The language.

    Raises:
        RunFolderError: If a run's folder is damaged.
    """
    most = min(MOST_POINTS, MOST_POINTS_OF_ALL // len(runs))
    names = [""] if len(runs) == 1 else [f"run-{number}-" for number in range(1, len(runs) + 1)]
    chapters = tuple(_Chapter(run, run.summary, most, name, t).made() for run, name in zip(runs, names, strict=True))
    if len(runs) == 1:
        return Page(chapters[0].title, runs[0].head.name, chapters, words=t)
    title = t("{count} runs side by side", count=len(runs))
    overview = (Section("overview", t("Overview"), (_overview(runs, t),)),)
    return Page(title, ", ".join(sorted({run.head.target for run in runs})), chapters, overview, t)


def _overview(runs: Sequence[Run], t: Words) -> Grid:
    header = (t("run"), t("verdict"), t("accepted"), "p50, ms", "p99, ms", t("failed"))
    return Grid(header, tuple(_overview_row(run, run.summary, t) for run in runs), "llrrrr")


def _overview_row(run: Run, summary: Summary, t: Words) -> tuple[Cell, ...]:
    word, tone = VERDICTS[run.head.verdict]
    accepted, completed = summary.flows["accepted"], summary.flows["completed"]
    cells = run_tables.latencies("", {"": summary.response_time}, t).rows[0]
    rate = NONE if accepted.per_s is None else format_rate(accepted.per_s)
    failed = share(completed.count - accepted.count, completed.count)
    return (run.head.name, Mark(t(word), tone), rate, cells[1], cells[4], failed)


@dataclass(frozen=True, slots=True)
class _Chapter:
    """Makes the chapter of a run.

    Args:
        run: The run.
        summary: What it came to.
        most: Places of a figure over time.
        name: What ids begin with.
        t: The language.
    """

    run: Run
    summary: Summary
    most: int
    name: str
    t: Words

    def made(self) -> Chapter:
        t, head, summary = self.t, self.run.head, self.summary
        word, tone = VERDICTS[head.verdict]
        lasted = format_duration(summary.duration_s)
        headline = Headline(t(word), f"{head.scenario} → {head.target}, {lasted}", tone)
        title = t("Run: {scenario}", scenario=head.scenario) if not self.name else head.name
        course = read_course(self.run, self.most)
        parts = [*self._first(), *(self._over_time(course) if course else ()), *self._last()]
        return Chapter(f"{self.name}chapter", title, headline, tuple(part for part in parts if part.blocks))

    def _section(self, name: str, title: str, blocks: Iterator[Block] | Sequence[Block | None]) -> Section:
        return Section(f"{self.name}{name}", title, tuple(block for block in blocks if block is not None))

    def _first(self) -> Iterator[Section]:
        t, summary = self.t, self.summary
        verdict = [
            run_tables.figures_first(summary, t),
            run_tables.thresholds(summary.thresholds, t),
            *run_tables.sentences(tuple(advice(summary, self.run.head.run_id, t))),
        ]
        yield self._section("verdict", t("Verdict and thresholds"), verdict)
        yield self._section("card", t("Run card"), run_tables.run_card(self.run, summary, t))
        yield self._section("validity", t("Validity"), run_tables.validity(summary, t))

    def _over_time(self, course: Course) -> Iterator[Section]:
        t, summary, plan = self.t, self.summary, self.run.plan
        end_s = max(summary.duration_s, float(course.at_s[-1] + course.step_s))
        figures = RunFigures(course, plan.stages, end_s, self.name, len(plan.kinds) > 1, t)
        yield self._section("traffic", t("Traffic"), (figures.flows(), run_tables.flows(summary, t)))
        yield self._section("latency", t("Latency"), (*self._distributions(figures.percentiles()), *self._parts()))
        yield self._section("errors", t("Errors"), self._errors(figures.failures()))
        yield self._section("sessions-part", t("Sessions and queue"), (figures.sessions(),))
        yield self._section("delivery", t("Delivery"), self._delivery(figures.backlog()))
        yield self._section("target-part", t("The target's host"), (figures.target(),))
        health = (figures.generator(), figures.lateness(), run_tables.generator(summary, t))
        yield self._section("generator", t("Load generator"), health)

    def _distributions(self, percentiles: Figure) -> Iterator[Block]:
        t, summary = self.t, self.summary
        yield percentiles
        yield run_tables.whole(summary, t)
        statistics = read_statistics(self.run)
        found = {
            t("response time"): statistics.histogram(Metric.RESPONSE_TIME),
            t("service time"): statistics.histogram(Metric.SERVICE_TIME),
        }
        if known := {name: histogram for name, histogram in found.items() if histogram.total}:
            yield spectrum(f"{self.name}spectrum", known, t)
        if summary.phases:
            yield phases(f"{self.name}phases", summary.phases, t)
            yield run_tables.latencies(t("step"), summary.phases, t)

    def _parts(self) -> Iterator[Block]:
        t, summary = self.t, self.summary
        for of, parts in ((t("message kind"), summary.kinds), (t("stage"), summary.stages)):
            if len(parts) > 1:
                yield run_tables.parts(of, parts, t)

    def _errors(self, failures: Figure | None) -> Iterator[Block]:
        t, summary = self.t, self.summary
        yield failures or Prose(t("✓ No message failed."), "good")
        yield run_tables.outcomes(t("How messages ended"), summary.outcomes, t)
        if summary.setups:
            yield run_tables.outcomes(t("How session set-ups ended"), summary.setups, t)
        if summary.session_ends:
            yield run_tables.outcomes(t("Sessions that the server ended"), summary.session_ends, t)
        if summary.diagnosis:
            yield Prose(t("Diagnosis: the server protects itself by limits, and this run met some of them."))
            yield run_tables.limits(summary.diagnosis, t)

    def _delivery(self, backlog: Figure | None) -> Iterator[Block]:
        t, summary = self.t, self.summary
        if summary.ledger is None:
            yield Prose(t("Nobody counted what arrived behind the target, so nothing is known of losses."), "quiet")
            return
        yield _ledger(summary.ledger, t, drained=summary.course is None or summary.course.drained)
        for sentence, alarming in course_sentences(summary, summary.course, t) if summary.course else ():
            yield Prose(f"! {sentence}" if alarming else sentence, "warn" if alarming else "")
        if backlog is not None:
            yield backlog
        if summary.end_to_end:
            ends = {kind: one.intended for kind, one in summary.end_to_end.items()}
            yield run_tables.latencies(t("message kind"), ends, t, t("From the intended time until arrival"))

    def _last(self) -> Iterator[Section]:
        yield definitions(f"{self.name}definitions", OF_RUN, self.t)


def _ledger(ledger: Reconciliation, t: Words, *, drained: bool) -> Grid:
    rows = ledger_rows(ledger, drained=drained, t=t)
    cells = tuple((name, f"{count:,}", note if count else "") for name, count, note in rows)
    return Grid(("", t("messages"), ""), cells, "lrl", t("Accepted against delivered"))
