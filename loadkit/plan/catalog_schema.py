"""Catalogues as people write them: what can be bought, and every price with where and when it was read."""

from __future__ import annotations

import math
import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from loadkit.plan.catalog import SECTIONS
from loadkit.plan.prices import Grade
from loadkit.scenario.block import Block
from loadkit.scenario.quantities import Rate, Ratio, WholeNumber, quantity_schema
from loadkit.scenario.texts import Name, Prose, matching
from loadkit.units import BANDWIDTH_PATTERN, SIZE_PATTERN, parse_bandwidth, parse_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadkit.scenario.findings import KeyPath

UNDATED = "undated"
MAX_AMOUNT = Decimal(10) ** 9
MAX_CAPACITY_BYTES = 10**15
MAX_BANDWIDTH_BITS_PER_S = 10.0**13
MAX_ITEMS = 5000

CURRENCY_PATTERN = r"[A-Z]{3}"
REGION_PATTERN = r"[a-z0-9][a-z0-9-]{0,39}"
ITEM_NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}"

_AMOUNT = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,12})?")


def _read_amount(value: object) -> Decimal:
    # A float shows the digits that stand in the file, small ones as 4.9e-05.
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    text = f"{Decimal(repr(value)):f}" if number else str(value)
    if not (number or isinstance(value, str)) or not _AMOUNT.fullmatch(text):
        raise ValueError(f"{value!r} is not an amount: write a number, such as 0.677")
    if not 0 < Decimal(text) <= MAX_AMOUNT:
        raise ValueError(f"must be more than 0 and at most {MAX_AMOUNT:,}, not {value}")
    return Decimal(text)


def _read_day(value: object) -> date | str:
    if value == UNDATED:
        return UNDATED
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", str(value)):
            return date.fromisoformat(str(value))
    except ValueError:
        pass
    raise ValueError(f"{value!r} is not a day: write 2026-09-28, or {UNDATED}")


def _read_capacity(value: object) -> int:
    size_bytes = parse_size(str(value))
    if not 0 < size_bytes <= MAX_CAPACITY_BYTES:
        raise ValueError(f"must be more than 0 and at most 1000000GB, not {value}")
    return size_bytes


def _read_bandwidth(value: object) -> float:
    bits_per_s = parse_bandwidth(str(value))
    if not 0 < bits_per_s <= MAX_BANDWIDTH_BITS_PER_S:
        raise ValueError(f"must be more than 0 and at most 10000Gbit/s, not {value}")
    return bits_per_s


Amount = Annotated[
    Decimal,
    BeforeValidator(_read_amount),
    PlainSerializer(str),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": int(MAX_AMOUNT)},
                {"type": "string", "pattern": rf"^(?=.*[1-9])(?:{_AMOUNT.pattern})$"},
            ]
        }
    ),
]
Day = Annotated[
    date | Literal["undated"],
    BeforeValidator(_read_day),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": rf"^(?:[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|{UNDATED})$"}),
]
Capacity = Annotated[
    int,
    BeforeValidator(_read_capacity),
    WithJsonSchema(quantity_schema(SIZE_PATTERN, "8GiB", "500GB", positive=True)),
]
Bandwidth = Annotated[
    float,
    BeforeValidator(_read_bandwidth),
    WithJsonSchema(quantity_schema(BANDWIDTH_PATTERN, "200Mbit/s", "10Gbit/s", positive=True)),
]
Currency = Annotated[str, *matching(CURRENCY_PATTERN, "the code of a currency, such as CNY", "CNY", "USD")]
Region = Annotated[str, *matching(REGION_PATTERN, "a region, such as cn-hangzhou", "cn-hangzhou")]
ItemName = Annotated[str, *matching(ITEM_NAME_PATTERN, "a name: a-z A-Z 0-9 . _ -", "ecs.c8i.large")]
Words = Annotated[str, *matching(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,500}", "one line of at most 500 characters")]
Count = Annotated[int, *WholeNumber.__metadata__, Field(ge=1, le=10**12)]
Unit = Literal[
    "Hours",
    "Months",
    "GiB-Hours",
    "GiB-Months",
    "GB-Months",
    "GB",
    "LCU-Hours",
    "Mbps-Months",
    "1000 Messages",
    "10000 Requests",
]


class SourceBlock(Block):
    """A place where prices were read, so that each price need not repeat it."""

    text: Words
    """What it is, and where."""
    grade: Grade
    """A official and dated, B official example or transcription, C third party or undated, D derived."""
    as_of: Day
    """Day of its prices, or undated."""
    region: Region | None = None
    """Region of its prices, where it isn't the catalogue's."""


class PriceBlock(Block):
    """What something costs, and where this was read."""

    amount: Amount | None = None
    """In the currency's main unit."""
    per: Amount | None = None
    """How many units the amount buys, as in a pack; one unless told."""
    times: Amount | None = None
    """Instead of an amount: how many times the price of another."""
    of: ItemName | None = None
    """Whose price it is a multiple of."""
    unit: Unit
    """What is priced."""
    currency: Currency | None = None
    """Currency; the catalogue's unless told."""
    region: Region | None = None
    """Region; the source's or the catalogue's unless told."""
    as_of: Day | None = None
    """Day of the price, or undated; the source's unless told."""
    source: Words
    """Where it was read: a name below sources, or words."""
    grade: Grade | None = None
    """How far it can be trusted, A to D; the source's unless told."""
    suspect: Words | None = None
    """Why it is doubted."""


class InstanceBlock(Block):
    """A kind of server."""

    family: ItemName
    """Types of a family differ in size alone."""
    vcpus: Count
    """Virtual CPUs."""
    memory_bytes: Capacity = Field(alias="memory")
    """Memory."""
    network_bits_per_s: Bandwidth | None = Field(None, alias="network")
    """Sustained bandwidth."""
    connections: Count | None = None
    """Connections tracked at once."""
    hourly: PriceBlock | None = None
    """Pay as you go, per hour."""
    monthly: PriceBlock | None = None
    """Subscription by the month, per month."""
    yearly: PriceBlock | None = None
    """Subscription for a year, per month."""
    spot_factor: Ratio | None = None
    """Spot price over hourly price."""
    other_hourly: tuple[PriceBlock, ...] = Field((), max_length=20)
    """Hourly prices read elsewhere: no plan takes them, a check compares them."""


class DiskBlock(Block):
    """A kind of block storage."""

    max_iops: Count
    """Most operations a second."""
    min_bytes: Capacity = Field(alias="min_size")
    """Smallest size."""
    price: PriceBlock
    """Per GiB and hour or month."""


class StorageBlock(Block):
    """A class of object storage."""

    price: PriceBlock
    """Per GB and month."""
    min_days: WholeNumber = Field(0, ge=0, le=3650)
    """Days that are paid for at least."""
    min_object_bytes: Capacity | None = Field(None, alias="min_object")
    """Size that an object is billed at least at."""
    retrieval: PriceBlock | None = None
    """Per GB read back."""
    put: PriceBlock | None = None
    """Per 10,000 requests that write."""
    get: PriceBlock | None = None
    """Per 10,000 requests that read."""


class BalancerBlock(Block):
    """A load balancer that is billed by capacity units, of which the largest demand counts."""

    instance: PriceBlock
    """Per hour of its existence."""
    unit: PriceBlock | None = None
    """Per capacity unit and hour."""
    connections_per_s: Rate = Field(alias="unit_connections")
    """New connections in a unit."""
    concurrent: Count = Field(alias="unit_concurrent")
    """Open connections in a unit."""
    bytes_per_hour: Capacity = Field(alias="unit_bytes_per_hour")
    """Bytes an hour in a unit."""


class TransferBlock(Block):
    """A way to pay for traffic to the internet."""

    price: PriceBlock
    """Per GB, or per Mbps and month."""
    free_bytes: Capacity | None = Field(None, alias="free")
    """Free of charge in a month."""
    above_bits_per_s: Bandwidth | None = Field(None, alias="above")
    """Bandwidth from which this price holds."""


class MailBlock(Block):
    """A provider's own mail service, which replaces servers."""

    price: PriceBlock
    """Per 1,000 messages."""
    max_rate_per_s: Rate | None = Field(None, alias="max_rate")
    """Its default limit."""
    counted: Literal["recipients", "messages"]
    """What is billed."""


class TierBlock(Block):
    """A service level that is sold."""

    rate_per_s: Rate = Field(alias="rate")
    """Peak messages."""
    availability: Ratio
    """Promised."""
    storage_bytes: Capacity | None = Field(None, alias="storage")
    """Storage in a month; absent where it grows on demand."""
    protection: Words
    """Against attacks, in words."""
    billing: Words
    """How it is paid, in words."""
    source: Words
    """Where it was read."""


class AvailabilityBlock(Block):
    """What the provider promises for one part."""

    availability: Ratio
    """Promised."""
    source: Words
    """Where it was read."""


class RuleBlock(Block):
    """How a price that is not known follows from one that is; its grade is D."""

    times: Amount
    """How many times the other price."""
    source: Words
    """What the factor rests on."""


class RulesBlock(Block):
    """Rules for subscriptions of all instance types that have no price of their own."""

    monthly: RuleBlock | None = None
    """By the month, as a multiple of 730 hours."""
    yearly: RuleBlock | None = None
    """For a year, per month, as a multiple of the price by the month."""


class CatalogFile(Block):
    """A catalogue: what can be bought in one currency."""

    name: Name = Field(alias="catalog")
    """Its name."""
    description: Prose = Field("", max_length=10_000)
    """What it holds, in words."""
    currency: Currency | None = None
    """Currency of all its prices."""
    region: Region | None = None
    """Region of its prices, unless one says otherwise."""
    sources: dict[Name, SourceBlock] = Field({}, max_length=1000)
    """Places where prices were read, by name."""
    instance_types: dict[ItemName, InstanceBlock] = Field({}, max_length=MAX_ITEMS)
    """Servers, by name."""
    disks: dict[ItemName, DiskBlock] = Field({}, max_length=MAX_ITEMS)
    """Block storage, by name."""
    storage_classes: dict[ItemName, StorageBlock] = Field({}, max_length=MAX_ITEMS)
    """Object storage, by name."""
    load_balancers: dict[ItemName, BalancerBlock] = Field({}, max_length=MAX_ITEMS)
    """Load balancers, by name."""
    transfers: dict[ItemName, TransferBlock] = Field({}, max_length=MAX_ITEMS)
    """Ways to pay for traffic, by name."""
    mail_services: dict[ItemName, MailBlock] = Field({}, max_length=MAX_ITEMS)
    """Providers' own mail services, by name."""
    tiers: dict[ItemName, TierBlock] = Field({}, max_length=MAX_ITEMS)
    """Service levels, by name."""
    service_availability: dict[ItemName, AvailabilityBlock] = Field({}, max_length=MAX_ITEMS)
    """What the provider promises, by part."""
    derived: RulesBlock = RulesBlock()
    """How prices that are not known follow from those that are."""

    def prices(self) -> Iterator[tuple[KeyPath, PriceBlock]]:
        """Every price in it with its path of keys."""
        for section in SECTIONS:
            for name, item in getattr(self, section).items():
                for key, value in item:
                    for number, price in enumerate(value if isinstance(value, tuple) else (value,)):
                        if isinstance(price, PriceBlock):
                            yield (section, name, key, *((number,) if isinstance(value, tuple) else ())), price
