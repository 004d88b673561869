"""The ledger: bitmaps, merging, and what was lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.measure.ledger import DeliveryLedger, LedgerId, SequenceBitmap, parse_id_header, reconcile

SEQS = st.sets(st.integers(0, 200_000), max_size=60)


def bitmap(seqs: set[int]) -> SequenceBitmap:
    marked = SequenceBitmap()
    marked.mark_many(np.array(sorted(seqs), dtype=np.int64))
    return marked


def ledger(seqs: list[int]) -> DeliveryLedger:
    received = DeliveryLedger("abcdefgh")
    for seq in seqs:
        received.add(LedgerId("abcdefgh", 0, seq), recipients=1, size_bytes=10, now=1.0)
    return received


@given(SEQS, SEQS)
def test_bitmaps_are_sets(first: set[int], second: set[int]) -> None:
    one, other = bitmap(first), bitmap(second)
    for made, expected in ((one - other, first - second), (one & other, first & second), (one | other, first | second)):
        assert {seq for low, high in made.ranges() for seq in range(low, high + 1)} == expected
        assert made.count == len(expected)
    assert SequenceBitmap.from_bytes(one.to_bytes()) == one


def test_a_bitmap_that_was_cut_short_is_refused() -> None:
    data = bitmap(set(range(0, 200_000, 7))).to_bytes()
    for length in (0, 1, len(data) // 2, len(data) - 1):
        with pytest.raises(ValueError, match="not a sequence bitmap"):
            SequenceBitmap.from_bytes(data[:length])


def test_losses_and_duplicates_are_named() -> None:
    lost, doubled = {3, 4, 5, 100, 999}, [7, 7, 500]
    received = ledger([seq for seq in range(1000) if seq not in lost] + doubled)
    found = reconcile({0: bitmap(set(range(1000)))}, received)
    assert (found.lost, found.lost_ranges) == (5, ((0, 3, 5), (0, 100, 100), (0, 999, 999)))
    assert (found.duplicated, found.unexpected, found.delivered) == (3, 0, 995)


def test_what_arrived_without_a_reply_is_not_unexpected() -> None:
    found = reconcile({0: bitmap({1, 2})}, ledger([1, 2, 3, 4]), unanswered={0: bitmap({3})})
    assert (found.unanswered, found.unexpected, found.lost) == (1, 1, 0)


@given(st.lists(st.integers(0, 50), max_size=30), st.lists(st.integers(0, 50), max_size=30))
def test_merged_ledgers_count_as_one(first: list[int], second: list[int]) -> None:
    merged = ledger(first)
    merged.merge(ledger(second))
    whole = ledger(first + second)
    assert (merged.deliveries, merged.duplicates, merged.distinct) == (
        whole.deliveries,
        whole.duplicates,
        whole.distinct,
    )
    assert DeliveryLedger.from_dict(merged.to_dict()) == merged


@pytest.mark.parametrize(
    "value", [b"", b"abc.0.1", b"abcdefgh.0", b"abcdefgh.0.-1", b"ABCDEFGH.0.1", b"abcdefgh.0.1.2"]
)
def test_ids_that_are_none(value: bytes) -> None:
    assert parse_id_header(value) is None
