"""Prices from elsewhere as a catalogue: what every layout of them has in common."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from loadkit.errors import CatalogError, Problem, UsageError
from loadkit.plan.catalog import SECTIONS
from loadkit.plan.catalog_load import parse_catalog
from loadkit.plan.catalog_schema import REGION_PATTERN, UNDATED, InstanceBlock
from loadkit.plan.prices import Grade

SOURCE = "import"
"""What the source of the prices is called in a catalogue that was imported."""

_LINE = 120
_VCPUS = {"small": 1, "large": 2, "xlarge": 4}
_GIB_PER_VCPU = {"c": 2, "g": 4, "r": 8}
# Families by purpose, such as c8i or g7se, and those that name their ratio, such as e-c1m2.
_PURPOSE = re.compile(r"([cgr])[0-9]{1,2}[a-z]{0,3}")
_RATIO = re.compile(r"[a-z0-9]{1,5}-l?c([1-9])m([1-9])")
_SIZE = re.compile(r"small|large|([1-9][0-9]{0,2})?xlarge")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where prices that are imported come from.

    Args:
        file: The file.
        region: Region whose prices are taken; empty if the file says it.
        as_of: Day of the prices; None if the file says it, or nobody knows.
        grade: How far they can be trusted; None if the file says it, or for what its layout deserves.

    Raises:
        UsageError: If the region is none.
    """

    file: Path
    region: str = ""
    as_of: date | None = None
    grade: Grade | None = None

    def __post_init__(self) -> None:
        if self.region and not re.fullmatch(REGION_PATTERN, self.region):
            raise UsageError(f"{self.region!r} is not a region", hint="such as cn-hangzhou")

    @property
    def name(self) -> str:
        """A name for the catalogue, from that of the file."""
        return re.sub(r"[^a-z0-9_-]+", "-", self.file.stem.lower()).strip("-")[:40] or "imported"


@dataclass(frozen=True, slots=True)
class Imported:
    """Prices that were read.

    Args:
        data: The catalogue as plain data.
        left_out: What could not be read, and why.
    """

    data: dict[str, Any]
    left_out: tuple[Problem, ...]

    @property
    def count(self) -> int:
        """How many things it holds."""
        return sum(len(self.data.get(section, {})) for section in SECTIONS)

    @property
    def text(self) -> str:
        """The catalogue as YAML."""
        return yaml.safe_dump(self.data, sort_keys=False, allow_unicode=True, width=_LINE, default_flow_style=None)


def imported(data: dict[str, Any], left_out: list[Problem], file: Path) -> Imported:
    """What was read, if it is a catalogue that can be loaded.

    Args:
        data: The catalogue as plain data.
        left_out: What could not be read.
        file: Where it comes from.

    Raises:
        CatalogError: If nothing could be read, or what was is no catalogue.
    """
    whole = Imported(data, tuple(left_out))
    if not whole.count:
        raise CatalogError((Problem("has no price that could be read", str(file)), *left_out))
    parse_catalog(whole.text, str(file))
    return whole


def frame(origin: Origin, currency: str, region: str, grade: Grade) -> dict[str, Any]:
    """A catalogue with one source and nothing in it yet.

    Args:
        origin: Where its prices come from.
        currency: ISO 4217 code.
        region: Region of its prices.
        grade: What the layout deserves where the origin says no other.
    """
    return {
        "catalog": origin.name,
        "description": f"Imported from {origin.file.name}.",
        "currency": currency,
        "region": region,
        "sources": {
            SOURCE: {
                "text": origin.file.name,
                "grade": str(origin.grade or grade),
                "as_of": str(origin.as_of or UNDATED),
            }
        },
        "instance_types": {},
    }


def price_of(amount: object, unit: str, **further: object) -> dict[str, Any]:
    """A price of the source that is imported; `further` keys without a value are left out."""
    return {"amount": str(amount), "unit": unit, "source": SOURCE} | {
        key: value for key, value in further.items() if value
    }


def size_of(type_name: str) -> dict[str, Any]:
    """Family, vCPUs and memory of a type, as far as its name says them.

    Args:
        type_name: Such as ``ecs.c8i.2xlarge``.

    Raises:
        ValueError: If the name says no size.

    Notes:
        Names follow Alibaba Cloud's rule. A family of purpose c, g or r has 2, 4 or 8 GiB for each vCPU, c1m2 has 2;
        small is 1 vCPU, large 2, xlarge 4, and Nxlarge 4 N. Types with accelerators or local disks have other letters
        and are not guessed.
    """
    family, _, size = type_name.removeprefix("ecs.").partition(".")
    sized, purpose, ratio = _SIZE.fullmatch(size), _PURPOSE.fullmatch(family), _RATIO.fullmatch(family)
    if sized is None or (purpose is None and ratio is None):
        raise ValueError("its name doesn't say how many vCPUs and GiB it has")
    vcpus = 4 * int(sized[1]) if sized[1] else _VCPUS[size]
    gib_per_vcpu = float(_GIB_PER_VCPU[purpose[1]]) if purpose else int(ratio[2]) / int(ratio[1]) if ratio else 0.0
    return {"family": family, "vcpus": vcpus, "memory": f"{vcpus * gib_per_vcpu:g}GiB"}


def wrong_in(block: dict[str, Any]) -> dict[str, str]:
    """What is wrong with a type as plain data, by key."""
    try:
        InstanceBlock.model_validate(block)
    except ValidationError as error:
        return {
            ".".join(map(str, details["loc"])): details["msg"].removeprefix("Value error, ")
            for details in error.errors()
        }
    return {}
