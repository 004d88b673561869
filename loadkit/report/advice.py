"""What to do after a run, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from loadkit.measure.validity import Verdict
from loadkit.report.tables import milliseconds
from loadkit.report.words import ENGLISH, Words
from loadkit.smtp.outcome import TRANSACTION_PHASES, OutcomeClass

if TYPE_CHECKING:
    from loadkit.measure.ends import OutcomeLine
    from loadkit.measure.reconciliation import Reconciliation
    from loadkit.measure.summary import Summary


def advice(summary: Summary, run_id: str, t: Words = ENGLISH) -> Iterator[str]:
    """Sentences on what to do next; none where a run passed.

    Args:
        summary: What the run came to.
        run_id: The run's id, which its messages carry.
        t: The language.
    """
    if summary.verdict is Verdict.INVALID:
        yield t("The run says nothing about the target: change what VALIDITY names after each !, and run again.")
    elif summary.verdict is Verdict.INTERRUPTED:
        yield t("The run was cut short, so its thresholds prove nothing: let it come to its end.")
    elif summary.verdict is Verdict.FAILED:
        yield from _unmet(summary, t)
        if summary.ledger is not None:
            yield from _unfaithful(summary, summary.ledger, run_id, t)
    elif not summary.thresholds:
        yield t("No threshold was set, so nothing was demanded of the target: add thresholds to the scenario.")


def _unmet(summary: Summary, t: Words) -> Iterator[str]:
    failed = [line.metric for line in summary.thresholds if line.passed is False]
    if failed:
        yield t("Thresholds not met: {failed} of {all}.", failed=len(failed), all=len(summary.thresholds))
    if any(metric.startswith(("transaction_duration", "service_duration")) for metric in failed):
        yield from _slowest_step(summary, t)
    if any(metric.startswith("transaction_failed") for metric in failed):
        yield from _commonest_failure(summary.outcomes, t)
    if any(metric.startswith("arrivals_dropped") for metric in failed):
        yield t("Arrivals were dropped because all sessions were busy: raise sessions.max, or lower the rate.")
    if summary.course is not None and summary.course.backlog.grows:
        yield t("Mail is accepted faster than it is delivered: lower the rate, or speed up what delivers it.")
    if any(line.passed is None for line in summary.thresholds):
        yield t("A threshold had too few values to be judged: let the measured stages last longer.")


def _slowest_step(summary: Summary, t: Words) -> Iterator[str]:
    steps = {t("waiting for a session"): summary.wait}
    steps |= {phase.value: summary.phases[phase.value] for phase in TRANSACTION_PHASES if phase.value in summary.phases}
    means_s = {name: latency.mean_s for name, latency in steps.items() if latency.mean_s}
    if means_s:
        slowest = max(means_s, key=means_s.__getitem__)
        yield t(
            "Slowest step of a message: {step}, {mean} ms on average.",
            step=slowest,
            mean=milliseconds(means_s[slowest]),
        )


def _commonest_failure(lines: Sequence[OutcomeLine], t: Words) -> Iterator[str]:
    failures = [line for line in lines if line.kind != OutcomeClass.ACCEPTED]
    if failures:
        first, total = failures[0], sum(line.count for line in failures)
        yield t(
            "Most frequent failure: {end}, {count} of {all}.",
            end=t("{kind} at {phase}", kind=t(first.kind), phase=first.phase),
            count=f"{first.count:,}",
            all=f"{total:,}",
        )


def _unfaithful(summary: Summary, ledger: Reconciliation, run_id: str, t: Words) -> Iterator[str]:
    drained = summary.course is None or summary.course.drained
    counts = {
        t("lost") if drained else t("not arrived within the drain time"): ledger.lost,
        t("duplicated"): ledger.duplicated,
        t("corrupted"): ledger.corrupted,
        t("unexpected"): ledger.unexpected,
    }
    wrong = [f"{count:,} {name}" for name, count in counts.items() if count]
    if wrong:
        yield t(
            "What arrived is not what the target accepted: {wrong}. "
            "A message carries its number in X-Loadkit-Id: {run_id}.<sender>.<number>.",
            wrong=", ".join(wrong),
            run_id=run_id,
        )
