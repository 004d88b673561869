"""The catalogue of server limits: what shows each, why servers have it, what to do, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadkit.smtp.limits import Limit

if TYPE_CHECKING:
    from loadkit.measure.ends import OutcomeLine


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that something was seen for.

    Args:
        name: The rule's name.
        seen: What was seen, in words.
        why: Why servers do it.
        fix: What to do.
        source: Who says so: settings by product, and RFCs.
        messages: Messages, or attempts, that met it; 0 where it is told from times.
        sessions: Session set-ups and sessions that met it.
    """

    name: str
    seen: str
    why: str
    fix: str
    source: str
    messages: int
    sessions: int


@dataclass(frozen=True, slots=True)
class Rule:
    """What shows a limit.

    Args:
        name: A name from a closed list.
        why: Why servers do it.
        fix: What to do.
        source: Settings by product, and RFCs.
        reasons: Reasons of outcomes that show it.
        enhanced: Enhanced status codes that show it, whatever the text says.
        codes: Reply codes that show it where the text names no limit.
        ends: Classes and phases that show it where there was no reply.
    """

    name: str
    why: str
    fix: str
    source: str
    reasons: tuple[str, ...] = ()
    enhanced: tuple[str, ...] = ()
    codes: tuple[int, ...] = ()
    ends: tuple[tuple[str, str], ...] = ()

    def matches(self, line: OutcomeLine) -> bool:
        """Whether an end shows it."""
        if line.reason in self.reasons or line.enhanced in self.enhanced:
            return True
        return (line.code in self.codes and not line.reason) or (line.kind, line.phase) in self.ends


RULES = (
    Rule(
        "too_many_connections",
        "the server bounds the connections of one client, at a time or per minute, against floods; all load comes "
        "from one address here",
        "raise the limit for this address or except it, lower sessions.max, raise sessions.messages_per_session, or "
        "send from several sessions.local_addresses",
        "Postfix smtpd_client_connection_count_limit (50), smtpd_client_connection_rate_limit (0 = none, per "
        "anvil_rate_time_unit), smtpd_client_event_limit_exceptions ($mynetworks); Exim smtp_accept_max (20), "
        "smtp_accept_max_per_host; Exchange MaxInboundConnectionPerSource (20)",
        reasons=(Limit.TOO_MANY_CONNECTIONS,),
        enhanced=("4.4.5",),
    ),
    Rule(
        "rate_limited",
        "the server bounds messages or recipients per time, per client or in all",
        "raise the limit for this address, or offer less than it; what you measure beyond it is the limit and not "
        "the server",
        "Postfix smtpd_client_message_rate_limit, smtpd_client_recipient_rate_limit (0 = none, per "
        "anvil_rate_time_unit 60s); Exim ACL condition ratelimit; Gmail 421 4.7.28 and 450 4.2.1, Microsoft 451 "
        "4.7.500, Yahoo 421 TSS04",
        reasons=(Limit.RATE_LIMITED,),
    ),
    Rule(
        "greylisted",
        "a first message of an unknown client, sender and recipient is refused for now and taken when it comes "
        "again after some minutes: spammers seldom try again",
        "except this address from greylisting; or set sessions.retry with a delay above the server's, and fewer "
        "senders and recipients",
        "RFC 6647; postgrey --delay (300 s); postscreen deep protocol tests answer alike (450 4.3.2)",
        reasons=(Limit.GREYLISTED,),
    ),
    Rule(
        "too_many_errors",
        "after so many refused commands in one session the server takes the client for a harvester and hangs up",
        "send to recipients that the server accepts, or raise the limit",
        "Postfix smtpd_hard_error_limit (20, 1 under stress); Exim smtp_max_unknown_commands (3), "
        "smtp_max_synprot_errors (3); Exchange MaxProtocolErrors (5)",
        reasons=(Limit.TOO_MANY_ERRORS,),
    ),
    Rule(
        "tar_pit",
        "the server delays its replies to a client that makes errors, so that guessing addresses does not pay",
        "send to recipients that the server accepts; the times of refused messages say nothing of its speed",
        "Postfix smtpd_error_sleep_time (1 s) after smtpd_soft_error_limit (10) errors; Exchange TarpitInterval (5 "
        "s); Exim smtp_ratelimit_rcpt, ACL modifier delay",
    ),
    Rule(
        "too_many_messages",
        "the server takes so many messages over one connection and no more",
        "set sessions.messages_per_session to the server's number, or raise that",
        "Exim smtp_accept_max_per_connection (1000); KumoMTA max_messages_per_connection",
        reasons=(Limit.TOO_MANY_MESSAGES,),
    ),
    Rule(
        "closed_after",
        "the server seems to close each connection after the same number of messages; the message that was under "
        "way then counts as failed",
        "set sessions.messages_per_session to that number, or raise the server's",
        "Exim smtp_accept_max_per_connection (1000); KumoMTA max_messages_per_connection; load balancers and filters",
    ),
    Rule(
        "too_many_recipients",
        "the server bounds the recipients of one message; the others are to be sent again in another one",
        "lower messages.*.recipients, or raise the limit",
        "RFC 5321 section 4.5.3.1.8 (at least 100); Postfix smtpd_recipient_limit (1000); Exim recipients_max",
        reasons=(Limit.TOO_MANY_RECIPIENTS,),
        enhanced=("4.5.3", "5.5.3"),
    ),
    Rule(
        "too_large",
        "the message is larger than the server takes; servers that offer SIZE say so at MAIL",
        "lower messages.*.size below the number that the server gives with SIZE in its EHLO reply, or raise the limit",
        "RFC 1870; Postfix message_size_limit (10240000); Exim message_size_limit (50M); Exchange MaxMessageSize "
        "(36 MB)",
        reasons=(Limit.TOO_LARGE,),
        enhanced=("5.3.4",),
    ),
    Rule(
        "relay_denied",
        "the server does not accept mail from this client for a domain that is not its own",
        "use recipients of the server's own domains, log in (target.auth), or let it relay for this address",
        "Postfix smtpd_relay_restrictions, mynetworks, mydestination, relay_domains; Exim relay_from_hosts, "
        "relay_to_domains",
        reasons=(Limit.RELAY_DENIED,),
    ),
    Rule(
        "auth_required",
        "the server wants a login before it takes mail, as on port 587",
        "give target.auth a mechanism and the variables with the credentials, or use port 25",
        "RFC 4954 section 6 (530 5.7.0); RFC 6409 section 4.3; Postfix smtpd_sender_restrictions, "
        "permit_sasl_authenticated",
        reasons=(Limit.AUTH_REQUIRED,),
    ),
    Rule(
        "login_failed",
        "the server refused the credentials, or does not offer the mechanism",
        "check the variables that target.auth names; servers slow down or lock out after some failures; many offer "
        "AUTH only inside TLS (target.tls: starttls)",
        "RFC 4954 section 6 (535 5.7.8); Postfix smtpd_tls_auth_only, smtpd_client_auth_rate_limit",
        reasons=("auth_not_offered",),
        enhanced=("5.7.8",),
        codes=(535,),
    ),
    Rule(
        "tls_required",
        "the server takes nothing in plaintext",
        "set target.tls: starttls, or smtps:// where TLS begins before the banner",
        "RFC 3207 section 4 (530 5.7.0 Must issue a STARTTLS command first); Postfix smtpd_tls_security_level = "
        "encrypt",
        reasons=(Limit.TLS_REQUIRED,),
    ),
    Rule(
        "tls_not_offered",
        "the scenario wants STARTTLS and the server does not offer it",
        "give the server a certificate, use the port that offers it, or leave out target.tls",
        "RFC 3207; Postfix smtpd_tls_security_level = may, smtpd_tls_chain_files",
        reasons=("starttls_not_offered",),
    ),
    Rule(
        "idle_timeout",
        "the server ended sessions that had nothing to say for a while",
        "lower sessions.idle_timeout below the server's, so that sessions say goodbye first, lower sessions.max, or "
        "raise the rate",
        "RFC 5321 section 4.5.3.2.7 (5 minutes at least); Postfix smtpd_timeout (300s, 10s under stress); Exim "
        "smtp_receive_timeout (5m)",
        reasons=(Limit.IDLE_TIMEOUT, "closed_idle"),
    ),
    Rule(
        "mailbox_full",
        "the recipient's mailbox is over its quota",
        "spread mail over more recipients (recipients.count), or empty the mailboxes",
        "RFC 3463 X.2.2; Dovecot quota; Gmail 452 4.2.2",
        enhanced=("4.2.2", "5.2.2"),
    ),
    Rule(
        "storage_full",
        "the server is short of space for its queue and takes nothing until it has more",
        "free or add disk space: Postfix wants 1.5 times message_size_limit",
        "RFC 3463 X.3.1; Postfix queue_minfree, message_size_limit; Exim check_spool_space",
        enhanced=("4.3.1", "5.3.1"),
    ),
    Rule(
        "blocked",
        "this machine's address is on a list of bad senders, or has a poor reputation",
        "look the address up at the list named in the server's log, use another address, or except it",
        "Postfix reject_rbl_client, postscreen_dnsbl_sites; Microsoft S3140, S3150",
        reasons=(Limit.BLOCKED,),
    ),
    Rule(
        "unknown_recipients",
        "the server knows its recipients and does not take mail for others",
        "use addresses that exist there (recipients.*), or make them",
        "RFC 3463 X.1.1; Postfix local_recipient_maps, relay_recipient_maps",
        enhanced=("5.1.1",),
    ),
    Rule(
        "no_greeting",
        "connections were taken by the system and no process greeted them in time: all are busy",
        "raise the number of processes, lower sessions.max below it, or lower the rate",
        "Postfix default_process_limit (100) and the maxproc column of master.cf; Exim smtp_accept_max (20), "
        "smtp_connect_backlog (20)",
        ends=(("timeout", "banner"),),
    ),
    Rule(
        "unavailable",
        "the server said that it is not available: overloaded, stopping, or protecting itself without saying from what",
        "look into the server's log at the time of these replies",
        "RFC 5321 section 3.8 (421); RFC 3463 X.3.2",
        enhanced=("4.3.2",),
        codes=(421,),
    ),
)
