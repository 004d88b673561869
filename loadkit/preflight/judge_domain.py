"""Judgement of the sender's domain: whether receivers that check would let this machine send for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadkit.preflight.facts import DnsAnswer, DnsState
from loadkit.preflight.finding import Finding, Severity, plain
from loadkit.preflight.records import RecordError, parse_dkim, parse_dmarc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadkit.preflight.facts import DomainFacts, Facts, SpfFacts
    from loadkit.preflight.request import ProbeRequest

_NULL_MX = "0 ."
_LEAST_DKIM_BITS, _USUAL_DKIM_BITS = 1024, 2048  # RFC 8301 section 3.2
_REFUSED = "Targets that check it refuse or defer every message."


def judge_domain(request: ProbeRequest, facts: Facts) -> Iterator[Finding]:
    """Judge the sender's domain and the reputation of this machine's address."""
    domain = facts.domain
    if domain is not None:
        if _is_dumb(domain):
            yield Finding(
                Severity.NOTE,
                "sender domain",
                f"DNS does not answer for {domain.domain}",
                "Targets that check senders may see the same and defer; SPF, DKIM and DMARC are not known.",
                "Check the resolver of this machine, or name another by --resolver.",
            )
        else:
            yield from _exists(domain, facts)
            if not _is_absent(domain):  # then it has no records either
                yield from _spf(domain, facts.source)
                yield from _dkim(request, domain)
                yield from _dmarc(domain)
    yield from _block_lists(facts)


def _is_dumb(domain: DomainFacts) -> bool:
    """Whether no look-up at all was answered."""
    answers = (domain.mx, domain.address, domain.dkim, domain.dmarc[1] if domain.dmarc else None)
    return not any(answer.answered for answer in answers if answer is not None)


def _is_absent(domain: DomainFacts) -> bool:
    return domain.mx is not None and domain.mx.state is DnsState.ABSENT


def _exists(domain: DomainFacts, facts: Facts) -> Iterator[Finding]:
    mx, subject = domain.mx, "sender domain"
    if mx is None or not mx.answered:
        return
    if mx.records == (_NULL_MX,):
        yield Finding(
            Severity.WARNING,
            subject,
            f"{domain.domain} says that it takes no mail (null MX)",
            "Targets refuse senders whom they can't answer (RFC 7505 section 4.2).",
            "Send from a domain that has mail.",
        )
    elif mx.records:
        exchangers = ", ".join(plain(record.partition(" ")[2].rstrip("."), 60) for record in mx.records[:4])
        yield Finding(Severity.OK, subject, f"{domain.domain} has mail at {exchangers}")
    elif domain.address is not None and domain.address.records:
        yield Finding(Severity.OK, subject, f"{domain.domain} has an address and no MX")
    else:
        what = "does not exist" if _is_absent(domain) else "has neither MX nor address"
        reply = facts.conversation.rcpt if facts.conversation is not None else None
        accepted = reply is not None and reply.positive
        yield Finding(
            Severity.NOTE if accepted else Severity.WARNING,
            subject,
            f"{domain.domain} {what}" + (", and the target takes it" if accepted else ""),
            "Targets that check senders refuse every message (reject_unknown_sender_domain in Postfix).",
            "Send from a domain of yours that is in DNS (senders.domain).",
        )


def _spf(domain: DomainFacts, source: str | None) -> Iterator[Finding]:
    spf = domain.spf
    if spf is None:
        return
    address = source or "this machine's address, which the target sees changed by a NAT"
    record = plain(spf.records[0]) if spf.records else ""
    match spf.result:
        case "none":
            yield _warn("SPF", f"{domain.domain} has no record", _REFUSED, _spf_fix(domain, source))
        case "permerror":
            yield _permerror(spf, record)
        case "temperror":
            yield _warn(
                "SPF", f"{'; '.join(spf.troubles)} ({record})", "Targets defer what they can't check.", "Look at DNS."
            )
        case "pass":
            yield Finding(Severity.OK, "SPF", f"{address} passes: {record}")
        case "unknown":
            yield Finding(
                Severity.NOTE,
                "SPF",
                f"can't be told for {address}: {record}",
                "Whether the record lets the source in is not known.",
                "Check that it lists the address that the target sees.",
            )
        case _:
            severity = Severity.WARNING if spf.result == "fail" else Severity.NOTE
            why = (
                _REFUSED if spf.result == "fail" else "Targets that check it may put messages into spam, or slow them."
            )
            yield Finding(severity, "SPF", f"{spf.result} for {address}: {record}", why, _spf_fix(domain, source))


def _permerror(spf: SpfFacts, record: str) -> Finding:
    why = "An SPF record in error counts as none, or as a failure."
    if len(spf.records) > 1:
        return _warn("SPF", f"{len(spf.records)} records instead of one", why, "Merge them into one.")
    fix = (
        "Merge includes into networks, up to ten look-ups." if "look-ups" in spf.troubles[0] else "Correct the record."
    )
    return _warn("SPF", f"{'; '.join(spf.troubles)}: {record}", why, fix)


def _spf_fix(domain: DomainFacts, source: str | None) -> str:
    if source is None:
        return f"Publish a TXT record at {domain.domain} that lists the address that the target sees."
    term = f"ip{6 if ':' in source else 4}:{source}"
    return f"Add {term} to the TXT record v=spf1 of {domain.domain}, or send from a domain that lists it."


def _dkim(request: ProbeRequest, domain: DomainFacts) -> Iterator[Finding]:
    answer = domain.dkim
    if answer is None:
        return
    name = f"{request.dkim_selector}._domainkey.{domain.domain}"
    why = "Signatures with this selector can't be verified, so targets treat them as none or as forged."
    if not answer.records:
        what = "DNS gives no answer for it" if not answer.answered else "there is no such record"
        yield _warn("DKIM", f"{name}: {what}", why, "Publish the key, or name another selector.")
        return
    if len(answer.records) > 1:
        yield _warn("DKIM", f"{name}: {len(answer.records)} records instead of one", why, "Leave only the key in use.")
        return
    try:
        key = parse_dkim(answer.records[0])
    except RecordError as error:
        yield _warn("DKIM", f"{name}: malformed, {plain(str(error))}", why, "Publish the record again as it was made.")
        return
    seen = f"{name}: {key.kind} {key.bits} bits"
    if not key.bits:
        yield _warn("DKIM", f"{name}: the key was revoked (p= is empty)", why, "Sign with another selector.")
    elif key.kind == "rsa" and key.bits < _LEAST_DKIM_BITS:
        yield _warn("DKIM", seen, "Targets must not trust keys below 1024 bits (RFC 8301).", "Make a key of 2048 bits.")
    elif key.kind == "rsa" and key.bits < _USUAL_DKIM_BITS:
        why = "Keys of 1024 bits are still taken, and on their way out."
        yield Finding(Severity.NOTE, "DKIM", seen, why, "Make a key of 2048 bits.")
    else:
        yield Finding(Severity.OK, "DKIM", seen + (", only testing (t=y)" if key.testing else ""))


def _dmarc(domain: DomainFacts) -> Iterator[Finding]:
    if domain.dmarc is None:
        return
    name, answer = domain.dmarc
    if not answer.records:
        yield _dmarc_missing(domain, answer)
        return
    if len(answer.records) > 1:
        why = "With more than one there is no policy (RFC 7489 section 6.6.3)."
        yield _warn("DMARC", f"{name}: {len(answer.records)} records instead of one", why, "Leave only one.")
        return
    try:
        policy = parse_dmarc(answer.records[0])
    except RecordError as error:
        why = "A malformed policy counts as none."
        yield _warn("DMARC", f"{name}: malformed, {plain(str(error))}", why, "Correct the record.")
        return
    passes = domain.spf is not None and domain.spf.result == "pass"
    if policy == "none" or passes:
        yield Finding(Severity.OK, "DMARC", f"{name}: p={policy}")
    else:
        yield _warn(
            "DMARC",
            f"{name}: p={policy}, and SPF does not pass",
            f"loadkit signs nothing, so SPF must pass; targets that check "
            f"{'refuse every message' if policy == 'reject' else 'put every message into spam'}.",
            "Let SPF pass for this machine, or send from a domain with p=none.",
        )


def _dmarc_missing(domain: DomainFacts, answer: DnsAnswer) -> Finding:
    if not answer.answered:
        return Finding(
            Severity.NOTE,
            "DMARC",
            f"DNS gives no answer for {domain.domain}",
            "Its policy is not known.",
            "Look at DNS.",
        )
    return Finding(
        Severity.NOTE,
        "DMARC",
        f"{domain.domain} has no record",
        "Large mailbox providers want one from who sends more than some thousand messages a day.",
        f"Publish _dmarc.{domain.domain} with v=DMARC1; p=none to begin with.",
    )


def _block_lists(facts: Facts) -> Iterator[Finding]:
    for zone, answer in facts.listed.items():
        codes = ", ".join(answer.records)
        if answer.state is DnsState.ABSENT:
            yield Finding(Severity.OK, "block list", f"{zone} does not list {facts.source}")
        elif answer.records and all(code.startswith("127.255.255.") for code in answer.records):
            why = "Lists refuse to answer public resolvers and heavy users."
            yield Finding(
                Severity.NOTE, "block list", f"{zone} does not answer ({codes})", why, "Ask by another resolver."
            )
        elif answer.records:
            yield Finding(
                Severity.WARNING,
                "block list",
                f"{zone} lists {facts.source} ({codes})",
                "Targets that ask this list refuse every message.",
                "Have the address taken off the list, or send from another.",
            )
        else:
            yield Finding(
                Severity.NOTE,
                "block list",
                f"{zone}: no answer",
                "It is not known whether it lists this machine.",
                "Ask another resolver.",
            )


def _warn(subject: str, seen: str, why: str, fix: str) -> Finding:
    return Finding(Severity.WARNING, subject, seen, why, fix)
