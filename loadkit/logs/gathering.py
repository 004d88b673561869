"""What is kept while a log is read: counts only, in memory that does not grow with the log."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from loadkit.logs.clock import Integers

Floats = npt.NDArray[np.float64]
Value = TypeVar("Value")
Number = TypeVar("Number", np.int64, np.float64)

DAY_S = 86_400
MAX_DAYS = 400
MAX_KEYS = 200_000
"""Messages or connections whose state is known at a time."""
MAX_DOMAINS = 50_000
MAX_EXAMPLES = 3
IDLE_S = 600
"""A connection that was silent for longer is over: RFC 5321, 4.5.3.2.7 lets servers wait 5 minutes."""

_BATCH = 4096
_BINS_PER_E = 64  # bins are 1.6 % wide


class Recent(Generic[Value]):
    """A map that forgets its oldest keys when it is full, and counts them.

    Args:
        limit: Most keys.
    """

    def __init__(self, limit: int = MAX_KEYS) -> None:
        self._limit = limit
        # An ordered one, because a plain dictionary takes ever longer to find its first key after many were taken out.
        self._items: OrderedDict[bytes, Value] = OrderedDict()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: bytes) -> bool:
        return key in self._items

    def lacks(self, keys: Iterable[bytes]) -> bool:
        """Whether none of these keys is there."""
        return self._items.keys().isdisjoint(keys)

    def get(self, key: bytes) -> Value | None:
        """The value of a key, or None."""
        return self._items.get(key)

    def put(self, key: bytes, value: Value) -> Value | None:
        """Set a value; returns the value that was forgotten for it, if any."""
        forgotten = None
        if key not in self._items and len(self._items) >= self._limit:
            _, forgotten = self._items.popitem(last=False)
            self.dropped += 1
        self._items[key] = value
        return forgotten

    def pop(self, key: bytes) -> Value | None:
        """Take a key out; its value, or None."""
        return self._items.pop(key, None)

    def drain(self) -> Iterator[Value]:
        """Take everything out."""
        yield from self._items.values()
        self._items.clear()


class Timeline:
    """Arrivals per second, day by day."""

    def __init__(self) -> None:
        self._days: dict[int, npt.NDArray[np.uint32]] = {}
        self.dropped = 0

    @property
    def days(self) -> list[int]:
        """Days with arrivals, since 1970, ascending."""
        return sorted(self._days)

    def add(self, seconds: Integers) -> None:
        """Count arrivals; those of days beyond `MAX_DAYS` are dropped."""
        unique, counts = np.unique(seconds, return_counts=True)
        days = unique // DAY_S
        for day in np.unique(days).tolist():
            mine = days == day
            if day not in self._days and len(self._days) >= MAX_DAYS:
                self.dropped += int(counts[mine].sum())
                continue
            of_day = self._days.setdefault(day, np.zeros(DAY_S, dtype=np.uint32))
            of_day[unique[mine] - day * DAY_S] += counts[mine].astype(np.uint32)

    def per_second(self, first_day: int, days: int) -> Integers:
        """Arrivals in each second of some days."""
        nothing = np.zeros(DAY_S, dtype=np.uint32)
        parts = [self._days.get(day, nothing) for day in range(first_day, first_day + days)]
        return np.concatenate(parts).astype(np.int64)

    def count_of(self, day: int) -> int:
        """Arrivals on a day."""
        return int(self._days[day].sum())


class Spread:
    """Positive numbers in bins 1.6 % wide, with the exact mean of each bin."""

    def __init__(self) -> None:
        self.counts: Integers = np.zeros(0, dtype=np.int64)
        self.sums: Floats = np.zeros(0)

    def add(self, values: Integers) -> None:
        """Count values; one below 1 counts as 1."""
        if not values.size:
            return
        bins = (np.log(np.maximum(values, 1)) * _BINS_PER_E).astype(np.int64)
        length = max(len(self.counts), int(bins.max()) + 1)
        self.counts = _longer(self.counts, length) + np.bincount(bins, minlength=length)
        self.sums = _longer(self.sums, length) + np.bincount(bins, weights=values, minlength=length)

    @property
    def total(self) -> int:
        """How many values."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float:
        """Their mean; not defined without values."""
        return float(self.sums.sum()) / self.total

    def points(self) -> tuple[Floats, Integers]:
        """The mean of each bin that has values, ascending, and how many."""
        filled = np.flatnonzero(self.counts)
        return self.sums[filled] / self.counts[filled], self.counts[filled]


class Tally:
    """Whole numbers from 1 to a most; larger ones count as the most.

    Args:
        most: The largest number that is told apart.
    """

    def __init__(self, most: int) -> None:
        self.counts: Integers = np.zeros(most + 1, dtype=np.int64)
        self.sum = 0

    def add(self, values: Integers) -> None:
        """Count values, none of them negative."""
        most = len(self.counts) - 1
        self.counts += np.bincount(np.minimum(values, most), minlength=most + 1)
        self.sum += int(values.sum())

    def count(self, value: int, times: int = 1) -> None:
        """Count one value, which may have come several times."""
        self.counts[min(value, len(self.counts) - 1)] += times
        self.sum += value * times

    @property
    def total(self) -> int:
        """How many values above 0."""
        return int(self.counts[1:].sum())

    @property
    def mean(self) -> float:
        """Mean of the values above 0; not defined without any."""
        return self.sum / self.total


class Deferrals:
    """Messages that had to be tried again, and how long after."""

    def __init__(self) -> None:
        self._last: Recent[int] = Recent()
        self.messages = 0
        self.retries = 0
        self._gaps = Spread()
        self._latest_gaps: list[int] = []

    def __contains__(self, key: bytes) -> bool:
        return key in self._last

    def unknown(self, keys: Sequence[bytes]) -> bool:
        """Whether none of these messages is known to have been deferred."""
        return not self._last or self._last.lacks(keys)

    @property
    def dropped(self) -> int:
        """Messages that were forgotten before their end."""
        return self._last.dropped

    def tried(self, key: bytes, second: int) -> None:
        """A delivery of a message that failed for now, or the next after such a one."""
        if key in self:
            self.retry(key, second)
        else:
            self.defer(key, second)

    def defer(self, key: bytes, second: int) -> None:
        """A message could not be delivered for now."""
        if key not in self._last:
            self.messages += 1
            self._last.put(key, second)

    def retry(self, key: bytes, second: int) -> None:
        """A deferred message was tried again; a second try in the same second is the same one to another recipient."""
        last = self._last.get(key)
        if last is not None and second > last:
            self.retries += 1
            self._latest_gaps.append(second - last)
            if len(self._latest_gaps) >= _BATCH:
                self._keep_gaps()
            self._last.put(key, second)

    @property
    def gaps(self) -> Spread:
        """Seconds between two tries of a message."""
        self._keep_gaps()
        return self._gaps

    def _keep_gaps(self) -> None:
        self._gaps.add(np.array(self._latest_gaps, dtype=np.int64))
        self._latest_gaps.clear()

    def __len__(self) -> int:
        return len(self._last)


class Connections:
    """Messages per connection, where each message names its connection."""

    def __init__(self, sessions: Tally) -> None:
        self._sessions = sessions
        self._open: Recent[tuple[int, int]] = Recent()

    @property
    def dropped(self) -> int:
        """Connections that were taken for ended because there were too many."""
        return self._open.dropped

    def message(self, key: bytes, second: int) -> None:
        """A message came over a connection."""
        known = self._open.get(key)
        if known is not None and second - known[1] > IDLE_S:
            self._ended(self._open.pop(key))
            known = None
        self._ended(self._open.put(key, (known[0] + 1 if known else 1, second)))

    def end(self, key: bytes) -> None:
        """A connection ended."""
        self._ended(self._open.pop(key))

    def end_all(self) -> None:
        """The log ended."""
        for known in self._open.drain():
            self._ended(known)

    def _ended(self, known: tuple[int, int] | None) -> None:
        if known is not None:
            self._sessions.count(known[0])


@dataclass(slots=True)
class Broken:
    """Lines that could not be used: how many for each reason, and where the first were."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[tuple[str, int]]] = field(default_factory=dict)

    def add(self, reason: str, file: str, lines: Iterable[int]) -> None:
        """Count lines.

        Args:
            reason: What is wrong with them; never a part of them.
            file: Name of the file.
            lines: Their numbers.
        """
        for line in lines:
            self.counts[reason] += 1
            examples = self.examples.setdefault(reason, [])
            if len(examples) < MAX_EXAMPLES:
                examples.append((file, line))


class Domains:
    """How often each recipient domain came; names stay in here, and rare ones are forgotten when there are too many."""

    def __init__(self) -> None:
        self._counts: Counter[bytes] = Counter()
        self.recipients = 0
        self.dropped = 0

    def add(self, domains: list[bytes]) -> None:
        """Count domains, one for each recipient."""
        self.recipients += len(domains)
        self._counts.update(domains)
        if len(self._counts) > MAX_DOMAINS:
            kept = self._counts.most_common(MAX_DOMAINS // 2)
            self.dropped += len(self._counts) - len(kept)
            self._counts = Counter(dict(kept))

    def __len__(self) -> int:
        return len(self._counts)

    def largest(self, count: int) -> list[int]:
        """Recipients of the domains that have most, without their names."""
        return [recipients for _, recipients in self._counts.most_common(count)]


@dataclass(slots=True)
class Gathered:
    """Everything that is known of some logs: no text of theirs leaves this package."""

    arrivals: Timeline = field(default_factory=Timeline)
    sizes: Spread = field(default_factory=Spread)
    recipients: Tally = field(default_factory=lambda: Tally(1000))
    sessions: Tally = field(default_factory=lambda: Tally(10_000))
    outbound_deliveries: int = 0
    outbound_reused: int = 0
    tls: int = 0
    tls_of: int = 0
    by_smtp: int = 0
    by_smtp_from_here: int = 0
    domains: Domains = field(default_factory=Domains)
    deferrals: Deferrals = field(default_factory=Deferrals)
    broken: Broken = field(default_factory=Broken)
    lines: int = 0
    bytes: int = 0
    messages: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def add(self, seconds: Integers, sizes: Integers, recipients: Integers) -> None:
        """Count messages that arrived.

        Args:
            seconds: When.
            sizes: Their sizes in bytes.
            recipients: How many recipients each has; empty where that is not known yet.
        """
        self.messages += len(seconds)
        self.arrivals.add(seconds)
        self.sizes.add(sizes)
        self.recipients.add(recipients)


def _longer(array: npt.NDArray[Number], length: int) -> npt.NDArray[Number]:
    return np.pad(array, (0, length - len(array)))
