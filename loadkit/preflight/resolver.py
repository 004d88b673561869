"""DNS look-ups that never raise and never take longer than they may."""

from __future__ import annotations

import asyncio
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.resolver

from loadkit.preflight.facts import DnsAnswer, DnsState

_LOOKUP_S = 2.5
MOST_QUERIES = 60
_MOST_RECORDS = 50
_LONGEST_NAME = 253


class Resolver:
    """Looks names up, each once.

    Args:
        server: Address and port of the DNS server; None takes the system's.
        deadline_s: Time of the event loop after which every look-up fails at once.
    """

    def __init__(self, server: tuple[str, int] | None, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._answers: dict[tuple[str, str], DnsAnswer] = {}
        self._resolver = _resolver(server)

    async def lookup(self, name: str, kind: str) -> DnsAnswer:
        """Look a name up.

        Args:
            name: The whole name, with or without a dot at its end; never a part of one.
            kind: ``A``, ``AAAA``, ``MX`` or ``TXT``.
        """
        key = (name.lower().rstrip("."), kind)
        if key not in self._answers:
            if len(self._answers) >= MOST_QUERIES or self._gone:
                return DnsAnswer(DnsState.FAILED)
            self._answers[key] = await self._ask(*key)
        return self._answers[key]

    @property
    def _gone(self) -> bool:
        """Whether the server has not answered anything, so that waiting for it again is of no use."""
        states = {answer.state for answer in self._answers.values()}
        return bool(states) and states <= {DnsState.SILENT, DnsState.FAILED} and DnsState.SILENT in states

    async def _ask(self, name: str, kind: str) -> DnsAnswer:
        left_s = min(_LOOKUP_S, self._deadline_s - asyncio.get_running_loop().time())
        if self._resolver is None or not name or len(name) > _LONGEST_NAME or left_s <= 0:
            return DnsAnswer(DnsState.FAILED)
        try:
            async with asyncio.timeout(left_s):
                answer = await self._resolver.resolve(f"{name}.", kind, lifetime=left_s, raise_on_no_answer=False)
            records = tuple(_text(record) for record in list(answer.rrset or ())[:_MOST_RECORDS])
        except dns.resolver.NXDOMAIN:
            return DnsAnswer(DnsState.ABSENT)
        except dns.resolver.NoNameservers:
            return DnsAnswer(DnsState.SERVFAIL)
        except (dns.exception.Timeout, TimeoutError):
            return DnsAnswer(DnsState.SILENT)
        except Exception:  # noqa: BLE001 - a server's bytes make dnspython raise more than it documents
            return DnsAnswer(DnsState.FAILED)
        return DnsAnswer(DnsState.FOUND if records else DnsState.EMPTY, records)


def _resolver(server: tuple[str, int] | None) -> dns.asyncresolver.Resolver | None:
    try:
        resolver = dns.asyncresolver.Resolver(configure=server is None)
    except dns.exception.DNSException:  # the system names no resolver
        return None
    if server is not None:
        resolver.nameservers, resolver.port = [server[0]], server[1]
    return resolver


def _text(record: Any) -> str:
    strings = getattr(record, "strings", None)
    if strings is not None:
        return b"".join(strings).decode("ascii", "replace")
    return str(record.to_text())
