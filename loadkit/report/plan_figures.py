"""Figures of plan pages: what a month costs by what is bought, and what moves it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from loadkit.report.blocks import Column, Data, Figure
from loadkit.report.figures import COLOURS, Layout, Trace, column
from loadkit.report.plan_words import named

if TYPE_CHECKING:
    from loadkit.plan.outcome import Choice, Plan, TierPlan
    from loadkit.plan.uncertain import Spread
    from loadkit.report.words import Words

MOST_CHOICES = 8
_PATTERNS = ("", "/", ".", "x", "-", "|")
_ROW_PX, _FRAME_PX = 34, 110


def choices_figure(name: str, plan: Plan, tier: TierPlan, t: Words) -> Figure | None:
    """The best choices side by side, each as its bill by what is bought, with the range of all draws.

    Args:
        name: The figure's id.
        plan: The plan.
        tier: Its tier.
        t: The language.

    Returns:
        None where no choice may be said as a single number.
    """
    shown = [one for one in tier.choices if one.support.single_number and one.bill is not None][:MOST_CHOICES]
    if not shown:
        return None
    labels = [choice.instance_type for choice in shown]
    services = dict.fromkeys(line.service_name for one in shown if one.bill for line in one.bill.lines)
    columns = {"type": Column(t("instance type"), labels)}
    traces = []
    for number, service in enumerate(services):
        columns[f"part{number}"] = column(
            f"{named(service, t)}, {plan.currency}", [_of_service(one, service) for one in shown]
        )
        traces.append(_bar(number, named(service, t), {"x": f"@part{number}", "y": "@type"}))
    spreads = [one.monthly for one in shown if one.monthly is not None]
    columns |= _spread_columns(spreads, plan.currency)
    traces.append(_interval(spreads, t("P10, P50 and P90 of all draws")))
    return Figure(
        name,
        t("What a month costs, by choice and service"),
        t("A bar for each instance type, stacked by service, with the range from P10 to P90 of the whole."),
        (Data(columns),),
        tuple(traces),
        _layout(len(shown), plan.currency, barmode="stack"),
        t(
            "Bars are the bill in which every input is its median; diamonds and whiskers are the draws. Choices of "
            "which only a range may be said are left out."
        ),
    )


def parts_figure(name: str, plan: Plan, choice: Choice, t: Words) -> Figure | None:
    """The range of each part of the cost and of the whole, for a choice; None where it has no price.

    Args:
        name: The figure's id.
        plan: The plan.
        choice: A choice of it.
        t: The language.
    """
    if choice.monthly is None:
        return None
    spreads = {named(part, t): spread for part, spread in choice.parts.items()} | {t("together"): choice.monthly}
    columns = {"part": Column(t("part"), list(spreads))} | _spread_columns(list(spreads.values()), plan.currency)
    traces = []
    for number, (part, spread) in enumerate(spreads.items()):
        look = {"x": [spread.p90 - spread.p10], "base": [spread.p10], "y": [part], "showlegend": False}
        words = f"{spread.p10:,.0f} to {spread.p90:,.0f} {plan.currency}<extra>{escape(part)}</extra>"
        traces.append(_bar(number, part, look) | {"hovertemplate": words})
    return Figure(
        name,
        t("What a month costs, by part: from P10 to P90"),
        t("A bar from P10 to P90 for each part of the cost and for the whole."),
        (Data(columns),),
        tuple(traces),
        _layout(len(spreads), plan.currency, barmode="overlay"),
        t("Quantiles of parts don't add up: not every part is at its P90 in the same draw."),
    )


def drivers_figure(name: str, choice: Choice, t: Words) -> Figure | None:
    """What the cost goes with, the strongest first; None where nothing is uncertain.

    Args:
        name: The figure's id.
        choice: A choice.
        t: The language.
    """
    if not choice.drivers:
        return None
    labels = [named(driver, t) for driver in choice.drivers]
    columns = {
        "driver": Column(t("input"), labels),
        "weight": column(t("correlation of ranks"), choice.drivers.values()),
    }
    bar = _bar(
        0, "", {"x": "@weight", "y": "@driver", "showlegend": False, "hovertemplate": "%{x:+.2f}<extra></extra>"}
    )
    layout = _layout(len(labels), t("correlation of ranks with the monthly cost"))
    layout["xaxis"] |= {"range": [-1, 1], "zeroline": True, "tickformat": ".1f"}
    return Figure(
        name,
        t("What drives the cost"),
        t("A bar for each uncertain input: how the monthly cost goes with it over all draws."),
        (Data(columns),),
        (bar,),
        layout,
        t("+1: whenever it is higher the cost is; 0: no matter; below 0: the cost falls as it rises."),
    )


def _of_service(choice: Choice, service: str) -> float:
    assert choice.bill is not None, "whoever asks looked"
    return float(sum(line.effective_cost for line in choice.bill.lines if line.service_name == service))


def _spread_columns(spreads: Sequence[Spread], currency: str) -> dict[str, Column]:
    return {
        "p10": column(f"P10, {currency}", [one.p10 for one in spreads]),
        "p50": column(f"P50, {currency}", [one.p50 for one in spreads]),
        "p90": column(f"P90, {currency}", [one.p90 for one in spreads]),
    }


def _bar(number: int, label: str, more: Trace) -> Trace:
    """A horizontal bar whose colour and pattern are its own."""
    look = {"fillmode": "overlay", "fgcolor": "var(--paper)", "size": 7, "solidity": 0.25}
    pattern = {"shape": _PATTERNS[number % len(_PATTERNS)], **look}
    return {
        "type": "bar",
        "orientation": "h",
        "name": escape(label),
        "marker": {"color": f"var(--line-{number % COLOURS + 1})", "pattern": pattern},
        "hovertemplate": "%{x:,.0f}",
        **more,
    }


def _interval(spreads: Sequence[Spread], label: str) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": "@p50",
        "y": "@type",
        "name": escape(label),
        "marker": {"symbol": "diamond", "size": 9, "color": "var(--ink)"},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [one.p90 - one.p50 for one in spreads],
            "arrayminus": [one.p50 - one.p10 for one in spreads],
            "color": "var(--ink)",
            "thickness": 1.5,
            "width": 5,
        },
        "hovertemplate": "%{x:,.0f}",
    }


def _layout(rows: int, title: str, **more: Any) -> Layout:
    return {
        "height": _FRAME_PX + _ROW_PX * rows,
        "hovermode": "closest",
        "bargap": 0.35,
        "xaxis": {"title": {"text": title}, "rangemode": "tozero", "tickformat": ",~s"},
        "yaxis": {"autorange": "reversed", "type": "category"},
        **more,
    }
