"""Goals of a search: ``p(99) < 500ms`` and ``success >= 99.95%`` as the share of messages that may be bad."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from loadkit.scenario.thresholds import ThresholdError, parse_threshold
from loadkit.units import UnitError, parse_ratio

_SUCCESS = re.compile(r"success\s*>=?\s*(\S.*)")
_FIX = 'write one such as "p(99) < 500ms" or "success >= 99.95%"'


class Criterion(StrEnum):
    """What makes a load too much."""

    LATENCY = "latency"
    ERRORS = "errors"
    BACKLOG = "backlog"


@dataclass(frozen=True, slots=True)
class Goal:
    """How many messages may be bad, and what makes one bad.

    Args:
        text: The goal as written.
        allowed: Share of messages that may be bad, in (0, 1).
        limit_s: Response time in seconds above which a message is bad; None where only failed messages are.
    """

    text: str
    allowed: float
    limit_s: float | None = None

    def __repr__(self) -> str:
        return f"<Goal {self.text}: at most {self.allowed:.4g} bad>"

    def to_dict(self) -> dict[str, Any]:
        """The goal as plain JSON values."""
        return dataclasses.asdict(self)


def parse_goal(text: str) -> Goal:
    """Read a goal.

    Args:
        text: A percentile of the response time with its limit, or a least share of successes.

    Raises:
        ThresholdError: If it is neither.

    Examples:
        >>> parse_goal("p(99) < 500ms")
        <Goal p(99) < 500ms: at most 0.01 bad>
        >>> parse_goal("success >= 99.95%")
        <Goal success >= 99.95%: at most 0.0005 bad>
    """
    stripped = text.strip()
    if success := _SUCCESS.fullmatch(stripped):
        return Goal(stripped, _allowed(success[1]))
    threshold = parse_threshold("transaction_duration", stripped)
    if threshold.quantile is None or threshold.operator not in ("<", "<=") or threshold.limit <= 0:
        raise ThresholdError(f"{stripped!r} is no goal for a capacity", fix=_FIX)
    return Goal(stripped, round(1 - threshold.quantile, 12), threshold.limit)


def _allowed(percent: str) -> float:
    try:
        ratio = parse_ratio(percent)
    except UnitError as error:
        raise ThresholdError(str(error), fix=_FIX) from error
    if not 0 < ratio < 1:
        raise ThresholdError(f"a success rate of {percent} can't be shown by a test", fix='write "success >= 99.95%"')
    return round(1 - ratio, 12)
