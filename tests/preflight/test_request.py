"""What a scenario needs of its target, and requests that travel as JSON."""

from __future__ import annotations

import json

import pytest

from loadkit.errors import UsageError
from loadkit.preflight.finding import Finding, Preflight, Severity, plain
from loadkit.preflight.request import Needs, ProbeRequest, check_domain, needs_of, parse_resolver
from loadkit.scenario.guardrails import TargetAddress
from loadkit.scenario.load import parse_scenario

REMOTE, HERE = TargetAddress("smtp", "mx.example.net", 25), TargetAddress("smtp", "127.0.0.1", 25)
SCENARIO = """
scenario: x
target: {tls: starttls, auth: {mechanism: cram-md5, username_env: U, password_env: P}}
sessions: {max: 7, messages_per_session: 20, local_addresses: [192.0.2.5], retry: {attempts: 3}}
load: {stages: [{name: hold, rate: 1/s, duration: 5s}]}
senders: {local_part: shop, domain: shop.example}
messages:
  letter: {size: {uniform: [2KiB, 8KiB]}, recipients: 5}
  big: {attachments: [{name: a.pdf, size: 1MiB, type: application/pdf}]}
"""


def test_needs() -> None:
    scenario = parse_scenario(SCENARIO)
    assert needs_of(scenario, REMOTE) == Needs(
        starttls=True,
        verify=True,
        auth="CRAM-MD5",
        least_bytes=2048,
        most_bytes=1024**2,
        recipients=5,
        messages_per_session=20,
        sessions=7,
        attempts=3,
        sender="shop0@shop.example",
        recipient="user0@example.com",
        local_address="192.0.2.5",
    )
    assert not needs_of(scenario, HERE).verify


def test_extensions_that_messages_need() -> None:
    kinds = "messages: {plain: {}, raw: {utf8: true}, bytes: {body: ü, transfer: 8bit}}"
    load = "scenario: x\nload: {stages: [{name: h, rate: 1/s, duration: 5s}]}\n"
    some = needs_of(parse_scenario(load + kinds), REMOTE)
    people = "\nrecipients: {local_part: 用户, domain: 例子.test}"
    every = needs_of(parse_scenario(load + kinds + people), REMOTE)

    assert (some.extensions, some.some_extensions) == ((), ("8BITMIME", "SMTPUTF8"))
    assert (every.extensions, every.some_extensions) == (("SMTPUTF8",), ("8BITMIME",))
    assert (every.sender, every.recipient) == ("sender0@example.com", "用户0@例子.test")
    request = ProbeRequest(REMOTE, every)
    assert ProbeRequest.from_dict(json.loads(json.dumps(request.to_dict()))) == request


def test_no_envelope_where_a_run_sends_none() -> None:
    scenario = parse_scenario(
        "{scenario: x, sessions: {stop_after: ehlo}, load: {stages: [{name: h, rate: 1/s, duration: 5s}]},"
        " messages: {a: {}}}"
    )
    needs = needs_of(scenario, REMOTE)
    assert (needs.sender, needs.recipient, needs.messages_per_session) == ("", "", None)


def test_requests_survive_json() -> None:
    request = ProbeRequest(
        REMOTE, Needs(starttls=True, recipients=9), "a.test", "sel", ("127.0.0.1", 5353), ("bl.test",)
    )
    assert ProbeRequest.from_dict(json.loads(json.dumps(request.to_dict()))) == request
    assert ProbeRequest.from_dict(json.loads(json.dumps(ProbeRequest(HERE).to_dict()))) == ProbeRequest(HERE)


def test_outcomes_survive_json() -> None:
    findings = (Finding(Severity.NOTE, "SPF", "a", "b", "c"), Finding(Severity.PROBLEM, "port 25", "x"))
    outcome = Preflight(str(REMOTE), findings, 3, 1.25)
    assert Preflight.from_dict(json.loads(json.dumps(outcome.to_dict()))) == outcome
    assert outcome.to_dict()["passed"] is False


def test_resolvers() -> None:
    assert parse_resolver("127.0.0.1") == ("127.0.0.1", 53)
    assert parse_resolver("[::1]:5353") == ("::1", 5353)
    with pytest.raises(UsageError, match="no IP address"):
        parse_resolver("dns.example.net")


def test_domains() -> None:
    assert check_domain("Shop.Example", "the domain") == "shop.example"
    with pytest.raises(UsageError, match="the domain 'a b' is not a domain name"):
        check_domain("a b", "the domain")


def test_texts_of_others_become_one_short_line() -> None:
    assert plain("a\r\nb\x1b[31m\udcff\u202e c") == "a b [31m c"
    assert plain("x" * 1000) == "x" * 157 + "..."
