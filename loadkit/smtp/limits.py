"""What a refusal's text says of the limit behind it: a name from a closed list, for the text itself is not kept."""

from __future__ import annotations

import functools
import re
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadkit.smtp.reply import Reply


class Limit(StrEnum):
    """Why a server refused, where its text says more than the enhanced status code."""

    TOO_MANY_CONNECTIONS = "too_many_connections"
    TOO_MANY_ERRORS = "too_many_errors"
    TOO_MANY_MESSAGES = "too_many_messages"
    TOO_MANY_RECIPIENTS = "too_many_recipients"
    GREYLISTED = "greylisted"
    TLS_REQUIRED = "tls_required"
    AUTH_REQUIRED = "auth_required"
    RELAY_DENIED = "relay_denied"
    TOO_LARGE = "too_large"
    IDLE_TIMEOUT = "idle_timeout"
    BLOCKED = "blocked"
    RATE_LIMITED = "rate_limited"


# Code and text in small letters, as servers write them; the first that fits decides. Sources: Postfix (smtpd), Exim,
# Sendmail, OpenSMTPD, Exchange, postgrey, and the published lists of Gmail, Microsoft and Yahoo.
_SIGNS = {
    Limit.TOO_MANY_CONNECTIONS: (
        r"4.. .*(too many (concurrent |new |simultaneous |tls |smtp |open )*(connections|sessions)"
        r"|connection (limit|rate)|concurren|maximum (number of )?connections)"
    ),
    Limit.TOO_MANY_ERRORS: r"... .*too many (\w+ )?(errors|bad commands|unknown commands|syntax)",
    Limit.TOO_MANY_MESSAGES: (
        r"4.. .*(too many (messages|transactions|mails) (in|on|per|for) (this|a|one|the) (connection|session)"
        r"|messages? per (connection|session))"
    ),
    Limit.TOO_MANY_RECIPIENTS: r"[45].. ([45]\.5\.3|.*too many recipients(?! from))",
    Limit.GREYLISTED: r"4.. .*gr[ea]y-? ?list",
    Limit.TLS_REQUIRED: (
        r"[45].. .*(issue a starttls|starttls (is )?required|(tls|encryption) (is )?(required|needed)"
        r"|requires? (tls|encryption))"
    ),
    Limit.AUTH_REQUIRED: r"(530|[45].. .*authentication (is )?required|550 .*not authenticated)",
    Limit.RELAY_DENIED: (
        r"[45].. .*(relay(ing)? (access )?(denied|not permitted|not allowed|prohibited)|not permitted to relay"
        r"|unable to relay)"
    ),
    Limit.TOO_LARGE: r"(552 5\.3\.4|5(23|34|52|54) (?!5\.2\.2).*(size|too (big|large)))",
    Limit.IDLE_TIMEOUT: r"421 (4\.4\.2|.*(time-?out|timed out|idle))",
    Limit.BLOCKED: r"[45].. .*(block ?list|black ?list|blocked|spamhaus|dnsbl|rbl\b|poor reputation)",
    Limit.RATE_LIMITED: (
        r"4.. (4\.7\.28|4\.7\.500|4\.2\.1|.*(too much mail|\brate\b|too (many|fast|quickly|frequent)|throttl"
        r"|unexpected volume|temporarily deferred|limit exceeded|slow down))"
    ),
}
_COMPILED = tuple((limit.value, re.compile(sign)) for limit, sign in _SIGNS.items())


@functools.lru_cache(maxsize=256)
def limit_of(reply: Reply) -> str:
    """The limit that a refusal names, or nothing where it names none.

    Only refusals come here, and servers repeat themselves, so that a run's refusals cost a look-up each.
    """
    text = " ".join((str(reply.code), *(line.decode("ascii", "replace") for line in reply.lines))).lower()
    return next((limit for limit, sign in _COMPILED if sign.match(text)), "")
