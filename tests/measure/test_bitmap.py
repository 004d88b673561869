"""The bitmap: a set that costs one bit a message."""

from __future__ import annotations

import base64
import json
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bitmaps import bitmap

from loadkit.measure.bitmap import MAX_SEQUENCE, SequenceBitmap, SequenceRefusedError

SEQS = st.sets(st.integers(0, 200_000), max_size=60)


@given(SEQS, SEQS)
def test_bitmaps_are_sets(first: set[int], second: set[int]) -> None:
    one, other = bitmap(first), bitmap(second)
    for made, expected in ((one - other, first - second), (one & other, first & second), (one | other, first | second)):
        assert {seq for low, high in made.ranges() for seq in range(low, high + 1)} == expected
        assert made.count == len(expected)
    assert SequenceBitmap.from_dict(json.loads(json.dumps(one.to_dict()))) == one


@given(st.lists(st.integers(0, 140_000), max_size=60))
def test_marking_one_by_one_and_many_at_once_is_the_same(seqs: list[int]) -> None:
    single, many = SequenceBitmap(), SequenceBitmap()
    repeats = sum(single.mark(seq) for seq in seqs)
    assert many.mark_many(np.array(seqs, dtype=np.int64)) == repeats
    assert many == single
    assert all(seq in many for seq in seqs)


def test_a_range_goes_on_across_pages() -> None:
    marked = bitmap(set(range(65_530, 65_550)) | {131_072})
    assert list(marked.ranges()) == [(65_530, 65_549), (131_072, 131_072)]
    assert list(marked.missing_ranges(bitmap({65_536}))) == [(65_530, 65_535), (65_537, 65_549), (131_072, 131_072)]


@pytest.mark.parametrize("seq", [-1, MAX_SEQUENCE])
def test_numbers_out_of_range_are_refused(seq: int) -> None:
    with pytest.raises(SequenceRefusedError, match="sequence numbers are 0 to"):
        SequenceBitmap().mark(seq)
    with pytest.raises(SequenceRefusedError):
        SequenceBitmap().mark_many(np.array([seq]))


def test_numbers_in_order_are_never_refused() -> None:
    marked = SequenceBitmap()
    assert marked.mark_many(np.arange(6_000_000)) == 0
    assert (marked.count, list(marked.ranges())) == (6_000_000, [(0, 5_999_999)])


@pytest.mark.parametrize("count", [10_000_000, pytest.param(100_000_000, marks=pytest.mark.long)])
def test_each_number_takes_little_more_than_a_bit(count: int) -> None:
    tracemalloc.start()
    try:
        marked = SequenceBitmap()
        for start in range(0, count, 2_000_000):
            marked.mark_many(np.arange(start, start + 2_000_000))
        size_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert marked.count == count
    assert size_bytes < count / 8 * 1.05


@given(st.lists(st.integers(0, 200_000), min_size=1, max_size=20))
def test_written_again_it_holds_what_came_since(seqs: list[int]) -> None:
    marked = SequenceBitmap()
    for seq in seqs:
        marked.mark(seq)
        assert SequenceBitmap.from_dict(marked.to_dict()) == marked
    marked.mark_many(np.array([7, 150_000]))
    assert SequenceBitmap.from_dict(marked.to_dict()) == marked


PAGE = next(iter(bitmap({1}).to_dict().values()))


@pytest.mark.parametrize(
    "data",
    [
        {"0": ""},
        {"0": "junk"},
        {"0": PAGE[:-8]},
        {"0": base64.b64encode(zlib.compress(b"short")).decode()},
        {"-1": PAGE},
        {"99999": PAGE},
    ],
)
def test_damaged_bitmaps_are_refused(data: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="not a sequence bitmap"):
        SequenceBitmap.from_dict(data)
