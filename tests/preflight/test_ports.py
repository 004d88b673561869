"""Open, refused, filtered: with real sockets, and what each means."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from preflight.looking import look
from support.name_server import running_name_server
from support.sockets import dropping_port, refusing_port

from loadkit.preflight.facts import DnsAnswer, DnsState, Facts, PortFacts, PortState
from loadkit.preflight.finding import Finding, Severity
from loadkit.preflight.judge import judge
from loadkit.preflight.request import ProbeRequest
from loadkit.scenario.guardrails import TargetAddress

if TYPE_CHECKING:
    from support.sink import RunningSink


def test_refused() -> None:
    with refusing_port() as port:
        looked = look(port)
    finding = looked.one(f"port {port}")
    assert looked.problems == [f"port {port}"]
    assert finding.seen == f"refused at 127.0.0.1:{port} (Connection refused)"
    assert finding.fix.startswith("Start the server")


@pytest.mark.slow
def test_filtered() -> None:
    with dropping_port() as port:
        started_s = time.monotonic()
        looked = look(port)
    assert 3.9 < time.monotonic() - started_s < 5.0
    assert looked.problems == [f"port {port}"]
    finding = looked.one(f"port {port}")
    assert finding.seen == f"filtered at 127.0.0.1:{port} (no answer within 4s)"
    assert f"Allow TCP {port} out" in finding.fix
    assert "before the deny rule" in finding.fix


def test_no_route() -> None:
    looked = look(25, host="127.0.0.1", local_address="192.0.2.254")
    finding = looked.one("port 25")
    assert finding.severity is Severity.PROBLEM
    assert finding.seen.startswith("failed at 127.0.0.1:25 (Cannot assign requested address)")


def judged(ports: dict[str, PortState], others: dict[int, PortState]) -> list[Finding]:
    target = TargetAddress("smtp", "mx.test", 25)
    facts = Facts(addresses=tuple(ports), target_mx=DnsAnswer(DnsState.ABSENT))
    facts.ports = [PortFacts(address, 25, state) for address, state in ports.items()]
    facts.other_ports = [PortFacts("192.0.2.1", port, state) for port, state in others.items()]
    return [one for one in judge(ProbeRequest(target), facts, 0.0).findings if one.subject == "port 25"]


def test_port_25_alone_is_filtered() -> None:
    (finding,) = judged({"192.0.2.1": PortState.FILTERED}, {465: PortState.REFUSED, 587: PortState.OPEN})
    assert finding.severity is Severity.PROBLEM
    assert "answers on port 587, so port 25 itself is blocked" in finding.why
    assert "Ask the provider" in finding.fix


def test_everything_is_filtered() -> None:
    (finding,) = judged({"192.0.2.1": PortState.FILTERED}, {465: PortState.FILTERED, 587: PortState.FILTERED})
    assert "the host is down" in finding.why
    assert "Ask the provider" not in finding.fix


def test_one_of_two_addresses_is_enough() -> None:
    closed, opened = judged({"2001:db8::1": PortState.UNREACHABLE, "192.0.2.1": PortState.OPEN}, {})
    assert (closed.severity, opened.severity) == (Severity.WARNING, Severity.OK)
    assert closed.seen == "unreachable at [2001:db8::1]:25"
    assert "Sessions that get this address fail" in closed.why


def test_names_by_a_resolver(sink: RunningSink) -> None:
    zone = {
        ("mx.test", "A"): ["127.0.0.1"],
        ("mx.test", "MX"): ["20 second.test.", "10 first.test."],
        ("domain.test", "MX"): ["10 mx.test."],
        ("null.test", "MX"): ["0 ."],
    }
    with running_name_server(zone) as names:
        request = {"resolver": names.address}
        found = look(sink.port, host="mx.test", request=request)
        domain = look(sink.port, host="domain.test", request=request)
        absent = look(sink.port, host="absent.test", request=request)
        null = look(sink.port, host="null.test", request=request)
    assert found.outcome.passed
    assert found.one("address").seen == "mx.test is 127.0.0.1"
    assert found.one("MX").seen == "mail for mx.test goes to first.test, second.test"
    assert domain.problems == ["address"]
    assert domain.one("address").fix == "Name the server that takes mail for domain.test: mx.test."
    assert absent.one("address").seen == "absent.test has no address (absent)"
    assert absent.outcome.connections == 0
    assert null.one("address").fix == "Check the name."


def test_names_by_the_system(sink: RunningSink) -> None:
    assert look(sink.port, host="localhost").outcome.passed
    absent = look(sink.port, host="absent.invalid")
    assert absent.problems == ["address"]
