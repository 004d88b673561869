"""The traffic that a log shows: rates, bursts, sizes, recipients and connections, as values."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from loadkit.errors import UsageError
from loadkit.logs.clock import Integers
from loadkit.logs.fitting import Fit, fit_sizes, fit_tally, quantile
from loadkit.logs.gather import LogsRead
from loadkit.logs.gathering import DAY_S, Gathered, Timeline
from loadkit.scenario.quantities import MAX_DURATION_S
from loadkit.units import format_duration

MINUTE_S = 60
WINDOWS_S = (MINUTE_S, 10 * MINUTE_S, 60 * MINUTE_S)
LARGEST_DOMAINS = 5
_MOST_DAYS = int(MAX_DURATION_S) // DAY_S
_LEAST_MINUTES, _LEAST_ARRIVALS = 10, 1000
_Z975 = 1.96
_MOST_DISPERSION = 1000.0


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of the log.

    Args:
        length_s: How long.
        start_s: Its start in seconds since 1970, by the writer's clock.
        messages: How many arrived in it.
    """

    length_s: int
    start_s: int
    messages: int

    @property
    def rate_per_s(self) -> float:
        """Messages per second."""
        return self.messages / self.length_s


@dataclass(frozen=True, slots=True)
class Burstiness:
    """How much arrivals cluster within a minute.

    Args:
        dispersion: Index of dispersion of the counts of seconds: variance over mean, 1 if they come at random.
        low: Lower end of its 95 % interval.
        high: Upper end.
    """

    dispersion: float
    low: float
    high: float

    @property
    def bursty(self) -> bool:
        """Whether arrivals are more clustered than random ones, with certainty."""
        return self.low > 1


@dataclass(frozen=True, slots=True)
class Retries:
    """How often messages were tried again.

    Args:
        share: Messages that were, of all.
        attempts: Attempts of such a message in all, on average.
        delay_s: Median time between two of them; None where the log does not say.
    """

    share: float
    attempts: float
    delay_s: float | None


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a log shows, without anything that names anybody.

    Args:
        start_s: First minute, in seconds since 1970 by the writer's clock.
        per_minute: Messages in each minute from there on.
        left_out: Messages at times so far from most that they are not in there.
        peak_per_s: Most messages in a second.
        windows: The busiest windows of `WINDOWS_S`, as far as the log is as long.
        burstiness: None where there are too few messages to say.
        sizes: Sizes in bytes; None where the log has none.
        recipients: Recipients per message.
        sessions: Messages per connection; None where the log does not say.
        reuse: Mean of messages per connection that the server opened itself; None where there were none.
        tls: Share of connections with TLS (of messages, for Exim); None where nothing is known.
        by_smtp: Share of messages that came over SMTP; None where the log does not say.
        from_here: Share of those that came from the server's own machine.
        domains: Shares of the recipient domains that have most, and how many there are.
        retries: None where no message was tried again.
    """

    start_s: int
    per_minute: Integers
    left_out: int
    peak_per_s: int
    windows: tuple[Window, ...]
    burstiness: Burstiness | None
    sizes: Fit | None
    recipients: Fit | None
    sessions: Fit | None
    reuse: float | None
    tls: float | None
    by_smtp: float | None
    from_here: float
    domains: tuple[tuple[float, ...], int]
    retries: Retries | None

    @property
    def whole(self) -> Window:
        """All minutes that are replayed."""
        return Window(len(self.per_minute) * MINUTE_S, self.start_s, int(self.per_minute.sum()))


def traffic_of(logs: LogsRead, peak_s: float | None = None) -> Traffic:
    """The traffic in some logs.

    Args:
        logs: What was counted in them.
        peak_s: Take only the busiest window of this length, rounded up to minutes; None takes all.

    Raises:
        UsageError: If the log is shorter than the window.
    """
    gathered = logs.gathered
    first_day, days = _densest(gathered.arrivals)
    per_second = gathered.arrivals.per_second(first_day, days)
    per_minute = per_second.reshape(-1, MINUTE_S).sum(axis=1)
    filled = np.flatnonzero(per_minute)
    start, end = int(filled[0]), int(filled[-1]) + 1
    left_out = gathered.messages - int(per_minute.sum())
    windows = tuple(
        busiest(per_minute[start:end], first_day * DAY_S + start * MINUTE_S, length_s)
        for length_s in WINDOWS_S
        if length_s <= (end - start) * MINUTE_S
    )
    if peak_s is not None:
        window = _peak(per_minute[start:end], first_day * DAY_S + start * MINUTE_S, peak_s)
        start = (window.start_s - first_day * DAY_S) // MINUTE_S
        end = start + window.length_s // MINUTE_S
    seconds = per_second[start * MINUTE_S : end * MINUTE_S]
    return Traffic(
        start_s=first_day * DAY_S + start * MINUTE_S,
        per_minute=per_minute[start:end],
        left_out=left_out,
        peak_per_s=int(seconds.max()),
        windows=windows,
        burstiness=burstiness_of(seconds.reshape(-1, MINUTE_S)),
        sizes=fit_sizes(gathered.sizes),
        recipients=fit_tally(gathered.recipients),
        sessions=fit_tally(gathered.sessions),
        reuse=_reuse(gathered),
        tls=gathered.tls / gathered.tls_of if gathered.tls_of else None,
        by_smtp=min(gathered.by_smtp / gathered.messages, 1.0) if gathered.by_smtp else None,
        from_here=gathered.by_smtp_from_here / gathered.by_smtp if gathered.by_smtp else 0.0,
        domains=_domains(gathered),
        retries=_retries(gathered),
    )


def busiest(per_minute: Integers, start_s: int, length_s: int) -> Window:
    """The window of whole minutes with most messages; the earliest, if there are several."""
    minutes = length_s // MINUTE_S
    reached = np.concatenate(([0], np.cumsum(per_minute)))
    sums = reached[minutes:] - reached[:-minutes]
    best = int(np.argmax(sums))
    return Window(length_s, start_s + best * MINUTE_S, int(sums[best]))


def burstiness_of(per_second: Integers) -> Burstiness | None:
    """How much arrivals cluster within minutes, or None if there are too few to say.

    Args:
        per_second: Arrivals by minute and second.

    Notes:
        Within a minute the rate is taken as constant, so that the daily curve is not taken for bursts. With n the count
        of a second and m the mean of its minute, the estimate is sum (n - m)^2 / (59 sum m), over all seconds and all
        minutes: pooled variances over pooled means, for Poisson counts 1. Minutes are independent clusters, so the
        interval is that of a ratio of sums, with the residuals of the minutes (Cochran, Sampling Techniques, 1977,
        6.4). The first and the last minute are left out, because the log may begin and end within them.
    """
    inner = per_second[1:-1]
    inner = inner[inner.sum(axis=1) > 0]
    if len(inner) < _LEAST_MINUTES or inner.sum() < _LEAST_ARRIVALS:
        return None
    means = inner.mean(axis=1)
    squares = ((inner - means[:, None]) ** 2).sum(axis=1)
    expected = means * (MINUTE_S - 1)
    dispersion = float(squares.sum() / expected.sum())
    residuals = squares - dispersion * expected
    count = len(inner)
    error = math.sqrt(count / (count - 1) * float((residuals**2).sum())) / float(expected.sum())
    return Burstiness(min(dispersion, _MOST_DISPERSION), dispersion - _Z975 * error, dispersion + _Z975 * error)


def _densest(arrivals: Timeline) -> tuple[int, int]:
    """First and number of the days, at most `MAX_DURATION_S`, that have most arrivals; lines may bear false dates."""
    days = arrivals.days
    counts = {day: arrivals.count_of(day) for day in days}
    first = max(days, key=lambda start: sum(counts[day] for day in days if start <= day < start + _MOST_DAYS))
    last = max(day for day in days if day < first + _MOST_DAYS)
    return first, last - first + 1


def _peak(per_minute: Integers, start_s: int, peak_s: float) -> Window:
    length_s = math.ceil(peak_s / MINUTE_S) * MINUTE_S
    if not 0 < length_s <= len(per_minute) * MINUTE_S:
        span = format_duration(len(per_minute) * MINUTE_S)
        raise UsageError(
            f"a window of {format_duration(peak_s)} does not fit a log of {span}", hint="give a shorter one"
        )
    return busiest(per_minute, start_s, length_s)


def _reuse(gathered: Gathered) -> float | None:
    opened = gathered.outbound_deliveries - gathered.outbound_reused
    return gathered.outbound_deliveries / opened if opened > 0 else None


def _domains(gathered: Gathered) -> tuple[tuple[float, ...], int]:
    of = max(gathered.domains.recipients, 1)
    return tuple(count / of for count in gathered.domains.largest(LARGEST_DOMAINS)), len(gathered.domains)


def _retries(gathered: Gathered) -> Retries | None:
    deferrals = gathered.deferrals
    if not deferrals.retries or not deferrals.messages:
        return None
    gaps = deferrals.gaps
    delay_s = quantile(*gaps.points(), 0.5) if gaps.total else None
    share = min(deferrals.messages / gathered.messages, 1.0)
    return Retries(share, 1 + deferrals.retries / deferrals.messages, delay_s)
