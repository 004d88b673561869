"""Histograms read many at once, against the package that the field uses, and what is refused."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.measure.histogram import COUNTS_LENGTH, HIGHEST_US
from loadkit.measure.histogram_codec import decode_counts

CELLS = st.dictionaries(st.integers(0, HIGHEST_US), st.integers(1, 2**40), max_size=40)


def package_of(cells: dict[int, int], highest: int = HIGHEST_US) -> HdrHistogram:
    package = HdrHistogram(1, highest, 3)
    for value, count in cells.items():
        package.record_value(value, count)
    return package


def counted(package: HdrHistogram) -> dict[int, int]:
    counts = np.frombuffer(package.counts, dtype=np.uint64)
    return {int(index): int(counts[index]) for index in np.flatnonzero(counts)}


def wrapped(numbers: bytes, *, digits: int = 3, lowest: int = 1, offset: int = 0, cookie: int = 0x1C849313) -> bytes:
    """Encoded numbers in the format's two heads."""
    head = struct.pack(">IIIIQQd", cookie, len(numbers), offset, digits, lowest, HIGHEST_US, 1.0)
    packed = zlib.compress(head + numbers)
    return base64.b64encode(struct.pack(">II", 0x1C849314, len(packed)) + packed)


@given(st.lists(CELLS, max_size=5))
@settings(max_examples=50, deadline=None)
def test_many_are_read_as_the_package_reads_each(histograms: list[dict[int, int]]) -> None:
    encoded = [package_of(cells).encode() for cells in histograms]
    found = [dict(zip(*map(np.ndarray.tolist, one), strict=True)) for one in decode_counts(encoded, COUNTS_LENGTH)]
    assert found == [counted(HdrHistogram.decode(one)) for one in encoded]


def test_a_package_of_a_smaller_range_counts_at_the_same_places() -> None:
    package = package_of({17: 1, 5_000: 3, 900_000: 70}, highest=1_000_000)
    ((indexes, counts),) = decode_counts([package.encode()], COUNTS_LENGTH)
    assert dict(zip(indexes.tolist(), counts.tolist(), strict=True)) == counted(package)


def test_numbers_of_every_length_and_a_count_of_nothing() -> None:
    # 1; no count; 64 in two bytes; 3 zeros; 2^54 in eight; and so many zeros that they take two bytes.
    numbers = b"\x02\x00\x80\x01\x05\x80\x80\x80\x80\x80\x80\x80\x40\xc7\x01\x06"
    ((indexes, counts),) = decode_counts([wrapped(numbers)], COUNTS_LENGTH)
    assert indexes.tolist() == [0, 2, 6, 107]
    assert counts.tolist() == [1, 64, 2**54, 3]


GOOD = package_of({5: 1, 70_000: 2}).encode()


@pytest.mark.parametrize(
    ("encoded", "problem"),
    [
        (b"", "not a histogram"),
        (b"HISTFAAAAA", "not a histogram"),
        (GOOD[:-8], "its head is wrong"),
        (base64.b64encode(struct.pack(">II", 0x1C849314, 4) + b"abcd"), "not a histogram"),
        (base64.b64encode(struct.pack(">II", 0x1C849302, 4) + b"abcd"), "its head is wrong"),
        (wrapped(b"\x02", cookie=0x1C849312), "its inner head is wrong"),
        (wrapped(b"\x02\x80"), "its last count is cut off"),
        (wrapped(b"\xff" * 8 + b"\x01"), "a count is too large"),
        (wrapped(b"\x02", digits=2), "another range or precision"),
        (wrapped(b"\x02", lowest=1000), "another range or precision"),
        (wrapped(b"\x02", offset=5), "another range or precision"),
        (wrapped(b"\xff\xff\xff\xff\x7f"), "another range or precision"),
        (wrapped(b"\x02" * (COUNTS_LENGTH + 1)), "another range or precision"),
    ],
)
def test_what_is_damaged_or_of_another_sort_is_refused_beside_good_ones(encoded: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        decode_counts([GOOD, encoded, GOOD], COUNTS_LENGTH)


@given(st.binary(max_size=60))
@settings(max_examples=50, deadline=None)
def test_no_bytes_do_anything_but_be_read_or_refused(numbers: bytes) -> None:
    try:
        ((indexes, counts),) = decode_counts([wrapped(numbers)], COUNTS_LENGTH)
    except ValueError:
        return
    assert (np.diff(indexes) > 0).all()
    assert (counts > 0).all()
    assert not indexes.size or 0 <= indexes[0] <= indexes[-1] < COUNTS_LENGTH
