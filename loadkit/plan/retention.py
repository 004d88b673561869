"""What is kept: mail and logs by how long they must be, in a hot and a cold class of storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from loadkit.plan.charging import DAYS_PER_MONTH, line, quantity, units_per_byte

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from loadkit.plan.bill import CostLine
    from loadkit.plan.catalog import StorageClass
    from loadkit.plan.prices import Price

    Amounts = NDArray[np.float64]

USER_DATA = "user data"
RETENTION_DAYS: Mapping[str, int] = MappingProxyType(
    {"operation logs": 7, "access logs": 30, "security logs": 180, USER_DATA: 180}
)
"""How long each kind of data is kept at least."""
GOVERNMENT_DAYS: Mapping[str, int] = MappingProxyType(dict.fromkeys(RETENTION_DAYS, 365))
"""The same in clouds of governments, where logs and data are kept for a year."""
LOG_BYTES_PER_MESSAGE: Mapping[str, float] = MappingProxyType(
    {"operation logs": 462.0, "access logs": 295.0, "security logs": 0.0}
)
"""Of Postfix for a message that is relayed at once over a connection of its own: lines of cleanup, qmgr and smtp are
operation, those of smtpd are access. Security events are not counted by the message: nothing until told."""
LOG_OBJECT_BYTES = 64 * 2**20
"""Logs are stored in pieces of this size, so that requests and minimum sizes don't matter."""

_REQUESTS_PER_UNIT = 10_000


@dataclass(frozen=True, slots=True)
class DataKind:
    """A kind of data that is kept.

    Args:
        name: Such as ``access logs``.
        bytes_per_day: How much comes in, one number or (...,).
        object_bytes: Mean size of what is stored as one object.
        days: How long it is kept.
    """

    name: str
    bytes_per_day: Amounts | float
    object_bytes: Amounts | float
    days: int


@dataclass(frozen=True, slots=True)
class Tiering:
    """Where data lies, and how it is used.

    Args:
        hot: Class that everything goes to first.
        cold: Class that it goes to when it is old; None if it stays.
        cold_after_days: Age at which it goes there.
        retrieval_share: Share of what lies in the cold class that is read back in a month.
    """

    hot: StorageClass
    cold: StorageClass | None = None
    cold_after_days: int = 30
    retrieval_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Charge:
    """A quantity at a price, for every draw.

    Args:
        storage_class: Where.
        price: Of a unit.
        units: Units in a month, one number or (...,).
        description: What for.
    """

    storage_class: str
    price: Price
    units: Amounts
    description: str

    @property
    def cost(self) -> Amounts:
        """Cost a month, (...,)."""
        return np.asarray(self.units * float(self.price.amount))

    def line(self) -> CostLine:
        """Its line on a bill, where there is one draw only."""
        return line(
            self.price,
            quantity(float(self.units)),
            sku_id=self.storage_class,
            category="Storage",
            service="Object storage",
            description=self.description,
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """What is there of a kind of data, on average over the month; each one number or (...,).

    Args:
        kind: The kind.
        hot_bytes: In the hot class.
        cold_bytes: In the cold class.
        billed_hot_bytes: What the hot class bills, minimum size and days included.
        billed_cold_bytes: The same of the cold class.
        written: Objects written to the hot class in the month.
        moved: Objects moved to the cold class in the month.
    """

    kind: DataKind
    hot_bytes: Amounts
    cold_bytes: Amounts
    billed_hot_bytes: Amounts
    billed_cold_bytes: Amounts
    written: Amounts
    moved: Amounts


@dataclass(frozen=True, slots=True)
class StoragePlan:
    """A month of storage.

    Args:
        kept: By kind of data.
        charges: What it costs, by class and reason.
        unknown: What has no price in the catalogue and is left out, in words.
    """

    kept: tuple[Kept, ...]
    charges: tuple[Charge, ...]
    unknown: tuple[str, ...]

    @property
    def hot_bytes(self) -> Amounts:
        """Bytes in the hot class."""
        return np.asarray(sum(one.hot_bytes for one in self.kept))

    @property
    def cold_bytes(self) -> Amounts:
        """Bytes in the cold class."""
        return np.asarray(sum(one.cold_bytes for one in self.kept))

    @property
    def cost(self) -> Amounts:
        """Cost a month, (...,)."""
        return np.asarray(sum(one.cost for one in self.charges))

    @property
    def lines(self) -> tuple[CostLine, ...]:
        """The bill, where there is one draw only."""
        return tuple(one.line() for one in self.charges if one.units > 0)


def mail_kinds(
    messages_per_day: Amounts | float,
    size_bytes: Amounts | float,
    *,
    days: Mapping[str, int] = RETENTION_DAYS,
    log_bytes: Mapping[str, float] = LOG_BYTES_PER_MESSAGE,
    stored_share: float = 1.0,
) -> tuple[DataKind, ...]:
    """What a mail service keeps.

    Args:
        messages_per_day: Messages a day, one number or (...,).
        size_bytes: Mean size of one.
        days: Days that each kind is kept, by its name.
        log_bytes: Bytes of each kind of log for a message.
        stored_share: Share of the messages that are stored, as user data; a relay stores none.
    """
    stored = DataKind(USER_DATA, np.asarray(messages_per_day) * stored_share * size_bytes, size_bytes, days[USER_DATA])
    logs = (
        DataKind(name, np.asarray(messages_per_day) * per_message, LOG_OBJECT_BYTES, days[name])
        for name, per_message in log_bytes.items()
    )
    return (*logs, stored)


def storage_plan(kinds: Sequence[DataKind], tiering: Tiering, *, month: int | None = None) -> StoragePlan:
    """What is stored and what it costs.

    Args:
        kinds: What is kept.
        tiering: Where.
        month: The n-th month since nothing was there, from 1; None when as much goes as comes.

    Notes:
        When as much goes as comes, bytes = bytes a day x days. Before, a month holds on average the days of data that
        have come by then. Less than the minimum days in a class is billed as these, counted from the day that data
        comes to the class; objects below its minimum size are billed as that. Days are those of a month of 730 hours.
    """
    kept = tuple(_kept(kind, tiering, month) for kind in kinds)
    charges = (*_hot_charges(kept, tiering.hot), *_cold_charges(kept, tiering))
    return StoragePlan(kept, charges, tuple(_unknown(tiering)))


def build_up(kinds: Sequence[DataKind], tiering: Tiering, months: int) -> tuple[StoragePlan, ...]:
    """The first months, beginning with nothing.

    Args:
        kinds: What is kept.
        tiering: Where.
        months: How many.
    """
    return tuple(storage_plan(kinds, tiering, month=month) for month in range(1, months + 1))


def savings(kinds: Sequence[DataKind], tiering: Tiering) -> dict[str, Amounts]:
    """What the cold class saves in a month for each kind of data, (...,); below 0 where it costs more than it saves.

    Args:
        kinds: What is kept.
        tiering: Where.
    """
    hot_only = Tiering(tiering.hot)
    return {kind.name: storage_plan([kind], hot_only).cost - storage_plan([kind], tiering).cost for kind in kinds}


def _kept(kind: DataKind, tiering: Tiering, month: int | None) -> Kept:
    hot, cold = tiering.hot, tiering.cold
    hot_days = kind.days if cold is None else min(kind.days, tiering.cold_after_days)
    billed_hot_days = max(hot_days, hot.min_days)
    daily = np.asarray(kind.bytes_per_day, dtype=np.float64)
    objects = daily / kind.object_bytes
    cold_days = billed_cold_days = 0.0
    if cold is not None and kind.days > hot_days:
        cold_days = _days_held(hot_days, kind.days, month)
        billed_cold_days = _days_held(hot_days, max(kind.days, hot_days + cold.min_days), month)
    return Kept(
        kind,
        hot_bytes=daily * _days_held(0, hot_days, month),
        cold_bytes=daily * cold_days,
        billed_hot_bytes=daily * _days_held(0, billed_hot_days, month) * _minimum_size(kind, hot),
        billed_cold_bytes=daily * billed_cold_days * _minimum_size(kind, cold),
        written=objects * DAYS_PER_MONTH,
        moved=objects * _days_past(hot_days, month) * (kind.days > hot_days),
    )


def _minimum_size(kind: DataKind, storage_class: StorageClass | None) -> Amounts:
    """By how much objects are billed as larger than they are."""
    least = 0 if storage_class is None else storage_class.min_object_bytes
    return np.maximum(1.0, least / np.asarray(kind.object_bytes, dtype=np.float64))


def _days_held(youngest: float, oldest: float, month: int | None) -> float:
    """How many days of data between two ages there are, on average over a month."""
    if month is None:
        return float(oldest - youngest)
    end = month * DAYS_PER_MONTH
    begin = end - DAYS_PER_MONTH

    def held(age: float) -> float:
        """The integral of the days younger than an age, over the month: min(t, age) from its begin to its end."""
        rising = min(max(age, begin), end)
        return (rising**2 - begin**2) / 2 + age * (end - rising)

    return (held(oldest) - held(youngest)) / DAYS_PER_MONTH


def _days_past(age: float, month: int | None) -> float:
    """How many days of data reach an age in a month."""
    return DAYS_PER_MONTH if month is None else min(max(month * DAYS_PER_MONTH - age, 0.0), DAYS_PER_MONTH)


def _hot_charges(kept: Sequence[Kept], hot: StorageClass) -> Iterator[Charge]:
    yield Charge(hot.name, hot.price, _bytes(one.billed_hot_bytes for one in kept) * units_per_byte(hot.price), "kept")
    if hot.put is not None:
        yield Charge(hot.name, hot.put, _requests(one.written for one in kept), "written")


def _cold_charges(kept: Sequence[Kept], tiering: Tiering) -> Iterator[Charge]:
    cold, share = tiering.cold, tiering.retrieval_share
    if cold is None:
        return
    yield Charge(
        cold.name, cold.price, _bytes(one.billed_cold_bytes for one in kept) * units_per_byte(cold.price), "kept"
    )
    if cold.put is not None:
        yield Charge(cold.name, cold.put, _requests(one.moved for one in kept), "moved here when old")
    if cold.retrieval is not None:
        read = _bytes(one.cold_bytes for one in kept) * share * units_per_byte(cold.retrieval)
        yield Charge(cold.name, cold.retrieval, read, "read back")
    if cold.get is not None:
        yield Charge(
            cold.name,
            cold.get,
            _requests(one.cold_bytes / one.kind.object_bytes * share for one in kept),
            "requests that read back",
        )


def _unknown(tiering: Tiering) -> Iterator[str]:
    wanted = [(tiering.hot, "put", "writing")]
    if tiering.cold is not None:
        wanted.append((tiering.cold, "put", "moving data to it"))
        if tiering.retrieval_share:
            wanted += [(tiering.cold, "retrieval", "reading back"), (tiering.cold, "get", "requests that read")]
    for storage_class, price, words in wanted:
        if getattr(storage_class, price) is None:
            yield f"{storage_class.name} has no price for {words}"


def _bytes(parts: Iterator[Amounts]) -> Amounts:
    return np.asarray(sum(parts))


def _requests(parts: Iterator[Amounts]) -> Amounts:
    return np.asarray(sum(parts)) / _REQUESTS_PER_UNIT
