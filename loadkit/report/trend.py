"""Capacity over time: what searches found, by target, scenario and goal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from loadkit.report.capacity import rate_text
from loadkit.report.tables import NONE
from loadkit.report.words import ENGLISH, Words

if TYPE_CHECKING:
    from loadkit.analysis.search import GoalResult


@dataclass(frozen=True, slots=True)
class Finding:
    """What a search found of a goal.

    Args:
        name: The folder's name.
        at: Unix time of its begin.
        target: The target.
        scenario: The scenario's name.
        result: What is known of the goal.
    """

    name: str
    at: float
    target: str
    scenario: str
    result: GoalResult

    @property
    def series(self) -> tuple[str, str, str]:
        """Findings of the same target, scenario and goal can be compared."""
        return (self.target, self.scenario, self.result.goal.text)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        result = self.result
        return {
            "ladder": self.name,
            "at": self.at,
            "target": self.target,
            "scenario": self.scenario,
            "goal": result.goal.text,
            "lower_per_s": result.lower_per_s,
            "upper_per_s": result.upper_per_s,
            "confirmed": result.confirmed,
        }


def by_series(findings: Iterable[Finding]) -> Iterator[tuple[tuple[str, str, str], list[Finding]]]:
    """Findings that can be compared, the oldest first."""
    ordered = sorted(findings, key=lambda one: (one.series, one.at))
    for series, group in groupby(ordered, key=lambda one: one.series):
        yield series, list(group)


def trend_header(t: Words = ENGLISH) -> tuple[str, ...]:
    """Names of the columns of `trend_rows`."""
    return (t("target"), t("scenario"), t("goal"), t("when"), t("lower bound"), t("upper bound"), t("change"))


def trend_rows(findings: Iterable[Finding], t: Words = ENGLISH) -> Iterator[tuple[str, ...]]:
    """Rows of a table: brackets over time, with the change since the one before."""
    for series, group in by_series(findings):
        for number, one in enumerate(group):
            when = f"{datetime.fromtimestamp(one.at, UTC):%Y-%m-%d %H:%M}"
            lower, upper = (
                NONE if rate is None else rate_text(rate) for rate in (one.result.lower_per_s, one.result.upper_per_s)
            )
            yield (*series, when, lower, upper, change(group[number - 1 : number], one, t))


def change(before: Sequence[Finding], now: Finding, t: Words = ENGLISH) -> str:
    """By how much capacity changed, where the brackets are apart; ``same`` where they overlap.

    Args:
        before: The finding before, or nothing.
        now: The finding.
        t: The language.

    Notes:
        A capacity is only known to lie within its bracket, so two of them differ surely where the lower bound of one
        is not below the upper bound of the other.
    """
    if not before:
        return NONE
    old_low, old_high = before[0].result.lower_per_s, before[0].result.upper_per_s
    low, high = now.result.lower_per_s, now.result.upper_per_s
    if not old_low or not low:
        return NONE
    apart = (old_high is not None and low >= old_high) or (high is not None and high <= old_low)
    return f"{low / old_low - 1:+.0%}" if apart else t("same: brackets overlap")
