"""Checksums put together agree with those of the whole."""

from __future__ import annotations

import random
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.smtp.checksum import append
from loadkit.smtp.message import filler, filler_checksum

CONTENT = random.Random(1).randbytes(300_000)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=20), st.binary(max_size=600))
def test_two_pieces_have_the_checksum_of_the_whole(first: bytes, second: bytes) -> None:
    assert append(crc32(first), len(second), crc32(second)) == crc32(first + second)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 255, 256, 4095, 4096, 65_535, 65_536, 299_999])
def test_long_pieces_too(size: int) -> None:
    piece = CONTENT[:size]
    for checksum in (0, 1, 0x80000000, 0xFFFFFFFF, crc32(b"x")):
        assert append(checksum, size, crc32(piece)) == crc32(piece, checksum)


@pytest.mark.parametrize(
    "sizes", [[90_001, 1, 2, 3, 4097, 90_002, 4098], [200_000, 4099, 77, 78, 79, 156_003], [8195, 8194]]
)
def test_the_checksum_of_filler_does_not_depend_on_what_was_asked_before(sizes: list[int]) -> None:
    for size in sizes:
        content = filler(size)
        assert filler_checksum(content) == crc32(content)
