"""Catalogues as values: what can be bought, and what each thing can do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from loadkit.plan.prices import Price

SECTIONS = ("instance_types", "disks", "storage_classes", "load_balancers", "transfers", "mail_services")
"""Those of a catalogue's sections that hold prices."""


@dataclass(frozen=True, slots=True)
class InstanceType:
    """A kind of server.

    Args:
        name: Such as ``ecs.c8i.xlarge``.
        family: Such as ``c8i``; types of a family differ in size alone.
        vcpus: Virtual CPUs.
        memory_bytes: Memory.
        network_bits_per_s: Sustained bandwidth; None where the catalogue knows none.
        max_connections: Connections tracked at once; None where unknown.
        hourly: Pay as you go, per hour; None where unknown.
        monthly: Subscription by the month, per month; None where unknown.
        yearly: Subscription for a year, per month; None where unknown.
        spot_factor: Spot price over hourly price; None where unknown.
        other_hourly: Hourly prices read elsewhere, which no plan takes but a check compares.
    """

    name: str
    family: str
    vcpus: int
    memory_bytes: int
    network_bits_per_s: float | None
    max_connections: int | None
    hourly: Price | None
    monthly: Price | None
    yearly: Price | None
    spot_factor: float | None
    other_hourly: tuple[Price, ...] = ()


@dataclass(frozen=True, slots=True)
class Disk:
    """A kind of block storage.

    Args:
        name: Such as ``essd-pl1``.
        max_iops: Most operations a second.
        min_bytes: Smallest size.
        price: Per GiB and hour or month.
    """

    name: str
    max_iops: int
    min_bytes: int
    price: Price


@dataclass(frozen=True, slots=True)
class StorageClass:
    """A class of object storage.

    Args:
        name: Such as ``standard-lrs``, ``ia-lrs``, ``archive``.
        price: Per GB and month.
        min_days: Days that are paid for at least.
        min_object_bytes: Size that an object is billed at least at.
        retrieval: Per GB read back; None where it is free or unknown.
        put: Per 10,000 requests that write; None where unknown.
        get: Per 10,000 requests that read; None where unknown.
    """

    name: str
    price: Price
    min_days: int
    min_object_bytes: int
    retrieval: Price | None
    put: Price | None
    get: Price | None


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """A load balancer that is billed by capacity units, of which the largest demand counts.

    Args:
        name: Such as ``nlb``.
        instance: Per hour of its existence.
        unit: Per capacity unit and hour; None where it has none.
        unit_connections_per_s: New connections a second in a unit.
        unit_concurrent: Open connections in a unit.
        unit_bytes_per_hour: Bytes an hour in a unit.
    """

    name: str
    instance: Price
    unit: Price | None
    unit_connections_per_s: float
    unit_concurrent: float
    unit_bytes_per_hour: float


@dataclass(frozen=True, slots=True)
class Transfer:
    """A way to pay for traffic to the internet.

    Args:
        name: Such as ``traffic`` or ``bandwidth``.
        price: Per GB, or per Mbps and month.
        free_bytes: Free of charge in a month.
        above_bits_per_s: Bandwidth from which this price holds; 0 for all.
    """

    name: str
    price: Price
    free_bytes: int
    above_bits_per_s: float


@dataclass(frozen=True, slots=True)
class MailService:
    """A provider's own mail service, which replaces servers.

    Args:
        name: Such as ``directmail``.
        price: Per 1,000 messages.
        max_rate_per_s: Its default limit; None where unknown.
        counted: What is billed: ``recipients`` or ``messages``.
    """

    name: str
    price: Price
    max_rate_per_s: float | None
    counted: str


@dataclass(frozen=True, slots=True)
class Tier:
    """A service level that is sold.

    Args:
        name: Such as ``professional``.
        rate_per_s: Peak messages a second.
        availability: Promised, such as 0.9995.
        storage_bytes: Storage in a month; None where it grows on demand.
        protection: In words.
        billing: In words.
        source: Where it was read.
    """

    name: str
    rate_per_s: float
    availability: float
    storage_bytes: int | None
    protection: str
    billing: str
    source: str


@dataclass(frozen=True, slots=True)
class Priced:
    """A price and what it is of.

    Args:
        section: Such as ``instance_types``.
        item: Such as ``ecs.c8i.xlarge``.
        key: Which of the item's prices, such as ``hourly``.
        price: The price.
    """

    section: str
    item: str
    key: str
    price: Price


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything that can be bought, by its name.

    Args:
        name: Of the catalogue, or of those put together.
        currency: ISO 4217 code of its prices; a plan adds up one currency only; empty where it has no prices.
        region: Region of its prices; empty where it has none.
        instance_types: Servers.
        disks: Block storage.
        storage_classes: Object storage.
        load_balancers: Load balancers.
        transfers: Ways to pay for traffic.
        mail_services: Providers' own mail services.
        tiers: Service levels.
        service_availability: Availability that the provider promises, by part: ``instance``, ``load_balancer``, ...;
            empty where none is known.
        availability_sources: Where each of these was read, by part.
    """

    name: str
    currency: str
    region: str
    instance_types: dict[str, InstanceType]
    disks: dict[str, Disk]
    storage_classes: dict[str, StorageClass]
    load_balancers: dict[str, LoadBalancer]
    transfers: dict[str, Transfer]
    mail_services: dict[str, MailService]
    tiers: dict[str, Tier]
    service_availability: dict[str, float]
    availability_sources: dict[str, str] = field(default_factory=dict)

    def prices(self) -> Iterator[Priced]:
        """Every price in it."""
        for section in SECTIONS:
            for name, item in getattr(self, section).items():
                for one in fields(item):
                    value = getattr(item, one.name)
                    for price in value if isinstance(value, tuple) else (value,):
                        if isinstance(price, Price):
                            yield Priced(section, name, one.name, price)
