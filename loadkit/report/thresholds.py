"""What was seen of thresholds, as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadkit.measure.histogram import smallest_sample
from loadkit.report.words import ENGLISH, Words
from loadkit.scenario.thresholds import parse_threshold

if TYPE_CHECKING:
    from loadkit.measure.summary import ThresholdLine


def observed(line: ThresholdLine) -> str:
    """What was seen, with more digits than elsewhere: a value just beyond its limit should not look equal to it.

    Args:
        line: A threshold of which something was seen.
    """
    assert line.observed is not None
    if line.check.startswith("count") or (line.metric == "backlog" and "/" not in line.check):
        return f"{line.observed:,.0f}"
    if "%" in line.check:
        return f"{line.observed * 100:.6g}%"
    if "/" in line.check:
        return f"{line.observed:,.2f}/s"
    return f"{line.observed * 1e3:,.2f} ms"


def unobserved(line: ThresholdLine, t: Words = ENGLISH) -> str:
    """Why nothing was seen of a threshold."""
    quantile = parse_threshold(line.metric, line.check).quantile
    if quantile is None:
        return t("nothing to observe")
    return t("n too small: below {least}", least=f"{smallest_sample(quantile):,}")
