"""Judgement of what the server says: banner, extensions, AUTH, limits, the first envelope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadkit.preflight.facts import Cause, extensions_of
from loadkit.preflight.finding import Finding, Severity
from loadkit.preflight.replies import refusal_of, shown
from loadkit.units import format_duration, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadkit.preflight.facts import Breakdown, Conversation, Facts, ServerReply
    from loadkit.preflight.request import Needs, ProbeRequest

_NOTABLE_BANNER_S = 1.0
_NOTABLE_EXTENSIONS = ("PIPELINING", "CHUNKING", "8BITMIME", "SMTPUTF8", "DSN", "STARTTLS")
_MOST_DIGITS = 15
_READY = 220

_BROKEN_WHY = {
    Cause.SILENT: "Sessions would wait until their timeouts and send nothing.",
    Cause.TIME_UP: "Replies take so long that not everything was seen; sessions are as slow.",
    Cause.CLOSED: "The server, or something in front of it, ends connections from here.",
    Cause.MALFORMED: "What listens there does not speak SMTP as a client can understand it.",
    Cause.TLS_FAILED: "Without TLS there is no session.",
    Cause.CERTIFICATE: "Without a valid certificate there is no session.",
}
_BROKEN_FIX = {
    Cause.SILENT: "Look whether the server is overloaded, waits for a DNS server, or delays clients on purpose.",
    Cause.TIME_UP: "Look whether the server is overloaded, waits for a DNS server, or delays clients on purpose.",
    Cause.CLOSED: "Look for this machine's address in the target's log, its access rules and its limits.",
    Cause.MALFORMED: "Check host, port and scheme; is it another service, or a proxy with a protocol of its own?",
    Cause.TLS_FAILED: "Look at the server's TLS settings and log.",
    Cause.CERTIFICATE: "Install a valid certificate.",
}


def judge_server(request: ProbeRequest, facts: Facts) -> Iterator[Finding]:
    """Judge the first conversation."""
    seen = facts.conversation
    if seen is None:
        return
    if seen.banner is not None:
        yield from _banner(seen.banner, seen.banner_s)
    if seen.ehlo is not None:
        yield from _hello(seen, seen.ehlo)
        yield from _extensions(request.needs, seen.extensions)
        yield from _size(request.needs, seen.extensions)
        yield from _auth(request.needs, seen)
        yield from _announced_limits(request.needs, seen.extensions)
    yield from _envelope(request.needs, seen)
    if seen.breakdown is not None and seen.breakdown.phase != "tls":
        yield _broken(request, facts, seen.breakdown)
    yield from _crowd(facts)


def _banner(banner: ServerReply, banner_s: float) -> Iterator[Finding]:
    if banner.code != _READY:
        refusal = refusal_of(banner)
        why = f"Sessions would end at the banner. {refusal.why}"
        yield Finding(Severity.PROBLEM, "banner", shown(banner), why, refusal.fix)
    elif banner_s >= _NOTABLE_BANNER_S:
        yield Finding(
            Severity.NOTE,
            "banner",
            f"{shown(banner)}, after {format_duration(banner_s)}",
            "Each connection starts with this wait: the target delays clients, or looks their names up in vain.",
            "Keep connections (sessions.messages_per_session), or take this machine's address out of the delay.",
        )
    else:
        yield Finding(Severity.OK, "banner", shown(banner))


def _hello(seen: Conversation, hello: ServerReply) -> Iterator[Finding]:
    if not hello.positive:
        refusal = refusal_of(hello)
        yield Finding(
            Severity.PROBLEM, "EHLO", shown(hello), f"No session gets any further. {refusal.why}", refusal.fix
        )
    elif not seen.esmtp:
        yield Finding(
            Severity.NOTE,
            "EHLO",
            "not understood; HELO is",
            "There are no extensions: no PIPELINING, no SIZE, no STARTTLS, no AUTH.",
            "Look whether a firewall rewrites the conversation (such as Cisco's fixup).",
        )
    else:
        offered = [name for name in _NOTABLE_EXTENSIONS if name in extensions_of(hello) | seen.extensions]
        yield Finding(Severity.OK, "extensions", ", ".join(offered) or "none that loadkit uses")


def _extensions(needs: Needs, offered: dict[str, str]) -> Iterator[Finding]:
    """Extensions that the content or the addresses of messages need."""
    for names, severity, whose in (
        (needs.extensions, Severity.PROBLEM, "The messages"),
        (needs.some_extensions, Severity.WARNING, "Some of the messages"),
    ):
        for name in names:
            if name not in offered:
                yield Finding(
                    severity,
                    name,
                    "not offered",
                    f"{whose} need it, and are not sent without.",
                    "Turn it on at the target (smtputf8_enable in Postfix), or use ASCII in headers and addresses."
                    if name == "SMTPUTF8"
                    else "Turn it on at the target, or set transfer to quoted-printable or base64.",
                )


def _size(needs: Needs, extensions: dict[str, str]) -> Iterator[Finding]:
    limit = _number(extensions.get("SIZE", ""))
    if not limit:
        return
    seen = f"at most {format_size(limit)} ({limit:,} bytes)"
    if needs.least_bytes > limit:
        yield Finding(
            Severity.PROBLEM,
            "SIZE",
            seen,
            f"Even the smallest messages, of {format_size(needs.least_bytes)}, are refused.",
            "Make the messages smaller, or raise the target's limit (message_size_limit in Postfix).",
        )
    elif needs.most_bytes > limit:
        yield Finding(
            Severity.WARNING,
            "SIZE",
            seen,
            f"Messages may have up to {format_size(needs.most_bytes)}; the larger ones are refused.",
            "Give the size a max below the limit, or raise it (message_size_limit in Postfix).",
        )
    else:
        yield Finding(Severity.OK, "SIZE", seen)


def _auth(needs: Needs, seen: Conversation) -> Iterator[Finding]:
    offered = _mechanisms(seen.extensions)
    plaintext = _mechanisms(extensions_of(seen.ehlo)) if seen.ehlo_tls or seen.starttls else []
    as_run = offered if needs.starttls or not seen.ehlo_tls else plaintext
    if needs.auth and needs.auth not in as_run:
        under_tls = needs.auth in offered
        yield Finding(
            Severity.PROBLEM,
            "AUTH",
            f"offers {', '.join(as_run) or 'no login'}" + (f"; {', '.join(offered)} under TLS" if under_tls else ""),
            f"The scenario logs in by {needs.auth}, so no session would get that far.",
            "Set target.tls to starttls."
            if under_tls
            else "Choose a mechanism that is offered, or turn this one on at the target.",
        )
    elif offered:
        yield Finding(Severity.OK, "AUTH", ", ".join(offered) + ("" if as_run else " under TLS only"))
    if not seen.tls and {"PLAIN", "LOGIN"} & set(offered) and needs.auth:
        yield Finding(
            Severity.NOTE,
            "AUTH",
            "passwords travel in plaintext",
            "Whoever reads the network reads them.",
            "Use STARTTLS or smtps://, or accounts that are worth nothing.",
        )


def _mechanisms(extensions: dict[str, str]) -> list[str]:
    # AUTH=LOGIN is how servers of the nineties wrote it.
    old = [keyword.removeprefix("AUTH=") for keyword in extensions if keyword.startswith("AUTH=")]
    return list(dict.fromkeys(filter(None, [*extensions.get("AUTH", "").upper().split(), *old])))


def _announced_limits(needs: Needs, extensions: dict[str, str]) -> Iterator[Finding]:
    """Limits that the server announces (RFC 9422)."""
    pairs = (part.partition("=") for part in extensions.get("LIMITS", "").upper().split())
    limits = {name: number for name, _, value in pairs if (number := _number(value))}
    if not limits:
        return
    seen = ", ".join(f"{name}={number:,}" for name, number in limits.items())
    recipients, messages = limits.get("RCPTMAX"), limits.get("MAILMAX")
    over = []
    if recipients and needs.recipients > recipients:
        over.append(f"messages have up to {needs.recipients:,} recipients")
    if messages and (needs.messages_per_session is None or needs.messages_per_session > messages):
        over.append(f"sessions send {'any number of' if needs.messages_per_session is None else 'more'} messages")
    if over:
        yield Finding(
            Severity.WARNING,
            "limits",
            seen,
            f"The scenario goes beyond them: {' and '.join(over)}; the rest is refused.",
            "Fit recipients and sessions.messages_per_session to the limits.",
        )
    else:
        yield Finding(Severity.OK, "limits", seen)


def _envelope(needs: Needs, seen: Conversation) -> Iterator[Finding]:
    """What the server said to the envelope of a first message, which is never sent."""
    for verb, path, reply in (("MAIL", needs.sender, seen.mail), ("RCPT", needs.recipient, seen.rcpt)):
        if reply is None:
            continue
        if reply.positive:
            yield Finding(Severity.OK, verb, f"<{path}> is accepted")
            continue
        refusal = refusal_of(reply)
        severity = Severity.PROBLEM if not reply.transient else refusal.severity
        fix = refusal.fix
        if reply.transient and needs.attempts == 1 and severity is Severity.WARNING:
            fix += " The scenario tries each message once (sessions.retry)."
        yield Finding(severity, verb, f"<{path}>: {shown(reply)}", refusal.why, fix)


def _broken(request: ProbeRequest, facts: Facts, broken: Breakdown) -> Finding:
    """The end of the conversation before its time."""
    detail = f": {broken.detail}" if broken.detail else ""
    seen = f"{broken.cause} at {broken.phase} after {format_duration(broken.waited_s)}{detail}"
    why, fix = _BROKEN_WHY[broken.cause], _BROKEN_FIX[broken.cause]
    if facts.implicit:
        seen += "; TLS from the first byte works"
        why = "The port speaks TLS at once and waits for it, so every session would wait for the banner in vain."
        fix = f"Write smtps://{str(request.target).partition('://')[2]}."
    elif broken.cause is Cause.TLS_FAILED and request.target.implicit_tls:
        why = "The port does not speak TLS from the first byte as smtps:// says, or has no settings in common."
        fix = "Write smtp:// and set target.tls to starttls if the server offers it."
    severity = Severity.WARNING if broken.cause is Cause.TIME_UP else Severity.PROBLEM
    return Finding(severity, "conversation", seen, why, fix)


def _crowd(facts: Facts) -> Iterator[Finding]:
    """What became of a few connections at the same time."""
    trials = [trial for trial in (facts.as_run, facts.tls12, facts.legacy, *facts.others) if trial is not None]
    refusals = [trial.refusal for trial in trials if trial.refusal is not None]
    # A handshake that fails is told elsewhere; here it matters that the server did not even greet.
    dropped = [
        trial.breakdown
        for trial in trials
        if trial.breakdown is not None
        and trial.breakdown.phase in ("connect", "banner", "ehlo")
        and trial.breakdown.cause in (Cause.CLOSED, Cause.SILENT)
    ]
    if refusals:
        refusal = refusal_of(refusals[0])
        seen = f"{len(trials) + 1} connections within a second: {shown(refusals[0])}"
        yield Finding(Severity.WARNING, "connections", seen, refusal.why, refusal.fix)
    elif facts.others and dropped:
        yield Finding(
            Severity.WARNING,
            "connections",
            f"{len(dropped)} of {len(trials) + 1} at the same time got no greeting",
            "A limit on connections stands in front of the server: a run would measure the limit, not the server.",
            "Raise it for this machine's address, or lower sessions.max.",
        )
    elif trials:
        yield Finding(Severity.OK, "connections", f"{len(trials) + 1} at the same time are served")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else 0
