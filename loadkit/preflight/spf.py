"""SPF (RFC 7208): what a domain says of the address that its mail comes from.

Unlike a receiver, the check goes on behind the first match, because a record that asks for too many look-ups fails for
other sources.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from loadkit.preflight.facts import DnsAnswer, DnsState, SpfFacts
from loadkit.preflight.finding import plain

MOST_LOOKUPS = 10
"""RFC 7208 section 4.6.4."""

_MOST_EXCHANGERS = 10
_LONGEST_ADDRESS = {4: 32, 6: 128}
_RESULTS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
_TAKES_VALUE = {
    "all": False,
    "include": True,
    "exists": True,
    "ip4": True,
    "ip6": True,
    "a": None,
    "mx": None,
    "ptr": None,
}
_WITH_LOOKUP = ("include", "a", "mx", "ptr", "exists")

_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)")
_MECHANISM = re.compile(r"([+\-~?]?)([A-Za-z][A-Za-z0-9_-]*)(?::(.*))?")
_PREFIXES = re.compile(r"([^/]*)(?:/([0-9]{1,3}))?(?://([0-9]{1,3}))?")

Lookup = Callable[[str, str], Awaitable[DnsAnswer]]
Source = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Term:
    """A mechanism of an SPF record.

    Args:
        result: What a match means: ``pass``, ``fail``, ``softfail`` or ``neutral``.
        mechanism: Its name.
        value: Domain or network; empty means the domain of the record.
        prefixes: Length of the network around each address, by IP version.
    """

    result: str
    mechanism: str
    value: str
    prefixes: dict[int, int]


class SpfError(ValueError):
    """The record is malformed; the message says how."""


def parse_spf(text: str) -> tuple[tuple[Term, ...], str]:
    """Read an SPF record.

    Returns:
        The terms, and the domain that `redirect` names or an empty text.

    Raises:
        SpfError: If it is malformed.
    """
    terms: list[Term] = []
    redirects: list[str] = []
    for word in text.split()[1:]:
        modifier = _MODIFIER.fullmatch(word)
        if modifier is None:
            terms.append(_term(word))
        elif modifier[1].lower() == "redirect":
            redirects.append(modifier[2])
    if len(redirects) > 1 or "" in redirects:
        raise SpfError("redirect= comes twice or names nothing")
    return tuple(terms), next(iter(redirects), "")


def _term(word: str) -> Term:
    shown = plain(word, 60)
    # A prefix length may follow the name at once, as in a/24.
    named = _MECHANISM.fullmatch(re.sub(r"^([+\-~?]?\w+)/", r"\1:/", word))
    if named is None or named[2].lower() not in _TAKES_VALUE:
        raise SpfError(f"{shown!r} is no mechanism")
    mechanism, value = named[2].lower(), named[3] or ""
    takes_value = _TAKES_VALUE[mechanism]
    if takes_value is not None and takes_value != bool(value):
        raise SpfError(f"{shown!r} {'lacks its value' if takes_value else 'takes no value'}")
    prefixes = dict(_LONGEST_ADDRESS)
    if mechanism in ("ip4", "ip6"):
        try:
            network = ipaddress.ip_network(value, strict=False)
        except ValueError as error:
            raise SpfError(f"{shown!r} is no network") from error
        if network.version != int(mechanism[-1]):
            raise SpfError(f"{shown!r} is no IPv{mechanism[-1]} network")
    elif mechanism in ("a", "mx"):
        value, prefixes = _split_prefixes(value, shown)
    return Term(_RESULTS[named[1] or "+"], mechanism, value, prefixes)


def _split_prefixes(value: str, shown: str) -> tuple[str, dict[int, int]]:
    parts = _PREFIXES.fullmatch(value)
    if parts is None:
        raise SpfError(f"{shown!r} is no domain with a prefix length")
    prefixes = {4: int(parts[2] or _LONGEST_ADDRESS[4]), 6: int(parts[3] or _LONGEST_ADDRESS[6])}
    if any(length > _LONGEST_ADDRESS[version] for version, length in prefixes.items()):
        raise SpfError(f"{shown!r} has a prefix that is too long")
    return parts[1], prefixes


def is_spf(text: str) -> bool:
    """Whether a TXT record is one of SPF (RFC 7208 section 4.5)."""
    return text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")


async def check_spf(domain: str, source: str | None, lookup: Lookup) -> SpfFacts:
    """Check whether a domain lets an address send its mail.

    Args:
        domain: The domain.
        source: The address; None if it is not known.
        lookup: Asks DNS for a name and a type.
    """
    answer = await lookup(domain, "TXT")
    if not answer.answered:
        return SpfFacts("temperror", troubles=(f"DNS gave no answer for {domain}",))
    records = tuple(filter(is_spf, answer.records))
    if len(records) != 1:
        return SpfFacts("permerror" if records else "none", records)
    check = _Check(ipaddress.ip_address(source) if source else None, lookup)
    try:
        result = await check.record(domain, records[0])
    except SpfError as error:
        return SpfFacts("permerror", records, check.lookups, (str(error),))
    return SpfFacts(result, records, check.lookups, tuple(check.troubles))


class _Check:
    """The state of one check: it is done at the eleventh look-up."""

    def __init__(self, source: Source | None, lookup: Lookup) -> None:
        self.lookups = 0
        self.troubles: list[str] = []
        self._source = source
        self._lookup = lookup

    async def record(self, domain: str, text: str) -> str:
        """The result of a record; it is ``temperror`` or ``unknown`` if a term before the first match is."""
        terms, redirect = parse_spf(text)
        result: str | None = None
        for term in terms:
            matches = await self._matches(term, domain)
            if result is None and matches is not False:
                result = term.result if matches is True else matches
            if term.mechanism == "all":
                break
        if redirect and not any(term.mechanism == "all" for term in terms):
            redirected = await self._of_other(redirect)
            result = result or redirected
        return result or "neutral"

    async def _matches(self, term: Term, domain: str) -> bool | str:
        """Whether a term matches, or the result that it ends the check with."""
        if term.mechanism == "all":
            return True
        if term.mechanism in ("ip4", "ip6"):
            network = ipaddress.ip_network(term.value, strict=False)
            return "unknown" if self._source is None else self._source in network
        if term.mechanism == "include":
            result = await self._of_other(term.value)
            return result if result in ("temperror", "unknown") else result == "pass"
        self._count()
        # RFC 7208 section 5.5 tells everybody not to use ptr.
        if "%" in term.value or term.mechanism == "ptr":
            return "unknown"
        if term.mechanism == "exists":
            return (await self._lookup(term.value, "A")).state is DnsState.FOUND
        return await self._any_contains(term, term.value or domain)

    async def _of_other(self, domain: str) -> str:
        """The result of the record of another domain."""
        self._count()
        if "%" in domain:
            return "unknown"
        answer = await self._lookup(domain, "TXT")
        if not answer.answered:
            self.troubles.append(f"DNS gave no answer for {plain(domain)}")
            return "temperror"
        records = list(filter(is_spf, answer.records))
        if len(records) != 1:
            raise SpfError(
                f"{plain(domain)}, which it names, has {len(records) or 'no'} SPF record{'s' * bool(records)}"
            )
        return await self.record(domain, records[0])

    async def _any_contains(self, term: Term, name: str) -> bool | str:
        """Whether the source is near an address of a name, or of its mail exchangers."""
        if self._source is None:
            return "unknown"
        names = [name]
        if term.mechanism == "mx":
            exchangers = await self._lookup(name, "MX")
            names = [record.partition(" ")[2] for record in exchangers.records[:_MOST_EXCHANGERS]]
        version = self._source.version
        for host in names:
            for record in (await self._lookup(host, "A" if version == 4 else "AAAA")).records:  # noqa: PLR2004
                network = ipaddress.ip_network(f"{record}/{term.prefixes[version]}", strict=False)
                if self._source in network:
                    return True
        return False

    def _count(self) -> None:
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            raise SpfError(f"it asks for more than {MOST_LOOKUPS} DNS look-ups")
