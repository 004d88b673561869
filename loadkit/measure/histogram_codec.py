"""Histograms as HdrHistogram logs hold them: many are read at once, which numpy does in the time of a few."""

from __future__ import annotations

import binascii
import struct
import zlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]

LOWEST, DIGITS = 1, 3
"""The smallest value that is told from 0, and the significant digits: where these agree, so do the indexes."""

_OUTER = struct.Struct(">II")
_HEADER = struct.Struct(">IIIIQQd")
_COMPRESSED, _PLAIN = 0x1C849304, 0x1C849303
# The second lowest digit of a cookie, which tells of word sizes, says nothing in this version of the format.
_COOKIE = 0xFFFFFF0F
_MORE, _BITS = 0x80, 0x7F
_LONGEST = 8
"""Bytes of a number; a ninth is for counts from 2^55 on, which nobody counts to."""

_STEPS = np.where(np.arange(256) & 1, (np.arange(256) + 1) >> 1, 1).astype(np.int32)
_STEPS[_MORE:] = 0
"""By how many indexes a number of one byte goes on; bytes that are not the last of theirs by none."""


def decode_counts(encoded: Sequence[bytes], length: int) -> list[tuple[Integers, Integers]]:
    """Read histograms in the compressed V2 form, in base64.

    Args:
        encoded: Any number of histograms.
        length: How many counts a histogram can have.

    Returns:
        For each histogram the indexes that have values, ascending, and how often.

    Raises:
        ValueError: If one of them is damaged, or of another range or precision.

    Notes:
        Counts are zigzag LEB128 numbers: seven bits a byte from the lowest on, and a sign in the lowest bit of all. A
        negative number is so many counts of 0. Nearly all numbers are one byte, so numpy works on the bytes and mends
        the places where longer numbers end.
    """
    payloads = [_payload(one) for one in encoded]
    bounds = np.cumsum([0, *map(len, payloads)])
    data = np.frombuffer(b"".join(payloads), dtype=np.uint8)
    more = data >= _MORE
    if more[bounds[1:][np.diff(bounds) > 0] - 1].any():
        raise ValueError("not a histogram: its last count is cut off")
    longer = np.flatnonzero(more[:-1] & ~more[1:]) + 1
    numbers = _long_numbers(data, more, longer)
    steps = _STEPS.take(data)
    steps[longer] = _steps(numbers, length)
    reached = np.concatenate(([0], np.cumsum(steps, dtype=np.int64)))
    starts = reached[bounds]
    if (np.diff(starts) > length).any():
        raise ValueError("histogram of another range or precision")
    counts = np.where((data & 1) | more, 0, data >> 1).astype(np.int64)
    counts[longer] = np.maximum(numbers, 0)
    used = np.flatnonzero(counts > 0)
    indexes, counts, cuts = reached[used], counts[used], np.searchsorted(used, bounds)
    return [
        (indexes[cut:end] - start, counts[cut:end])
        for start, (cut, end) in zip(starts[:-1], pairwise(cuts), strict=True)
    ]


def _payload(encoded: bytes) -> bytes:
    """The encoded counts of one histogram, out of their wrappings."""
    try:
        raw = binascii.a2b_base64(encoded)
        cookie, size = _OUTER.unpack_from(raw)
        if cookie & _COOKIE != _COMPRESSED or size != len(raw) - _OUTER.size:
            raise ValueError("not a histogram: its head is wrong")
        plain = zlib.decompress(raw[_OUTER.size :])
        cookie, size, offset, digits, lowest, _, _ = _HEADER.unpack_from(plain)
    except (binascii.Error, struct.error, zlib.error) as error:
        raise ValueError(f"not a histogram: {error}") from error
    if cookie & _COOKIE != _PLAIN or size != len(plain) - _HEADER.size:
        raise ValueError("not a histogram: its inner head is wrong")
    if (offset, digits, lowest) != (0, DIGITS, LOWEST):
        raise ValueError("histogram of another range or precision")
    return plain[_HEADER.size :]


def _long_numbers(data: npt.NDArray[np.uint8], more: npt.NDArray[np.bool_], ends: Integers) -> Integers:
    """The signed numbers of more than one byte, whose last bytes are at `ends`."""
    words = data[ends].astype(np.int64)
    going = np.arange(ends.size)
    for back in range(1, _LONGEST + 1):
        going = going[ends[going] >= back]
        going = going[more[ends[going] - back]]
        words[going] = words[going] << 7 | data[ends[going] - back] & _BITS
    if going.size:
        raise ValueError("not a histogram: a count is too large")
    numbers: Integers = (words >> 1) ^ -(words & 1)
    return numbers


def _steps(numbers: Integers, length: int) -> Integers:
    if numbers.size and numbers.min() < -length:
        raise ValueError("histogram of another range or precision")
    return np.maximum(-numbers, 1)
