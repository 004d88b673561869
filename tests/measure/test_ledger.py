"""The ledger: bitmaps, merging, and what was lost."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.measure.ledger import (
    LISTED_RANGES,
    MAX_SENDERS,
    MAX_SEQUENCE,
    DeliveryLedger,
    LedgerId,
    SequenceBitmap,
    SequenceRefusedError,
    parse_id_header,
    reconcile,
)

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


def test_an_id_reads_back() -> None:
    assert parse_id_header(b" k3v9x2ab.12.1041\r\n") == LedgerId("k3v9x2ab", 12, 1041)
    assert str(LedgerId("k3v9x2ab", 12, 1041)) == "k3v9x2ab.12.1041"


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


def test_stray_numbers_cost_little_memory_and_are_counted_as_unknown() -> None:
    stray = [page * 65_536 for page in range(1000)]
    received = ledger(stray)
    assert len(received.senders[0]._pages) <= 80
    assert received.unknown + received.distinct == 1000
    assert received.unknown > 900
    received.add(LedgerId("abcdefgh", 0, 7), recipients=1, size_bytes=1, now=2.0)
    assert 7 in received.senders[0]


def test_numbers_in_order_are_never_refused() -> None:
    marked = SequenceBitmap()
    assert marked.mark_many(np.arange(6_000_000)) == 0
    assert (marked.count, list(marked.ranges())) == (6_000_000, [(0, 5_999_999)])


def test_senders_beyond_the_limit_are_unknown() -> None:
    received = DeliveryLedger("abcdefgh")
    for sender in range(MAX_SENDERS + 3):
        received.add(LedgerId("abcdefgh", sender, 0), recipients=2, size_bytes=1, now=1.0)
    assert (received.unknown, received.distinct, received.recipients) == (3, MAX_SENDERS, 2 * (MAX_SENDERS + 3))


def test_listed_ranges_are_few_and_losses_are_all_counted() -> None:
    found = reconcile({0: bitmap(set(range(0, 1000, 2)))}, ledger([]))
    assert (found.lost, len(found.lost_ranges)) == (500, LISTED_RANGES)


def test_ledgers_of_different_runs_do_not_merge() -> None:
    with pytest.raises(ValueError, match="can't be merged"):
        ledger([]).merge(DeliveryLedger("zyxwvuts"))


@pytest.mark.parametrize(
    "data", [b"", b"junk", bitmap({1, 2, 3}).to_bytes()[:-6], SequenceBitmap().to_bytes()[:3], zlib.compress(b"short")]
)
def test_damaged_bitmaps_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a sequence bitmap"):
        SequenceBitmap.from_bytes(data)
