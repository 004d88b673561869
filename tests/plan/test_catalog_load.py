"""Every mistake in a catalogue is named with its file, line and key, all of them at once."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.errors import CatalogError, ExitCode, UsageError
from loadkit.plan.catalog_load import load_catalog, parse_catalog

HEAD = """\
catalog: mine
currency: CNY
region: cn-hangzhou
sources:
  list: {text: my list, grade: A, as_of: 2026-11-01}
"""
TYPE = "instance_types:\n  one: {family: f, vcpus: 2, memory: 4GiB, hourly: {%s}}\n"
GOOD = "amount: 1, unit: Hours, source: list"


def problems_of(text: str) -> list[str]:
    with pytest.raises(CatalogError) as caught:
        parse_catalog(text, "mine.yaml")
    assert caught.value.exit_code is ExitCode.USAGE
    return list(map(str, caught.value.problems))


def test_a_price_takes_from_its_source_and_its_catalogue_what_it_does_not_say() -> None:
    hourly = parse_catalog(HEAD + TYPE % GOOD, "mine.yaml").instance_types["one"].hourly
    assert hourly is not None
    assert (hourly.currency, hourly.region, str(hourly.as_of), hourly.source, hourly.grade.value) == (
        "CNY",
        "cn-hangzhou",
        "2026-11-01",
        "my list",
        "A",
    )

    own = "amount: '1.50', unit: Hours, currency: CNY, region: cn-beijing, source: an offer, grade: B, as_of: undated"
    hourly = parse_catalog(HEAD + TYPE % own, "mine.yaml").instance_types["one"].hourly
    assert hourly is not None
    assert (str(hourly.amount), hourly.region, hourly.as_of, hourly.source, hourly.grade.value) == (
        "1.50",
        "cn-beijing",
        None,
        "an offer",
        "B",
    )


@pytest.mark.parametrize(
    ("price", "problem"),
    [
        ("amount: 0, unit: Hours, source: list", "hourly.amount: must be more than 0 and at most 1,000,000,000, not 0"),
        (
            "amount: cheap, unit: Hours, source: list",
            "hourly.amount: 'cheap' is not an amount: write a number, such as",
        ),
        ("amount: true, unit: Hours, source: list", "hourly.amount: True is not an amount"),
        ("amount: 1, unit: Hour, source: list", "hourly.unit: 'Hour' is not possible here (did you mean Hours?)"),
        ("amount: 1, unit: Months, source: list", "hourly.unit: 'Months' is not possible here (Hours)"),
        ("amount: 1, unit: Hours, source: list, currency: USD", "hourly.currency: is USD in a catalogue in CNY"),
        (
            "amount: 1, unit: Hours, source: list, currency: yuan",
            "hourly.currency: 'yuan' is not the code of a currency",
        ),
        ("amount: 1, unit: Hours, source: list, as_of: 2026-02-30", "hourly.as_of: '2026-02-30' is not a day"),
        ("amount: 1, unit: Hours, source: list, grade: E", "hourly.grade: "),
        ("amount: 1, unit: Hours, source: list, prize: 1", "hourly.prize: is not a known key"),
        ("amount: 1, unit: Hours", "hourly.source: is missing"),
        ("unit: Hours, source: list", "hourly: needs an amount, or times and of"),
        ("amount: 1, times: 2, of: two, unit: Hours, source: list", "hourly: needs an amount, or times and of"),
        ("times: 2, of: two, unit: Hours, source: list", "hourly.of: is for disks alone (give an amount)"),
        ("amount: 1, unit: Hours, source: words, as_of: undated", "hourly.grade: is missing (A, B, C or D)"),
        ("amount: 1, unit: Hours, source: words, grade: A", "hourly.as_of: is missing"),
    ],
)
def test_what_is_wrong_with_a_price_is_named_by_line_and_key(price: str, problem: str) -> None:
    found = problems_of(HEAD + TYPE % price)

    assert len(found) == 1
    assert found[0].startswith(f"mine.yaml:7: instance_types.one.{problem}")


@pytest.mark.parametrize(
    ("disk", "problem"),
    [
        ("times: 2, of: slow, unit: GiB-Hours", "there is no disk 'slow'"),
        ("times: 2, of: fast, unit: GiB-Hours", "'fast' has no amount of its own per GiB-Hours"),
    ],
)
def test_a_multiple_is_of_a_disk_that_has_a_price(disk: str, problem: str) -> None:
    text = f"disks:\n  fast: {{max_iops: 1, min_size: 1GiB, price: {{{disk}, source: list}}}}\n"

    assert [problem in one for one in problems_of(HEAD + text)] == [True]


def test_all_problems_come_at_once_in_the_order_of_lines() -> None:
    text = (
        HEAD.replace("region: cn-hangzhou\n", "")
        + TYPE % "amount: 1, unit: Hours, source: list"
        + "tiers:\n  t: {rate: 500, availability: 99.9%, protection: none, billing: none, source: x}\n"
    )
    assert [one.partition(": ")[0] for one in problems_of(text)] == ["mine.yaml:8"]  # before what goes together

    right = text.replace("500,", "500/s,")
    assert problems_of(right) == [
        "mine.yaml:6: instance_types.one.hourly.region: is missing (or give the whole catalogue one)"
    ]
    assert problems_of(right.replace("currency: CNY\n", "")) == [
        "mine.yaml:1: currency: is missing (that of all prices, such as CNY)",
        "mine.yaml:5: instance_types.one.hourly.region: is missing (or give the whole catalogue one)",
    ]


def test_problems_of_several_files_come_at_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(HEAD + TYPE % "amount: 0, unit: Hours, source: list")

    with pytest.raises(CatalogError, match="2 problems in the catalogue; nothing was priced") as caught:
        load_catalog([tmp_path / "a.yaml", "tiers", str(tmp_path / "b.yaml")])

    assert [Path(problem.file).name for problem in caught.value.problems] == ["a.yaml", "b.yaml"]


def test_later_catalogues_win_and_say_where_they_are(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(HEAD + TYPE.replace("one:", "ecs.c8i.large:") % GOOD)

    whole = load_catalog(["alibaba-cn", "tiers", mine])

    assert (whole.name, whole.currency, whole.region) == ("alibaba-cn+tiers+mine", "CNY", "cn-hangzhou")
    large, xlarge = whole.instance_types["ecs.c8i.large"], whole.instance_types["ecs.c8i.xlarge"]
    assert large.hourly is not None
    assert xlarge.hourly is not None
    assert (large.hourly.amount, xlarge.hourly.amount) == (Decimal(1), Decimal("1.354"))
    assert large.monthly is None  # the rule is of the other catalogue
    assert len(whole.instance_types) == 21


def test_two_currencies_are_no_catalogue() -> None:
    with pytest.raises(CatalogError) as caught:
        load_catalog(["alibaba-cn", "alibaba-intl"])
    assert list(map(str, caught.value.problems)) == ["alibaba-intl: is in USD, and alibaba-cn in CNY (plan each alone)"]


@pytest.mark.parametrize(
    ("name", "words", "hint"),
    [
        ("alibaba-ch", "there is no catalogue 'alibaba-ch'", "did you mean alibaba-cn?"),
        ("./none.yaml", "can't read ./none.yaml", "give the path of a catalogue file"),
    ],
)
def test_what_is_no_catalogue(name: str, words: str, hint: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        load_catalog([name])
    assert hint in caught.value.hint


@settings(max_examples=30, deadline=None)
@given(fen=st.integers(1, 10**6), per=st.sampled_from([1, 2, 5, 50, 5000]))
def test_amounts_stay_as_they_were_written(fen: int, per: int) -> None:
    amount = Decimal(fen) / 100
    text = HEAD + TYPE % f"amount: {amount}, per: {per}, unit: Hours, source: list"

    hourly = parse_catalog(text, "mine.yaml").instance_types["one"].hourly

    assert hourly is not None
    assert hourly.amount * per == amount


def test_sizes_bandwidth_and_connections_have_units() -> None:
    text = HEAD + (
        "instance_types:\n"
        "  one: {family: f, vcpus: 2, memory: 4GiB, network: 2.5Gbit/s, connections: 250000, spot_factor: 35%}\n"
    )

    one = parse_catalog(text, "mine.yaml").instance_types["one"]

    assert (one.memory_bytes, one.network_bits_per_s, one.max_connections) == (4 * 1024**3, 2.5e9, 250_000)
    assert one.spot_factor == pytest.approx(0.35)
    for wrong, words in (("4", "is not a size"), ("0GiB", "must be more than 0")):
        assert words in problems_of(text.replace("4GiB", wrong))[0]
    assert "is not a bandwidth" in problems_of(text.replace("2.5Gbit/s", "2.5Gbps"))[0]
