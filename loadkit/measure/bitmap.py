"""A set of message numbers, one bit each, in memory bounded by what was marked."""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import TYPE_CHECKING

import numpy as np

from loadkit.errors import LoadkitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import numpy.typing as npt

MAX_SEQUENCE = 2**31

_PAGE_BITS = 1 << 16
_PAGE_BYTES = _PAGE_BITS // 8
# Stray numbers would cost a page of 8 KiB each: beyond the free pages, every page must be paid for by marks.
_FREE_PAGES = 64
_MARKS_PER_PAGE = 64

Range = tuple[int, int]


class SequenceRefusedError(LoadkitError):
    """A sequence number is out of range or so stray that keeping it would waste memory."""


class SequenceBitmap:
    """A set of sequence numbers in pages of 64 Ki bits, each made when first needed.

    Memory is at most 512 KiB plus 128 bytes per number marked, whatever numbers a stranger invents.
    """

    __slots__ = ("_count", "_pages", "_texts")

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}
        self._count = 0
        self._texts: dict[int, str] = {}

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
        self._texts.pop(seq >> 16, None)
        return False

    def mark_many(self, seqs: npt.NDArray[np.int64]) -> int:
        """Mark an array of numbers.

        Returns:
            How many of them were marked already, repeats within the array included.

        Raises:
            SequenceRefusedError: If a number is out of range or too far from the others; those before it are marked.
        """
        if not seqs.size:
            return 0
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
        self._texts.pop(number, None)

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

    def to_dict(self) -> dict[str, str]:
        """The whole set: for each page its number and its bits, little endian, compressed, in base64.

        Pages that did not change since the last call are not encoded again, so that a set of a hundred million can be
        written every second.
        """
        texts = self._texts
        for number, page in self._pages.items():
            if number not in texts:
                texts[number] = base64.b64encode(zlib.compress(page, 1)).decode("ascii")
        return {str(number): texts[number] for number in sorted(texts)}

    @classmethod
    def from_dict(cls, data: Mapping[str, str]) -> SequenceBitmap:
        """Read what `to_dict` made.

        Raises:
            ValueError: If the data is damaged.
        """
        bitmap = cls()
        for text, encoded in data.items():
            number, page = int(text), _decoded(encoded)
            if not 0 <= number < MAX_SEQUENCE // _PAGE_BITS:
                raise ValueError(f"not a sequence bitmap: page {number}")
            bitmap._pages[number] = page
            bitmap._count += int.from_bytes(page, "little").bit_count()
        return bitmap


def _decoded(text: str) -> bytearray:
    reader = zlib.decompressobj()
    try:
        page = bytearray(reader.decompress(base64.b64decode(text, validate=True), _PAGE_BYTES + 1))
    except (zlib.error, binascii.Error) as error:
        raise ValueError(f"not a sequence bitmap: {error}") from error
    if not reader.eof or len(page) != _PAGE_BYTES:
        raise ValueError("not a sequence bitmap: a page of another size")
    return page


def _page_ranges(number: int, page: bytearray) -> Iterator[Range]:
    bits = np.unpackbits(np.frombuffer(page, dtype=np.uint8), bitorder="little")
    edges = np.flatnonzero(np.diff(bits.astype(np.int8), prepend=0, append=0)) + number * _PAGE_BITS
    for first, end in edges.reshape(-1, 2).tolist():
        yield first, end - 1
