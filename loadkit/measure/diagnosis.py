"""What a run met on the server's side: limits that protect it, told from how messages and sessions ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadkit.measure.ends import is_measured, outcome_lines
from loadkit.measure.histogram import Histogram
from loadkit.measure.rules import RULES, Finding, Rule
from loadkit.measure.statistics import RETRY, SESSION_END, SETUP, Metric

if TYPE_CHECKING:
    from loadkit.measure.ends import OutcomeLine
    from loadkit.measure.statistics import OutcomeCount, RunStatistics

_SLOW_S = 0.5
_SLOW_SHARE = 0.2
_SLOW_FEWEST = 5
_PEAK_FEWEST = 10
_PEAK_SHARE = 0.5
_COUNTED_MOST = 2000
"""Messages that a histogram of microseconds still tells apart one by one."""
_LISTED_REPLIES = 3
_UNEXPLAINED = ("", "closed", "closed_idle", "reset", "too_many_messages")
"""Reasons of sessions' ends that a limit on messages may be behind."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What rules look at.

    Args:
        messages: Ends of the measured messages.
        setups: Ends of session set-ups.
        retries: Attempts that were refused and followed by another, and acceptances at another attempt.
        session_ends: Ends of sessions that the server ended.
        service: Service time of the measured messages.
        refused: That of those that a reply refused.
        ehlo: Times of EHLO.
        closed_after: Messages that sessions had carried when the server ended them, as microseconds.
    """

    messages: tuple[OutcomeLine, ...]
    setups: tuple[OutcomeLine, ...]
    retries: tuple[OutcomeLine, ...]
    session_ends: tuple[OutcomeLine, ...]
    service: Histogram
    refused: Histogram
    ehlo: Histogram
    closed_after: Histogram


def evidence_of(statistics: RunStatistics, outcomes: Sequence[OutcomeCount]) -> Evidence:
    """What a run leaves for `diagnose`."""
    setups, retries, session_ends = (
        outcome_lines(one for one in outcomes if not one.stage and one.kind == what)
        for what in (SETUP, RETRY, SESSION_END)
    )
    plan = statistics.plan
    mail = [one for one in outcomes if one.stage and is_measured(plan, one.stage) and one.kind in plan.mail_kinds]
    return Evidence(
        messages=outcome_lines(mail),
        setups=setups,
        retries=retries,
        session_ends=session_ends,
        service=_of_mail(statistics, Metric.SERVICE_TIME),
        refused=statistics.histogram(Metric.REFUSED_SERVICE_TIME),
        ehlo=statistics.histogram(Metric.EHLO),
        closed_after=statistics.histogram(Metric.CLOSED_AFTER),
    )


def _of_mail(statistics: RunStatistics, metric: Metric) -> Histogram:
    if not statistics.plan.routes:
        return statistics.histogram(metric)
    merged = Histogram()
    for kind in statistics.plan.mail_kinds:
        merged.merge(statistics.histogram(metric, kind=kind))
    return merged


def diagnose(evidence: Evidence) -> tuple[Finding, ...]:
    """Every rule of the catalogue that something was seen for, in its order."""
    timed = {"tar_pit": _tar_pit(evidence), "closed_after": _closed_after(evidence)}
    found = []
    for rule in RULES:
        seen, messages, sessions = (timed[rule.name], 0, 0) if rule.name in timed else _counted(rule, evidence)
        if seen:
            found.append(Finding(rule.name, seen, rule.why, rule.fix, rule.source, messages, sessions))
    return tuple(found)


def _counted(rule: Rule, evidence: Evidence) -> tuple[str, int, int]:
    """What was seen of a rule that counts ends; the messages and the sessions that met it."""
    messages, setups, retries, ends = (
        [line for line in lines if rule.matches(line)]
        for lines in (evidence.messages, evidence.setups, evidence.retries, evidence.session_ends)
    )
    told = (
        _share(messages, evidence.messages, "messages"),
        _again(retries, evidence.retries),
        _share(setups, evidence.setups, "session set-ups"),
        f"{_total(ends):,} sessions ended by the server" if ends else "",
    )
    seen = "; ".join(part for part in told if part)
    if seen:
        seen += f": {_replies([*messages, *setups, *retries, *ends])}"
    return seen, _total(messages) + _total(retries), _total(setups) + _total(ends)


def _share(lines: Sequence[OutcomeLine], every: Sequence[OutcomeLine], what: str) -> str:
    count, whole = _total(lines), _total(every)
    return f"{count:,} of {whole:,} {what} ({count / whole:.2%})" if count else ""


def _again(lines: Sequence[OutcomeLine], every: Sequence[OutcomeLine]) -> str:
    if not lines:
        return ""
    passed = _total([line for line in every if line.kind == "accepted"])
    return f"{_total(lines):,} attempts that were followed by another ({passed:,} messages passed at one)"


def _replies(lines: Sequence[OutcomeLine]) -> str:
    ends = dict.fromkeys(
        " ".join(part for part in (str(line.code or line.reason), line.enhanced, "at", line.phase) if part)
        for line in lines
    )
    listed = list(ends)[:_LISTED_REPLIES]
    return ", ".join(listed) + (", ..." if len(ends) > len(listed) else "")


def _total(lines: Sequence[OutcomeLine]) -> int:
    return sum(line.count for line in lines)


def _tar_pit(evidence: Evidence) -> str:
    """Refusals that took far longer than everything else; where nothing else ended, longer than EHLO."""
    refused, service = evidence.refused, evidence.service
    slow, others = _slow(refused), service.total - refused.total
    slow_others = _slow(service) - slow
    if not others:
        others, slow_others = evidence.ehlo.total, _slow(evidence.ehlo)
    if refused.total < _SLOW_FEWEST or not others:
        return ""
    share, other_share = slow / refused.total, slow_others / others
    if share < _SLOW_SHARE or other_share > share / 5:
        return ""
    return (
        f"{slow:,} of {refused.total:,} refused messages took longer than {_SLOW_S} s ({share:.2%}), of what was not "
        f"refused {other_share:.2%}"
    )


def _slow(histogram: Histogram) -> int:
    return histogram.total - histogram.counts_up_to_s([_SLOW_S])[0]


def _closed_after(evidence: Evidence) -> str:
    """Sessions that the server ended, most of them after the same number of messages and without another cause."""
    carried = evidence.closed_after
    unexplained = _total([line for line in evidence.session_ends if line.reason in _UNEXPLAINED])
    if carried.total < _PEAK_FEWEST or unexplained < _PEAK_SHARE * carried.total:
        return ""
    number = round(carried.quantile_s(_PEAK_SHARE) * 1e6)
    below, up_to = carried.counts_up_to_s([(number - 1) / 1e6, number / 1e6])
    same = up_to - below
    if not 1 <= number <= _COUNTED_MOST or same < _PEAK_SHARE * carried.total:
        return ""
    return f"{same:,} of {carried.total:,} sessions that the server ended had carried exactly {number:,} messages"
