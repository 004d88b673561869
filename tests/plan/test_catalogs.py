"""The catalogues that are shipped say what their sources say, and nothing else."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from support.prices import price, small_catalog

from loadkit.plan.catalog import Catalog, InstanceType
from loadkit.plan.catalog_load import DEFAULT, catalog_names, load_catalog
from loadkit.plan.prices import Grade

GIB = 1024**3
HOURLY = {
    "ecs.c8i.large": (2, 4, "0.677"),
    "ecs.c8i.xlarge": (4, 8, "1.354"),
    "ecs.c8i.2xlarge": (8, 16, "2.708"),
    "ecs.c8i.4xlarge": (16, 32, "5.416"),
    "ecs.c8i.8xlarge": (32, 64, "9.641"),
    "ecs.c8i.12xlarge": (48, 96, "16.249"),
    "ecs.c8i.16xlarge": (64, 128, "21.666"),
    "ecs.g8i.large": (2, 8, "0.827"),
    "ecs.g8i.xlarge": (4, 16, "1.655"),
    "ecs.g8i.2xlarge": (8, 32, "3.31"),
    "ecs.r8i.large": (2, 16, "1.046"),
    "ecs.r8i.xlarge": (4, 32, "2.093"),
    "ecs.r8i.2xlarge": (8, 64, "4.187"),
    "ecs.r8i.8xlarge": (32, 256, "15.62"),
    "ecs.c8y.small": (1, 2, "0.133"),
    "ecs.c8y.large": (2, 4, "0.267"),
    "ecs.g8y.small": (1, 4, "0.2"),
    "ecs.c5.large": (2, 4, "0.62"),
    "ecs.c5.xlarge": (4, 8, "1.24"),
    "ecs.g5.xlarge": (4, 16, "1.976"),
    "ecs.r5.large": (2, 16, "1.263"),
}
"""vCPUs, GiB and CNY an hour of every type that a source names."""


@pytest.fixture(scope="module")
def mainland() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="module")
def abroad() -> Catalog:
    return load_catalog(["alibaba-intl"])


def test_names() -> None:
    assert catalog_names() == ("alibaba-cn", "alibaba-intl", "tiers")
    assert set(DEFAULT) <= set(catalog_names())


def test_types_and_their_prices_are_those_of_the_sources_and_no_others(mainland: Catalog) -> None:
    found = {
        name: (one.vcpus, one.memory_bytes / GIB, str(one.hourly.amount) if one.hourly else "")
        for name, one in mainland.instance_types.items()
    }

    assert found == HOURLY
    assert all(
        (one.network_bits_per_s, one.max_connections, one.spot_factor) == (None, None, None)
        for one in mainland.instance_types.values()
    )


@pytest.mark.parametrize(
    ("type_name", "grade"), [("ecs.c8i.large", "C"), ("ecs.g8i.large", "C"), ("ecs.g8i.xlarge", "D")]
)
def test_grades_of_hourly_prices(type_name: str, grade: str, mainland: Catalog) -> None:
    hourly = mainland.instance_types[type_name].hourly
    assert hourly is not None
    assert hourly.grade == Grade(grade)
    assert hourly.as_of is None


def test_doubtful_rows_are_kept_and_say_so(mainland: Catalog) -> None:
    types = mainland.instance_types
    suspects = {name for name, one in types.items() if one.hourly is not None and one.hourly.suspect}
    others = {
        name: [str(price.amount) for price in one.other_hourly] for name, one in types.items() if one.other_hourly
    }

    assert suspects == {"ecs.c8i.8xlarge", "ecs.r8i.8xlarge"}
    assert others == {"ecs.c8i.4xlarge": ["4.32"], "ecs.g8i.2xlarge": ["2.88"]}
    assert all(price.suspect for one in types.values() for price in one.other_hourly)


def test_subscriptions_in_cny_follow_by_rule_and_are_graded_so(mainland: Catalog) -> None:
    one = mainland.instance_types["ecs.c8i.large"]
    assert one.monthly is not None
    assert one.yearly is not None

    assert one.monthly.amount == Decimal("354.84")  # 0.718 x 730 x 0.677 = 354.843
    assert one.yearly.amount == Decimal("301.61")  # 0.85 x 354.84 = 301.614
    assert one.monthly.grade == one.yearly.grade == Grade.DERIVED
    assert one.monthly.unit == one.yearly.unit == "Months"
    assert one.monthly.source.startswith("0.718 x 730 h x 0.677 (ratio of ecs.c9i.xlarge")
    assert all(other.monthly and other.monthly.grade is Grade.DERIVED for other in mainland.instance_types.values())


def test_a_doubtful_price_makes_a_doubtful_subscription(mainland: Catalog) -> None:
    monthly = mainland.instance_types["ecs.c8i.8xlarge"].monthly
    assert monthly is not None
    assert "below its family" in monthly.suspect


def test_subscriptions_in_usd_are_those_of_the_list(abroad: Catalog) -> None:
    def amounts(one: InstanceType) -> list[str]:
        return [str(price.amount) for price in (one.hourly, one.monthly, one.yearly) if price]

    assert {name: amounts(one) for name, one in abroad.instance_types.items()} == {
        "ecs.c9i.xlarge": ["0.1463", "76.67", "65.17"],
        "ecs.e-c1m2.xlarge": ["0.0838", "38.54", "32.76"],
    }
    derived = abroad.instance_types["ecs.c9i.xlarge"].yearly
    listed = abroad.instance_types["ecs.e-c1m2.xlarge"].yearly
    assert derived is not None
    assert listed is not None
    assert (derived.grade, listed.grade, listed.as_of) == (Grade.DERIVED, Grade.EXAMPLE, date(2026, 9, 28))


@pytest.mark.parametrize(
    ("names", "instance", "unit"), [(["alibaba-cn"], "0.147", "0.036"), (["alibaba-intl"], "0.02", "0.0049")]
)
def test_load_balancers(names: list[str], instance: str, unit: str) -> None:
    (balancer,) = load_catalog(names).load_balancers.values()

    assert balancer.name == "nlb"
    assert balancer.instance.amount == Decimal(instance)
    assert balancer.unit is not None
    assert balancer.unit.amount == Decimal(unit)
    assert (balancer.unit_connections_per_s, balancer.unit_concurrent) == (800, 100_000)
    assert balancer.unit_bytes_per_hour == 10**9
    assert balancer.instance.grade is balancer.unit.grade is Grade.OFFICIAL


def test_storage_classes(mainland: Catalog) -> None:
    found = {
        name: (str(one.price.amount), one.min_days, one.min_object_bytes, one.retrieval and str(one.retrieval.amount))
        for name, one in mainland.storage_classes.items()
    }

    assert found == {
        "standard-lrs": ("0.12", 0, 0, None),
        "standard-zrs": ("0.15", 0, 0, None),
        "ia-lrs": ("0.08", 30, 65_536, "0.0325"),
        "ia-zrs": ("0.1", 30, 65_536, "0.0325"),
        "archive": ("0.033", 60, 65_536, "0.06"),
        "cold-archive": ("0.015", 180, 65_536, "0.2"),
    }
    assert mainland.storage_classes["standard-lrs"].price.grade is Grade.OFFICIAL
    assert mainland.storage_classes["standard-zrs"].price.as_of == date(2024, 11, 20)


def test_disks_differ_by_the_ratio_of_their_levels(mainland: Catalog, abroad: Catalog) -> None:
    assert {name: disk.price.amount for name, disk in mainland.disks.items()} == {
        "essd-pl0": Decimal("0.00105"),
        "essd-pl1": Decimal("0.0021"),
        "essd-pl2": Decimal("0.0042"),
    }
    assert {name: disk.price.amount for name, disk in abroad.disks.items()} == {
        "essd-pl0": Decimal("0.0001055"),
        "essd-pl1": Decimal("0.000211"),
        "essd-pl2": Decimal("0.000422"),
    }
    assert [disk.price.grade.value for disk in mainland.disks.values()] == ["D", "C", "D"]
    assert [disk.max_iops for disk in mainland.disks.values()] == [10_000, 50_000, 100_000]
    assert [disk.min_bytes / GIB for disk in mainland.disks.values()] == [1, 20, 461]


def test_traffic_and_bandwidth(mainland: Catalog) -> None:
    found = {
        name: (str(one.price.amount), one.price.unit, one.free_bytes, one.above_bits_per_s)
        for name, one in mainland.transfers.items()
    }

    assert found == {
        "traffic": ("0.8", "GB", 20 * 10**9, 0),
        "bandwidth-to-5-mbps": ("23", "Mbps-Months", 0, 0),
        "bandwidth": ("80", "Mbps-Months", 0, 5e6),
    }


def test_the_provider_s_mail_has_a_price_in_usd_alone(mainland: Catalog, abroad: Catalog) -> None:
    assert mainland.mail_services == {}
    assert {name: str(one.price.amount) for name, one in abroad.mail_services.items()} == {
        "directmail": "0.29",
        "directmail-pack-50k": "0.261",
        "directmail-pack-500k": "0.2436",
        "directmail-pack-1m": "0.23055",
        "directmail-pack-5m": "0.22475",
    }
    assert {one.counted for one in abroad.mail_services.values()} == {"recipients"}
    assert [one.max_rate_per_s for one in abroad.mail_services.values()] == pytest.approx([5000 / 180] * 5)


def test_tiers(mainland: Catalog) -> None:
    found = {name: (one.rate_per_s, one.availability, one.storage_bytes) for name, one in mainland.tiers.items()}

    assert found == {
        "basic": (500, 0.999, 10 * 10**9),
        "professional": (2000, 0.9995, 500 * 10**9),
        "enterprise": (100_000, 0.9999, None),
    }


def test_what_the_provider_promises_is_three_parts_in_series(mainland: Catalog) -> None:
    promised = mainland.service_availability

    assert promised == {"instance": 0.99995, "load_balancer": 0.99995, "network": 0.99995}
    assert mainland.availability_sources.keys() == promised.keys()


@pytest.mark.parametrize("name", ["alibaba-cn", "alibaba-intl", "tiers"])
def test_every_price_says_where_it_comes_from(name: str) -> None:
    catalog = load_catalog([name])
    prices = [one.price for one in catalog.prices()]

    assert {price.currency for price in prices} <= {catalog.currency}
    assert all(price.region and price.source and price.unit and price.amount > 0 for price in prices)
    assert not any(price.grade is Grade.OFFICIAL and "blog" in price.source for price in prices)
    assert len(prices) == {"alibaba-cn": 95, "alibaba-intl": 20, "tiers": 0}[name]


def test_the_small_catalogue_of_tests_is_round() -> None:
    one = small_catalog().instance_types["small.4"]

    assert [price.amount for price in (one.hourly, one.monthly, one.yearly) if price] == [2, 1000, 800]


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("1.20", "1.2"),
        ("20", "20"),
        ("0.0001055", "0.0001055"),
        (Decimal(400) / 12, "33.333333"),
        ("0.000049", "0.000049"),
    ],
)
def test_amounts_are_shown_without_more_digits_than_people_read(amount: Decimal | str, shown: str) -> None:
    assert price(str(amount)).shown == shown
