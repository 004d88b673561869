"""The look itself: which connections and look-ups are made, in which order, and in what time."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import re
import socket
import ssl
import threading
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from loadkit.preflight.conversation import (
    Talk,
    TlsOffer,
    context_up_to,
    looking_context,
    run_context,
)
from loadkit.preflight.facts import (
    Breakdown,
    Cause,
    Conversation,
    DnsAnswer,
    DomainFacts,
    Facts,
    PortFacts,
    PortState,
    Trial,
)
from loadkit.preflight.finding import plain
from loadkit.preflight.resolver import Resolver
from loadkit.preflight.spf import check_spf

if TYPE_CHECKING:
    from loadkit.preflight.request import ProbeRequest

WHOLE_S = 15.0
"""All of it; what has not been seen by then is not seen."""
MOST_CONNECTIONS = 10
CONNECT_S = 4.0
"""Time for three SYNs, sent after 0, 1 and 3 seconds."""

_MOST_ADDRESSES = 3
_MAIL_PORTS = (25, 465, 587)
_RESOLVE_S = 4.0
_END_S = 1.0
_STATES = {
    errno.ECONNREFUSED: PortState.REFUSED,
    errno.ECONNRESET: PortState.REFUSED,
    errno.ETIMEDOUT: PortState.FILTERED,
    errno.EHOSTUNREACH: PortState.FILTERED,
    errno.EACCES: PortState.FILTERED,
    errno.EPERM: PortState.FILTERED,
    errno.ENETUNREACH: PortState.UNREACHABLE,
}
_SEEN_AS = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f.:]{3,45})\]")


async def probe(request: ProbeRequest, whole_s: float = WHOLE_S) -> Facts:
    """Look at a target.

    Args:
        request: What to look at.
        whole_s: Seconds that all of it may take.

    Returns:
        What was seen, be it all or what time allowed.
    """
    facts = Facts()
    loop = asyncio.get_running_loop()
    # What a broken connection has to say after its end is of no interest, and would be printed.
    loop.set_exception_handler(lambda _loop, _context: None)
    started_s = loop.time()
    look = _Look(request, facts, started_s + whole_s - _END_S)
    try:
        async with asyncio.timeout(whole_s):
            await look.whole()
    except TimeoutError:
        facts.cut_short = True
    facts.duration_s = loop.time() - started_s
    return facts


class _Look:
    """One look.

    Args:
        request: What to look at.
        facts: What is filled.
        deadline_s: Time of the event loop at which conversations and look-ups are cut.
    """

    def __init__(self, request: ProbeRequest, facts: Facts, deadline_s: float) -> None:
        self._request = request
        self._facts = facts
        self._deadline_s = deadline_s
        self._resolver = Resolver(request.resolver, deadline_s)

    async def whole(self) -> None:
        names = asyncio.create_task(self._names())
        try:
            await self._server()
            await names
            await self._source_checks()
        finally:
            names.cancel()

    # DNS

    async def _names(self) -> None:
        """What needs no connection: where the target's mail goes, and the records of the sender's domain."""
        request, facts = self._request, self._facts
        if request.sender_domain:
            facts.domain = DomainFacts(request.sender_domain)
            await asyncio.gather(self._target_mx(), self._exists(facts.domain), self._keys(facts.domain))
        else:
            await self._target_mx()

    async def _target_mx(self) -> None:
        if not _is_address(self._request.target.host):
            self._facts.target_mx = await self._resolver.lookup(self._request.target.host, "MX")

    async def _exists(self, domain: DomainFacts) -> None:
        domain.mx = await self._resolver.lookup(domain.domain, "MX")
        if not domain.mx.records:
            domain.address = await self._resolver.lookup(domain.domain, "A")

    async def _keys(self, domain: DomainFacts) -> None:
        """The DKIM key, and the DMARC policy of the domain or of the nearest one above it that has one."""
        selector = self._request.dkim_selector
        if selector:
            domain.dkim = await self._resolver.lookup(f"{selector}._domainkey.{domain.domain}", "TXT")
        labels = domain.domain.split(".")
        for start in range(max(1, len(labels) - 1)):
            name = "_dmarc." + ".".join(labels[start:])
            answer = await self._resolver.lookup(name, "TXT")
            records = tuple(record for record in answer.records if record.lower().startswith("v=dmarc"))
            domain.dmarc = name, DnsAnswer(answer.state, records)
            if records or not answer.answered:
                return

    async def _source_checks(self) -> None:
        """What depends on the address that the target sees."""
        facts = self._facts
        facts.source = _source(facts.conversation)
        if facts.domain is not None:
            facts.domain.spf = await check_spf(facts.domain.domain, facts.source, self._resolver.lookup)
        if facts.source is not None:
            for zone in self._request.blocklists:
                name = f"{_reversed(facts.source)}.{zone}"
                facts.listed[zone] = await self._resolver.lookup(name, "A")

    # Connections

    async def _server(self) -> None:
        facts, target = self._facts, self._request.target
        await self._resolve()
        addresses = (facts.addresses or ())[:_MOST_ADDRESSES]
        if not addresses:
            return
        other_ports = () if target.lmtp else [port for port in _MAIL_PORTS if port != target.port]
        others = asyncio.gather(*(self._knock(addresses[0], port) for port in other_ports))
        try:
            sockets = await asyncio.gather(*(self._connect(address, target.port) for address in addresses))
            facts.ports = [port for port, _ in sockets]
            opened = [sock for _, sock in sockets if sock is not None]
            for sock in opened[1:]:
                sock.close()
            if opened:
                await self._converse(opened[0])
            facts.other_ports = list(await others)
        finally:
            others.cancel()

    async def _resolve(self) -> None:
        facts, host = self._facts, self._request.target.host
        if _is_address(host):
            facts.addresses = (host,)
        elif self._request.resolver is not None:
            answers = [await self._resolver.lookup(host, kind) for kind in ("A", "AAAA")]
            facts.addresses = tuple(record for answer in answers for record in answer.records)
            facts.address_trouble = answers[0].state.value
        else:
            try:
                facts.addresses = await _system_addresses(host)
            except (OSError, TimeoutError) as error:
                facts.addresses, facts.address_trouble = (), plain(str(error)) or "no answer"

    async def _converse(self, sock: socket.socket) -> None:
        facts = self._facts
        # Not getpeername: the server may have reset the connection already.
        address = next(port.address for port in facts.ports if port.state is PortState.OPEN)
        facts.conversation = seen = Conversation(address, sock.getsockname()[0])
        talk = Talk(sock, self._request, seen, self._deadline_s - _END_S)
        try:
            await talk.look()
            await self._further(seen)
        finally:
            await talk.leave()

    async def _further(self, seen: Conversation) -> None:
        """A few more connections beside the first: what TLS they may have, and whether they are let in at all."""
        facts, target, needs, broken = self._facts, self._request.target, self._request.needs, seen.breakdown
        if broken is not None and broken.phase == "banner":
            if broken.cause is Cause.SILENT and not target.implicit_tls:
                (trial,) = await self._trials(TlsOffer(looking_context(), implicit=True))
                facts.implicit = trial.breakdown is None
            return
        if seen.ehlo is None or not seen.ehlo.positive:
            return
        if seen.tls is None and (broken is None or broken.phase != "tls"):
            facts.others = await self._trials(None, None)
            return
        contexts = (
            run_context(verify=needs.verify),
            context_up_to(ssl.TLSVersion.TLSv1_2),
            context_up_to(ssl.TLSVersion.TLSv1_1),
        )
        offers = (TlsOffer(context, target.implicit_tls) for context in contexts)
        facts.as_run, facts.tls12, facts.legacy = await self._trials(*offers)

    async def _trials(self, *offers: TlsOffer | None) -> list[Trial]:
        """Connections that stay until the last has been greeted, so that a limit on their number shows."""
        async with AsyncExitStack() as leaving:
            return await asyncio.gather(*(self._trial(offer, leaving) for offer in offers))

    async def _trial(self, offer: TlsOffer | None, leaving: AsyncExitStack) -> Trial:
        assert self._facts.conversation is not None
        port, sock = await self._connect(self._facts.conversation.address, self._request.target.port)
        if sock is None:
            return Trial(Breakdown("connect", Cause.CLOSED, f"the connection was {port.state}"))
        talk = Talk(sock, self._request, Conversation("", ""), self._deadline_s)
        leaving.push_async_callback(talk.leave)
        return await talk.attempt(offer)

    async def _knock(self, address: str, port: int) -> PortFacts:
        """Whether a port is open, and no more."""
        seen, sock = await self._connect(address, port)
        if sock is not None:
            sock.close()
        return seen

    async def _connect(self, address: str, port: int) -> tuple[PortFacts, socket.socket | None]:
        facts, local = self._facts, self._request.needs.local_address
        if facts.connections >= MOST_CONNECTIONS:
            return PortFacts(address, port, PortState.FAILED, "connections are used up"), None
        facts.connections += 1
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.settimeout(0)
            if local and (":" in local) == (":" in address):
                sock.bind((local, 0))
            async with asyncio.timeout(CONNECT_S):
                await asyncio.get_running_loop().sock_connect(sock, (address, port))
        except TimeoutError:
            sock.close()
            return PortFacts(address, port, PortState.FILTERED, f"no answer within {CONNECT_S:g}s"), None
        except OSError as error:
            sock.close()
            state = _STATES.get(error.errno or 0, PortState.FAILED)
            return PortFacts(address, port, state, os.strerror(error.errno) if error.errno else plain(str(error))), None
        except BaseException:
            sock.close()
            raise
        return PortFacts(address, port, PortState.OPEN), sock


async def _system_addresses(host: str) -> tuple[str, ...]:
    """The addresses that a run would connect to.

    Raises:
        OSError: If the system finds none.
        TimeoutError: If it takes too long.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[tuple[str, ...]] = loop.create_future()

    def settle(result: tuple[str, ...] | OSError) -> None:
        if found.done():
            return
        if isinstance(result, OSError):
            found.set_exception(result)
        else:
            found.set_result(result)

    def resolve() -> None:
        try:
            infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            result: tuple[str, ...] | OSError = tuple(dict.fromkeys(str(info[4][0]) for info in infos))
        except OSError as error:
            result = error
        except UnicodeError:
            result = OSError("the name is too long")
        with suppress(RuntimeError):  # the loop may be gone
            loop.call_soon_threadsafe(settle, result)

    # Not the loop's executor: the system's resolver can't be interrupted, and would hold up the end of the program.
    threading.Thread(target=resolve, daemon=True).start()
    async with asyncio.timeout(_RESOLVE_S):
        return await found


def _source(seen: Conversation | None) -> str | None:
    """This machine's address as the target sees it: as its EHLO reply says, or as the connection has it."""
    if seen is None:
        return None
    first = seen.ehlo.text.partition("\n")[0] if seen.ehlo is not None else ""
    announced = _SEEN_AS.search(first)
    if announced is not None and _is_address(announced[1]):
        return announced[1]
    source, target = ipaddress.ip_address(_unscoped(seen.source)), ipaddress.ip_address(_unscoped(seen.address))
    return None if source.is_private and target.is_global else str(source)


def _reversed(address: str) -> str:
    """An address as block lists want it (RFC 5782)."""
    return ipaddress.ip_address(address).reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")


def _unscoped(address: str) -> str:
    return address.partition("%")[0]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
