"""What DNS says of the sender's domain, by a real DNS server, and what that means."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from preflight.looking import ENVELOPE, Looked, look
from support.keys import RSA_512_BITS
from support.name_server import Fault, running_name_server
from support.sink import RunningSink, running_sink

from loadkit.preflight.finding import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Zone = dict[tuple[str, str], "Sequence[str]"]

RSA_2048 = base64.b64encode(
    rsa.generate_private_key(65537, 2048).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()
GOOD: Zone = {
    ("shop.test", "MX"): ["10 mx.shop.test."],
    ("shop.test", "TXT"): ["v=spf1 ip4:127.0.0.0/8 -all"],
    ("sel._domainkey.shop.test", "TXT"): [f"v=DKIM1; k=rsa; p={RSA_2048}"],
    ("_dmarc.shop.test", "TXT"): ["v=DMARC1; p=reject"],
}


@pytest.fixture(scope="module")
def sink() -> Iterator[RunningSink]:
    """One plain sink for all tests here, because a look leaves nothing behind in it."""
    with running_sink() as running:
        yield running


def ask(sink: RunningSink, changes: Zone, faults: dict[str, Fault] | None = None, domain: str = "shop.test") -> Looked:
    with running_name_server({**GOOD, **changes}, faults) as names:
        return look(
            sink.port,
            request={
                "sender_domain": domain,
                "dkim_selector": "sel",
                "resolver": names.address,
                "blocklists": ("bl.test",),
            },
        )


def test_all_is_well(sink: RunningSink) -> None:
    looked = ask(sink, {})
    assert [(one.severity, one.subject, one.seen) for one in looked.outcome.findings[-5:]] == [
        (Severity.OK, "sender domain", "shop.test has mail at mx.shop.test"),
        (Severity.OK, "SPF", "127.0.0.1 passes: v=spf1 ip4:127.0.0.0/8 -all"),
        (Severity.OK, "DKIM", "sel._domainkey.shop.test: rsa 2048 bits"),
        (Severity.OK, "DMARC", "_dmarc.shop.test: p=reject"),
        (Severity.OK, "block list", "bl.test does not list 127.0.0.1"),
    ]


MANY = "v=spf1 " + " ".join(f"a:h{number}.test" for number in range(11)) + " -all"


@pytest.mark.parametrize(
    ("records", "severity", "words"),
    [
        ([], Severity.WARNING, "shop.test has no record"),
        (["v=spf1 -all"], Severity.WARNING, "fail for 127.0.0.1: v=spf1 -all"),
        (["v=spf1 ~all"], Severity.NOTE, "softfail for 127.0.0.1"),
        (["v=spf1 exists:%{i}.x.test -all"], Severity.NOTE, "can't be told for 127.0.0.1"),
        (["v=spf1 -all", "v=spf1 +all"], Severity.WARNING, "2 records instead of one"),
        (["v=spf1 ipv4:127.0.0.1 -all"], Severity.WARNING, "'ipv4:127.0.0.1' is no mechanism"),
        ([MANY], Severity.WARNING, "it asks for more than 10 DNS look-ups"),
    ],
)
def test_spf(sink: RunningSink, records: list[str], severity: Severity, words: str) -> None:
    looked = ask(sink, {("shop.test", "TXT"): records})
    finding = looked.one("SPF")
    assert finding.severity is severity
    assert words in finding.seen
    assert looked.outcome.passed  # whether the target checks it, nobody knows
    # Without a pass, p=reject means what it says, for nothing is signed.
    assert looked.one("DMARC").severity is Severity.WARNING


def test_the_fix_of_spf_names_the_address(sink: RunningSink) -> None:
    fix = ask(sink, {("shop.test", "TXT"): ["v=spf1 -all"]}).one("SPF").fix
    assert fix.startswith("Add ip4:127.0.0.1 to the TXT record v=spf1 of shop.test")


@pytest.mark.parametrize(
    ("records", "severity", "words"),
    [
        ([], Severity.WARNING, "there is no such record"),
        ([f"v=DKIM1; p={RSA_512_BITS}"], Severity.WARNING, "rsa 512 bits"),
        (["v=DKIM1; k=rsa; p=MIGfMA0*"], Severity.WARNING, "malformed, what follows p= is not base64"),
        (["v=DKIM1; p="], Severity.WARNING, "the key was revoked"),
        (["v=DKIM1; p=x", "v=DKIM1; p=y"], Severity.WARNING, "2 records instead of one"),
        ([f"v=DKIM1; t=y; p={RSA_2048}"], Severity.OK, "only testing"),
    ],
)
def test_dkim(sink: RunningSink, records: list[str], severity: Severity, words: str) -> None:
    finding = ask(sink, {("sel._domainkey.shop.test", "TXT"): records}).one("DKIM")
    assert finding.severity is severity
    assert finding.seen.startswith("sel._domainkey.shop.test")
    assert words in finding.seen


@pytest.mark.parametrize(
    ("records", "severity", "words"),
    [
        ([], Severity.NOTE, "shop.test has no record"),
        (["v=DMARC1; p=none"], Severity.OK, "p=none"),
        (["v=DMARC1"], Severity.WARNING, "malformed, it has no p="),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], Severity.WARNING, "2 records instead of one"),
    ],
)
def test_dmarc(sink: RunningSink, records: list[str], severity: Severity, words: str) -> None:
    finding = ask(sink, {("_dmarc.shop.test", "TXT"): records}).one("DMARC")
    assert finding.severity is severity
    assert words in finding.seen


def test_dmarc_of_the_parent_holds(sink: RunningSink) -> None:
    zone: Zone = {("news.shop.test", "MX"): ["10 mx.shop.test."], ("news.shop.test", "TXT"): ["v=spf1 ip4:127.0.0.1"]}
    assert ask(sink, zone, domain="news.shop.test").one("DMARC").seen == "_dmarc.shop.test: p=reject"


@pytest.mark.parametrize(
    ("changes", "severity", "words"),
    [
        ({("shop.test", "MX"): ["0 ."]}, Severity.WARNING, "takes no mail (null MX)"),
        ({("shop.test", "MX"): [], ("shop.test", "A"): ["192.0.2.1"]}, Severity.OK, "has an address and no MX"),
        ({("shop.test", "MX"): []}, Severity.WARNING, "has neither MX nor address"),
    ],
)
def test_the_domain_itself(sink: RunningSink, changes: Zone, severity: Severity, words: str) -> None:
    finding = ask(sink, changes).one("sender domain")
    assert finding.severity is severity
    assert words in finding.seen


def test_a_domain_that_does_not_exist_is_one_finding(sink: RunningSink) -> None:
    with running_name_server(GOOD) as names:
        request = {"sender_domain": "nowhere.test", "resolver": names.address}
        refused, taken = look(sink.port, request=request), look(sink.port, request=request, **ENVELOPE)
    assert refused.one("sender domain").severity is Severity.WARNING
    assert refused.of("SPF") == refused.of("DMARC") == []
    assert taken.one("sender domain").severity is Severity.NOTE
    assert taken.one("sender domain").seen == "nowhere.test does not exist, and the target takes it"


def test_a_listed_address(sink: RunningSink) -> None:
    listed = ask(sink, {("1.0.0.127.bl.test", "A"): ["127.0.0.2"]}).one("block list")
    assert (listed.severity, listed.seen) == (Severity.WARNING, "bl.test lists 127.0.0.1 (127.0.0.2)")
    refused = ask(sink, {("1.0.0.127.bl.test", "A"): ["127.255.255.254"]}).one("block list")
    assert (refused.severity, refused.seen) == (Severity.NOTE, "bl.test does not answer (127.255.255.254)")


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, pytest.param(Fault.SILENT, marks=pytest.mark.slow)])
def test_dns_that_fails_is_one_finding(sink: RunningSink, fault: Fault) -> None:
    names = [name for name, _ in GOOD]
    looked = ask(sink, {}, dict.fromkeys(names, fault))
    assert looked.one("sender domain").severity is Severity.NOTE
    assert looked.one("sender domain").seen == "DNS does not answer for shop.test"
    assert looked.of("SPF") == looked.of("DKIM") == looked.of("DMARC") == []
    assert looked.outcome.passed


def test_dns_that_fails_in_part(sink: RunningSink) -> None:
    looked = ask(sink, {("shop.test", "TXT"): ["v=spf1 include:b.test -all"]}, {"b.test": Fault.SERVFAIL})
    assert looked.one("SPF").severity is Severity.WARNING
    assert "DNS gave no answer for b.test" in looked.one("SPF").seen
