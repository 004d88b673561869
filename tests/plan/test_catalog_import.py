"""Prices from elsewhere come in as they are, and what can't be read is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.errors import CatalogError, UsageError
from loadkit.plan.catalog import Catalog
from loadkit.plan.catalog_import import Imported, Origin, size_of
from loadkit.plan.catalog_import_alibaba import import_alibaba
from loadkit.plan.catalog_import_csv import import_csv
from loadkit.plan.catalog_import_quote import import_quote
from loadkit.plan.catalog_load import load_catalog, parse_catalog
from loadkit.plan.prices import Grade

GIB = 1024**3
Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return path

    return write_file


def loaded(result: Imported) -> Catalog:
    return parse_catalog(result.text, "imported.yaml")


def amounts(catalog: Catalog, name: str) -> list[Decimal | None]:
    one = catalog.instance_types[name]
    return [price.amount if price else None for price in (one.hourly, one.monthly, one.yearly)]


def row(hour: str, month: str = "", year: str = "") -> dict[str, Any]:
    """A row of instancePrice.json, as far as it is read."""
    periods = {"hours": hour, "months": month, "years": year}
    lists = {name: [{"price": text, "period": "1"}] for name, text in periods.items() if text}
    if year:
        lists["years"].append({"price": "9999", "period": "2"})
    return lists


def price_file(rows: dict[str, Any], **further: object) -> str:
    head = {"currency": "CNY", "version": "2.0.8", "publicationDate": "2026-10-08T08:15:52Z", "site": "CN"}
    return json.dumps(head | {"pricingInfo": rows} | further)


ROWS = {
    "cn-hangzhou::ecs.c8i.large::vpc::linux::optimized": row("0.70", "340.5", "3473.10"),
    "cn-hangzhou::ecs.c8i.large::vpc::windows::optimized": row("1.70"),
    "cn-hangzhou::ecs.c8i.large::classic::linux::optimized": row("2.70"),
    "cn-hangzhou::ecs.c8i.large::vpc::linux::none": row("3.70"),
    "cn-hangzhou::ecs.e-c1m2.2xlarge::vpc::linux::optimized": row("1.1"),
    "cn-beijing::ecs.g8i.xlarge::vpc::linux::optimized": row("1.8"),
}


def test_alibaba_s_file_becomes_the_linux_servers_of_a_region(write: Write) -> None:
    result = import_alibaba(Origin(write("instancePrice.json", price_file(ROWS)), region="cn-hangzhou"))
    catalog = loaded(result)

    assert result.left_out == ()
    assert (catalog.name, catalog.currency, catalog.region) == ("instanceprice", "CNY", "cn-hangzhou")
    assert set(catalog.instance_types) == {"ecs.c8i.large", "ecs.e-c1m2.2xlarge"}
    assert amounts(catalog, "ecs.c8i.large") == [Decimal("0.70"), Decimal("340.5"), Decimal("3473.10") / 12]
    assert amounts(catalog, "ecs.e-c1m2.2xlarge") == [Decimal("1.1"), None, None]
    large = catalog.instance_types["ecs.c8i.large"]
    assert (large.family, large.vcpus, large.memory_bytes) == ("c8i", 2, 4 * GIB)
    assert large.hourly is not None
    assert (large.hourly.source, large.hourly.as_of, large.hourly.grade) == (
        "instancePrice.json",
        date(2026, 10, 8),
        Grade.OFFICIAL,
    )


def test_a_day_and_a_grade_of_one_s_own_win(write: Write) -> None:
    file = write("instancePrice.json", price_file(ROWS))
    hourly = (
        loaded(import_alibaba(Origin(file, "cn-hangzhou", date(2026, 11, 1), Grade.THIRD_PARTY)))
        .instance_types["ecs.c8i.large"]
        .hourly
    )

    assert hourly is not None
    assert (hourly.as_of, hourly.grade) == (date(2026, 11, 1), Grade.THIRD_PARTY)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("cn-hangzhou::ecs.gn7i-c8g1.2xlarge::vpc::linux::optimized", row("9"), "doesn't say how many vCPUs"),
        ("cn-hangzhou::ecs.g8i.mega::vpc::linux::optimized", row("9"), "doesn't say how many vCPUs"),
        ("cn-hangzhou::ecs.g8i.large::vpc::linux::optimized", {}, "has no price for an hour, a month or a year"),
        ("cn-hangzhou::ecs.g8i.large::vpc::linux::optimized", row("0"), "hourly.amount: must be more than 0"),
        ("cn-hangzhou::ecs.g8i.large::vpc::linux::optimized", row("n/a"), "hourly.amount: 'n/a' is not an amount"),
        ("cn-hangzhou::ecs.g8i.large::vpc::linux::optimized", {"hours": "1"}, "hours is no list of prices"),
        ("cn-hangzhou::ecs.g8i.large::vpc::linux::optimized", 7, "has no lists of prices"),
        ("cn-hangzhou::ecs.g8i.large", row("9"), "is no region::type::network::system::io"),
    ],
)
def test_what_can_not_be_read_is_left_out_and_named(key: str, value: object, words: str, write: Write) -> None:
    result = import_alibaba(Origin(write("prices.json", price_file(ROWS | {key: value})), region="cn-hangzhou"))

    assert set(loaded(result).instance_types) == {"ecs.c8i.large", "ecs.e-c1m2.2xlarge"}
    (problem,) = result.left_out
    assert problem.key == f"pricingInfo.{key}"
    assert words in problem.message


@pytest.mark.parametrize(
    ("text", "region", "words"),
    [
        (price_file(ROWS), "", "has 2 regions"),
        (price_file(ROWS), "cn-hangzhu", "has no region cn-hangzhu"),
        ("{", "", "is not JSON"),
        ("[" * 100_000, "", "is not JSON"),
        ("[]", "", "has no pricingInfo"),
        (json.dumps({"pricingInfo": {}}), "", "names no currency"),
        (price_file(ROWS, currency="yuan"), "", "names no currency"),
        (price_file(ROWS), "Hangzhou!", "'Hangzhou!' is not a region"),
    ],
)
def test_what_is_no_price_file(text: str, region: str, words: str, write: Write) -> None:
    with pytest.raises(UsageError, match=words):
        import_alibaba(Origin(write("prices.json", text), region=region))


def test_a_file_without_a_readable_price_is_no_catalogue(write: Write) -> None:
    rows = {"cn-hangzhou::ecs.gn7i.large::vpc::linux::optimized": row("9")}
    with pytest.raises(CatalogError) as caught:
        import_alibaba(Origin(write("prices.json", price_file(rows))))
    assert [problem.message for problem in caught.value.problems] == [
        "has no price that could be read",
        "its name doesn't say how many vCPUs and GiB it has",
    ]


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("ecs.c8i.large", ("c8i", 2, "4GiB")),
        ("ecs.g8y.small", ("g8y", 1, "4GiB")),
        ("ecs.r7p.16xlarge", ("r7p", 64, "512GiB")),
        ("ecs.u1-c1m8.3xlarge", ("u1-c1m8", 12, "96GiB")),
        ("ecs.t6-c2m1.large", ("t6-c2m1", 2, "1GiB")),
        ("ecs.t5-lc1m2.small", ("t5-lc1m2", 1, "2GiB")),
    ],
)
def test_sizes_that_names_say(name: str, size: tuple[str, int, str]) -> None:
    assert tuple(size_of(name).values()) == size


@pytest.mark.parametrize(
    "name",
    ["", "ecs", "ecs.c8i", "ecs.c8i.medium", "ecs.gn6v-c8g1.2xlarge", "ecs.i3.xlarge", "m5.large", "ecs.c8i.0xlarge"],
)
def test_sizes_that_names_do_not_say(name: str) -> None:
    with pytest.raises(ValueError, match="doesn't say"):
        size_of(name)


TABLE = """\
# our own list
type,currency,hourly,monthly,vcpus,memory,network,spot
ecs.c8i.large,CNY,0.70,340,,,,
node.big,CNY,3,,16,64GiB,10Gbit/s,40%
"""


def test_a_table_becomes_a_catalogue(write: Write) -> None:
    result = import_csv(Origin(write("our list.csv", TABLE), "cn-beijing", date(2026, 11, 2), Grade.EXAMPLE))
    catalog = loaded(result)

    assert result.left_out == ()
    assert (catalog.name, catalog.currency, catalog.region) == ("our-list", "CNY", "cn-beijing")
    assert amounts(catalog, "ecs.c8i.large") == [Decimal("0.70"), Decimal(340), None]
    big = catalog.instance_types["node.big"]
    assert (big.vcpus, big.memory_bytes, big.network_bits_per_s) == (16, 64 * GIB, 1e10)
    assert big.spot_factor == pytest.approx(0.4)
    assert big.hourly is not None
    assert (big.hourly.grade, big.hourly.as_of, big.hourly.region) == (Grade.EXAMPLE, date(2026, 11, 2), "cn-beijing")


def test_rows_may_say_where_they_come_from(write: Write) -> None:
    text = (
        "type;currency;hourly;region;source;as_of;grade;suspect\n"
        "ecs.c8i.large;CNY;0,7;cn-beijing;an offer;2026-11-03;A;\n"
        "ecs.g8i.large;CNY;0.9;cn-hangzhou;an offer;2026-11-03;A;too cheap\n"
        "ecs.r8i.large;CNY;1.1;cn-beijing;;;;\n"
    )
    result = import_csv(Origin(write("rows.csv", text)))
    catalog = loaded(result)

    assert [str(problem).partition("rows.csv:")[2] for problem in result.left_out] == [
        "2: hourly.amount: '0,7' is not an amount: write a number, such as 0.677"
    ]
    first, second = (catalog.instance_types[f"ecs.{name}.large"].hourly for name in ("g8i", "r8i"))
    assert first is not None
    assert second is not None
    assert (first.region, first.source, first.as_of, first.grade, first.suspect) == (
        "cn-hangzhou",
        "an offer",
        date(2026, 11, 3),
        Grade.OFFICIAL,
        "too cheap",
    )
    assert (second.region, second.source, second.as_of, second.grade) == (
        "cn-beijing",
        "rows.csv",
        None,
        Grade.THIRD_PARTY,
    )


def test_rows_that_can_not_be_read_are_named_by_line_and_column(write: Write) -> None:
    text = TABLE + (
        "ecs.c8i.large,CNY,0.71,,,,,\n"
        "ecs.r8i.large,USD,0.71,,,,,\n"
        "node.small,CNY,0.71,,,,,\n"
        "node.odd,CNY,0.71,,two,8GiB,,\n"
        "node.free,CNY,,,2,8GiB,,\n"
        "ecs.g8i.large,CNY,0.71,,,,,,9\n"  # a cell too many
        ",CNY,0.71,,2,8GiB,,\n"
        "my node,CNY,0.71,,2,8GiB,,\n"
    )
    result = import_csv(Origin(write("t.csv", text), "cn-beijing"))

    assert set(loaded(result).instance_types) == {"ecs.c8i.large", "node.big"}
    assert [(problem.line, problem.key) for problem in result.left_out] == [
        (5, "type"),
        (6, "currency"),
        (7, "vcpus"),
        (8, "vcpus"),
        (9, "hourly"),
        (10, ""),
        (11, "type"),
        (12, "type"),
    ]
    assert result.left_out[0].message == "ecs.c8i.large is given twice, first on line 3"


def test_all_that_is_wrong_with_the_columns_comes_at_once(write: Write) -> None:
    with pytest.raises(CatalogError) as caught:
        import_csv(Origin(write("t.csv", "type,type,hour\na,b,1\n")))

    assert [(problem.key, problem.message, problem.fix) for problem in caught.value.problems] == [
        ("hour", "is no known column", "did you mean hourly?"),
        ("type", "is a column twice", "keep one"),
        ("currency", "is no column of the table", ""),
        ("hourly", "is no column of the table, and neither are monthly and yearly", ""),
        ("region", "is no column of the table", "or add --region cn-hangzhou"),
    ]


@pytest.mark.parametrize(
    "text", ["", "\n", "# nothing\n", "type,currency,hourly\n", f"type,currency,hourly\n{'a' * 200_000},CNY,1\n"]
)
def test_an_empty_or_endless_table_is_no_catalogue(text: str, write: Write) -> None:
    with pytest.raises(CatalogError):
        import_csv(Origin(write("t.csv", text), "cn-beijing"))


QUOTE = """\
quote: offer-4711
source: offer 4711 of Example Ltd
currency: CNY
region: cn-hangzhou
as_of: 2026-11-20
prices:
  ecs.c8i.xlarge: {hourly: 1.20, monthly: 520}
  ecs.c9i.xlarge: {monthly: 540}
  traffic: {price: 0.55}
  nlb: {unit: 0.03}
  essd-pl1: {price: 0.0019}
"""


def test_an_offer_takes_from_its_base_what_things_are(write: Write) -> None:
    result = import_quote(Origin(write("offer.yaml", QUOTE)))
    catalog = load_catalog(["alibaba-cn", write("prices.yaml", result.text)])

    assert catalog.name == "alibaba-cn+offer-4711"
    assert amounts(catalog, "ecs.c8i.xlarge") == [Decimal("1.20"), Decimal(520), Decimal(442)]  # a year at 0.85
    assert amounts(catalog, "ecs.c9i.xlarge") == [None, Decimal(540), Decimal(459)]
    assert catalog.instance_types["ecs.c9i.xlarge"].memory_bytes == 8 * GIB
    assert amounts(catalog, "ecs.c8i.large")[0] == Decimal("0.677")
    assert (catalog.transfers["traffic"].price.amount, catalog.transfers["traffic"].free_bytes) == (
        Decimal("0.55"),
        20 * 10**9,
    )
    assert catalog.disks["essd-pl1"].price.unit == "GiB-Hours"
    nlb = catalog.load_balancers["nlb"]
    assert nlb.unit is not None
    assert (nlb.instance.amount, nlb.instance.region, nlb.instance.grade) == (Decimal("0.147"), "cn", Grade.OFFICIAL)
    assert (nlb.unit.amount, nlb.unit.region, nlb.unit.source) == (
        Decimal("0.03"),
        "cn-hangzhou",
        "offer 4711 of Example Ltd",
    )
    assert nlb.unit.as_of == date(2026, 11, 20)


def test_an_offer_in_another_currency_leaves_the_prices_of_its_base(write: Write) -> None:
    text = QUOTE.replace("CNY", "EUR").replace("{unit: 0.03}", "{unit: 0.03, instance: 0.02}")
    catalog = loaded(import_quote(Origin(write("offer.yaml", text))))

    assert {one.price.currency for one in catalog.prices()} == {"EUR"}
    assert amounts(catalog, "ecs.c8i.xlarge") == [Decimal("1.20"), Decimal(520), Decimal(442)]


def test_all_that_is_wrong_with_an_offer_comes_at_once(write: Write) -> None:
    text = (
        QUOTE.replace("CNY", "EUR").replace("ecs.c9i.xlarge", "ecs.gn7.xlarge").replace("{price: 0.55}", "{hourly: 1}")
    )
    with pytest.raises(CatalogError) as caught:
        import_quote(Origin(write("offer.yaml", text)))

    assert [(problem.line, problem.key, problem.message) for problem in caught.value.problems] == [
        (8, "prices.ecs.gn7.xlarge", "is nothing that alibaba-cn describes"),
        (9, "prices.traffic.hourly", "is no price of this thing"),
        (9, "prices.traffic", "needs price too, because alibaba-cn has that in CNY"),
        (10, "prices.nlb", "needs instance too, because alibaba-cn has that in CNY"),
    ]
    with pytest.raises(CatalogError, match="1 problem"):
        import_quote(Origin(write("offer.yaml", f"{QUOTE}base: aws\n")))


@settings(max_examples=30, deadline=None)
@given(
    rows=st.dictionaries(
        st.from_regex(r"ecs\.[cgr][1-9][a-z]?\.[1-9]xlarge", fullmatch=True),
        st.tuples(*[st.none() | st.decimals("0.001", "99999", places=3)] * 3).filter(any),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_imported_is_what_is_loaded(rows: dict[str, tuple[Decimal | None, ...]], tmp_path_factory: Any) -> None:
    lines = [
        f"{name},EUR,{','.join('' if one is None else str(one) for one in prices)}" for name, prices in rows.items()
    ]
    file = tmp_path_factory.mktemp("table") / "t.csv"
    file.write_text("\n".join(["type,currency,hourly,monthly,yearly", *lines]))

    catalog = loaded(import_csv(Origin(file, "eu-test")))

    assert {name: tuple(amounts(catalog, name)) for name in catalog.instance_types} == rows
