"""What was seen of a target: values without judgement."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class PortState(StrEnum):
    """What became of a connection attempt."""

    OPEN = "open"
    REFUSED = "refused"
    """A reset came back: nothing listens, or a firewall says so."""
    FILTERED = "filtered"
    """No answer at all, or word from a router that it is not allowed."""
    UNREACHABLE = "unreachable"
    """There is no way to the address."""
    FAILED = "failed"
    """This machine could not even try."""


@dataclass(frozen=True, slots=True)
class PortFacts:
    """A connection attempt.

    Args:
        address: Address that was tried.
        port: TCP port.
        state: What became of it.
        detail: What the system said; may be empty.
    """

    address: str
    port: int
    state: PortState
    detail: str = ""


class ServerReply(NamedTuple):
    """A reply of the server as aiosmtplib hands it out.

    Args:
        code: Reply code.
        text: Its lines, joined by line feeds.
    """

    code: int
    text: str

    @property
    def positive(self) -> bool:
        """Whether it is 2xx."""
        return self.code // 100 == 2  # noqa: PLR2004 - RFC 5321 section 4.2.1

    @property
    def transient(self) -> bool:
        """Whether it is 4xx."""
        return self.code // 100 == 4  # noqa: PLR2004 - RFC 5321 section 4.2.1


class Cause(StrEnum):
    """Why a conversation ended before its time."""

    SILENT = "silent"
    TIME_UP = "time up"
    """Not silent for long enough to blame the server: the time for the whole look was over."""
    CLOSED = "closed"
    MALFORMED = "malformed"
    TLS_FAILED = "tls failed"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Where and why a conversation ended before its time.

    Args:
        phase: ``banner``, ``ehlo``, ``tls``, ``mail`` or ``rcpt``.
        cause: Why.
        detail: What was said of it; may be empty.
        waited_s: How long the step lasted until then.
    """

    phase: str
    cause: Cause
    detail: str = ""
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """A server's certificate.

    Args:
        names: DNS names and addresses that it is for.
        issuer: Who signed it.
        self_signed: Whether it signed itself.
        not_before: Unix time.
        not_after: Unix time.
        key: Kind of key: ``RSA``, ``EC``, ``Ed25519`` ...
        key_bits: Size of the key.
    """

    names: tuple[str, ...]
    issuer: str
    self_signed: bool
    not_before: float
    not_after: float
    key: str
    key_bits: int


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """A handshake that was done without any verification.

    Args:
        version: Such as ``TLSv1.3``.
        cipher: Name of the suite.
        certificate: The certificate; None if it can't be read.
        trouble: Why it can't be read.
    """

    version: str
    cipher: str
    certificate: CertificateFacts | None
    trouble: str = ""


@dataclass(slots=True)
class Conversation:
    """One connection from the banner on, filled in step by step so that a cut leaves what was seen.

    Args:
        address: The server's address.
        source: This machine's address towards it.
        banner: The greeting.
        banner_s: Time until it came.
        ehlo: Reply to EHLO or LHLO before STARTTLS.
        esmtp: Whether EHLO was understood.
        tls: The handshake, if there was one.
        ehlo_tls: Reply to EHLO or LHLO after STARTTLS.
        starttls: Reply to STARTTLS where it was not 220.
        mail: Reply to MAIL.
        rcpt: Reply to RCPT.
        breakdown: How it ended before its time.
    """

    address: str
    source: str
    banner: ServerReply | None = None
    banner_s: float = 0.0
    ehlo: ServerReply | None = None
    esmtp: bool = True
    tls: TlsFacts | None = None
    ehlo_tls: ServerReply | None = None
    starttls: ServerReply | None = None
    mail: ServerReply | None = None
    rcpt: ServerReply | None = None
    breakdown: Breakdown | None = None

    @property
    def extensions(self) -> dict[str, str]:
        """What EHLO offered last."""
        return extensions_of(self.ehlo_tls or self.ehlo)


def extensions_of(reply: ServerReply | None) -> dict[str, str]:
    """Keywords in capitals and their parameters (RFC 5321 section 4.1.1.1)."""
    if reply is None or not reply.positive:
        return {}
    pairs = (line.strip().partition(" ") for line in reply.text.split("\n")[1:])
    return {keyword.upper(): parameters for keyword, _, parameters in pairs if keyword}


@dataclass(frozen=True, slots=True)
class Trial:
    """A further connection, opened while the first one was.

    Args:
        breakdown: How it ended before its time; None if it went well.
        refusal: The reply that turned it away, if one did.
    """

    breakdown: Breakdown | None = None
    refusal: ServerReply | None = None


class DnsState(StrEnum):
    """What became of a look-up."""

    FOUND = "found"
    EMPTY = "empty"
    """The name exists and has no such record."""
    ABSENT = "absent"
    """The name does not exist."""
    SERVFAIL = "servfail"
    SILENT = "silent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """The outcome of a look-up.

    Args:
        state: What became of it.
        records: One text for each record: addresses, ``preference host`` of an MX, joined strings of a TXT.
    """

    state: DnsState
    records: tuple[str, ...] = ()

    @property
    def answered(self) -> bool:
        """Whether DNS said something about the name, be it that there is nothing."""
        return self.state in (DnsState.FOUND, DnsState.EMPTY, DnsState.ABSENT)


@dataclass(frozen=True, slots=True)
class SpfFacts:
    """What SPF says.

    Args:
        result: ``none``, ``pass``, ``fail``, ``softfail``, ``neutral``, ``permerror``, ``temperror``; ``unknown`` where
            the source is not known or a macro decides.
        records: The domain's SPF records.
        lookups: DNS look-ups that the record asks for, counted as RFC 7208 section 4.6.4 does; counting stops above 10.
        troubles: What is wrong with it.
    """

    result: str
    records: tuple[str, ...] = ()
    lookups: int = 0
    troubles: tuple[str, ...] = ()


@dataclass(slots=True)
class DomainFacts:
    """What DNS says of the domain that mail comes from.

    Args:
        domain: The domain.
        mx: Its MX records.
        address: Its A records, looked up where it has no MX.
        spf: What SPF says of this machine's address.
        dkim: TXT records of the selector; None without a selector.
        dmarc: DMARC records, and the name where they are.
    """

    domain: str
    mx: DnsAnswer | None = None
    address: DnsAnswer | None = None
    spf: SpfFacts | None = None
    dkim: DnsAnswer | None = None
    dmarc: tuple[str, DnsAnswer] | None = None


@dataclass(slots=True)
class Facts:
    """All that was seen, filled in as it comes.

    Args:
        addresses: Addresses of the target; None while not resolved.
        address_trouble: Why it has none.
        target_mx: MX records of the target's name.
        ports: Attempts at the target's port, one per address.
        other_ports: Attempts at the other ports for mail.
        conversation: The first conversation.
        implicit: Whether TLS from the first byte worked where the target's URL does not say so; None if not tried.
        as_run: A connection with the TLS settings of a run.
        tls12: A connection that offers nothing newer than TLS 1.2.
        legacy: A connection that offers nothing newer than TLS 1.1.
        others: Further plain connections at the same time.
        source: This machine's address as the target sees it; None where that can't be known.
        domain: What DNS says of the sender's domain.
        listed: Block lists and what they say of `source`.
        connections: TCP connections opened.
        duration_s: How long it took.
        cut_short: Whether time was up before all was seen.
    """

    addresses: tuple[str, ...] | None = None
    address_trouble: str = ""
    target_mx: DnsAnswer | None = None
    ports: list[PortFacts] = field(default_factory=list)
    other_ports: list[PortFacts] = field(default_factory=list)
    conversation: Conversation | None = None
    implicit: bool | None = None
    as_run: Trial | None = None
    tls12: Trial | None = None
    legacy: Trial | None = None
    others: list[Trial] = field(default_factory=list)
    source: str | None = None
    domain: DomainFacts | None = None
    listed: dict[str, DnsAnswer] = field(default_factory=dict)
    connections: int = 0
    duration_s: float = 0.0
    cut_short: bool = False
