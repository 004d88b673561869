"""What in a catalogue is stale, missing, inconsistent or doubtful."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Literal

from loadkit.plan.catalog import SECTIONS
from loadkit.plan.catalog_load import HOURS_PER_MONTH
from loadkit.plan.prices import Grade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from decimal import Decimal

    from loadkit.plan.catalog import Catalog, InstanceType, Priced
    from loadkit.plan.prices import Price

FAMILY_TOLERANCE = 0.06
"""Price lists round, and some ask 5 % more for their smallest size; above this a row is wrong or of another list."""
LIST_TOLERANCE = 0.05
"""Prices of one thing that are further apart than this disagree."""

Kind = Literal["inconsistent", "doubtful", "stale", "missing"]


@dataclass(frozen=True, slots=True)
class CatalogFinding:
    """One thing about a catalogue that whoever plans with it should know.

    Args:
        kind: What sort of thing.
        severe: Whether the catalogue contradicts itself unsaid; all else is a warning.
        items: What it is about, such as ``ecs.c8i.8xlarge``; empty for the catalogue as a whole.
        message: What was found, in words.
    """

    kind: Kind
    severe: bool
    items: tuple[str, ...]
    message: str

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"kind": self.kind, "severe": self.severe, "items": list(self.items), "message": self.message}


def check_catalog(catalog: Catalog, *, today: date, max_age_days: float) -> tuple[CatalogFinding, ...]:
    """Look through a catalogue.

    Args:
        catalog: The catalogue.
        today: The day from which ages count.
        max_age_days: From this age on a price is stale, days.

    Returns:
        What was found, severe things first.
    """
    inconsistent = [*_contradictions(catalog), *_families(catalog)]
    found = [
        *inconsistent,
        *_doubts(catalog, {item for finding in inconsistent for item in finding.items}),
        *_ages(catalog, today, max_age_days),
        *_gaps(catalog),
    ]
    return tuple(sorted(found, key=lambda finding: not finding.severe))


def _inconsistent(item: str, message: str, *prices: Price) -> CatalogFinding:
    """An inconsistency; one whose price says that it is doubted is known, and no more than a warning."""
    known = any(price.suspect for price in prices)
    return CatalogFinding("inconsistent", not known, (item,), f"{message}; marked as suspect" if known else message)


def _contradictions(catalog: Catalog) -> Iterator[CatalogFinding]:
    for one in catalog.prices():
        if one.price.currency != catalog.currency:
            message = f"{one.key} is in {one.price.currency} in a catalogue in {catalog.currency}"
            yield CatalogFinding("inconsistent", severe=True, items=(one.item,), message=message)
    for instance in catalog.instance_types.values():
        yield from _against_itself(instance)


def _against_itself(instance: InstanceType) -> Iterator[CatalogFinding]:
    hourly, monthly, yearly = instance.hourly, instance.monthly, instance.yearly
    if hourly and monthly and monthly.amount > HOURS_PER_MONTH * hourly.amount:
        whole = HOURS_PER_MONTH * hourly.amount
        message = f"a month by subscription costs {monthly.shown}, more than {HOURS_PER_MONTH} hours for {whole:f}"
        yield _inconsistent(instance.name, message, hourly, monthly)
    if monthly and yearly and yearly.amount > monthly.amount:
        message = f"a month of a year costs {yearly.shown}, more than a month alone for {monthly.shown}"
        yield _inconsistent(instance.name, message, monthly, yearly)
    for other in instance.other_hourly if hourly else ():
        assert hourly is not None
        apart = _apart(other.amount, hourly.amount)
        if abs(apart) > LIST_TOLERANCE:
            message = f"{other.source} says {other.shown} an hour, {apart:+.0%} of {hourly.shown}"
            yield _inconsistent(instance.name, message, hourly, other)


def _families(catalog: Catalog) -> Iterator[CatalogFinding]:
    """Types whose price by the hour is not in proportion to their vCPUs, as it is within a family."""
    families: dict[tuple[str, str], list[tuple[InstanceType, Price]]] = defaultdict(list)
    for instance in catalog.instance_types.values():
        if instance.hourly:
            families[instance.family, instance.hourly.region].append((instance, instance.hourly))
    for (family, _), members in families.items():
        by_vcpu = [hourly.amount / instance.vcpus for instance, hourly in members]
        usual = median(by_vcpu)
        for (instance, hourly), amount in zip(members, by_vcpu, strict=True):
            apart = _apart(amount, usual)
            if abs(apart) > FAMILY_TOLERANCE:
                message = f"{hourly.shown} an hour is {apart:+.0%} off what {family} costs by the vCPU elsewhere"
                yield _inconsistent(instance.name, message, hourly)


def _apart(amount: Decimal, other: Decimal) -> float:
    return float(amount / other) - 1


def _doubts(catalog: Catalog, inconsistent: set[str]) -> Iterator[CatalogFinding]:
    by_grade: dict[Grade, list[Priced]] = defaultdict(list)
    for one in catalog.prices():
        by_grade[one.price.grade].append(one)
        if one.price.suspect and one.item not in inconsistent and _is_own(one):
            message = f"{one.key} {one.price.shown} is marked as suspect: {one.price.suspect}"
            yield _warning("doubtful", [one], message)
    for grade, words in ((Grade.THIRD_PARTY, "third parties'"), (Grade.DERIVED, "derived")):
        if by_grade[grade]:
            prices = by_grade[grade]
            count = f"{len(prices)} price{'s are' if len(prices) > 1 else ' is'}"
            yield _warning("doubtful", prices, f"{count} {words} (grade {grade}, +-{grade.spread:.0%})")


def _is_own(one: Priced) -> bool:
    """Whether a doubt about a price is its own: a subscription that follows by a rule inherits that of its hours."""
    return one.key not in ("monthly", "yearly") or one.price.grade is not Grade.DERIVED


def _ages(catalog: Catalog, today: date, max_age_days: float) -> Iterator[CatalogFinding]:
    by_source: dict[tuple[str, date | None], list[Priced]] = defaultdict(list)
    for one in catalog.prices():
        # A derived price is as old as what it is derived from.
        if one.price.grade is not Grade.DERIVED:
            by_source[one.price.source, one.price.as_of].append(one)
    for (source, as_of), prices in by_source.items():
        age_days = None if as_of is None else (today - as_of).days
        if age_days is None:
            yield _warning("stale", prices, f"undated: {source}")
        elif age_days > max_age_days:
            yield _warning("stale", prices, f"{age_days} days old: {source}, {as_of}")
        elif age_days < 0:
            yield _warning("stale", prices, f"of a day to come: {source}, {as_of}")


def _gaps(catalog: Catalog) -> Iterator[CatalogFinding]:
    types = catalog.instance_types.values()
    for what, lacks in (
        ("no price by the hour", [one for one in types if one.hourly is None]),
        ("no price of a month's subscription", [one for one in types if _is_guessed(one.monthly)]),
        ("no price of a year's subscription", [one for one in types if _is_guessed(one.yearly)]),
        ("no spot price", [one for one in types if one.spot_factor is None]),
        ("no network bandwidth", [one for one in types if one.network_bits_per_s is None]),
        ("no limit of connections", [one for one in types if one.max_connections is None]),
    ):
        if lacks:
            yield CatalogFinding("missing", severe=False, items=tuple(one.name for one in lacks), message=what)
    if not catalog.currency:
        return
    vague = [one for one in catalog.prices() if "-" not in one.price.region and one.price.grade is not Grade.DERIVED]
    if vague:
        yield _warning("missing", vague, "no region more exact than a country")
    for section in SECTIONS:
        if not getattr(catalog, section):
            yield CatalogFinding("missing", severe=False, items=(), message=f"no {section.replace('_', ' ')}")


def _is_guessed(price: Price | None) -> bool:
    """Whether there is no price but, at the most, one that follows from others by a rule."""
    return price is None or price.grade is Grade.DERIVED


def _warning(kind: Kind, prices: list[Priced], message: str) -> CatalogFinding:
    items = tuple(dict.fromkeys(one.item for one in prices))
    return CatalogFinding(kind, severe=False, items=items, message=message)
