"""Limits on how much worse a candidate may be: ``p(95):5%`` as a value, and its judgement."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from loadkit.analysis.change import DIRECTIONS, QUANTILES, Better
from loadkit.analysis.comparison import FLOOR_S, Comparison
from loadkit.measure.statistics import PHASE_METRICS
from loadkit.scenario.findings import suggest
from loadkit.scenario.thresholds import ThresholdError
from loadkit.units import UnitError, parse_ratio

_LIMIT = re.compile(r"(?:([a-z_]+)\s*)?(?:p\(\s*([0-9.]+)\s*\))?\s*:\s*(\S.*)")
_FIX = 'write one such as "p(95):5%", "dot p(99):10%", "success:0.1%" or "capacity:5%"'
_DURATIONS = {"": "response_time", "service": "service_time"} | {
    phase.value: metric.value for phase, metric in PHASE_METRICS.items()
}
_SINGLE = {"success": "failed", "capacity": "capacity", "throughput": "accepted_rate"}


class Judgement(StrEnum):
    """What data say of a limit."""

    EXCEEDED = "worse by more"
    KEPT = "not worse by more"
    OPEN = "not shown to be worse by more"
    UNKNOWN = "too little data to tell"


@dataclass(frozen=True, slots=True)
class Limit:
    """How much worse a figure may be.

    Args:
        text: The limit as written.
        metric: A key of `DIRECTIONS`, or ``failed``.
        figure: Which figure of it, such as ``p95``; empty for all.
        most: Ratio above 0 by which it may be worse; a share of all messages for ``failed``.
    """

    text: str
    metric: str
    figure: str
    most: float


def parse_limit(text: str) -> Limit:
    """Read a limit.

    Args:
        text: A percentile of the response time, or of what is named before it, or a metric of its own; then how much
            worse it may be.

    Raises:
        ThresholdError: If it is not understood.

    Examples:
        >>> parse_limit("p(95):5%")
        Limit(text='p(95):5%', metric='response_time', figure='p95', most=0.05)
        >>> parse_limit("dot p(99):10%").metric, parse_limit("success:0.1%").most
        ('phase_dot', 0.001)
    """
    match = _LIMIT.fullmatch(text.strip())
    if not match:
        raise ThresholdError(f"{text!r} is no limit", fix=_FIX)
    name, percent, worse = match[1] or "", match[2], match[3]
    known = _SINGLE if percent is None else _DURATIONS
    if name not in known:
        asked = f"{name!r} is nothing that is compared" if name else "a percentile or a metric is missing"
        if name in (*_DURATIONS, *_SINGLE) and name:
            asked = f"{name} needs a percentile" if percent is None else f"{name} has no percentiles"
        raise ThresholdError(asked, fix=suggest(name, tuple(filter(None, known))) or _FIX)
    figure = "" if percent is None else f"p{percent}"
    if figure and figure not in QUANTILES:
        names = ", ".join(f"p({one[1:]})" for one in QUANTILES)
        raise ThresholdError(f"p({percent}) is not compared", fix=f"one of {names}")
    try:
        most = parse_ratio(worse)
    except UnitError as error:
        raise ThresholdError(str(error), fix=_FIX) from error
    if most < 0 or (percent is None and most >= 1):
        raise ThresholdError(f"{worse} is no share that it may be worse by", fix=_FIX)
    return Limit(text.strip(), known[name], figure, most)


@dataclass(frozen=True, slots=True)
class Judged:
    """A limit, and what became of it.

    Args:
        limit: The limit as written.
        candidate: Whose figure.
        figure: Which one, where the limit is on several.
        judgement: What the data say.
        why: Why they say nothing; empty otherwise.
    """

    limit: str
    candidate: str
    figure: str
    judgement: Judgement
    why: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The judgement as plain JSON values."""
        return dataclasses.asdict(self)


def judge_limit(limit: Limit, comparison: Comparison) -> tuple[Judged, ...]:
    """Judge a limit by the intervals of a comparison.

    Notes:
        It is exceeded if all of the interval lies beyond it, and kept if all lies within. Times that differ by less
        than `FLOOR_S` exceed none.
    """

    def judged(figure: str, low: float, high: float, why: str) -> Judged:
        """Low and high say by how much it is worse."""
        if why:
            return Judged(limit.text, comparison.candidate, figure, Judgement.UNKNOWN, why)
        within = Judgement.KEPT if high <= limit.most else Judgement.OPEN
        return Judged(limit.text, comparison.candidate, figure, Judgement.EXCEEDED if low > limit.most else within)

    if limit.metric == "failed" and comparison.failed is not None:
        failed = comparison.failed
        return (judged("", failed.low, failed.high, failed.refused),)
    found = []
    for change in comparison.changes:
        if change.metric == limit.metric and limit.figure in ("", change.figure):
            ends = (change.low - 1, change.high - 1)
            if DIRECTIONS[change.metric] is Better.HIGHER:
                ends = (1 - change.high, 1 - change.low)
            if limit.figure and abs(change.candidate - change.baseline) < FLOOR_S:
                ends = (min(ends[0], limit.most), ends[1])
            figure = "" if limit.figure else change.figure
            found.append(judged(figure, *ends, change.refused))
    return tuple(found) or (judged("", math.nan, math.nan, "it was not measured on both sides"),)
