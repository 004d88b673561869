"""What the web interface shows of a run beside Locust's own figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loadkit.measure.statistics import PHASE_METRICS, Metric
from loadkit.measure.summary import Latency, latency_of

if TYPE_CHECKING:
    from loadkit.drive.watch import Taken


@dataclass(frozen=True, slots=True)
class Delivered:
    """What had arrived at the sinks when they were asked.

    Args:
        count: Messages, each counted once.
        accepted: How many the target had accepted then.
        per_s: Messages per second since they were asked before; None at first.
    """

    count: int
    accepted: int
    per_s: float | None


FLOWS = ("offered", "started", "completed", "accepted")
QUANTILES = ("p50", "p95", "p99")
_TIMED = {"response": Metric.RESPONSE_TIME, "service": Metric.SERVICE_TIME} | {
    phase.value: metric for phase, metric in PHASE_METRICS.items()
}


def figures_of(taken: Taken, before: Taken | None, delivered: Delivered | None) -> dict[str, Any]:
    """A run's figures as plain JSON values, warm-up included.

    Args:
        taken: The run now.
        before: The run some time ago, for rates.
        delivered: What arrived at the sinks, or None where nobody knows.
    """
    totals = taken.reading.totals
    counts: dict[str, int] = {name: getattr(totals, name) for name in FLOWS}
    failed = sum(totals.failed.values())
    backlog = None if delivered is None else max(delivered.accepted - delivered.count, 0)
    arrived = (None, None) if delivered is None else (delivered.count, delivered.per_s)
    return {
        "elapsed_s": max(totals.at_s, 0.0),
        "flows": {
            **{name: {"count": count, "per_s": _per_s(name, taken, before)} for name, count in counts.items()},
            "delivered": dict(zip(("count", "per_s"), arrived, strict=True)),
        },
        "failed": failed,
        "shed": totals.shed,
        "late": totals.queued,
        "in_flight": totals.in_flight,
        "connections": totals.connections,
        "backlog": backlog,
        "valid": taken.validity.valid,
        "reasons": [str(reason) for reason in taken.validity.reasons],
        "latencies": _latencies(taken),
    }


def _per_s(name: str, taken: Taken, before: Taken | None) -> float | None:
    if before is None:
        return None
    now, then = taken.reading.totals, before.reading.totals
    elapsed_s = now.at_s - then.at_s
    return (getattr(now, name) - getattr(then, name)) / elapsed_s if elapsed_s > 0 else None


def _latencies(taken: Taken) -> dict[str, dict[str, float | int | None]]:
    merged = taken.reading.latencies
    found = {name: latency_of(merged[metric, ""]) for name, metric in _TIMED.items() if (metric, "") in merged}
    return {name: _latency(latency) for name, latency in found.items() if latency.n}


def _latency(latency: Latency) -> dict[str, float | int | None]:
    quantiles = {name: latency.quantiles_s[name] for name in QUANTILES}
    return {"n": latency.n, **quantiles, "max": latency.max_s}


FIGURES_TAB, LATENCIES_TAB = "loadkit", "latencies"
TABS = [{"title": "loadkit", "key": FIGURES_TAB}, {"title": "Latency by phase", "key": LATENCIES_TAB}]
TABLES = [
    {
        "key": FIGURES_TAB,
        "structure": [
            {"key": "name", "title": "Figure"},
            {"key": "value", "title": "Now"},
            {"key": "rate", "title": "Per second"},
        ],
    },
    {
        "key": LATENCIES_TAB,
        "structure": [
            {"key": "name", "title": "Phase"},
            {"key": "count", "title": "Count"},
            *({"key": name, "title": f"{name} (ms)"} for name in (*QUANTILES, "max")),
        ],
    },
]
"""Locust's extra tabs and the tables in them."""


def table_rows(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of Locust's extra tables."""
    latencies = [
        {"name": name, "count": one["n"], **{part: _ms(one[part]) for part in (*QUANTILES, "max")}}
        for name, one in figures["latencies"].items()
    ]
    return [{"key": FIGURES_TAB, "data": _figure_rows(figures)}, {"key": LATENCIES_TAB, "data": latencies}]


def _figure_rows(figures: dict[str, Any]) -> list[dict[str, str]]:
    rows = [_row(name, _count(flow["count"]), flow["per_s"]) for name, flow in figures["flows"].items()]
    rows += [_row(name, _count(figures[name])) for name in ("failed", "shed", "late", "backlog", "connections")]
    rows.append(_row("valid", "yes" if figures["valid"] else "no: " + "; ".join(figures["reasons"])))
    return rows


def _row(name: str, value: str, per_s: float | None = None) -> dict[str, str]:
    return {"name": name, "value": value, "rate": "" if per_s is None else f"{per_s:,.1f}"}


def _count(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _ms(value_s: float | None) -> str:
    return "too few" if value_s is None else f"{value_s * 1e3:,.2f}"
