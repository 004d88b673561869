"""A checked cost table in words and as data."""

from __future__ import annotations

from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from loadkit.plan.cost_table import change_percent, check
from loadkit.plan.levers import explain
from loadkit.report.tables import NONE, spaced, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from loadkit.plan.cost_table import CostTable, Discrepancy, Row
    from loadkit.plan.levers import Explanation, LeverKind

_LEVERS: dict[LeverKind, str] = {
    "elastic": "servers that follow the load",
    "cold": "a colder class of storage",
    "by_use": "paying by use",
}


def explanations(costs: CostTable) -> dict[str, Explanation]:
    """What the savings take, by the item's name, for items with a lever."""
    return {
        item.name: explain(item.lever, item.amounts[0].value, item.amounts[-1].value)
        for item in costs.items
        if item.lever is not None
    }


def cost_table_to_dict(costs: CostTable) -> dict[str, Any]:
    """A checked table as JSON; money as numbers."""
    return {
        "costs": costs.name,
        "file": costs.file,
        "currency": costs.currency,
        "columns": list(costs.columns),
        "items": [_row_to_dict(item) for item in costs.items],
        "sums": [float(value) for value in costs.sums],
        "sum_changes_percent": _changes(costs.sums),
        "total": _row_to_dict(costs.total),
        "discrepancies": [_discrepancy_to_dict(one) for one in check(costs)],
        "levers": {name: _explanation_to_dict(one) for name, one in explanations(costs).items()},
    }


def render_cost_table(costs: CostTable) -> RenderableType:
    """A checked table for the terminal: recomputed, what is wrong in it, and what its savings take."""
    found = check(costs)
    blocks: list[RenderableType] = [_heading(costs), _recomputed(costs), _verdict(found)]
    explained = explanations(costs)
    if explained:
        blocks.append(_levers(explained))
    return Group(*spaced(blocks))


def _heading(costs: CostTable) -> Text:
    return Text(f"{costs.name}, {costs.currency}" if costs.currency else costs.name, style="bold")


def _recomputed(costs: CostTable) -> RenderableType:
    header = ["", costs.columns[0], *(name for column in costs.columns[1:] for name in (column, "change"))]
    rows = [_cells(item.name, [cell.value for cell in item.amounts]) for item in costs.items]
    rows.append(_cells("sum of the items", costs.sums))
    rows.append(
        (
            "total as printed",
            f"{costs.total.amounts[0].value:,f}",
            *(
                text
                for amount, change in zip(costs.total.amounts[1:], costs.total.changes, strict=True)
                for text in (f"{amount.value:,f}", NONE if change is None else f"{change.value:f} %")
            ),
        )
    )
    return table("w" + "r" * (len(header) - 1), rows, header)


def _cells(name: str, amounts: Sequence[Decimal]) -> tuple[str, ...]:
    changes = [change_percent(amounts[0], after) for after in amounts[1:]]
    later = (
        text
        for after, change in zip(amounts[1:], changes, strict=True)
        for text in (f"{after:,f}", NONE if change is None else f"{change:.1f} %")
    )
    return (name, f"{amounts[0]:,f}", *later)


def _verdict(found: Sequence[Discrepancy]) -> RenderableType:
    if not found:
        return Text("It adds up.", style="green")
    count = f"{len(found)} number{'s' if len(found) > 1 else ''}"
    return Group(Text(f"It does not add up: {count} can't be right.", style="red"), *(Text(str(one)) for one in found))


def _levers(explained: dict[str, Explanation]) -> RenderableType:
    lines: list[RenderableType] = [Text("What the savings take", style="bold")]
    for name, one in explained.items():
        saved = change_percent(one.before, one.after)
        lines.append(Text(f"{name}: {one.before:,f} to {one.after:,f} ({saved:.1f} %) by {_LEVERS[one.kind]}"))
        lines += [Text(f"  {text}") for text in _assumptions(one)]
        lines.append(Text(f"  {one.verdict}: {one.because}"))
    return Group(*lines)


def _assumptions(one: Explanation) -> Iterator[str]:
    for name, value in one.assumptions.items():
        shown = f"{value:.1%}" if isfinite(value) else NONE
        yield f"{name} {shown}, {'solved for' if name == one.solved else 'stated'}"


def _changes(amounts: Sequence[Decimal]) -> list[float | None]:
    changes = [change_percent(amounts[0], after) for after in amounts[1:]]
    return [None if change is None else float(round(change, 4)) for change in changes]


def _row_to_dict(row: Row) -> dict[str, Any]:
    amounts = [cell.value for cell in row.amounts]
    return {
        "name": row.name,
        "amounts": [float(value) for value in amounts],
        "printed_changes_percent": [None if cell is None else float(cell.value) for cell in row.changes],
        "changes_percent": _changes(amounts),
    }


def _discrepancy_to_dict(one: Discrepancy) -> dict[str, Any]:
    return {
        "file": one.file,
        "line": one.line,
        "row": one.row,
        "column": one.column,
        "rests_on": one.rests_on,
        "printed": float(one.printed),
        "recomputed": None if one.recomputed is None else float(one.recomputed),
        "unit": one.unit,
        "message": str(one),
    }


def _explanation_to_dict(one: Explanation) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "before": float(one.before),
        "after": float(one.after),
        "assumptions": {name: value if isfinite(value) else None for name, value in one.assumptions.items()},
        "solved": one.solved,
        "reproduced": float(one.reproduced),
        "verdict": one.verdict,
        "because": one.because,
    }
