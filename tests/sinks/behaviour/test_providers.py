from __future__ import annotations

import pytest
from support.behaviour import START, behave, code, send
from support.binomial import binomial_bounds

from loadkit.smtp.outcome import Phase

SHARES = (
    "providers:\n"
    '  a: {share: 40%, domains: [a.test, "*.a.test"], faults: [{phase: rcpt, do: {reply: 450 4.2.1 a}}]}\n'
    "  b: {share: 10%, faults: [{phase: rcpt, do: {reply: 451 4.7.500 b}}]}\n"
)


def recipient_codes(yaml: str, recipients: list[bytes], seed: int = 1) -> list[str]:
    visit = behave(yaml, seed=seed).visit("::1")
    visit.meet(Phase.MAIL, START)
    return [code(visit.meet(Phase.RCPT, START, argument=recipient)) for recipient in recipients]


def test_addresses_fall_to_providers_by_their_shares() -> None:
    codes = recipient_codes(SHARES, [b"user%d@example.com" % number for number in range(20_000)])

    for reply, share in (("450", 0.4), ("451", 0.1), ("", 0.5)):
        low, high = binomial_bounds(20_000, share)
        assert low <= codes.count(reply) <= high


def test_an_address_always_falls_to_the_same_provider_and_by_the_seed() -> None:
    addresses = [b"user%d@example.com" % number for number in range(1000)]

    assert recipient_codes(SHARES, addresses) == recipient_codes(SHARES, addresses[::-1])[::-1]
    assert recipient_codes(SHARES, addresses) != recipient_codes(SHARES, addresses, seed=2)


@pytest.mark.parametrize(("address", "reply"), [(b"x@a.test", "450"), (b"x@MX.A.test", "450")])
def test_a_domain_chooses_its_provider(address: bytes, reply: str) -> None:
    assert recipient_codes(SHARES, [address]) == [reply]


BY_DOMAIN = (
    "providers:\n"
    "  a: {domains: [a.test], service: {dot: 10ms}, limits: {per_source: {messages: 2/min}}}\n"
    "  b: {domains: [b.test], service: {dot: 30ms}, limits: {recipients_per_message: 1, size: 500B}}\n"
    "  c: {domains: [c.test], greylist: {delay: 1m}}\n"
)


def test_a_message_counts_once_however_many_recipients_a_provider_gets() -> None:
    visit = behave(BY_DOMAIN).visit("::1")
    recipients = (b"1@a.test", b"2@a.test", b"3@a.test")

    codes = [send(visit, recipients=recipients)[1:4] for _ in range(3)]

    assert codes == [["", "", ""], ["", "", ""], ["450", "450", "450"]]
    assert send(visit, recipients=(b"1@b.test",))[1] == ""


def test_limits_of_a_provider_hold_for_its_own_recipients() -> None:
    visit = behave(BY_DOMAIN).visit("::1")

    assert send(visit, recipients=(b"1@a.test", b"1@b.test", b"2@b.test", b"2@a.test")) == [
        "",
        "",
        "",
        "452",
        "",
        "",
        "552",
    ]
    assert send(visit, recipients=(b"1@a.test",))[-1] == ""


def test_greylisting_of_a_provider_holds_for_its_own_recipients() -> None:
    visit = behave(BY_DOMAIN).visit("::1")

    assert send(visit, recipients=(b"1@a.test", b"1@c.test"))[1:3] == ["", "451"]
    assert send(visit, START + 60, recipients=(b"1@c.test",))[1] == ""


@pytest.mark.parametrize(
    ("recipients", "delay_s"),
    [((b"1@a.test",), 0.01), ((b"1@a.test", b"1@b.test"), 0.03), ((b"1@b.test", b"1@a.test"), 0.03)],
)
def test_the_slowest_provider_of_a_message_sets_the_time(recipients: tuple[bytes, ...], delay_s: float) -> None:
    visit = behave(BY_DOMAIN).visit("::1")
    visit.meet(Phase.MAIL, START)
    for recipient in recipients:
        visit.meet(Phase.RCPT, START, argument=recipient)

    answer = visit.meet(Phase.DOT, START)

    assert answer is not None
    assert answer.delay_s == delay_s


def test_a_provider_adds_to_what_the_server_itself_takes_and_says() -> None:
    behaviour = behave(
        "service: {rcpt: 5ms}\n"
        "faults: [{phase: rcpt, when: {recipient: no@a.test}, do: {reply: 550 5.1.1 house}}]\n"
        "providers:\n"
        "  a: {domains: [a.test], service: {rcpt: 20ms}, faults: [{phase: rcpt, do: {reply: 450 4.2.1 a}}]}\n"
    )
    visit = behaviour.visit("::1")
    visit.meet(Phase.MAIL, START)

    answers = [
        visit.meet(Phase.RCPT, START, argument=address) for address in (b"yes@a.test", b"no@a.test", b"x@b.test")
    ]

    assert [code(answer) for answer in answers] == ["450", "550", ""]
    assert [answer and answer.delay_s for answer in answers] == [0.025, 0.005, 0.005]
