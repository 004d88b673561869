"""Things to buy at prices of the public list, made by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from loadkit.plan.catalog import InstanceType, LoadBalancer, StorageClass, Transfer
from loadkit.plan.prices import Grade, Price


def price(amount: str, unit: str = "Hours", *, currency: str = "CNY", grade: Grade = Grade.EXAMPLE) -> Price:
    return Price(Decimal(amount), currency, unit, "cn", date(2026, 9, 28), "a list", grade)


def instance(
    *,
    hourly: str | None = "0.1463",
    monthly: str | None = "76.67",
    yearly: str | None = None,
    spot: float | None = None,
) -> InstanceType:
    """A server; by default with the printed prices of ecs.c9i.xlarge in USD."""

    def of(amount: str | None, unit: str) -> Price | None:
        return None if amount is None else price(amount, unit, currency="USD")

    return InstanceType(
        name="ecs.c9i.xlarge",
        family="c9i",
        vcpus=4,
        memory_bytes=8 * 2**30,
        network_bits_per_s=None,
        max_connections=None,
        hourly=of(hourly, "Hours"),
        monthly=of(monthly, "Months"),
        yearly=of(yearly, "Months"),
        spot_factor=spot,
    )


def balancer(*, unit: str | None = "0.036") -> LoadBalancer:
    """NLB: a unit is 800 new connections a second, 100,000 open ones or 1 GB an hour."""
    return LoadBalancer(
        name="nlb",
        instance=price("0.147"),
        unit=None if unit is None else price(unit, "LCU-Hours", grade=Grade.DERIVED),
        unit_connections_per_s=800,
        unit_concurrent=100_000,
        unit_bytes_per_hour=1e9,
    )


def storage(
    name: str, amount: str, *, min_days: int = 0, min_object: int = 0, retrieval: str = "", requests: str = ""
) -> StorageClass:
    """A class of object storage, priced per GB and month."""
    return StorageClass(
        name=name,
        price=price(amount, "GB-Months"),
        min_days=min_days,
        min_object_bytes=min_object,
        retrieval=price(retrieval, "GB") if retrieval else None,
        put=price(requests, "10000 Requests") if requests else None,
        get=price(requests, "10000 Requests") if requests else None,
    )


def transfer(amount: str, unit: str, *, above_mbps: float = 0, free_bytes: int = 0) -> Transfer:
    """A way to pay for traffic."""
    return Transfer(f"{unit} from {above_mbps:g}", price(amount, unit), free_bytes, above_mbps * 1e6)
