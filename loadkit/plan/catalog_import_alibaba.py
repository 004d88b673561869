"""Alibaba Cloud's public file of prices, instancePrice.json, as a catalogue of servers of one region.

The file holds, below ``pricingInfo``, keys such as ``cn-hangzhou::ecs.c8i.large::vpc::linux::optimized`` with lists
``hours``, ``months`` and ``years`` of prices for a number of periods.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from loadkit.errors import Problem, UsageError
from loadkit.plan.catalog_import import Imported, Origin, frame, imported, price_of, size_of, wrong_in
from loadkit.plan.catalog_schema import CURRENCY_PATTERN
from loadkit.plan.prices import Grade
from loadkit.scenario.findings import suggest

MAX_FILE_BYTES = 256 * 1024**2

_WANTED = ("vpc", "linux", "optimized")
_PARTS = 5
_MONTHS_PER_YEAR = 12


def import_alibaba(origin: Origin) -> Imported:
    """Read the Linux servers of one region in a price file.

    Args:
        origin: The file, and the region where it holds several.

    Raises:
        UsageError: If the file can't be read, or which region is meant is not clear.
        CatalogError: If nothing in it can be read.
    """
    whole = _read(origin)
    rows = {key: value for key, value in whole["pricingInfo"].items() if key.count("::") == _PARTS - 1}
    region = _region(origin, sorted({key.split("::")[0] for key in rows}))
    strange = [key for key in whole["pricingInfo"] if key not in rows]
    left_out = [_problem(origin, key, "is no region::type::network::system::io") for key in strange]
    as_of = origin.as_of
    if as_of is None and "publicationDate" in whole:
        try:
            as_of = date.fromisoformat(str(whole["publicationDate"])[:10])
        except ValueError:
            left_out.append(Problem(f"{whole['publicationDate']!r} is no day", str(origin.file), key="publicationDate"))
    data = frame(replace(origin, as_of=as_of), whole["currency"], region, Grade.OFFICIAL)
    for key, row in rows.items():
        of_region, type_name, *others = key.split("::")
        if of_region == region and tuple(others) == _WANTED:
            try:
                data["instance_types"][type_name] = _instance_type(type_name, row)
            except ValueError as error:
                left_out.append(_problem(origin, key, str(error)))
    return imported(data, left_out, origin.file)


def _problem(origin: Origin, key: str, message: str) -> Problem:
    return Problem(message, str(origin.file), key=f"pricingInfo.{key}")


def _read(origin: Origin) -> dict[str, Any]:
    hint = "it should be an instancePrice.json of Alibaba Cloud"
    try:
        if origin.file.stat().st_size > MAX_FILE_BYTES:
            raise UsageError(f"{origin.file} is longer than {MAX_FILE_BYTES // 1024**2} MiB", hint=hint)
        whole = json.loads(origin.file.read_bytes())
    except OSError as error:
        raise UsageError(f"can't read {origin.file}: {error.strerror}", hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{origin.file} is not JSON", hint=hint) from error
    if not isinstance(whole, dict) or not isinstance(whole.get("pricingInfo"), dict):
        raise UsageError(f"{origin.file} has no pricingInfo", hint=hint)
    if not re.fullmatch(CURRENCY_PATTERN, str(whole.get("currency"))):
        raise UsageError(f"{origin.file} names no currency, such as CNY", hint=hint)
    return whole


def _region(origin: Origin, regions: list[str]) -> str:
    if origin.region in regions:
        return origin.region
    if not origin.region and len(regions) == 1:
        return regions[0]
    if not origin.region:
        raise UsageError(f"{origin.file} has {len(regions)} regions", hint=f"add --region, {suggest('', regions)}")
    raise UsageError(f"{origin.file} has no region {origin.region}", hint=suggest(origin.region, regions))


def _instance_type(type_name: str, row: object) -> dict[str, Any]:
    """A type as plain data.

    Raises:
        ValueError: With what is wrong with its name or its prices.
    """
    if not isinstance(row, Mapping):
        raise ValueError("has no lists of prices")  # noqa: TRY004 - of the file, not of the program
    block = size_of(type_name) | dict(_prices(row))
    if not {"hourly", "monthly", "yearly"} & block.keys():
        raise ValueError("has no price for an hour, a month or a year")
    for key, message in wrong_in(block).items():
        raise ValueError(f"{key}: {message}")
    return block


def _prices(row: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, periods, unit, per in (
        ("hourly", "hours", "Hours", None),
        ("monthly", "months", "Months", None),
        ("yearly", "years", "Months", _MONTHS_PER_YEAR),
    ):
        entries = row.get(periods) or []
        if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
            raise ValueError(f"{periods} is no list of prices")
        for entry in entries:
            if str(entry.get("period")) == "1":
                yield key, price_of(entry.get("price"), unit, per=per)
                break
