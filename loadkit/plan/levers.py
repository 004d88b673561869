"""Levers of cost: which assumption a printed saving rests on, and whether it is plausible."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from loadkit.plan.bill import rounded

if TYPE_CHECKING:
    from collections.abc import Callable

LeverKind = Literal["elastic", "cold", "by_use"]
Verdict = Literal["plausible", "doubtful", "impossible", "reproduced", "not reproduced"]

LEAST_NODES = 2
"""Servers that stay at all times, for one alone is no service while it fails."""

_HOURS_PER_DAY = 24


@dataclass(frozen=True, slots=True)
class Lever:
    """What a saving is said to come from; one assumption may be open.

    Args:
        kind: ``elastic``: in quiet hours only a base of the servers runs, all paid by the hour. ``cold``: part of the
            data lies in a cheaper class. ``by_use``: paid by the hour of use instead of by subscription.
        first: ``elastic``: share of the hours that run on the base. ``cold``: share of the data that is cold.
            ``by_use``: share of the hours that it is in use. None to be solved for.
        second: ``elastic``: share of the servers that is the base. ``cold``: price of the cold class over the hot
            one's. ``by_use``: price of a subscription over that of all hours of the same month. None likewise.
        extent: ``elastic``: servers at the peak. ``cold``: days that data is kept. None where unknown.

    Raises:
        ValueError: If both assumptions are open.
    """

    kind: LeverKind
    first: float | None
    second: float | None
    extent: int | None = None

    def __post_init__(self) -> None:
        if self.first is None and self.second is None:
            raise ValueError("one of the two assumptions must be stated")


@dataclass(frozen=True, slots=True)
class Explanation:
    """A printed saving and what it takes.

    Args:
        kind: The lever.
        before: Cost without it, as printed.
        after: Cost with it, as printed.
        assumptions: By name, stated and solved ones.
        solved: Name of the assumption that was solved for; empty where all were stated.
        reproduced: Cost with the lever that the assumptions give.
        verdict: Whether what was solved for is plausible; or whether what was stated gives what is printed.
        because: Why, in words.
    """

    kind: LeverKind
    before: Decimal
    after: Decimal
    assumptions: dict[str, float]
    solved: str
    reproduced: Decimal
    verdict: Verdict
    because: str


@dataclass(frozen=True, slots=True)
class _Formula:
    """Share of the cost that is still paid, by two assumptions, and its inverses."""

    names: tuple[str, str]
    paid: Callable[[float, float], float]
    solve_first: Callable[[float, float], float]
    solve_second: Callable[[float, float], float]


def _partly_cheaper(names: tuple[str, str]) -> _Formula:
    """A part of the cost falls to a share of itself: paid = 1 - part x (1 - share)."""
    return _Formula(
        names,
        paid=lambda part, share: 1 - part * (1 - share),
        solve_first=lambda paid, share: _ratio(1 - paid, 1 - share),
        solve_second=lambda paid, part: 1 - (1 - paid) / part,
    )


def _ratio(one: float, other: float) -> float:
    return one / other if other else math.inf


FORMULAS: dict[LeverKind, _Formula] = {
    "elastic": _partly_cheaper(("base_hours", "base_nodes")),
    "cold": _partly_cheaper(("cold_share", "price_ratio")),
    # An hour by use costs 1 / price_ratio of what it costs by subscription.
    "by_use": _Formula(
        ("used", "price_ratio"),
        paid=lambda used, ratio: used / ratio,
        solve_first=lambda paid, ratio: paid * ratio,
        solve_second=lambda paid, used: _ratio(used, paid),
    ),
}


def explain(lever: Lever, before: Decimal, after: Decimal) -> Explanation:
    """What a printed saving takes.

    Args:
        lever: What it is said to come from.
        before: Cost without the lever; more than 0.
        after: Cost with it.

    Returns:
        The assumptions, the open one solved for so that they give the printed cost, and whether it is plausible.
    """
    formula = FORMULAS[lever.kind]
    paid = float(after / before)
    first, second, solved = lever.first, lever.second, ""
    if first is None:
        assert second is not None, "one is stated"
        first, solved = formula.solve_first(paid, second), formula.names[0]
    elif second is None:
        second, solved = formula.solve_second(paid, first), formula.names[1]
    reproduced = rounded(before * Decimal(formula.paid(first, second))) if math.isfinite(first + second) else after
    assumptions = dict(zip(formula.names, (first, second), strict=True))
    verdict, because = _judge(lever, solved, assumptions) if solved else _compare(reproduced, after)
    return Explanation(lever.kind, before, after, assumptions, solved, reproduced, verdict, because)


def _compare(reproduced: Decimal, printed: Decimal) -> tuple[Verdict, str]:
    """Stated shares are rounded themselves, so a thousandth of the cost may be missing."""
    if abs(reproduced - printed) <= abs(printed) / 1000:
        return "reproduced", "the stated assumptions give what is printed"
    return "not reproduced", f"the stated assumptions give {reproduced:,f}, not {printed:,f}"


def _judge(lever: Lever, solved: str, assumptions: dict[str, float]) -> tuple[Verdict, str]:
    value = assumptions[solved]
    if not math.isfinite(value):
        return "impossible", f"no {solved} gives what is printed"
    if not 0 < value <= 1:
        return "impossible", f"{solved} would have to be {value:.1%}, and it can only be above 0 % and up to 100 %"
    match solved:
        case "base_nodes":
            return _judge_base(value, lever.extent)
        case "cold_share":
            return _judge_cold(value, lever.extent)
        case "base_hours" | "used":
            return "plausible", f"that is {value * _HOURS_PER_DAY:.1f} hours a day"
        case _:
            return "plausible", f"that is a price of {value:.2f} for 1; compare it with a catalogue"


def _judge_base(share: float, peak_nodes: int | None) -> tuple[Verdict, str]:
    if peak_nodes is None:
        return "plausible", (
            f"if there are at least {math.ceil(LEAST_NODES / share - 1e-9)} servers at the peak, for {LEAST_NODES} "
            "must stay at all times"
        )
    left = f"the base is {share * peak_nodes:.1f} of {peak_nodes} servers"
    if share * peak_nodes < LEAST_NODES:
        return "doubtful", f"{left}, and {LEAST_NODES} must stay at all times"
    return "plausible", left


def _judge_cold(share: float, days_kept: int | None) -> tuple[Verdict, str]:
    if days_kept is None:
        return "plausible", "if so much of the data is old enough; state days_kept to see its age"
    hot_days = (1 - share) * days_kept
    moved = f"of {days_kept} days all but the first {hot_days:.1f} are cold"
    return ("plausible" if hot_days >= 1 else "doubtful"), moved
