"""Judgement of names, addresses and ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadkit.preflight.facts import PortFacts, PortState
from loadkit.preflight.finding import Finding, Severity, plain
from loadkit.scenario.guardrails import format_host_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadkit.preflight.facts import Facts
    from loadkit.preflight.request import ProbeRequest

_WHY_CLOSED = {
    PortState.REFUSED: "The host answers and takes no connections there: nothing listens, or a firewall says no.",
    PortState.FILTERED: "Something on the way drops the packets, or the host is down: every session would time out.",
    PortState.UNREACHABLE: "This machine has no route to the address.",
    PortState.FAILED: "This machine could not even try.",
}
_FIX_CLOSED = {
    PortState.REFUSED: "Start the server, let it listen on this address (inet_interfaces in Postfix), check the port.",
    PortState.FILTERED: "Allow TCP {port} out of here and into the target; in a security group the allow rule must come"
    " before the deny rule.",
    PortState.UNREACHABLE: "Check routes and the address family; IPv6 is often half set up.",
    PortState.FAILED: "Look at what the system says; sessions.local_addresses must be this machine's own.",
}
_SMTP_PORT = 25


def judge_names(request: ProbeRequest, facts: Facts) -> Iterator[Finding]:
    """Judge the target's name: does it have addresses, does its mail go elsewhere."""
    host, addresses = request.target.host, facts.addresses or ()
    exchangers = _exchangers(facts)
    elsewhere = [name for name in exchangers if name != host]
    if not addresses:
        fix = f"Name the server that takes mail for {host}: {elsewhere[0]}." if elsewhere else "Check the name."
        seen = f"{host} has no address ({facts.address_trouble or 'not resolved in time'})"
        yield Finding(Severity.PROBLEM, "address", seen, "There is nothing to connect to.", fix)
        return
    if addresses != (host,):
        yield Finding(Severity.OK, "address", f"{host} is {', '.join(addresses[:6])}")
    if elsewhere and host not in exchangers:
        yield Finding(
            Severity.NOTE,
            "MX",
            f"mail for {host} goes to {', '.join(exchangers[:4])}",
            "A run loads the server that is named, not the one that takes the domain's mail.",
            f"Name {elsewhere[0]} if that is what is to be measured.",
        )


def _exchangers(facts: Facts) -> list[str]:
    """Mail exchangers of the target's name, the preferred first; a null MX (RFC 7505) is none."""
    records = facts.target_mx.records if facts.target_mx is not None else ()
    pairs = sorted((int(preference), plain(name)) for preference, _, name in (one.partition(" ") for one in records))
    return [name.rstrip(".").lower() for _, name in pairs if name != "."]


def judge_ports(request: ProbeRequest, facts: Facts) -> Iterator[Finding]:
    """Judge whether the target's port can be reached, on every address, and what its other ports for mail say."""
    open_ports = [port for port in facts.ports if port.state is PortState.OPEN]
    closed_ports = [port for port in facts.ports if port.state is not PortState.OPEN]
    subject = f"port {request.target.port}"
    for port in closed_ports:
        yield _closed(subject, port, facts, usable=bool(open_ports))
    if open_ports:
        yield Finding(Severity.OK, subject, f"open on {', '.join(port.address for port in open_ports)}")
    elif facts.addresses and not facts.ports:
        yield Finding(
            Severity.PROBLEM, subject, "not tried in time", "Nothing is known of the port.", "Look at the network."
        )
    if facts.other_ports:
        states = ", ".join(f"{port.port} {port.state}" for port in facts.other_ports)
        yield Finding(Severity.OK, "other ports", states)


def _closed(subject: str, port: PortFacts, facts: Facts, *, usable: bool) -> Finding:
    """A port that can't be reached; a warning where the target has another address that can."""
    why, fix = _WHY_CLOSED[port.state], _FIX_CLOSED[port.state].format(port=port.port)
    open_others = [str(other.port) for other in facts.other_ports if other.state is PortState.OPEN]
    if port.state is PortState.FILTERED and open_others and port.port == _SMTP_PORT:
        why = (
            f"The host answers on port {' and '.join(open_others)}, so port 25 itself is blocked: cloud providers close"
            " it on the way out by default."
        )
        fix += " Ask the provider to lift its own block on port 25, too."
    if usable:
        why += " Sessions that get this address fail, the others don't."
    detail = f" ({port.detail})" if port.detail else ""
    seen = f"{port.state} at {format_host_port(port.address, port.port)}{detail}"
    return Finding(Severity.WARNING if usable else Severity.PROBLEM, subject, seen, why, fix)
