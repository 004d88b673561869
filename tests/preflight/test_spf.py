"""SPF: who may send for a domain, by records that are right, wrong or too long."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.preflight.facts import DnsAnswer, DnsState, SpfFacts
from loadkit.preflight.spf import SpfError, check_spf, is_spf, parse_spf

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = "192.0.2.10"
SILENT = DnsAnswer(DnsState.SILENT)


def check(
    zone: Mapping[tuple[str, str], tuple[str, ...] | DnsAnswer], source: str | None = SOURCE, domain: str = "shop.test"
) -> SpfFacts:
    async def lookup(name: str, kind: str) -> DnsAnswer:
        found = zone.get((name.rstrip("."), kind), ())
        if isinstance(found, DnsAnswer):
            return found
        return DnsAnswer(DnsState.FOUND if found else DnsState.ABSENT, found)

    return asyncio.run(check_spf(domain, source, lookup))


def check_record(record: str, source: str | None = SOURCE) -> SpfFacts:
    zone = {
        ("shop.test", "TXT"): ("unrelated", record),
        ("shop.test", "A"): ("192.0.2.10",),
        ("shop.test", "MX"): ("10 mx.shop.test.",),
        ("mx.shop.test", "A"): ("192.0.2.77",),
        ("mx.shop.test", "AAAA"): ("2001:db8::7",),
        ("other.test", "TXT"): ("v=spf1 ip4:192.0.2.10 -all",),
        ("strict.test", "TXT"): ("v=spf1 -all",),
        ("yes.test", "A"): ("127.0.0.2",),
    }
    return check(zone, source)


@pytest.mark.parametrize(
    ("record", "result", "lookups"),
    [
        ("v=spf1 ip4:192.0.2.10 -all", "pass", 0),
        ("v=spf1 ip4:192.0.2.0/24 -all", "pass", 0),
        ("v=spf1 ip4:192.0.2.11 -all", "fail", 0),
        ("v=spf1 ip6:2001:db8::/32 ~all", "softfail", 0),
        ("v=spf1 ?all", "neutral", 0),
        ("v=spf1", "neutral", 0),
        ("v=spf1 -ip4:192.0.2.10 +all", "fail", 0),
        ("v=spf1 a -all", "pass", 1),
        ("v=spf1 a:shop.test -all", "pass", 1),
        ("v=spf1 mx -all", "fail", 1),
        ("v=spf1 mx/24 -all", "pass", 1),
        ("v=spf1 A/24//64 -ALL", "pass", 1),
        ("v=spf1 exists:yes.test -all", "pass", 1),
        ("v=spf1 exists:no.test -all", "fail", 1),
        ("v=spf1 include:other.test -all", "pass", 1),
        ("v=spf1 include:strict.test ~all", "softfail", 1),
        ("v=spf1 redirect=other.test", "pass", 1),
        ("v=spf1 redirect=other.test ?all", "neutral", 0),
        ("v=spf1 exists:%{i}.list.test -all", "unknown", 1),
        ("v=spf1 ip4:192.0.2.10 exists:%{i}.list.test -all", "pass", 1),
        ("v=spf1 exp=why.test unknown=ok ip4:192.0.2.10 -all", "pass", 0),
    ],
)
def test_records(record: str, result: str, lookups: int) -> None:
    facts = check_record(record)
    assert (facts.result, facts.lookups, facts.records) == (result, lookups, (record,))


def test_ipv6_sources() -> None:
    assert check_record("v=spf1 ip6:2001:db8::/32 -all", "2001:db8::1").result == "pass"
    assert check_record("v=spf1 ip4:192.0.2.0/24 -all", "2001:db8::1").result == "fail"
    assert check_record("v=spf1 mx//64 -all", "2001:db8::1").result == "pass"


def test_without_a_source_only_what_lets_everybody_in_is_told() -> None:
    assert check_record("v=spf1 ip4:192.0.2.10 -all", None).result == "unknown"
    assert check_record("v=spf1 mx -all", None).result == "unknown"
    assert check_record("v=spf1 +all", None).result == "pass"


@pytest.mark.parametrize(
    ("record", "trouble"),
    [
        ("v=spf1 ipv4:192.0.2.1 -all", "'ipv4:192.0.2.1' is no mechanism"),
        ("v=spf1 ip4:192.0.2.300 -all", "is no network"),
        ("v=spf1 ip4:2001:db8::1 -all", "is no IPv4 network"),
        ("v=spf1 ip4 -all", "lacks its value"),
        ("v=spf1 -all:x", "takes no value"),
        ("v=spf1 include: -all", "lacks its value"),
        ("v=spf1 a/33 -all", "prefix that is too long"),
        ("v=spf1 a/x -all", "no domain with a prefix length"),
        ("v=spf1 redirect=a.test redirect=b.test", "redirect= comes twice"),
        ("v=spf1 include:nothing.test -all", "nothing.test, which it names, has no SPF record"),
        ("v=spf1 include:shop.test -all", "more than 10 DNS look-ups"),
    ],
)
def test_records_in_error(record: str, trouble: str) -> None:
    facts = check_record(record)
    assert facts.result == "permerror"
    assert len(facts.troubles) == 1
    assert trouble in facts.troubles[0]


def test_no_record_and_two_records() -> None:
    assert check({}).result == "none"
    assert check({("shop.test", "TXT"): ("v=spf10 -all", "other")}).result == "none"
    two = check({("shop.test", "TXT"): ("v=spf1 -all", "v=spf1 +all")})
    assert (two.result, two.records) == ("permerror", ("v=spf1 -all", "v=spf1 +all"))


@pytest.mark.parametrize(("count", "result"), [(10, "fail"), (11, "permerror")])
def test_ten_lookups_and_no_more(count: int, result: str) -> None:
    record = "v=spf1 " + " ".join(f"a:h{number}.test" for number in range(count)) + " -all"
    assert check({("shop.test", "TXT"): (record,)}).result == result


def test_the_eleventh_lookup_counts_behind_a_match_too() -> None:
    record = "v=spf1 ip4:192.0.2.10 " + " ".join(f"a:h{number}.test" for number in range(11)) + " -all"
    assert check({("shop.test", "TXT"): (record,)}).result == "permerror"


def test_lookups_of_included_records_count() -> None:
    inner = "v=spf1 " + " ".join(f"a:h{number}.test" for number in range(5)) + " -all"
    zone = {("shop.test", "TXT"): ("v=spf1 include:a.test include:b.test -all",)}
    zone |= {("a.test", "TXT"): (inner,), ("b.test", "TXT"): (inner,)}
    assert check(zone).result == "permerror"  # 2 and 2 times 5


def test_dns_that_does_not_answer() -> None:
    assert check({("shop.test", "TXT"): SILENT}).result == "temperror"
    included = check({("shop.test", "TXT"): ("v=spf1 include:a.test -all",), ("a.test", "TXT"): SILENT})
    assert (included.result, included.troubles) == ("temperror", ("DNS gave no answer for a.test",))


@given(st.text(max_size=200), st.sampled_from([SOURCE, "2001:db8::1", None]))
def test_any_record_has_a_result(text: str, source: str | None) -> None:
    facts = check_record(f"v=spf1 {text}", source)
    assert facts.result in {"pass", "fail", "softfail", "neutral", "permerror", "unknown", "none", "temperror"}


@given(st.text(max_size=100))
def test_reading_raises_nothing_else(text: str) -> None:
    with suppress(SpfError):
        parse_spf(text)


def test_what_is_an_spf_record() -> None:
    assert is_spf("v=spf1")
    assert is_spf("V=SPF1 -all")
    assert not is_spf("v=spf2.0/pra -all")
    assert not is_spf(" v=spf1 -all")
