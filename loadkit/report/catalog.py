"""Catalogues for a terminal: what is in them, what it costs, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from loadkit.report.tables import NONE, spaced, table
from loadkit.units import format_rate

if TYPE_CHECKING:
    from loadkit.plan.catalog import Catalog, Priced, Tier
    from loadkit.plan.catalog_check import CatalogFinding

_MOST_ITEMS = 6


def render_catalog(catalog: Catalog) -> RenderableType:
    """All that a catalogue holds, for `rich.console.Console.print`."""
    title = Text.assemble((catalog.name, "bold"), f"  {catalog.currency} {catalog.region}".rstrip())
    blocks: list[RenderableType] = [title]
    if catalog.currency:
        blocks.append(render_prices(catalog.prices()))
    if catalog.tiers:
        blocks.append(_tiers(catalog.tiers.values()))
    if catalog.service_availability:
        rows = [
            (part, f"{ratio:.5%}", catalog.availability_sources.get(part, ""))
            for part, ratio in catalog.service_availability.items()
        ]
        blocks.append(table("lrw", rows, ("PROMISED", "AVAILABILITY", "SOURCE")))
    return Group(*spaced(blocks))


def render_prices(prices: Iterable[Priced]) -> RenderableType:
    """Prices with what they rest on, for `rich.console.Console.print`."""
    rows = [
        (
            one.item,
            one.key,
            f"{one.price.shown} {one.price.currency}",
            one.price.unit,
            one.price.region,
            str(one.price.grade),
            str(one.price.as_of or "undated"),
            f"SUSPECT: {one.price.suspect}; {one.price.source}" if one.price.suspect else one.price.source,
        )
        for one in prices
    ]
    return table("llrlllrw", rows, ("ITEM", "PRICE", "AMOUNT", "UNIT", "REGION", "GRADE", "AS OF", "SOURCE"))


def _tiers(tiers: Iterable[Tier]) -> RenderableType:
    rows = [
        (
            tier.name,
            format_rate(tier.rate_per_s),
            f"{tier.availability:.2%}",
            NONE if tier.storage_bytes is None else f"{tier.storage_bytes / 1e9:,.0f} GB",
            tier.protection,
            tier.billing,
        )
        for tier in tiers
    ]
    return table("lrrrww", rows, ("TIER", "RATE", "AVAILABILITY", "STORAGE", "PROTECTION", "BILLING"))


def render_findings(catalog: Catalog, findings: Sequence[CatalogFinding]) -> RenderableType:
    """What was found about a catalogue, for `rich.console.Console.print`."""
    severe = sum(finding.severe for finding in findings)
    counts = f"{_count(severe, 'error')}, {_count(len(findings) - severe, 'warning')}"
    title = Text.assemble((catalog.name, "bold"), f"  {sum(1 for _ in catalog.prices())} prices: {counts}")
    rows = [
        (
            Text("error", style="red") if finding.severe else Text("warning"),
            finding.kind,
            f"{_listed(finding.items)}: {finding.message}" if finding.items else finding.message,
        )
        for finding in findings
    ]
    return Group(title, table("llw", rows)) if rows else title


def _listed(items: Sequence[str]) -> str:
    more = len(items) - _MOST_ITEMS
    return ", ".join(items[:_MOST_ITEMS]) + (f" and {more} more" if more > 0 else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
