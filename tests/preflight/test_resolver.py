"""Look-ups against a real DNS server, faults of its included."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from support.name_server import Fault, NameServer, running_name_server

from loadkit.preflight.facts import DnsAnswer, DnsState
from loadkit.preflight.resolver import MOST_QUERIES, Resolver

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = "v=spf1 " + "ip4:192.0.2.1 " * 25 + "-all"
ZONE = {
    ("shop.test", "MX"): ["20 mx2.shop.test.", "10 mx1.shop.test."],
    ("shop.test", "TXT"): [LONG, 'say "hi"'],
    ("mx1.shop.test", "A"): ["192.0.2.1"],
    **{(f"{fault}.test", "TXT"): ["never seen"] for fault in Fault},
}


@pytest.fixture
def server() -> Iterator[NameServer]:
    with running_name_server(ZONE, {f"{fault}.test": fault for fault in Fault}) as running:
        yield running


def ask(server: NameServer, *questions: tuple[str, str], left_s: float = 5.0) -> list[DnsAnswer]:
    async def all_of_them() -> list[DnsAnswer]:
        resolver = Resolver(server.address, asyncio.get_running_loop().time() + left_s)
        return [await resolver.lookup(*question) for question in questions]

    return asyncio.run(all_of_them())


def test_records(server: NameServer) -> None:
    mx, txt, address = ask(server, ("shop.test", "MX"), ("Shop.Test.", "TXT"), ("mx1.shop.test", "A"))
    assert sorted(mx.records) == ["10 mx1.shop.test.", "20 mx2.shop.test."]
    assert set(txt.records) == {LONG, 'say "hi"'}
    assert address == DnsAnswer(DnsState.FOUND, ("192.0.2.1",))


def test_what_is_not_there(server: NameServer) -> None:
    empty, absent = ask(server, ("shop.test", "A"), ("nothing.test", "A"))
    assert (empty.state, absent.state) == (DnsState.EMPTY, DnsState.ABSENT)
    assert empty.answered
    assert absent.answered


def test_each_question_is_asked_once(server: NameServer) -> None:
    ask(server, *[("shop.test", "MX"), ("SHOP.test.", "MX")] * 3)
    assert server.asked == [("shop.test", "MX")]


@pytest.mark.parametrize(
    ("fault", "states"),
    [
        (Fault.SERVFAIL, {DnsState.SERVFAIL}),
        (Fault.SILENT, {DnsState.SILENT}),
        (Fault.GARBAGE, {DnsState.SERVFAIL, DnsState.SILENT, DnsState.FAILED}),
        (Fault.TORN, {DnsState.SERVFAIL, DnsState.SILENT, DnsState.FAILED}),
        (Fault.STRANGER, {DnsState.SERVFAIL, DnsState.SILENT, DnsState.FAILED}),
    ],
)
def test_faults(server: NameServer, fault: Fault, states: set[DnsState]) -> None:
    (answer,) = ask(server, (f"{fault}.test", "TXT"), left_s=0.5)
    assert answer.state in states
    assert answer.records == ()
    assert not answer.answered


@pytest.mark.parametrize("name", ["", ".", "a..b", "x" * 64 + ".test", "y." * 200, "ü\udcff.test", "a b.test"])
def test_names_that_are_none(server: NameServer, name: str) -> None:
    (answer,) = ask(server, (name, "TXT"), left_s=0.5)
    assert answer.records == ()


def test_there_is_a_last_question(server: NameServer) -> None:
    answers = ask(server, *((f"n{number}.test", "A") for number in range(MOST_QUERIES + 1)))
    assert [answer.state for answer in answers[-2:]] == [DnsState.ABSENT, DnsState.FAILED]
    assert len(server.asked) == MOST_QUERIES


def test_time_that_is_up(server: NameServer) -> None:
    assert ask(server, ("shop.test", "MX"), left_s=0.0) == [DnsAnswer(DnsState.FAILED)]
    assert server.asked == []


def test_a_server_that_is_gone_is_waited_for_once(server: NameServer) -> None:
    answers = ask(server, *((f"{Fault.SILENT}.test", kind) for kind in ("TXT", "MX", "A")), left_s=0.5)
    assert [answer.state for answer in answers] == [DnsState.SILENT, DnsState.FAILED, DnsState.FAILED]
    assert {kind for _, kind in server.asked} == {"TXT"}
