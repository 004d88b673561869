"""Catalogues from YAML to values: shipped under names or read from files, with every problem at its line."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from loadkit.errors import CatalogError, Problem, UsageError
from loadkit.plan.bill import rounded
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
from loadkit.plan.catalog_rules import findings_in
from loadkit.plan.catalog_schema import CatalogFile, InstanceBlock, PriceBlock, RuleBlock, TierBlock
from loadkit.plan.prices import Grade, Price
from loadkit.scenario.findings import suggest
from loadkit.scenario.reading import read_model, read_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.resources.abc import Traversable

DEFAULT = ("alibaba-cn", "tiers")
HOURS_PER_MONTH = 730
"""Hours that a month of a subscription is compared with."""

_NAME = re.compile(r"[a-z0-9_-]{1,40}")


def catalog_names() -> tuple[str, ...]:
    """The names of the catalogues that are shipped, in alphabetical order."""
    return tuple(sorted(one.name.removesuffix(".yaml") for one in _shipped().iterdir() if one.name.endswith(".yaml")))


def load_catalog(names_or_paths: Sequence[str | Path] = DEFAULT) -> Catalog:
    """Read catalogues and put them together; what a later one names replaces what an earlier one does.

    Args:
        names_or_paths: Names such as ``alibaba-cn``; anything but a plain name is the path of a file.

    Raises:
        UsageError: If there is no such catalogue or a file can't be read.
        CatalogError: With every problem in all of them; it is a `ScenarioError`.
    """
    catalogs: list[Catalog] = []
    problems: list[Problem] = []
    for one in names_or_paths:
        text, file = find_catalog(one)
        try:
            catalogs.append(parse_catalog(text, file))
        except CatalogError as error:
            problems += error.problems
    priced = [catalog for catalog in catalogs if catalog.currency]
    problems += [
        Problem(
            f"is in {other.currency}, and {priced[0].name} in {priced[0].currency}", other.name, fix="plan each alone"
        )
        for other in priced
        if other.currency != priced[0].currency
    ]
    if problems:
        raise CatalogError(tuple(problems))
    return _put_together(catalogs)


def parse_catalog(text: str, file: str) -> Catalog:
    """Read the YAML text of one catalogue.

    Args:
        text: The YAML.
        file: Name of its source, for messages.

    Raises:
        CatalogError: With every problem in it.
    """
    return _Values(read_model(CatalogFile, text, file, further=findings_in, error_type=CatalogError)).catalog()


def find_catalog(name_or_path: str | Path) -> tuple[str, str]:
    """Text and name of the source of a catalogue.

    Args:
        name_or_path: A shipped name; anything but a plain name is the path of a file.

    Raises:
        UsageError: If there is no such catalogue or the file can't be read.
    """
    if isinstance(name_or_path, Path) or not _NAME.fullmatch(name_or_path):
        return read_text(name_or_path, "catalogue"), str(name_or_path)
    if name_or_path not in catalog_names():
        hint = suggest(name_or_path, catalog_names())
        raise UsageError(
            f"there is no catalogue {name_or_path!r}", hint=f"{hint} A file has a dot or a slash in its name"
        )
    file = _shipped() / f"{name_or_path}.yaml"
    return file.read_text("utf-8"), str(file)


def _shipped() -> Traversable:
    return files("loadkit.plan") / "catalogs"


def _put_together(catalogs: Sequence[Catalog]) -> Catalog:
    whole = Catalog("", "", "", {}, {}, {}, {}, {}, {}, {}, {})
    for one in catalogs:
        whole = Catalog(
            "+".join(filter(None, (whole.name, one.name))),
            one.currency or whole.currency,
            one.region or whole.region,
            whole.instance_types | one.instance_types,
            whole.disks | one.disks,
            whole.storage_classes | one.storage_classes,
            whole.load_balancers | one.load_balancers,
            whole.transfers | one.transfers,
            whole.mail_services | one.mail_services,
            whole.tiers | one.tiers,
            whole.service_availability | one.service_availability,
            whole.availability_sources | one.availability_sources,
        )
    return whole


class _Values:
    """Makes the values of one file.

    Args:
        file: The file, in which nothing is wrong.
    """

    def __init__(self, file: CatalogFile) -> None:
        self._file = file

    def catalog(self) -> Catalog:
        file = self._file
        return Catalog(
            file.name,
            file.currency or "",
            file.region or "",
            {name: self._instance_type(name, block) for name, block in file.instance_types.items()},
            {
                name: Disk(name, block.max_iops, block.min_bytes, self._price(block.price))
                for name, block in file.disks.items()
            },
            {
                name: StorageClass(
                    name,
                    self._price(block.price),
                    block.min_days,
                    block.min_object_bytes or 0,
                    *map(self._maybe, (block.retrieval, block.put, block.get)),
                )
                for name, block in file.storage_classes.items()
            },
            {
                name: LoadBalancer(
                    name,
                    self._price(block.instance),
                    self._maybe(block.unit),
                    block.connections_per_s,
                    block.concurrent,
                    block.bytes_per_hour,
                )
                for name, block in file.load_balancers.items()
            },
            {
                name: Transfer(name, self._price(block.price), block.free_bytes or 0, block.above_bits_per_s or 0)
                for name, block in file.transfers.items()
            },
            {
                name: MailService(name, self._price(block.price), block.max_rate_per_s, block.counted)
                for name, block in file.mail_services.items()
            },
            {name: _tier(name, block) for name, block in file.tiers.items()},
            {name: _exact(block.availability) for name, block in file.service_availability.items()},
            {name: block.source for name, block in file.service_availability.items()},
        )

    def _instance_type(self, name: str, block: InstanceBlock) -> InstanceType:
        rules = self._file.derived
        hourly = self._maybe(block.hourly)
        monthly = self._maybe(block.monthly) or _derived(rules.monthly, hourly, HOURS_PER_MONTH)
        yearly = self._maybe(block.yearly) or _derived(rules.yearly, monthly, 1)
        return InstanceType(
            name,
            block.family,
            block.vcpus,
            block.memory_bytes,
            block.network_bits_per_s,
            block.connections,
            hourly,
            monthly,
            yearly,
            block.spot_factor,
            tuple(map(self._price, block.other_hourly)),
        )

    def _maybe(self, block: PriceBlock | None) -> Price | None:
        return None if block is None else self._price(block)

    def _price(self, block: PriceBlock) -> Price:
        source = self._file.sources.get(block.source)
        as_of = block.as_of or (source.as_of if source else None)
        grade = block.grade or (source.grade if source else None)
        region = block.region or (source.region if source else None) or self._file.region
        assert grade is not None
        assert region is not None
        assert self._file.currency is not None
        return Price(
            self._amount(block),
            self._file.currency,
            block.unit,
            region,
            as_of if isinstance(as_of, date) else None,
            source.text if source else block.source,
            Grade.DERIVED if block.of else grade,
            block.suspect or "",
        )

    def _amount(self, block: PriceBlock) -> Decimal:
        if block.amount is not None:
            return block.amount / (block.per or 1)
        assert block.times is not None
        assert block.of is not None
        return block.times * self._amount(self._file.disks[block.of].price)


def _derived(rule: RuleBlock | None, known: Price | None, hours: int) -> Price | None:
    """A subscription's price from another price, to the hundredth."""
    if rule is None or known is None:
        return None
    hours_words = f" x {hours} h" if hours > 1 else ""
    return replace(
        known,
        amount=rounded(rule.times * hours * known.amount),
        unit="Months",
        grade=Grade.DERIVED,
        source=f"{rule.times}{hours_words} x {known.amount} ({rule.source}); {known.source}",
    )


def _exact(ratio: float) -> float:
    """A ratio as it was written as a percentage: 99.9 % is 0.999, which division by 100 misses by a bit."""
    return round(ratio, 12)


def _tier(name: str, block: TierBlock) -> Tier:
    return Tier(
        name,
        block.rate_per_s,
        _exact(block.availability),
        block.storage_bytes,
        block.protection,
        block.billing,
        block.source,
    )
