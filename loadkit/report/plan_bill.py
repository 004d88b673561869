"""Bills on plan pages: a table that adds up, and all columns of FOCUS as CSV to download."""

from __future__ import annotations

import base64
import csv
import io
from html import escape
from typing import TYPE_CHECKING

from loadkit.plan.outcome import focus_columns
from loadkit.report.blocks import Grid, Markup
from loadkit.report.plan_words import named

if TYPE_CHECKING:
    from loadkit.plan.bill import Bill
    from loadkit.report.words import Words


def bill_grid(bill: Bill, t: Words) -> Grid:
    """The lines of a bill with their sum.

    Args:
        bill: The bill.
        t: The language.
    """
    rows = [
        (
            named(line.service_name, t),
            line.sku_id,
            named(line.charge_description, t),
            line.pricing_category,
            f"{line.pricing_quantity.normalize():,f}",
            line.pricing_unit,
            f"{line.list_unit_price.normalize():f}",
            f"{line.effective_cost:,}",
            line.grade.value,
        )
        for line in bill.lines
    ]
    rows.append((t("sum"), "", "", "", "", "", "", f"{bill.total:,}", ""))
    header = (
        t("service"),
        "SKU",
        t("what for"),
        t("pricing"),
        t("quantity"),
        t("unit"),
        t("list price"),
        t("cost, {currency}", currency=bill.currency),
        t("grade"),
    )
    return Grid(header, tuple(rows), "llllrlrrl")


def bill_download(name: str, bill: Bill, t: Words) -> Markup:
    """A link that holds the bill as CSV, with the column names of FOCUS.

    Args:
        name: The file's name without its ending.
        bill: The bill.
        t: The language.
    """
    rows = [focus_columns(line) for line in bill.lines]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    data = base64.b64encode(text.getvalue().encode()).decode()
    words = escape(t("Download these lines as CSV (columns of FOCUS)"))
    return Markup(f'<p><a download="{escape(name)}.csv" href="data:text/csv;base64,{data}">{words}</a></p>')
