"""A catalogue small and round, so that tests can say by heart what things cost."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from loadkit.plan.catalog import (
    Catalog,
    Disk,
    InstanceType,
    LoadBalancer,
    MailService,
    StorageClass,
    Tier,
    Transfer,
)
from loadkit.plan.prices import Grade, Price

GIB = 1024**3


def price(amount: float | str, unit: str = "Hours", grade: Grade = Grade.OFFICIAL) -> Price:
    """A price in CNY of 1 November 2026."""
    return Price(Decimal(str(amount)), "CNY", unit, "cn-test", date(2026, 11, 1), "price list", grade)


def instance_type(name: str, vcpus: int, hourly: float | None, *, subscribed: bool = True) -> InstanceType:
    """A type of family small with 4 GiB and 1 Gbit/s for each vCPU; a month costs 500 hours, in a year 400."""
    bought = hourly is not None and subscribed
    return InstanceType(
        name,
        "small",
        vcpus,
        4 * GIB * vcpus,
        1e9 * vcpus,
        100_000 * vcpus,
        None if hourly is None else price(hourly),
        price(500 * (hourly or 0), "Months") if bought else None,
        price(400 * (hourly or 0), "Months") if bought else None,
        0.5 if bought else None,
    )


def small_catalog() -> Catalog:
    """Types of 2, 4 and 8 vCPUs for 1, 2 and 4 CNY an hour, one of 4 without prices, and one of everything else."""
    types = (
        instance_type("small.2", 2, 1),
        instance_type("small.4", 4, 2),
        instance_type("small.8", 8, 4),
        instance_type("unpriced.4", 4, None),
    )
    return Catalog(
        name="small",
        currency="CNY",
        region="cn-test",
        instance_types={one.name: one for one in types},
        disks={"ssd": Disk("ssd", 10_000, 20 * GIB, price(1, "GiB-Months"))},
        storage_classes={
            "hot": StorageClass("hot", price("0.1", "GB-Months"), 0, 0, None, price("0.01", "10000 Requests"), None),
            "cold": StorageClass(
                "cold", price("0.02", "GB-Months"), 30, 65536, price("0.05", "GB"), price("0.1", "10000 Requests"), None
            ),
        },
        load_balancers={"lb": LoadBalancer("lb", price("0.1"), price("0.04", "LCU-Hours"), 800, 100_000, 10**9)},
        transfers={
            "traffic": Transfer("traffic", price("0.5", "GB"), 10 * 10**9, 0),
            "bandwidth": Transfer("bandwidth", price(50, "Mbps-Months"), 0, 0),
        },
        mail_services={"mailer": MailService("mailer", price(2, "1000 Messages"), 30, "recipients")},
        tiers={
            "basic": Tier("basic", 500, 0.999, 10 * 10**9, "basic DDoS", "pay as you go", "test"),
            "professional": Tier("professional", 2000, 0.9995, 500 * 10**9, "WAF", "subscription", "test"),
            "enterprise": Tier("enterprise", 100_000, 0.9999, None, "security groups", "contract", "test"),
        },
        service_availability={"instance": 0.99995, "load_balancer": 0.99995, "network": 0.99995},
    )
