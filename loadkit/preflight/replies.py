"""What a server's refusal means: a limit, a list, a greylist, a login that is wanted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from loadkit.preflight.finding import Severity

if TYPE_CHECKING:
    from loadkit.preflight.facts import ServerReply


class Refusal(NamedTuple):
    """What a kind of refusal means.

    Args:
        severity: How much it matters before the first message.
        why: What it does to a run.
        fix: What to do.
    """

    severity: Severity
    why: str
    fix: str


_P, _W = Severity.PROBLEM, Severity.WARNING

# The first pattern that the code and the text match wins. Texts: Postfix, Exim, Exchange, Gmail, Yahoo, Outlook, QQ.
_RULES: tuple[tuple[str, Refusal], ...] = (
    (
        r"^[45]\d\d .*(blocked|block ?list|blacklist|denylist|\blisted|spamhaus|barracuda|spamcop|reputation|banned)",
        Refusal(
            _P,
            "This machine's address is listed, so every message would be refused whatever the load.",
            "Have the address taken off the list or allowed by the target, or send from another address.",
        ),
    ),
    (
        r"^(530|538) .*(starttls|tls|encrypt)|^5\d\d .*must issue a starttls",
        Refusal(
            _P,
            "Nothing is taken in plaintext, so every message would be refused.",
            "Set target.tls to starttls.",
        ),
    ),
    (
        r"^(530|535) |^5\d\d .*(authentication (is )?required|not authenticated|must authenticate)",
        Refusal(
            _P,
            "The target wants a login before the envelope, so every message would be refused.",
            "Put an auth block under target, or have the target let this machine's address in.",
        ),
    ),
    (
        r"^5\d\d .*(relay|not permitted to send|not local)",
        Refusal(
            _P,
            "The target takes no mail for these recipients from here, so every message would be refused.",
            "Allow this machine's address to relay (mynetworks in Postfix), log in, or use a domain of the target's.",
        ),
    ),
    (
        r"^4\d\d .*(gr[ea]y ?-?list|postgrey|first (seen|time))",
        Refusal(
            _W,
            "The target greylists: each new sender and recipient is refused until it comes again minutes later.",
            "Take this machine's address out of greylisting, or set sessions.retry and read rates with it in mind.",
        ),
    ),
    (
        r"^4\d\d .*(too many (smtp )?(connections|sessions)|connection (count|limit|rate)|concurren|simultan)",
        Refusal(
            _W,
            "A limit on connections stands in front of the server: a run would measure the limit, not the server.",
            "Raise it for this machine's address (smtpd_client_connection_count_limit and ..._rate_limit in Postfix),"
            " or lower sessions.max.",
        ),
    ),
    (
        r"^4\d\d .*(rate|too (many|much|fast)|limit|throttl|frequen|exceed|quota|slow down|unusual)",
        Refusal(
            _W,
            "A rate limit stands in front of the server: a run would measure the limit, not the server.",
            "Raise it for this machine's address, or keep the scenario's rate below it.",
        ),
    ),
    (
        r"^4\d\d .*(storage|disk|space|resource|load|busy|memory|queue)",
        Refusal(
            _W,
            "The target is short of resources before any load.",
            "Look at its disk, queue and load first.",
        ),
    ),
    (
        r"^4\d\d ",
        Refusal(
            _W,
            "The target defers mail before any load; the reasons may be a limit, greylisting or a fault of its own.",
            "Look for this machine's address in the target's log.",
        ),
    ),
    (
        r"",
        Refusal(
            _P,
            "What is refused once is refused in a run a thousand times.",
            "Look for this machine's address in the target's log.",
        ),
    ),
)
_COMPILED = tuple((re.compile(pattern, re.IGNORECASE | re.DOTALL), refusal) for pattern, refusal in _RULES)


def refusal_of(reply: ServerReply) -> Refusal:
    """What a reply other than 2xx means."""
    text = f"{reply.code} {reply.text}"
    return next(refusal for pattern, refusal in _COMPILED if pattern.search(text))


def shown(reply: ServerReply) -> str:
    """A reply on one line."""
    return f"{reply.code} {' / '.join(reply.text.splitlines())}".rstrip()
