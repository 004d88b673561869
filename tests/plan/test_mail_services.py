"""A provider's own mail service beside the servers of a plan: what it bills, and that its limit rules it out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.planning import MEASURED, assumed

from loadkit.plan.catalog_load import load_catalog
from loadkit.plan.hourly import HourlyLoad, hourly_load, steady_load
from loadkit.plan.outcome import Service
from loadkit.plan.planning import make_plan
from loadkit.plan.site import Order
from loadkit.scenario.load import parse_scenario

MONTH_S = 730 * 3600
SCENARIO = """
scenario: letters
load: {stages: [{name: hold, rate: 20/s, duration: 1m}]}
messages:
  one: {size: 10KiB, weight: 3}
  many: {size: 10KiB, weight: 1, recipients: 9}
"""


def services(load: HourlyLoad, counted: str = "recipients") -> dict[str, Service]:
    catalog = load_catalog(["alibaba-intl"])
    counting = {name: replace(one, counted=counted) for name, one in catalog.mail_services.items()}
    plan = make_plan(
        replace(MEASURED, node=replace(MEASURED.node, instance_type="ecs.c9i.xlarge")),
        replace(catalog, mail_services=counting),
        load,
        order=Order(instance_types=("ecs.c9i.xlarge",), draws=20),
        assumptions=assumed("demand=1", "retry=0.2", "storage=standard-lrs"),
    )
    (tier,) = plan.tiers
    return {one.name: one for one in tier.services}


def test_the_default_limit_is_below_the_smallest_tier_and_the_bill_of_the_largest_is_absurd() -> None:
    small, large = (services(steady_load(rate))["directmail"] for rate in (500, 100_000))

    assert small.reason is not None
    assert small.reason.words == "it takes 27.8/s unless its limit is raised, of 500/s"
    assert large.monthly.p50 == pytest.approx(100_000 * MONTH_S / 1000 * 0.29)  # USD 76 million
    assert large.per_million.p50 == pytest.approx(290)


def test_nothing_stands_against_it_below_its_limit_and_packs_cost_less() -> None:
    found = services(steady_load(20))

    assert {one.reason for one in found.values()} == {None}
    per_million = {name: round(one.per_million.p50, 2) for name, one in found.items()}
    assert per_million == {
        "directmail": 290,
        "directmail-pack-50k": 261,
        "directmail-pack-500k": 243.6,
        "directmail-pack-1m": 230.55,
        "directmail-pack-5m": 224.75,
    }


def test_it_bills_recipients_and_not_repetitions() -> None:
    load = hourly_load(parse_scenario(SCENARIO))
    assert load.recipients_per_message == pytest.approx(3)
    assert load.scaled_to(5).recipients_per_message == load.recipients_per_message

    by_recipient, by_message = (services(load, counted)["directmail"] for counted in ("recipients", "messages"))

    assert by_message.monthly.p50 == pytest.approx(20 * MONTH_S / 1000 * 0.29)
    assert by_recipient.monthly.p50 == pytest.approx(3 * by_message.monthly.p50)
    assert (by_recipient.basis, by_message.basis) == ("3 recipients a message are billed", "messages are billed")
