"""An offer of your own as a catalogue: prices for things that another catalogue describes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import Field

from loadkit.errors import CatalogError
from loadkit.plan.catalog import SECTIONS
from loadkit.plan.catalog_import import SOURCE, Imported, Origin, frame, imported, price_of, size_of
from loadkit.plan.catalog_load import catalog_names, find_catalog
from loadkit.plan.catalog_rules import UNITS
from loadkit.plan.catalog_schema import Amount, Currency, Day, ItemName, Region, Words
from loadkit.plan.prices import Grade
from loadkit.scenario.block import Block
from loadkit.scenario.document import read_document
from loadkit.scenario.findings import Finding, suggest
from loadkit.scenario.reading import read_model, read_text
from loadkit.scenario.texts import Name

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEEDED = {"load_balancers": "instance"} | dict.fromkeys(
    ("disks", "storage_classes", "transfers", "mail_services"), "price"
)
"""The price without which a thing is none, by section."""

PriceKey = Literal["hourly", "monthly", "yearly", "price", "retrieval", "put", "get", "instance", "unit"]


PRICE_KEYS: tuple[PriceKey, ...] = get_args(PriceKey)


class QuoteFile(Block):
    """An offer: what things cost that a catalogue describes."""

    name: Name = Field(alias="quote")
    """Its name."""
    source: Words
    """What it is, such as offer 4711 of Example Ltd."""
    currency: Currency
    """Currency of its prices."""
    region: Region
    """Region of its prices."""
    as_of: Day
    """Day of its prices, or undated."""
    grade: Grade = Grade.OFFICIAL
    """How far it can be trusted, A to D."""
    base: Name = "alibaba-cn"
    """The shipped catalogue that describes the things."""
    prices: dict[ItemName, dict[PriceKey, Amount]] = Field(min_length=1)
    """Price by thing and by what is priced, such as hourly; in the units of the catalogue."""


def import_quote(origin: Origin) -> Imported:
    """Read an offer.

    Args:
        origin: The file; its region, day and grade win over those in the file.

    Raises:
        UsageError: If the file can't be read.
        CatalogError: With every problem in it.
    """
    file = str(origin.file)
    text = read_text(origin.file, "offer")
    quote = read_model(QuoteFile, text, file, further=_findings, error_type=CatalogError)
    base = _Base.read(quote.base)
    data = frame(origin, quote.currency, origin.region or quote.region, quote.grade) | {"catalog": quote.name}
    data["sources"][SOURCE] |= {"text": quote.source, "as_of": str(origin.as_of or quote.as_of)}
    for name, prices in quote.prices.items():
        section = base.section_of(name)
        assert section is not None
        kept = base.item(section, name, with_prices=quote.currency == base.plain["currency"])
        quoted = {key: price_of(amount, base.unit_of(section, name, key)) for key, amount in prices.items()}
        data.setdefault(section, {})[name] = kept | quoted
    data["sources"] |= base.sources_in(data)
    return imported(data | {"derived": base.plain["derived"]}, [], origin.file)


def _findings(quote: QuoteFile) -> Iterator[Finding]:
    """What is wrong with an offer because of what its base describes."""
    if quote.base not in catalog_names():
        yield Finding(f"there is no catalogue {quote.base!r}", ("base",), suggest(quote.base, catalog_names()))
        return
    base = _Base.read(quote.base)
    for name, prices in quote.prices.items():
        key = ("prices", name)
        section = base.section_of(name)
        if section is None:
            known = [item for items in map(base.items, SECTIONS) for item in items]
            yield Finding(f"is nothing that {quote.base} describes", key, suggest(name, known))
            continue
        possible = [of_key for of_section, of_key in UNITS if of_section == section and of_key in PRICE_KEYS]
        for wrong in prices.keys() - possible:
            yield Finding("is no price of this thing", (*key, wrong), suggest(wrong, possible))
        needed = _NEEDED.get(section)
        if needed and needed not in prices and quote.currency != base.plain["currency"]:
            message = f"needs {needed} too, because {quote.base} has that in {base.plain['currency']}"
            yield Finding(message, key)


@dataclass(frozen=True, slots=True)
class _Base:
    """A shipped catalogue as plain data."""

    plain: dict[str, Any]

    @classmethod
    def read(cls, name: str) -> _Base:
        plain = read_document(find_catalog(name)[0]).data
        assert isinstance(plain, dict)
        return cls({"currency": "", "region": "", "sources": {}, "derived": {}} | plain)

    def items(self, section: str) -> dict[str, dict[str, Any]]:
        return dict(self.plain.get(section, {}))

    def section_of(self, name: str) -> str | None:
        """Where a thing is described; a server may be described by its name alone."""
        for section in SECTIONS:
            if name in self.items(section):
                return section
        try:
            size_of(name)
        except ValueError:
            return None
        return "instance_types"

    def item(self, section: str, name: str, *, with_prices: bool) -> dict[str, Any]:
        """What is described of a thing, and what its prices are here where they are wanted."""
        described = self.items(section).get(name) or size_of(name)
        kept = {key: value for key, value in described.items() if (section, key) not in UNITS}
        if with_prices:
            # Other rows of the price that is quoted say nothing about the quote.
            prices = {key: described[key] for key in PRICE_KEYS if key in described}
            kept |= {key: {"region": self._region_of(price)} | price for key, price in prices.items()}
        return kept

    def unit_of(self, section: str, name: str, key: str) -> str:
        price = self.items(section).get(name, {}).get(key)
        return str(price["unit"]) if price else UNITS[section, key][0]

    def sources_in(self, data: dict[str, Any]) -> dict[str, Any]:
        """Those of its sources that a catalogue's prices name."""
        named = {
            value["source"]
            for section in SECTIONS
            for item in data.get(section, {}).values()
            for value in item.values()
            if isinstance(value, dict)
        }
        return {name: source for name, source in self.plain["sources"].items() if name in named}

    def _region_of(self, price: dict[str, Any]) -> str:
        source = self.plain["sources"].get(price["source"], {})
        return str(source.get("region", self.plain["region"]))
