"""What was accepted and what arrived, one bit per message, so that lost and doubled mail is counted exactly."""

from __future__ import annotations

import base64
import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from loadkit.errors import LoadkitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import numpy.typing as npt

ID_HEADER = b"X-Loadkit-Id"

MAX_SEQUENCE = 2**31
MAX_SENDERS = 1024
LISTED_RANGES = 100

_PAGE_BITS = 1 << 16
_PAGE_BYTES = _PAGE_BITS // 8
# Stray numbers would cost a page of 8 KiB each: beyond the free pages, every page must be paid for by marks.
_FREE_PAGES = 64
_MARKS_PER_PAGE = 64

_ID = re.compile(rb"([a-z0-9]{8,16})\.(\d{1,10})\.(\d{1,10})")

Range = tuple[int, int]


class SequenceRefusedError(LoadkitError):
    """A sequence number is out of range or so stray that keeping it would waste memory."""


@dataclass(frozen=True, slots=True)
class LedgerId:
    """Which message this is.

    Args:
        run: The run's id, eight to sixteen of ``[a-z0-9]``.
        sender: Number of the sending process.
        seq: Number of the message within its sender, from 0.
    """

    run: str
    sender: int
    seq: int

    def __str__(self) -> str:
        return f"{self.run}.{self.sender}.{self.seq}"


def parse_id_header(value: bytes) -> LedgerId | None:
    """Read the value of an ``X-Loadkit-Id`` header.

    Args:
        value: Header value such as ``b"k3v9x2ab.0.1041"``; blanks around it are ignored.

    Returns:
        The id, or None where the value is none.
    """
    match = _ID.fullmatch(value.strip())
    if match is None:
        return None
    return LedgerId(match[1].decode("ascii"), int(match[2]), int(match[3]))


class SequenceBitmap:
    """A set of sequence numbers in pages of 64 Ki bits, each made when first needed.

    Memory is at most 512 KiB plus 128 bytes per number marked, whatever numbers a stranger invents.
    """

    __slots__ = ("_count", "_pages")

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}
        self._count = 0

    @property
    def count(self) -> int:
        """How many different numbers are marked."""
        return self._count

    def __contains__(self, seq: int) -> bool:
        page = self._pages.get(seq >> 16)
        return page is not None and bool(page[(seq & 0xFFFF) >> 3] >> (seq & 7) & 1)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SequenceBitmap) and not (self - other)._count and not (other - self)._count

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return f"<SequenceBitmap of {self._count}>"

    def mark(self, seq: int) -> bool:
        """Mark a number.

        Returns:
            True if it was marked already.

        Raises:
            SequenceRefusedError: If the number is out of range or too far from the others.
        """
        page = self._pages.get(seq >> 16)
        if page is None:
            page = self._new_page(seq >> 16)
        position, bit = (seq & 0xFFFF) >> 3, 1 << (seq & 7)
        if page[position] & bit:
            return True
        page[position] |= bit
        self._count += 1
        return False

    def mark_many(self, seqs: npt.NDArray[np.int64]) -> int:
        """Mark an array of numbers.

        Returns:
            How many of them were marked already, repeats within the array included.

        Raises:
            SequenceRefusedError: If a number is out of range or too far from the others; those before it are marked.
        """
        ordered = np.sort(seqs)
        before = self._count
        starts = np.flatnonzero(np.diff(ordered >> 16, prepend=-1))
        for group in np.split(ordered, starts[1:]):
            if group.size:
                self._mark_in_page(int(group[0]) >> 16, group & (_PAGE_BITS - 1))
        return int(seqs.size) - (self._count - before)

    def _mark_in_page(self, number: int, places: npt.NDArray[np.int64]) -> None:
        page = self._pages.get(number)
        packed = np.frombuffer(self._new_page(number) if page is None else page, dtype=np.uint8)
        bits = np.unpackbits(packed, bitorder="little")
        self._count -= int(np.count_nonzero(bits))
        bits[places] = 1
        self._count += int(np.count_nonzero(bits))
        packed[:] = np.packbits(bits, bitorder="little")

    def _new_page(self, number: int) -> bytearray:
        if not 0 <= number < MAX_SEQUENCE // _PAGE_BITS:
            raise SequenceRefusedError(f"sequence numbers are 0 to {MAX_SEQUENCE - 1}")
        if len(self._pages) >= _FREE_PAGES + self._count // _MARKS_PER_PAGE:
            raise SequenceRefusedError("sequence number far from all others; refused to keep memory bounded")
        return self._pages.setdefault(number, bytearray(_PAGE_BYTES))

    def __sub__(self, other: SequenceBitmap) -> SequenceBitmap:
        return self._combined(other, self._pages.keys(), lambda mine, theirs: mine & ~theirs)

    def __and__(self, other: SequenceBitmap) -> SequenceBitmap:
        return self._combined(other, self._pages.keys() & other._pages.keys(), lambda mine, theirs: mine & theirs)

    def __or__(self, other: SequenceBitmap) -> SequenceBitmap:
        return self._combined(other, self._pages.keys() | other._pages.keys(), lambda mine, theirs: mine | theirs)

    def _combined(
        self, other: SequenceBitmap, numbers: Iterable[int], operation: Callable[[int, int], int]
    ) -> SequenceBitmap:
        """Combine page by page; a page as one big integer needs no loop over its bits."""
        result = SequenceBitmap()
        for number in sorted(numbers):
            page = operation(self._page_bits(number), other._page_bits(number))
            if page:
                result._pages[number] = bytearray(page.to_bytes(_PAGE_BYTES, "little"))
                result._count += page.bit_count()
        return result

    def _page_bits(self, number: int) -> int:
        return int.from_bytes(self._pages.get(number, b""), "little")

    def ranges(self) -> Iterator[Range]:
        """The marked numbers as ascending ranges ``(first, last)``, both ends included."""
        open_range: Range | None = None
        for number in sorted(self._pages):
            for first, last in _page_ranges(number, self._pages[number]):
                if open_range and first == open_range[1] + 1:
                    open_range = (open_range[0], last)
                    continue
                if open_range:
                    yield open_range
                open_range = (first, last)
        if open_range:
            yield open_range

    def missing_ranges(self, other: SequenceBitmap) -> Iterator[Range]:
        """Ranges that are marked here and not in the other, ascending, both ends included."""
        return (self - other).ranges()

    def to_bytes(self) -> bytes:
        """The whole set, compressed: per page its number (four bytes, little endian) and its bits."""
        parts = (number.to_bytes(4, "little") + bytes(self._pages[number]) for number in sorted(self._pages))
        return zlib.compress(b"".join(parts), 6)

    @classmethod
    def from_bytes(cls, data: bytes) -> SequenceBitmap:
        """Read what `to_bytes` made.

        Raises:
            ValueError: If the data is damaged.
        """
        record = 4 + _PAGE_BYTES
        reader = zlib.decompressobj()
        try:
            raw = reader.decompress(data, record * (MAX_SEQUENCE // _PAGE_BITS) + 1)
        except zlib.error as error:
            raise ValueError(f"not a sequence bitmap: {error}") from error
        if not reader.eof or len(raw) % record:
            raise ValueError("not a sequence bitmap: cut short")
        bitmap = cls()
        for start in range(0, len(raw), record):
            page = bytearray(raw[start + 4 : start + record])
            bitmap._pages[int.from_bytes(raw[start : start + 4], "little")] = page
            bitmap._count += int.from_bytes(page, "little").bit_count()
        return bitmap


def _page_ranges(number: int, page: bytearray) -> Iterator[Range]:
    bits = np.unpackbits(np.frombuffer(page, dtype=np.uint8), bitorder="little")
    edges = np.flatnonzero(np.diff(bits.astype(np.int8), prepend=0, append=0)) + number * _PAGE_BITS
    for first, end in edges.reshape(-1, 2).tolist():
        yield first, end - 1


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
    recipients: int = 0
    size_bytes: int = 0
    first_at: float | None = None
    last_at: float | None = None

    def add(self, identity: LedgerId | None, *, recipients: int, size_bytes: int, now: float) -> None:
        """Count one delivery.

        Args:
            identity: The message's id, or None where it had none.
            recipients: Envelope recipients.
            size_bytes: Size of the content.
            now: Unix time of the delivery.
        """
        self.deliveries += 1
        self.recipients += recipients
        self.size_bytes += size_bytes
        if self.first_at is None:
            self.first_at = now
        self.last_at = now
        if identity is None or not self._mark(identity.sender, identity.seq):
            self.unknown += 1

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
        self.deliveries += other.deliveries
        self.duplicates += other.duplicates
        self.unknown += other.unknown
        self.recipients += other.recipients
        self.size_bytes += other.size_bytes
        self.first_at = min((at for at in (self.first_at, other.first_at) if at is not None), default=None)
        self.last_at = max((at for at in (self.last_at, other.last_at) if at is not None), default=None)

    def to_dict(self) -> dict[str, Any]:
        """The ledger as plain JSON values; bitmaps in base64."""
        return {
            "run": self.run,
            "deliveries": self.deliveries,
            "duplicates": self.duplicates,
            "unknown": self.unknown,
            "recipients": self.recipients,
            "size_bytes": self.size_bytes,
            "first_at": self.first_at,
            "last_at": self.last_at,
            "senders": {
                str(sender): base64.b64encode(bitmap.to_bytes()).decode("ascii")
                for sender, bitmap in sorted(self.senders.items())
            },
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> DeliveryLedger:
        """Read what `to_dict` made.

        Raises:
            ValueError: If a bitmap is damaged.
            KeyError: If a key is missing.
        """
        senders = {
            int(sender): SequenceBitmap.from_bytes(base64.b64decode(text)) for sender, text in data["senders"].items()
        }
        plain = ("run", "deliveries", "duplicates", "unknown", "recipients", "size_bytes", "first_at", "last_at")
        return cls(**{key: data[key] for key in plain}, senders=senders)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Accepted by the target against received by the far end.

    Args:
        accepted: Messages whose final reply was 2xx.
        delivered: Different messages that arrived.
        lost: Accepted and not arrived.
        lost_ranges: The first lost ranges as ``(sender, first, last)``, at most `LISTED_RANGES`.
        duplicated: Deliveries beyond the first of a message.
        unanswered: Arrived, and the sender never got the final reply: the server took it, we couldn't know.
        unexpected: Arrived, although the target refused it or it was never sent.
        unknown: Deliveries without a usable id.
    """

    accepted: int
    delivered: int
    lost: int
    lost_ranges: tuple[tuple[int, int, int], ...]
    duplicated: int
    unanswered: int
    unexpected: int
    unknown: int


def reconcile(
    accepted: Mapping[int, SequenceBitmap],
    delivered: DeliveryLedger,
    *,
    unanswered: Mapping[int, SequenceBitmap] | None = None,
) -> Reconciliation:
    """Compare what the target accepted with what arrived.

    Args:
        accepted: Numbers accepted, per sender.
        delivered: The far end's ledger of the run.
        unanswered: Numbers whose content was sent and whose final reply never came, per sender; these may arrive.

    Returns:
        Counts of lost, duplicated and unexpected messages.
    """
    empty = SequenceBitmap()
    lost, extra, extra_unanswered = 0, 0, 0
    ranges: list[tuple[int, int, int]] = []
    for sender in sorted(accepted.keys() | delivered.senders.keys()):
        sent, arrived = accepted.get(sender, empty), delivered.senders.get(sender, empty)
        missing, more = sent - arrived, arrived - sent
        lost += missing.count
        extra += more.count
        extra_unanswered += (more & (unanswered or {}).get(sender, empty)).count
        room = LISTED_RANGES - len(ranges)
        ranges += [(sender, *pair) for pair, _ in zip(missing.ranges(), range(room), strict=False)]
    return Reconciliation(
        accepted=sum(bitmap.count for bitmap in accepted.values()),
        delivered=delivered.distinct,
        lost=lost,
        lost_ranges=tuple(ranges),
        duplicated=delivered.duplicates,
        unanswered=extra_unanswered,
        unexpected=extra - extra_unanswered,
        unknown=delivered.unknown,
    )
