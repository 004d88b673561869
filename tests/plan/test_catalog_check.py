"""A catalogue that is stale, full of gaps or at odds with itself is said to be so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.prices import instance_type, price, small_catalog

from loadkit.plan.catalog import Catalog, InstanceType
from loadkit.plan.catalog_check import FAMILY_TOLERANCE, CatalogFinding, check_catalog
from loadkit.plan.catalog_load import load_catalog
from loadkit.plan.prices import Grade

TODAY = date(2026, 11, 30)


def check(catalog: Catalog, today: date = TODAY, max_age_days: float = 180) -> tuple[CatalogFinding, ...]:
    return check_catalog(catalog, today=today, max_age_days=max_age_days)


def messages(findings: tuple[CatalogFinding, ...], kind: str) -> list[str]:
    return [finding.message for finding in findings if finding.kind == kind]


def with_type(change: Callable[[InstanceType], InstanceType], name: str = "small.4") -> Catalog:
    catalog = small_catalog()
    types = catalog.instance_types
    return replace(catalog, instance_types=types | {name: change(types[name])})


def test_a_catalogue_in_order_lacks_no_more_than_its_unpriced_type() -> None:
    assert [(finding.kind, finding.items, finding.message) for finding in check(small_catalog())] == [
        ("missing", ("unpriced.4",), "no price by the hour"),
        ("missing", ("unpriced.4",), "no price of a month's subscription"),
        ("missing", ("unpriced.4",), "no price of a year's subscription"),
        ("missing", ("unpriced.4",), "no spot price"),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda one: replace(one, hourly=price("2.5")),
            "2.5 an hour is +25% off what small costs by the vCPU elsewhere",
        ),
        (
            lambda one: replace(one, monthly=price(1500, "Months")),
            "a month by subscription costs 1500, more than 730 hours for 1460",
        ),
        (
            lambda one: replace(one, yearly=price(1001, "Months")),
            "a month of a year costs 1001, more than a month alone for 1000",
        ),
        (
            lambda one: replace(one, other_hourly=(price("1.8"),)),
            "price list says 1.8 an hour, -10% of 2",
        ),
        (
            lambda one: replace(one, monthly=replace(price(900, "Months"), currency="USD")),
            "monthly is in USD in a catalogue in CNY",
        ),
    ],
)
def test_contradictions_are_errors(change: Callable[[InstanceType], InstanceType], message: str) -> None:
    severe = [finding for finding in check(with_type(change)) if finding.severe]

    assert [(finding.kind, finding.items, finding.message) for finding in severe] == [
        ("inconsistent", ("small.4",), message)
    ]


def test_what_is_marked_as_suspect_is_known_and_a_warning() -> None:
    findings = check(with_type(lambda one: replace(one, hourly=replace(price("2.5"), suspect="a misprint"))))

    assert not any(finding.severe for finding in findings)
    assert messages(findings, "inconsistent") == [
        "2.5 an hour is +25% off what small costs by the vCPU elsewhere; marked as suspect"
    ]
    assert messages(findings, "doubtful") == []


def test_a_doubt_without_a_contradiction_is_told() -> None:
    findings = check(with_type(lambda one: replace(one, hourly=replace(price(2), suspect="of another region"))))

    assert messages(findings, "doubtful") == ["hourly 2 is marked as suspect: of another region"]


def test_types_of_another_family_or_region_are_not_compared() -> None:
    other = replace(instance_type("small.16", 16, 20), family="large")
    abroad = replace(instance_type("small.32", 32, 64), hourly=replace(price(64), region="eu-test"))
    catalog = small_catalog()
    catalog = replace(catalog, instance_types=catalog.instance_types | {one.name: one for one in (other, abroad)})

    assert messages(check(catalog), "inconsistent") == []


@settings(max_examples=30, deadline=None)
@given(factor=st.floats(0.5, 2).filter(lambda factor: abs(abs(factor - 1) - FAMILY_TOLERANCE) > 1e-6))
def test_a_family_s_outlier_is_found_just_above_the_tolerance(factor: float) -> None:
    found = messages(check(with_type(lambda one: replace(one, hourly=price(f"{2 * factor:.9f}")))), "inconsistent")

    outlier = [message for message in found if "by the vCPU" in message]
    assert len(outlier) == (abs(factor - 1) > FAMILY_TOLERANCE)


def test_age_is_told_by_source() -> None:
    catalog = small_catalog()

    assert messages(check(catalog, max_age_days=28), "stale") == ["29 days old: price list, 2026-11-01"]
    assert messages(check(catalog, max_age_days=29), "stale") == []
    assert messages(check(catalog, today=TODAY - timedelta(days=60)), "stale") == [
        "of a day to come: price list, 2026-11-01"
    ]
    undated = with_type(lambda one: replace(one, hourly=replace(price(2), as_of=None)))
    assert messages(check(undated), "stale") == ["undated: price list"]


def test_gaps_of_a_whole_catalogue() -> None:
    catalog = replace(small_catalog(), mail_services={}, disks={})
    assert messages(check(catalog), "missing")[-2:] == ["no disks", "no mail services"]

    vague = with_type(lambda one: replace(one, hourly=replace(price(2), region="cn")))
    (finding,) = [one for one in check(vague) if "region" in one.message]
    assert finding.items == ("small.4",)


def test_derived_subscriptions_count_as_missing() -> None:
    derived = with_type(lambda one: replace(one, monthly=price(1000, "Months", Grade.DERIVED)))
    (finding,) = [one for one in check(derived) if "month's" in one.message]
    assert finding.items == ("small.4", "unpriced.4")
    assert messages(check(derived), "doubtful") == ["1 price is derived (grade D, +-25%)"]


def test_the_shipped_catalogues_contradict_themselves_nowhere_unsaid() -> None:
    findings = check(load_catalog(["alibaba-cn"]))

    assert not any(finding.severe for finding in findings)
    assert {finding.items[0] for finding in findings if finding.kind == "inconsistent"} == {
        "ecs.c8i.4xlarge",
        "ecs.c8i.8xlarge",
        "ecs.g8i.2xlarge",
        "ecs.r8i.8xlarge",
    }
    assert not any(finding.severe for finding in check(load_catalog(["alibaba-intl"])))


def test_the_row_that_breaks_its_family_is_an_error_where_nobody_doubts_it() -> None:
    catalog = load_catalog(["alibaba-cn"])
    odd = catalog.instance_types["ecs.c8i.8xlarge"]
    assert odd.hourly is not None
    unmarked = replace(odd, hourly=replace(odd.hourly, suspect=""), monthly=None, yearly=None)
    catalog = replace(catalog, instance_types=catalog.instance_types | {odd.name: unmarked})

    severe = [finding for finding in check(catalog) if finding.severe]

    assert [(finding.items, finding.message) for finding in severe] == [
        (("ecs.c8i.8xlarge",), "9.641 an hour is -11% off what c8i costs by the vCPU elsewhere")
    ]
    assert odd.hourly.amount == Decimal("9.641")
