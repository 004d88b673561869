"""What the prices of a catalogue must say together: units, sources, one currency, multiples of what there is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from loadkit.scenario.findings import Finding, suggest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadkit.plan.catalog_schema import CatalogFile, PriceBlock

UNITS = {
    ("instance_types", "hourly"): ("Hours",),
    ("instance_types", "monthly"): ("Months",),
    ("instance_types", "yearly"): ("Months",),
    ("instance_types", "other_hourly"): ("Hours",),
    ("disks", "price"): ("GiB-Hours", "GiB-Months"),
    ("storage_classes", "price"): ("GB-Months", "GiB-Months"),
    ("storage_classes", "retrieval"): ("GB",),
    ("storage_classes", "put"): ("10000 Requests",),
    ("storage_classes", "get"): ("10000 Requests",),
    ("load_balancers", "instance"): ("Hours",),
    ("load_balancers", "unit"): ("LCU-Hours",),
    ("transfers", "price"): ("GB", "Mbps-Months"),
    ("mail_services", "price"): ("1000 Messages",),
}
"""What may be priced where, by section and key."""


def findings_in(file: CatalogFile) -> Iterator[Finding]:
    """What is wrong with prices that are right by themselves.

    Args:
        file: A catalogue whose blocks are valid.
    """
    for key, price in file.prices():
        units = UNITS[str(key[0]), str(key[2])]
        if price.unit not in units:
            yield Finding(f"{price.unit!r} is not possible here", (*key, "unit"), " or ".join(units))
        if price.source not in file.sources:
            if price.as_of is None:
                yield Finding("is missing", (*key, "as_of"), "a day such as 2026-09-28, or undated")
            if price.grade is None:
                yield Finding("is missing", (*key, "grade"), "A, B, C or D")
        if price.region is None and file.region is None and _region_of_source(file, price) is None:
            yield Finding("is missing", (*key, "region"), "or give the whole catalogue one")
        if file.currency is not None and price.currency not in (None, file.currency):
            message = f"is {price.currency} in a catalogue in {file.currency}"
            yield Finding(message, (*key, "currency"), "a catalogue has one currency: make another file")
        for finding in _amount_findings(file, str(key[0]), price):
            yield replace(finding, key=(*key, *finding.key))
    if file.currency is None and any(file.prices()):
        yield Finding("is missing", ("currency",), "that of all prices, such as CNY")


def _amount_findings(file: CatalogFile, section: str, price: PriceBlock) -> Iterator[Finding]:
    given = [price.amount is not None, price.times is not None, price.of is not None]
    if given not in ([True, False, False], [False, True, True]):
        yield Finding("needs an amount, or times and of", (), "such as amount: 0.677")
    elif price.of is not None:
        other = file.disks.get(price.of)
        if section != "disks":
            yield Finding("is for disks alone", ("of",), "give an amount")
        elif other is None:
            yield Finding(f"there is no disk {price.of!r}", ("of",), suggest(price.of, file.disks))
        elif other.price.amount is None or other.price.unit != price.unit:
            yield Finding(f"{price.of!r} has no amount of its own per {price.unit}", ("of",))


def _region_of_source(file: CatalogFile, price: PriceBlock) -> str | None:
    source = file.sources.get(price.source)
    return None if source is None else source.region
