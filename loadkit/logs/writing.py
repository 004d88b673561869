"""The scenario that a log amounts to: YAML with comments that say what was seen, and a table of counts beside it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from loadkit.logs.clock import show_time
from loadkit.logs.fitting import Fit
from loadkit.logs.gather import LogsRead
from loadkit.logs.traffic import Traffic, Window
from loadkit.scenario.distributions import Constant, Lognormal, Table
from loadkit.scenario.quantities import MAX_DURATION_S, exact_duration, exact_size
from loadkit.units import format_duration, format_rate, format_size

COUNTS_COLUMN = "messages"
FALLBACK_SIZE = "12KiB"

_MOST_TLS_SHARE = 0.5
_WIDTH = 112
_LEAST_SESSIONS, _MOST_SESSIONS = 10, 2000
_MOST_ATTEMPTS = 100
_WINDOW_NAMES = {60: "minute", 600: "10 minutes", 3600: "hour"}
_SAME = 0.0005
_FILTER_SHARES = (0.3, 0.7)


def counts_text(traffic: Traffic) -> str:
    """The table of counts: a line for each minute."""
    return "\n".join((COUNTS_COLUMN, *map(str, traffic.per_minute.tolist()))) + "\n"


def scenario_text(name: str, counts_file: str, logs: LogsRead, traffic: Traffic) -> str:
    """The scenario as YAML.

    Args:
        name: Its name.
        counts_file: Name of the table of counts beside it.
        logs: What was read.
        traffic: What it showed.
    """
    lines = [
        *_comment(_head(logs, traffic)),
        f"scenario: {name}",
        "description: Traffic taken from mail logs.",
        "",
        *_target(traffic),
        *_sessions(traffic),
        *_load(traffic, counts_file),
        *_messages(traffic),
        "senders: {local_part: sender, domain: example.com, count: 10}",
        *_comment(_domain_words(traffic)),
        "recipients: {local_part: user, domain: example.com, count: 10000}",
        "",
        *_comment(["The log does not say what is good enough; change these."]),
        "thresholds:",
        '  transaction_failed: ["rate < 0.1%"]',
        '  arrivals_dropped: ["count == 0"]',
    ]
    return "\n".join(lines) + "\n"


def findings(logs: LogsRead, traffic: Traffic) -> dict[str, Any]:
    """What was read and what it showed, as plain values for JSON."""
    gathered, burstiness, retries = logs.gathered, traffic.burstiness, traffic.retries
    return {
        "formats": list(logs.formats),
        "files": logs.files,
        "lines": gathered.lines,
        "bytes": gathered.bytes,
        "broken_lines": dict(gathered.broken.counts),
        "first_broken_lines": {
            reason: [{"file": file, "line": line} for file, line in places]
            for reason, places in gathered.broken.examples.items()
        },
        "damaged_files": [{"file": file, "reason": reason} for file, reason in logs.damaged],
        "dropped": dropped(logs),
        "messages": gathered.messages,
        "messages_left_out": traffic.left_out,
        "replayed": _window_values(traffic.whole),
        "busiest": [_window_values(window) for window in traffic.windows],
        "peak_second": traffic.peak_per_s,
        "dispersion": burstiness and {"index": burstiness.dispersion, "low": burstiness.low, "high": burstiness.high},
        "size_bytes": _fit_values(traffic.sizes, exact_size),
        "recipients": _fit_values(traffic.recipients, int),
        "messages_per_session": _fit_values(traffic.sessions, int),
        "messages_per_outbound_connection": traffic.reuse,
        "tls_share": traffic.tls,
        "smtp_share": traffic.by_smtp,
        "from_this_machine_share": traffic.from_here,
        "domains": {"count": traffic.domains[1], "largest_shares": list(traffic.domains[0])},
        "retries": retries and {"share": retries.share, "attempts": retries.attempts, "delay_s": retries.delay_s},
    }


def dropped(logs: LogsRead) -> dict[str, int]:
    """What was forgotten to bound memory: how many of each."""
    gathered = logs.gathered
    counts = {
        **gathered.dropped,
        "deferred messages": gathered.deferrals.dropped,
        "rare domains": gathered.domains.dropped,
        "messages on too many days": gathered.arrivals.dropped,
    }
    return {what: count for what, count in counts.items() if count}


def words(logs: LogsRead, traffic: Traffic) -> list[str]:
    """What was read and what it showed, in lines for people."""
    return [*_head(logs, traffic), *_load_words(traffic), *_size_words(traffic), *_session_words(traffic)]


def _head(logs: LogsRead, traffic: Traffic) -> list[str]:
    gathered, whole = logs.gathered, traffic.whole
    files = f"{logs.files} file{'s' if logs.files != 1 else ''}"
    span = f"{show_time(whole.start_s)} to {show_time(whole.start_s + whole.length_s)}"
    return [
        f"From {' and '.join(logs.formats)} logs: {files}, {gathered.lines:,} lines, {gathered.messages:,} messages.",
        "Taken were distributions only: no address, no subject and no host name.",
        f"Replayed: {span} by the log's clock, {whole.messages:,} messages, {format_rate(whole.rate_per_s)}.",
        *(_window_words(window) for window in traffic.windows),
        *_loss_words(logs, traffic),
    ]


def _loss_words(logs: LogsRead, traffic: Traffic) -> Iterator[str]:
    for reason, count in logs.gathered.broken.counts.items():
        yield f"Broken lines, not used: {count:,}: {reason}."
    for what, count in dropped(logs).items():
        yield f"Forgotten to bound memory: {count:,} {what}."
    if traffic.left_out:
        most = format_duration(MAX_DURATION_S)
        yield f"Left out: {traffic.left_out:,} messages outside the busiest {most}, the most that a run can last."
    if logs.damaged:
        yield f"Not read to the end: {len(logs.damaged)} damaged file{'s' if len(logs.damaged) != 1 else ''}."


def _window_words(window: Window) -> str:
    name = _WINDOW_NAMES[window.length_s]
    return (
        f"Busiest {name}: {show_time(window.start_s)}, {window.messages:,} messages, {format_rate(window.rate_per_s)}."
    )


def _target(traffic: Traffic) -> Iterator[str]:
    if traffic.tls is None:
        yield from _comment(["The log does not say how many connections used TLS."])
    else:
        yield from _comment([f"TLS: {traffic.tls:.1%} of what came over SMTP."])
    yield "target:"
    yield "  # url: smtp://127.0.0.1:2525      # where load goes; the bundled sink where no target is named"
    yield f"  tls: {'starttls' if (traffic.tls or 0) > _MOST_TLS_SHARE else 'none'}"
    yield ""


def _session_words(traffic: Traffic) -> list[str]:
    fit = traffic.sessions
    if fit is not None:
        return [f"Messages per connection, over {fit.counted:,} connections: {_fit_words(fit, f'{fit.mean:.2f}')}."]
    if traffic.reuse is not None:
        return [
            f"Messages per connection: not in the log for clients; {traffic.reuse:.2f} on those that the server opened."
        ]
    return ["Messages per connection: not in the log. Exim says it with log_selector = +incoming_port."]


def _sessions(traffic: Traffic) -> Iterator[str]:
    most = min(max(traffic.peak_per_s, _LEAST_SESSIONS), _MOST_SESSIONS)
    yield from _comment(
        [
            *_session_words(traffic),
            f"sessions.max is assumed: enough for the {traffic.peak_per_s:,} messages of the busiest second at once.",
        ]
    )
    yield "sessions:"
    yield f"  max: {most}"
    if traffic.sessions is not None:
        yield f"  messages_per_session: {_plain(traffic.sessions, str)}"
    elif traffic.reuse is not None:
        yield f"  messages_per_session: {max(round(traffic.reuse), 1)}"
    retries = traffic.retries
    if retries is not None:
        delay = "" if retries.delay_s is None else f", {format_duration(retries.delay_s)} later (median)"
        yield from _comment(
            [f"Tried again: {retries.share:.2%} of messages, {retries.attempts:.1f} attempts{delay}."], 2
        )
        attempts = min(max(math.ceil(retries.attempts), 2), _MOST_ATTEMPTS)
        given = f", delay: {exact_duration(round(retries.delay_s))}" if retries.delay_s is not None else ""
        yield f"  retry: {{attempts: {attempts}{given}}}"
    yield ""


def _load_words(traffic: Traffic) -> list[str]:
    burstiness = traffic.burstiness
    if burstiness is None:
        return ["Burstiness: too few messages to tell; taken as random (Poisson)."]
    seen = (
        f"Burstiness: the counts of seconds have an index of dispersion of {burstiness.dispersion:.2f} within minutes "
        f"(95 % interval {burstiness.low:.2f} to {burstiness.high:.2f})"
    )
    return [f"{seen}{'' if burstiness.bursty else ', not above the 1 of random arrivals'}."]


def _load(traffic: Traffic, counts_file: str) -> Iterator[str]:
    burstiness = traffic.burstiness
    yield from _comment(_load_words(traffic))
    yield "load:"
    if burstiness is not None and burstiness.bursty:
        yield f"  arrivals: {{gamma: {{dispersion: {burstiness.dispersion:.2f}}}}}"
    else:
        yield "  arrivals: poisson"
    yield "  stages:"
    yield "    - name: log"
    yield f"      duration: {exact_duration(traffic.whole.length_s)}"
    yield f"      shape: {{trace: {{file: {counts_file}, counts: {COUNTS_COLUMN}, every: 1m}}}}"
    yield ""


def _size_words(traffic: Traffic) -> list[str]:
    sizes, recipients = traffic.sizes, traffic.recipients
    lines = []
    if sizes is None:
        lines.append(f"Sizes: not in the log; {FALLBACK_SIZE} is assumed.")
    else:
        lines.append(f"Sizes as the server counted them: {_fit_words(sizes, format_size(sizes.mean))}.")
    if recipients is None:
        lines.append("Recipients per message: not in the log; 1 is assumed.")
    else:
        lines.append(f"Recipients per message: {_fit_words(recipients, f'{recipients.mean:.2f}')}.")
    if traffic.by_smtp is not None:
        lines.append(f"Over SMTP came {traffic.by_smtp:.1%} of messages; the others began on the server itself.")
    if _FILTER_SHARES[0] <= traffic.from_here <= _FILTER_SHARES[1]:
        lines.append(
            f"{traffic.from_here:.0%} of the clients were the server's own machine: if a content filter hands messages "
            "back there, each is counted twice."
        )
    return lines


def _messages(traffic: Traffic) -> Iterator[str]:
    size = FALLBACK_SIZE if traffic.sizes is None else _plain(traffic.sizes, exact_size)
    recipients = "1" if traffic.recipients is None else _plain(traffic.recipients, str)
    yield from _comment(_size_words(traffic))
    yield "messages:"
    yield "  mail:"
    yield f"    size: {size}"
    yield f"    recipients: {recipients}"
    yield ""


def _domain_words(traffic: Traffic) -> list[str]:
    shares, count = traffic.domains
    if not shares:
        return ["Recipients are invented."]
    ranks = ", ".join(f"no. {rank} {share:.1%}" for rank, share in enumerate(shares, start=1))
    return [f"Recipients are invented. In the log they were at {count:,} domains: {ranks}."]


def _fit_words(fit: Fit, mean: str) -> str:
    if isinstance(fit.distribution, Constant):
        return f"always {mean}" if fit.gap == 0 else f"mean {mean}"
    form = "log-normal distribution" if isinstance(fit.distribution, Lognormal) else "table"
    off = "the same mean" if abs(fit.mean_error) < _SAME else f"a mean that is {fit.mean_error:+.1%} off"
    gap = "exactly" if fit.gap < _SAME else f"within {fit.gap:.1%}"
    return f"mean {mean}; the scenario's {form} follows what was seen {gap}, with {off}"


def _fit_values(fit: Fit | None, write: Callable[[int], object]) -> dict[str, Any] | None:
    if fit is None:
        return None
    return {
        "mean": fit.mean,
        "counted": fit.counted,
        "distribution": fit.distribution.to_plain(write),
        "mean_error": fit.mean_error,
        "largest_gap": fit.gap,
    }


def _window_values(window: Window) -> dict[str, Any]:
    return {
        "start": show_time(window.start_s),
        "length_s": window.length_s,
        "messages": window.messages,
        "rate_per_s": window.rate_per_s,
    }


def _plain(fit: Fit, write: Callable[[int], str]) -> str:
    """A distribution in YAML's flow form."""
    distribution = fit.distribution
    if isinstance(distribution, Table):
        pairs = zip(distribution.values, distribution.shares, strict=True)
        return f"{{table: {{{', '.join(f'{write(value)}: {share:.5g}' for value, share in pairs)}}}}}"
    if isinstance(distribution, Lognormal):
        parts = {"median": distribution.median, "p95": distribution.p95, "max": distribution.max}
        return f"{{lognormal: {{{', '.join(f'{key}: {write(value)}' for key, value in parts.items())}}}}}"
    return write(round(distribution.mean))


def _comment(lines: list[str], indent: int = 0) -> Iterator[str]:
    for line in lines:
        yield from (f"{' ' * indent}# {part}" for part in textwrap.wrap(line, _WIDTH))
