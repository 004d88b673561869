"""Thresholds: ``p(99) < 2s`` on a metric as a value, and its evaluation against measured statistics."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, Protocol, cast

from loadkit.scenario.findings import suggest
from loadkit.smtp.outcome import SETUP_PHASES, TRANSACTION_PHASES
from loadkit.units import (
    DURATION_PATTERN,
    RATE_PATTERN,
    RATIO_PATTERN,
    UnitError,
    parse_duration,
    parse_rate,
    parse_ratio,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Statistic = Literal["p", "avg", "min", "max", "rate", "count", "end", "slope"]
Operator = Literal["<", "<=", ">", ">=", "==", "!="]
Tags = tuple[tuple[str, str], ...]

COUNT_PATTERN = r"[0-9]{1,15}"


class ThresholdError(ValueError):
    """The text is no threshold.

    Args:
        message: What is wrong, in words.
        fix: What to write instead; may be empty.
    """

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Threshold:
    """One condition on one statistic of one metric.

    Args:
        metric: Name of the metric, a key of `METRICS`.
        tags: Pairs of tag and value that narrow the metric, sorted by tag.
        statistic: ``p`` for a quantile, else the statistic's name.
        quantile: The quantile in (0, 1) for ``p``, else None.
        operator: The comparison that must hold between the observed value and the limit.
        limit: Seconds for durations, a ratio for shares, per second for rates, a number for counts.
        text: The condition as written.
        abort_on_fail: Whether the run stops as soon as the condition fails.
        delay_s: Seconds after the run's start before the condition may abort it.
    """

    metric: str
    tags: Tags
    statistic: Statistic
    quantile: float | None
    operator: Operator
    limit: float
    text: str
    abort_on_fail: bool = False
    delay_s: float = 0.0

    @property
    def metric_key(self) -> str:
        """The metric with its tags, as written in a scenario."""
        tags = ",".join(f"{tag}:{value}" for tag, value in self.tags)
        return f"{self.metric}{{{tags}}}" if tags else self.metric

    def __str__(self) -> str:
        return f"{self.metric_key}: {self.text}"


@dataclass(frozen=True, slots=True)
class ThresholdResult:
    """A threshold and what was observed.

    Args:
        threshold: The threshold.
        observed: The statistic in the limit's unit, or None where there is too little data for it.
        passed: Whether the condition held, or None where nothing could be observed.
    """

    threshold: Threshold
    observed: float | None
    passed: bool | None


class Statistics(Protocol):
    """Whoever can answer for a metric's statistic, such as the recorder."""

    def value(self, metric: str, tags: Mapping[str, str], statistic: str, quantile: float | None) -> float | None:
        """The statistic over the measured stages.

        Args:
            metric: A key of `METRICS`.
            tags: Tags that narrow it; empty for all.
            statistic: One of `Statistic`; ``p`` is the quantile.
            quantile: In (0, 1) for ``p``, else None.

        Returns:
            Seconds, ratio, per second or count; None without data, or with too little for the quantile.
        """


@dataclass(frozen=True, slots=True)
class Metric:
    """What may be asked of a metric.

    Args:
        statistics: Statistic and how its limit is read, in seconds, as a ratio, per second or as a count.
        tags: Tags that may narrow it.
        required_tag: A tag without which it has no meaning; may be empty.
        after_the_run: Whether it is known only when the far end was asked.
    """

    statistics: Mapping[str, Callable[[str], float]]
    tags: tuple[str, ...] = ("kind", "stage")
    required_tag: str = ""
    after_the_run: bool = False


def _parse_count(text: str) -> float:
    if not re.fullmatch(COUNT_PATTERN, text):
        raise UnitError(f"{text!r} is not a count: write a whole number without a unit")
    return float(text)


_DURATION = dict.fromkeys(("p", "avg", "min", "max", "med"), parse_duration)
_SHARE: dict[str, Callable[[str], float]] = {"rate": parse_ratio, "count": _parse_count}

METRICS: Mapping[str, Metric] = {
    "transaction_duration": Metric(_DURATION),
    "service_duration": Metric(_DURATION),
    "phase_duration": Metric(_DURATION, ("kind", "stage", "phase"), "phase"),
    "schedule_lag": Metric(_DURATION),
    "transaction_failed": Metric(_SHARE),
    "arrivals_dropped": Metric(_SHARE),
    "transactions": Metric({"rate": parse_rate, "count": _parse_count}),
    "backlog": Metric({"max": _parse_count, "end": _parse_count, "slope": parse_rate}, (), after_the_run=True),
    "end_to_end_duration": Metric(_DURATION, ("kind",), after_the_run=True),
    "delivered": Metric({"rate": parse_rate, "count": _parse_count}, (), after_the_run=True),
}

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_KEY = re.compile(r"([^{}]*)(?:\{([^{}]*)\})?")
_CONDITION = re.compile(r"([a-z_]+)\s*(?:\(\s*([0-9]{1,2}(?:\.[0-9]{1,6})?)\s*\))?\s*(<=|>=|==|!=|<|>)\s*(\S.*)")
LIMIT_PATTERNS: Mapping[Callable[[str], float], str] = {
    parse_duration: DURATION_PATTERN,
    parse_rate: RATE_PATTERN,
    parse_ratio: RATIO_PATTERN,
    _parse_count: COUNT_PATTERN,
}
_PHASES = tuple(phase.value for phase in (*SETUP_PHASES, *TRANSACTION_PHASES))
_SETUP_PHASES = frozenset(phase.value for phase in SETUP_PHASES)


def parse_threshold(metric_key: str, text: str, *, abort_on_fail: bool = False, delay_s: float = 0.0) -> Threshold:
    """Read a threshold.

    Args:
        metric_key: The metric, with tags in braces: ``phase_duration{phase:rcpt}``.
        text: Statistic, comparison and limit with its unit: ``p(99) < 2s``.
        abort_on_fail: Carried into the result.
        delay_s: Carried into the result, in seconds.

    Raises:
        ThresholdError: If the metric, a tag, the statistic or the limit is not understood.
    """
    name, tags = parse_metric_key(metric_key)
    match = _CONDITION.fullmatch(text.strip())
    if not match:
        raise ThresholdError(f"{text!r} is not a condition", fix='write one such as "p(99) < 2s" or "rate < 0.1%"')
    if abort_on_fail and METRICS[name].after_the_run:
        raise ThresholdError(f"{name} is known after the run alone, so it can't end it", fix="remove abort_on_fail")
    word, percent, comparison, limit = match.groups()
    statistic, quantile = _statistic(name, word, percent)
    return Threshold(
        metric=name,
        tags=tags,
        statistic=statistic,
        quantile=quantile,
        operator=cast("Operator", comparison),
        limit=_limit(name, word, limit),
        text=text.strip(),
        abort_on_fail=abort_on_fail,
        delay_s=delay_s,
    )


def parse_metric_key(metric_key: str) -> tuple[str, Tags]:
    """Split ``metric{tag:value,...}`` and check that the metric may carry these tags.

    Returns:
        The metric's name and its tags, sorted.

    Raises:
        ThresholdError: If the metric or a tag is unknown, or a required tag is missing.
    """
    match = _KEY.fullmatch(metric_key.strip())
    if not match:
        raise ThresholdError(f"{metric_key!r} is not a metric", fix="write name or name{tag:value}")
    name = match[1].strip()
    metric = METRICS.get(name)
    if metric is None:
        raise ThresholdError(f"{name!r} is not a metric", fix=suggest(name, METRICS))
    tags = _parse_tags(match[2] or "", metric)
    if metric.required_tag and metric.required_tag not in tags:
        fix = f"{name}{{{metric.required_tag}:{TRANSACTION_PHASES[0].value}}}"
        raise ThresholdError(f"{name} needs the tag {metric.required_tag}", fix=f"write for example {fix}")
    if tags.get("phase") in _SETUP_PHASES and len(tags) > 1:
        raise ThresholdError(f"phase {tags['phase']} sets up a session, which has no kind and no stage")
    return name, tuple(sorted(tags.items()))


def evaluate(threshold: Threshold, statistics: Statistics) -> ThresholdResult:
    """Compare a threshold with what was measured."""
    observed = statistics.value(threshold.metric, dict(threshold.tags), threshold.statistic, threshold.quantile)
    passed = None if observed is None else _OPERATORS[threshold.operator](observed, threshold.limit)
    return ThresholdResult(threshold, observed, passed)


def _parse_tags(text: str, metric: Metric) -> dict[str, str]:
    tags: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        tag, colon, value = (piece.strip() for piece in part.partition(":"))
        if tag not in metric.tags:
            raise ThresholdError(f"{tag!r} is not a tag of this metric", fix=suggest(tag, metric.tags))
        if not colon or not value:
            raise ThresholdError(f"tag {tag} has no value", fix=f"write {tag}:value")
        if tag in tags:
            raise ThresholdError(f"tag {tag} is given twice")
        if tag == "phase" and value not in _PHASES:
            raise ThresholdError(f"{value!r} is not a phase", fix=suggest(value, _PHASES))
        tags[tag] = value
    return tags


def _statistic(metric: str, word: str, percent: str | None) -> tuple[Statistic, float | None]:
    known = METRICS[metric].statistics
    if word not in known:
        raise ThresholdError(f"{metric} has no statistic {word!r}", fix=suggest(word, known))
    if (word == "p") != (percent is not None):
        raise ThresholdError(f"{word!r} is not understood here", fix="only p takes a percentile, such as p(95)")
    if word == "med":
        percent = "50"
    if percent is None:
        return cast("Statistic", word), None
    quantile = float(Decimal(percent) / 100)
    if quantile == 0:
        raise ThresholdError("p(0) is no percentile", fix="write min")
    return "p", quantile


def _limit(metric: str, word: str, text: str) -> float:
    try:
        return METRICS[metric].statistics[word](text)
    except UnitError as error:
        raise ThresholdError(str(error)) from error
