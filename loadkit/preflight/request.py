"""What a look at a target is asked to find out, and what a run needs of the target."""

from __future__ import annotations

import ipaddress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from loadkit.errors import UsageError
from loadkit.scenario.channels import SMTP
from loadkit.scenario.guardrails import TargetAddress, is_domain, parse_host_port
from loadkit.scenario.mix import DEFAULT_SIZE, build_templates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadkit.scenario.schema import MessageKind, Scenario
    from loadkit.smtp.fields import Correspondents

_DNS_PORT = 53
# Where a run stops so early, no envelope reaches the target.
_WITHOUT_ENVELOPE = ("connect", "ehlo")


@dataclass(frozen=True, slots=True)
class Needs:
    """What a run wants from its target.

    Args:
        starttls: Whether sessions use STARTTLS.
        tls_minimum: The oldest version of TLS that sessions speak.
        verify: Whether the certificate must be valid for the target's name.
        auth: SASL mechanism by which sessions log in, in capitals; empty for none.
        least_bytes: Size of the smallest messages.
        most_bytes: Size of the largest messages.
        recipients: Most recipients of a message.
        messages_per_session: Most messages over one connection; None is no limit.
        sessions: Most connections at a time.
        attempts: How often a message is tried.
        sender: Reverse path to try; empty tries none.
        recipient: Forward path to try after it; empty tries none.
        local_address: Address that sessions come from; empty for the system's choice.
        extensions: Extensions without which no message can be sent.
        some_extensions: Extensions without which some messages can't be sent.
    """

    starttls: bool = False
    tls_minimum: str = "1.2"
    verify: bool = False
    auth: str = ""
    least_bytes: int = 0
    most_bytes: int = 0
    recipients: int = 1
    messages_per_session: int | None = None
    sessions: int = 1
    attempts: int = 1
    sender: str = ""
    recipient: str = ""
    local_address: str = ""
    extensions: tuple[str, ...] = ()
    some_extensions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """What to look at.

    Args:
        target: The server; already checked against the allowed ones.
        needs: What a run wants of it.
        sender_domain: Domain whose SPF, DKIM and DMARC records are looked up; empty for none.
        dkim_selector: Selector of the DKIM key; empty where it is not known.
        resolver: Address and port of a DNS server instead of the system's.
        blocklists: DNS block lists to ask for this machine's address.
    """

    target: TargetAddress
    needs: Needs = Needs()
    sender_domain: str = ""
    dkim_selector: str = ""
    resolver: tuple[str, int] | None = None
    blocklists: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The request as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ProbeRequest:
        """The request that `to_dict` wrote."""
        resolver = data["resolver"]
        # JSON has no tuples.
        lists = {key: tuple(value) for key, value in data["needs"].items() if isinstance(value, list)}
        needs: dict[str, Any] = {**data["needs"], **lists}
        return cls(
            TargetAddress(**data["target"]),
            Needs(**needs),
            data["sender_domain"],
            data["dkim_selector"],
            (resolver[0], resolver[1]) if resolver else None,
            tuple(data["blocklists"]),
        )


def needs_of(scenario: Scenario, target: TargetAddress) -> Needs:
    """What a scenario's run wants from a target."""
    sessions, load, auth = scenario.sessions, scenario.load, scenario.target.auth
    mail = [kind for kind in scenario.messages.values() if kind.channel == SMTP] or list(scenario.messages.values())
    sizes = [_sizes(kind) for kind in mail]
    per_session = sessions.messages_per_session
    envelope = sessions.stop_after not in _WITHOUT_ENVELOPE
    people = scenario.correspondents
    by_all, by_some = _extensions(people, mail) if envelope else ((), ())
    return Needs(
        starttls=scenario.target.tls == "starttls",
        tls_minimum=scenario.target.tls_minimum,
        verify=scenario.target.verifies(target),
        auth=auth.mechanism.upper() if auth else "",
        least_bytes=min(least for least, _ in sizes),
        most_bytes=max(most for _, most in sizes),
        recipients=max(kind.recipients.most for kind in mail),
        messages_per_session=None if per_session is None else per_session.most,
        sessions=sessions.max if load.sessions is None else load.sessions,
        attempts=sessions.retry.attempts,
        sender=people.sender.at(0) if envelope else "",
        recipient=people.recipient.at(0) if envelope else "",
        local_address=next(iter(sessions.local_addresses), ""),
        extensions=by_all,
        some_extensions=by_some,
    )


def _extensions(people: Correspondents, mail: list[MessageKind]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Extensions that every message needs, and that only some of them need."""
    addresses = {"SMTPUTF8"} if not (people.sender.at(0) + people.recipient.at(0)).isascii() else set()
    needed = [
        addresses | {need.decode() for need in template.needs}
        for kind in mail
        for template in build_templates(kind, people)
    ]
    by_all = set.intersection(*needed)
    return tuple(sorted(by_all)), tuple(sorted(set.union(*needed) - by_all))


def _sizes(kind: MessageKind) -> tuple[int, int]:
    """Smallest and largest size in bytes that a kind means to have."""
    attached = sum(attachment.size_bytes or 0 for attachment in kind.attachments)
    if not kind.padded:
        return 0, 0  # known only when the texts are read
    size = kind.size or DEFAULT_SIZE
    return max(size.least, attached), max(size.most, attached)


def parse_resolver(text: str) -> tuple[str, int]:
    """Read the address of a DNS server, such as ``127.0.0.1:5353``.

    Raises:
        UsageError: If it is no address with or without port.
    """
    host, port = parse_host_port(text)
    try:
        ipaddress.ip_address(host)
    except ValueError as error:
        raise UsageError(f"{text!r} is no IP address", hint="name the resolver by its address") from error
    return host, port or _DNS_PORT


def check_domain(text: str, what: str) -> str:
    """A domain in lower case.

    Raises:
        UsageError: If the text is none.
    """
    if not is_domain(text):
        raise UsageError(f"{what} {text!r} is not a domain name", hint="write a name such as mail.example.com")
    return text.lower()
