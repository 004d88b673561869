"""A comparison in words: every figure with its interval, what it comes to, and what would decide the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from loadkit.analysis.change import Change, Outcome
from loadkit.analysis.comparison import Comparison, ShareChange
from loadkit.analysis.regression import Judgement
from loadkit.report.capacity import rate_text
from loadkit.report.tables import NONE, Row, milliseconds, table
from loadkit.units import format_duration

if TYPE_CHECKING:
    from loadkit.analysis.regression import Judged
    from loadkit.plan.capacity_cost import HourPrice

_NAMES = {
    "accepted_rate": "throughput",
    "cost_per_million": "a million cost",
    "response_time": "response time",
    "service_time": "service time",
}
_VERDICTS = {
    Outcome.BETTER: ("better", "green"),
    Outcome.WORSE: ("worse", "red"),
    Outcome.SAME: ("no difference", ""),
    Outcome.UNDECIDED: ("no difference seen", "yellow"),
}
_TOO_LITTLE = ("too little data", "yellow")
_MARKS = {
    Judgement.EXCEEDED: ("✗", "red"),
    Judgement.KEPT: ("✓", "green"),
    Judgement.OPEN: ("✓", "green"),
    Judgement.UNKNOWN: ("?", "yellow"),
}
_TIMES = 10.0
_FOREVER = 10_000
"""Runs or batches beyond which no number is named."""


def render_comparisons(
    comparisons: Sequence[Comparison], judged: Sequence[Judged] = (), prices: Sequence[HourPrice] = ()
) -> RenderableType:
    """Each candidate beside the baseline, then the limits.

    Args:
        comparisons: At least one.
        judged: What became of the limits.
        prices: An hour of each side's instance, where costs are compared.
    """
    parts: list[RenderableType] = []
    for comparison in comparisons:
        parts += [*_comparison(comparison), Text()]
    if prices:
        parts += [
            Text("PRICES", "bold"),
            Padding(table("lllw", [_price_row(one) for one in prices]), (0, 0, 0, 2)),
            Text(),
        ]
    if judged:
        rows = [_judged_row(one) for one in judged]
        parts += [Text("LIMITS", "bold"), Padding(table("lwlww", rows), (0, 0, 0, 2))]
    return Group(*(parts if judged else parts[:-1]))


def _price_row(one: HourPrice) -> Row:
    price = one.price
    day = f"as of {price.as_of.isoformat()}" if price.as_of else "undated"
    grade = f"grade {price.grade.value}, may be {price.grade.spread:.0%} off; {day}; {price.source}"
    return (one.side, one.instance_type, f"{price.shown} {price.currency} an hour", grade)


def _judged_row(one: Judged) -> Row:
    return (Text(*_MARKS[one.judgement]), one.limit, one.figure, one.judgement.value, f"{one.candidate} {one.why}")


def _comparison(comparison: Comparison) -> Iterator[RenderableType]:
    yield Text.assemble((comparison.candidate, "bold"), " beside the baseline ", (comparison.baseline, "bold"))
    # Where there are too few batches for any scatter, one line says so for all four quantiles.
    shown = [one for one in comparison.changes if one.figure in ("", "p50") or not math.isnan(one.baseline)]
    rows = [_row(change, comparison) for change in shown]
    if comparison.failed is not None:
        rows.insert(1, _failed_row(comparison.failed, comparison))
    header = ("", "", "baseline", "other", "change", "95% interval", "")
    yield Padding(table("llrrrrw", rows, header), (0, 0, 0, 2))
    yield Text(_basis(comparison), "dim")
    if comparison.differs:
        yield Text(f"Not set up alike: {'; '.join(comparison.differs)}.", "yellow")


def _basis(comparison: Comparison) -> str:
    counts = " and ".join(f"{count:,}" for count in comparison.units)
    if comparison.unit == "runs":
        return f"Times are in ms. Intervals rest on {counts} runs, and tell how much runs of the same differ."
    if comparison.unit == "searches":
        if max(comparison.units) == 1:
            return "Intervals are those of one search each; three of each would tell how much searches differ."
        return f"Intervals rest on {counts} searches."
    length = format_duration(comparison.batch_s)
    return (
        f"Times are in ms. Intervals rest on {counts} batches of {length}, and tell of these runs alone: how much two "
        "runs of the same differ is not in them. Three runs of each side would show it."
    )


def _row(change: Change, comparison: Comparison) -> Row:
    if change.metric == "cost_per_million":
        figures = [_known(one, "{:,.4g}".format) for one in (change.baseline, change.candidate)]
    elif change.metric in ("capacity", "accepted_rate"):
        figures = [
            NONE if math.isnan(one) or one <= 0 else rate_text(one) for one in (change.baseline, change.candidate)
        ]
    else:
        figures = [_known(one, milliseconds) for one in (change.baseline, change.candidate)]
    ends = NONE if math.isnan(change.low) else f"{_change(change.low)} to {_change(change.high)}"
    ratio = NONE if math.isnan(change.ratio) or change.refused else _change(change.ratio)
    name = _NAMES.get(change.metric) or change.metric.replace("phase_", "")
    # A name once is enough for its four quantiles.
    shown = name if change.figure in ("", "p50") or change.metric in ("capacity", "cost_per_million") else ""
    return (shown, change.figure, *figures, ratio, ends, _verdict(change, comparison))


def _failed_row(change: ShareChange, comparison: Comparison) -> Row:
    figures = [_known(one, "{:.2%}".format) for one in (change.baseline, change.candidate)]
    if math.isnan(change.low):
        middle = (NONE, NONE)
    else:
        points = 100 * (change.candidate - change.baseline)
        middle = (f"{points:+.2f} pt", f"{100 * change.low:+.2f} to {100 * change.high:+.2f}")
    return ("failed", "", *figures, *middle, _verdict(change, comparison))


def _change(ratio: float) -> str:
    """A ratio as a change in per cent, or in times where per cents would be too many to grasp."""
    return f"{ratio - 1:+.1%}" if ratio < _TIMES else f"x{ratio:.3g}"


def _known(value: float, write: Callable[[float], str]) -> str:
    return NONE if math.isnan(value) else write(value)


def _verdict(change: Change | ShareChange, comparison: Comparison) -> Text:
    words, style = _TOO_LITTLE if change.refused and change.units_needed else _VERDICTS[change.outcome]
    if change.refused and not change.units_needed:
        return Text(change.refused, style)
    needed = "" if change.units_needed is None else f"; {_to_tell(change.units_needed, comparison)}"
    return Text(f"{words}{needed}", style)


def _to_tell(needed: int, comparison: Comparison) -> str:
    """What each side would need for a decision, by the widths of now."""
    if needed > _FOREVER:
        return "no test would do"
    if comparison.unit == "batches":
        return f"needs {format_duration(math.ceil(needed * comparison.batch_s))}"
    return f"needs {needed:,} {comparison.unit}"
