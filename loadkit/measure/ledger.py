"""What arrived at the far end: one bit per message, end-to-end latency per kind, deliveries per second."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from loadkit.measure.bitmap import SequenceBitmap, SequenceRefusedError
from loadkit.measure.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from loadkit.smtp.stamp import Stamp

MAX_SENDERS = 1024
MAX_KINDS = 128
MAX_SECONDS = 31 * 86_400
OTHER_KINDS = "other"

_SETTLE_ROWS = 4096
_ROW = 3


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """How long the messages of a kind took until they arrived.

    Args:
        intended: From the time that the schedule wanted them sent.
        sent: From the start of their transactions.
    """

    intended: Histogram = field(default_factory=Histogram)
    sent: Histogram = field(default_factory=Histogram)

    def merge(self, other: EndToEnd) -> None:
        """Add another's counts."""
        self.intended.merge(other.intended)
        self.sent.merge(other.sent)

    def to_dict(self) -> dict[str, str]:
        """The histograms in HdrHistogram's compressed form."""
        return {"intended": self.intended.encode().decode("ascii"), "sent": self.sent.encode().decode("ascii")}

    @classmethod
    def from_dict(cls, data: Mapping[str, str]) -> EndToEnd:
        """Read what `to_dict` made.

        Raises:
            ValueError: If a histogram is damaged.
            KeyError: If one is missing.
        """
        return cls(*(Histogram.decode(data[name].encode("ascii")) for name in ("intended", "sent")))


class ArrivalCounts:
    """Deliveries per second of Unix time, over at most `MAX_SECONDS`; what comes later counts in the last second.

    Attributes:
        first_second: The Unix second that the counts begin with; None without any.
    """

    __slots__ = ("_counts", "first_second")

    def __init__(self) -> None:
        self.first_second: int | None = None
        self._counts: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    def counts(self) -> npt.NDArray[np.int64]:
        """Deliveries in each second from the first on."""
        return np.trim_zeros(self._counts, "b")

    def add(self, times: npt.NDArray[np.float64]) -> None:
        """Count deliveries.

        Args:
            times: Their Unix times in seconds, at least one.
        """
        seconds = np.floor(times).astype(np.int64)
        first = int(seconds.min())
        self._add_from(first, np.bincount(np.minimum(seconds - first, MAX_SECONDS - 1)))

    def merge(self, other: ArrivalCounts) -> None:
        """Add another's counts."""
        if other.first_second is not None:
            self._add_from(other.first_second, other.counts())

    def _add_from(self, first: int, counts: npt.NDArray[np.int64]) -> None:
        start = first if self.first_second is None else min(first, self.first_second)
        shift = 0 if self.first_second is None else self.first_second - start
        length = min(max(shift + self._counts.size, first - start + counts.size), MAX_SECONDS)
        if shift or length > self._counts.size:
            # Room for the seconds to come, so that it is not moved every second.
            grown = np.zeros(min(length + length // 2 + 60, MAX_SECONDS), dtype=np.int64)
            np.add.at(grown, np.minimum(np.arange(self._counts.size) + shift, grown.size - 1), self._counts)
            self._counts = grown
        self.first_second = start
        np.add.at(self._counts, np.minimum(np.arange(counts.size) + (first - start), self._counts.size - 1), counts)

    def to_dict(self) -> dict[str, Any]:
        """The counts as plain JSON values: 32-bit little endian, compressed, in base64."""
        packed = zlib.compress(self.counts().astype("<u4").tobytes(), 1)
        return {"first_second": self.first_second, "counts": base64.b64encode(packed).decode("ascii")}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ArrivalCounts:
        """Read what `to_dict` made.

        Raises:
            ValueError: If the data is damaged.
        """
        reader = zlib.decompressobj()
        try:
            raw = reader.decompress(base64.b64decode(data["counts"]), MAX_SECONDS * 4 + 1)
        except zlib.error as error:
            raise ValueError(f"not arrival counts: {error}") from error
        if not reader.eof or len(raw) % 4:
            raise ValueError("not arrival counts: cut short")
        arrivals = cls()
        arrivals.first_second = data["first_second"]
        arrivals._counts = np.frombuffer(raw, dtype="<u4").astype(np.int64)
        return arrivals


@dataclass(slots=True)
class DeliveryLedger:
    """What one run's far end received; mutable, kept by the sink.

    A relay that splits the recipients of one message over several deliveries shows as duplicates here.

    Args:
        run: The run's id.
        senders: The numbers received, per sender.
        deliveries: Messages received, duplicates and unknown ones included.
        duplicates: Deliveries of a number that had arrived before.
        unknown: Deliveries without a usable id.
        corrupted: Deliveries whose body is not the one that was sent.
        clock_behind: Deliveries before they were sent, by the two clocks; their latency counts as 0.
        recipients: Envelope recipients of all deliveries.
        size_bytes: Content of all deliveries.
        first_at: Unix time of the first delivery, or None.
        last_at: Unix time of the last delivery, or None.
    """

    run: str
    senders: dict[int, SequenceBitmap] = field(default_factory=dict)
    deliveries: int = 0
    duplicates: int = 0
    unknown: int = 0
    corrupted: int = 0
    clock_behind: int = 0
    recipients: int = 0
    size_bytes: int = 0
    first_at: float | None = None
    last_at: float | None = None
    _end_to_end: dict[str, EndToEnd] = field(default_factory=dict)
    _arrivals: ArrivalCounts = field(default_factory=ArrivalCounts)
    _pending: dict[str, list[float]] = field(default_factory=dict)

    def add(
        self, stamp: Stamp | None, *, recipients: int, size_bytes: int, now: float, checksum: int | None = None
    ) -> None:
        """Count one delivery; about a microsecond, for histograms are filled by batches.

        Args:
            stamp: What the message says about itself, or None where it had no id.
            recipients: Envelope recipients.
            size_bytes: Size of the content.
            now: Unix time of the delivery.
            checksum: CRC-32 of the body that arrived, if known.
        """
        self.deliveries += 1
        self.recipients += recipients
        self.size_bytes += size_bytes
        if self.first_at is None:
            self.first_at = now
        self.last_at = now
        kind, intended_us, sent_us = "", 0, 0
        if stamp is None:
            self.unknown += 1
        else:
            _, sender, seq, kind, intended_us, sent_us, sent_checksum = stamp
            if not self._mark(sender, seq):
                self.unknown += 1
            if sent_checksum != checksum and checksum is not None and sent_checksum is not None:
                self.corrupted += 1
        rows = self._pending.get(kind)
        if rows is None:
            rows = self._pending.setdefault(kind if len(self._pending) < MAX_KINDS else OTHER_KINDS, [])
        rows += (now, intended_us, sent_us)
        if len(rows) >= _SETTLE_ROWS * _ROW:
            self._settle_all()

    def _mark(self, sender: int, seq: int) -> bool:
        """Mark a number as arrived; False if it is unusable."""
        bitmap = self.senders.get(sender)
        if bitmap is None:
            if len(self.senders) >= MAX_SENDERS:
                return False
            bitmap = self.senders[sender] = SequenceBitmap()
        try:
            self.duplicates += bitmap.mark(seq)
        except SequenceRefusedError:
            return False
        return True

    def _settle(self, kind: str) -> None:
        """Count what is pending of a kind; without a kind the messages told no times."""
        rows = np.array(self._pending[kind]).reshape(-1, _ROW)
        self._pending[kind].clear()
        if not len(rows):
            return
        self._arrivals.add(rows[:, 0])
        if kind:
            took_s = rows[:, :1] - rows[:, 1:] * 1e-6
            self.clock_behind += int(np.count_nonzero(took_s[:, 1] < 0))
            latencies = self._end_to_end.setdefault(kind, EndToEnd())
            latencies.intended.record_s(took_s[:, 0])
            latencies.sent.record_s(took_s[:, 1])

    def _settle_all(self) -> None:
        for kind in self._pending:
            self._settle(kind)

    @property
    def end_to_end(self) -> dict[str, EndToEnd]:
        """Latencies by kind; past `MAX_KINDS` kinds the rest is under `OTHER_KINDS`."""
        self._settle_all()
        return self._end_to_end

    @property
    def arrivals(self) -> ArrivalCounts:
        """Deliveries per second."""
        self._settle_all()
        return self._arrivals

    @property
    def distinct(self) -> int:
        """Different messages received."""
        return sum(bitmap.count for bitmap in self.senders.values())

    def merge(self, other: DeliveryLedger) -> None:
        """Add another process's ledger of the same run; what both received counts as duplicate.

        Raises:
            ValueError: If the other ledger is of another run.
        """
        if other.run != self.run:
            raise ValueError(f"ledger of run {other.run} can't be merged into that of run {self.run}")
        for sender, bitmap in other.senders.items():
            mine = self.senders.get(sender, SequenceBitmap())
            self.duplicates += (mine & bitmap).count
            self.senders[sender] = mine | bitmap
        for kind, latencies in other.end_to_end.items():
            self.end_to_end.setdefault(kind, EndToEnd()).merge(latencies)
        self.arrivals.merge(other.arrivals)
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.first_at = min((at for at in (self.first_at, other.first_at) if at is not None), default=None)
        self.last_at = max((at for at in (self.last_at, other.last_at) if at is not None), default=None)

    def to_dict(self) -> dict[str, Any]:
        """The ledger as plain JSON values; histograms in HdrHistogram's compressed form."""
        self._settle_all()
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "senders": {str(sender): bitmap.to_dict() for sender, bitmap in sorted(self.senders.items())},
            "end_to_end": {kind: one.to_dict() for kind, one in sorted(self._end_to_end.items())},
            "arrivals": self._arrivals.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> DeliveryLedger:
        """Read what `to_dict` made.

        Raises:
            ValueError: If a bitmap or a histogram is damaged.
            KeyError: If a key is missing.
        """
        ledger = cls(**{name: data[name] for name in _PLAIN})
        ledger.senders = {int(sender): SequenceBitmap.from_dict(pages) for sender, pages in data["senders"].items()}
        ledger._end_to_end = {kind: EndToEnd.from_dict(one) for kind, one in data["end_to_end"].items()}
        ledger._arrivals = ArrivalCounts.from_dict(data["arrivals"])
        return ledger


_SUMS = ("deliveries", "duplicates", "unknown", "corrupted", "clock_behind", "recipients", "size_bytes")
_PLAIN = ("run", *_SUMS, "first_at", "last_at")
