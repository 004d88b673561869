"""Guardrails: where load may go and to whom, decided before anything is sent."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from loadkit.errors import TargetError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEFAULT_PORTS = {"smtp": 25, "smtps": 465, "lmtp": 24}
RESERVED_DOMAINS = ("example.com", "example.net", "example.org")
RESERVED_TOP_DOMAINS = ("test", "invalid", "example")

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
DOMAIN_PATTERN = rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*"
_DOMAIN = re.compile(DOMAIN_PATTERN)
_PORT = re.compile(r":[0-9]{1,5}")
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class TargetAddress:
    """Where load goes.

    Args:
        scheme: ``smtp``, ``smtps`` (TLS from the first byte) or ``lmtp``.
        host: Name or address, without brackets, in lower case.
        port: TCP port.
    """

    scheme: str
    host: str
    port: int

    @property
    def implicit_tls(self) -> bool:
        """Whether TLS starts before the banner."""
        return self.scheme == "smtps"

    @property
    def lmtp(self) -> bool:
        """Whether the target speaks LMTP (RFC 2033)."""
        return self.scheme == "lmtp"

    @property
    def loopback(self) -> bool:
        """Whether the target is this machine."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        return f"{self.scheme}://{format_host_port(self.host, self.port)}"


def parse_target_url(url: str) -> TargetAddress:
    """Read a target such as ``smtp://127.0.0.1:2525`` or ``smtps://[::1]``.

    Raises:
        UsageError: If it is no such URL or carries more than scheme, host and port.
    """
    if "@" in url:  # looked for first, because the other messages repeat the URL
        raise UsageError("credentials in the target's URL are refused", hint="put an auth block under target")
    if not url.isprintable() or url != url.strip():  # urlsplit drops such characters silently
        raise UsageError(f"{url!r} has white space or control characters", hint="write smtp://host:port")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{url!r} is not a URL: {error}", hint="write smtp://host:port") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise UsageError(f"{url!r} does not start with smtp://, smtps:// or lmtp://", hint="write smtp://host:port")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise UsageError(f"{url!r} has more than scheme, host and port", hint="write smtp://host:port")
    host = (parts.hostname or "").lower()
    if not is_host(host) or ("[" in parts.netloc) != _is_ipv6(host):
        raise UsageError(f"{url!r} has no valid host", hint="write smtp://host:port")
    if port == 0:
        raise UsageError(f"{url!r} has port 0", hint=f"ports go from 1 to {_MAX_PORT}")
    return TargetAddress(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme])


def host_of_url(url: str, schemes: tuple[str, ...], ports: Mapping[str, int], *, example: str) -> TargetAddress:
    """Where a URL with any path leads.

    Args:
        url: The URL.
        schemes: Schemes that it may have.
        ports: Port of each scheme where the URL names none.
        example: A right URL, for messages.

    Raises:
        UsageError: If it is no such URL, or carries credentials or a fragment.
    """
    hint = f"write {example}"
    if "@" in url:  # looked for first, because the other messages repeat the URL
        raise UsageError("credentials in a URL are refused", hint="name their environment variables instead")
    if not url.isprintable() or not url.isascii() or " " in url:
        raise UsageError(f"{url!r} has white space, control characters or letters beyond ASCII", hint=hint)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{url!r} is not a URL: {error}", hint=hint) from error
    if parts.scheme not in schemes:
        raise UsageError(f"{url!r} does not start with {' or '.join(f'{one}://' for one in schemes)}", hint=hint)
    host = (parts.hostname or "").lower()
    if not is_host(host) or ("[" in parts.netloc) != _is_ipv6(host):
        raise UsageError(f"{url!r} has no valid host", hint=hint)
    if port == 0 or parts.fragment:
        raise UsageError(f"{url!r} has port 0 or a fragment", hint=hint)
    return TargetAddress(parts.scheme, host, port or ports[parts.scheme])


def check_target(address: TargetAddress, allow: Iterable[str]) -> None:
    """Refuse a target that is neither this machine nor allowed by the scenario.

    Args:
        address: The target.
        allow: Hosts, or hosts with port, that the scenario's author may load.

    Raises:
        TargetError: If the target is not allowed.
    """
    if address.loopback:
        return
    if any(host == address.host and port in (None, address.port) for host, port in map(parse_host_port, allow)):
        return
    raise TargetError(
        f"{address.host}:{address.port} is not this machine and not allowed by the scenario; nothing was sent",
        hint=f"if you may load it, add {address.host} to target.allow",
    )


def parse_sink_url(url: str) -> str:
    """Check the address of a sink's admin interface, such as ``http://127.0.0.1:8025``.

    Returns:
        The address without a slash at its end.

    Raises:
        UsageError: If it is no such address, or carries credentials.
    """
    if "@" in url:  # looked for first, because the other messages repeat the URL
        raise UsageError("credentials in a sink's URL are refused", hint="name their variable: delivery.token_env")
    hint = "write http://host:port"
    if not url.isprintable() or " " in url:
        raise UsageError(f"{url!r} has white space or control characters", hint=hint)
    try:
        parts = urlsplit(url)
        valid = parts.port is None or parts.port > 0
    except ValueError:
        valid = False
    if not valid or parts.scheme not in {"http", "https"} or not is_host(parts.hostname or ""):
        raise UsageError(f"{url!r} is not the address of a sink's admin interface", hint=hint)
    if parts.query or parts.fragment:
        raise UsageError(f"{url!r} has more than a host, a port and a path", hint=hint)
    return url.rstrip("/")


def check_recipient_domain(domain: str, allow: Iterable[str]) -> None:
    """Refuse recipients at a domain that may be somebody's, unless the scenario allows it.

    Args:
        domain: The recipients' domain.
        allow: Domains that the scenario's author may send to.

    Raises:
        TargetError: If the domain is neither reserved (RFC 2606, RFC 6761) nor allowed.
    """
    if is_reserved(domain) or _comparable(domain) in map(_comparable, allow):
        return
    raise TargetError(
        f"recipients at {domain} may be real people",
        hint=f"use example.com or a domain under .test, or add {domain} to recipients.allow",
    )


def is_reserved(domain: str) -> bool:
    """Whether a domain can never belong to anybody (RFC 2606, RFC 6761)."""
    name = domain.lower()
    if name.rpartition(".")[2] in RESERVED_TOP_DOMAINS:
        return True
    return any(name == reserved or name.endswith(f".{reserved}") for reserved in RESERVED_DOMAINS)


def is_loopback(host: str) -> bool:
    """Whether a host is ``localhost`` or an address in 127.0.0.0/8 or ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_host(text: str) -> bool:
    """Whether a text is a host name or an address."""
    return is_domain(text) or _is_ipv6(text)


def is_domain(text: str) -> bool:
    """Whether a text is a domain name by the letters-digits-hyphen rule (RFC 5321, 2.3.5)."""
    return _DOMAIN.fullmatch(text) is not None


def ascii_domain(domain: str) -> str:
    """A domain as it is known to DNS: with every label that is not ASCII in its ``xn--`` form (RFC 5890).

    Raises:
        ValueError: If a label is not written in the one form that IDNA 2008 allows, such as in small letters.
    """
    if domain.isascii():
        return domain
    import idna  # noqa: PLC0415 - slow to import, and seldom needed

    try:
        return str(idna.encode(domain, strict=True), "ascii")
    except idna.IDNAError as error:
        raise ValueError(f"{domain!r} is not a domain: {error}") from error


def _comparable(domain: str) -> str:
    try:
        return ascii_domain(domain).lower()
    except ValueError:
        return domain.lower()


def parse_host_port(text: str) -> tuple[str, int | None]:
    """Read ``host``, ``host:port``, ``2001:db8::1`` or ``[2001:db8::1]:port``.

    Returns:
        The host in lower case and the port, None where any port is meant.

    Raises:
        UsageError: If it is none of these.
    """
    host, bracket, rest = text.lower().removeprefix("[").partition("]")
    if not bracket and not _is_ipv6(host):
        host, colon, port = host.partition(":")
        rest = colon + port
    if not is_host(host) or (rest and not _is_port(rest)):
        raise UsageError(f"{text!r} is not a host", hint="write host or host:port")
    return host, int(rest[1:]) if rest else None


def format_host_port(host: str, port: int) -> str:
    """Show host and port, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return "%" not in text


def _is_port(text: str) -> bool:
    return _PORT.fullmatch(text) is not None and 0 < int(text[1:]) <= _MAX_PORT
