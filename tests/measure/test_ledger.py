"""The ledger: bitmaps, merging, and what was lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.measure.ledger import MAX_KINDS, MAX_SENDERS, OTHER_KINDS, ArrivalCounts, DeliveryLedger
from loadkit.smtp.stamp import Stamp


def ledger(seqs: list[int]) -> DeliveryLedger:
    received = DeliveryLedger("abcdefgh")
    for seq in seqs:
        received.add(Stamp("abcdefgh", 0, seq), recipients=1, size_bytes=10, now=1.0)
    return received


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
    assert DeliveryLedger.from_dict(merged.to_dict()).to_dict() == merged.to_dict()


def test_stray_numbers_cost_little_memory_and_are_counted_as_unknown() -> None:
    stray = [page * 65_536 for page in range(1000)]
    received = ledger(stray)
    assert len(received.senders[0]._pages) <= 80
    assert received.unknown + received.distinct == 1000
    assert received.unknown > 900
    received.add(Stamp("abcdefgh", 0, 7), recipients=1, size_bytes=1, now=2.0)
    assert 7 in received.senders[0]


def test_senders_beyond_the_limit_are_unknown() -> None:
    received = DeliveryLedger("abcdefgh")
    for sender in range(MAX_SENDERS + 3):
        received.add(Stamp("abcdefgh", sender, 0), recipients=2, size_bytes=1, now=1.0)
    assert (received.unknown, received.distinct, received.recipients) == (3, MAX_SENDERS, 2 * (MAX_SENDERS + 3))


def test_ledgers_of_different_runs_do_not_merge() -> None:
    with pytest.raises(ValueError, match="can't be merged"):
        ledger([]).merge(DeliveryLedger("zyxwvuts"))


def stamped(seq: int, *, kind: str = "note", intended_s: float = 10.0, sent_s: float = 10.25) -> Stamp:
    return Stamp("abcdefgh", 0, seq, kind, round(intended_s * 1e6), round(sent_s * 1e6), 0xC0FFEE)


def add(received: DeliveryLedger, stamp: Stamp, *, now: float = 11.0, checksum: int | None = 0xC0FFEE) -> None:
    received.add(stamp, recipients=1, size_bytes=1, now=now, checksum=checksum)


def test_latency_counts_per_kind_from_the_intended_and_from_the_sent_time() -> None:
    received = DeliveryLedger("abcdefgh")
    for seq in range(10_000):
        add(received, stamped(seq, kind="note" if seq % 4 else "alert", sent_s=10.25 + seq % 2 / 2))
    assert {kind: one.intended.total for kind, one in received.end_to_end.items()} == {"note": 7500, "alert": 2500}
    note = received.end_to_end["note"]
    assert note.intended.quantile_s(0.5) == pytest.approx(1.0, rel=1e-3)
    # Two of three notes have odd numbers and were sent half a second later.
    assert note.sent.quantile_s(0.66) == pytest.approx(0.25, rel=1e-3)
    assert note.sent.quantile_s(0.67) == pytest.approx(0.75, rel=1e-3)
    assert received.end_to_end["alert"].sent.max_s == pytest.approx(0.75, rel=1e-3)
    assert received.clock_behind == 0


def test_messages_that_come_before_they_were_sent_are_told() -> None:
    received = DeliveryLedger("abcdefgh")
    add(received, stamped(0), now=10.1)
    add(received, stamped(1), now=10.3)
    assert received.end_to_end["note"].sent.total == 2
    assert received.clock_behind == 1


def test_a_body_that_changed_on_its_way_is_corrupted() -> None:
    received = DeliveryLedger("abcdefgh")
    add(received, stamped(0))
    add(received, stamped(1), checksum=0xBAD)
    add(received, stamped(2), checksum=None)
    add(received, Stamp("abcdefgh", 0, 3), checksum=0xBAD)
    assert (received.corrupted, received.distinct, received.unknown) == (1, 4, 0)


def test_kinds_beyond_the_limit_are_counted_together() -> None:
    received = DeliveryLedger("abcdefgh")
    for number in range(MAX_KINDS + 50):
        add(received, stamped(number, kind=f"kind-{number}"))
    assert len(received.end_to_end) == MAX_KINDS + 1
    assert received.end_to_end[OTHER_KINDS].sent.total == 50


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.lists(st.floats(0, 100), max_size=50))
def test_arrivals_are_counted_by_the_second(first: list[float], second: list[float]) -> None:
    one, other = ArrivalCounts(), ArrivalCounts()
    one.add(np.array(first) + 1000)
    if second:
        other.add(np.array(second) + 1000)
    one.merge(other)
    seconds = [int(at + 1000) for at in first + second]
    assert one.first_second == min(seconds)
    assert one.counts().tolist() == [seconds.count(at) for at in range(min(seconds), max(seconds) + 1)]
    again = ArrivalCounts.from_dict(one.to_dict())
    assert (again.first_second, again.counts().tolist()) == (one.first_second, one.counts().tolist())


@pytest.mark.parametrize("counts", ["", "junk", "eJxj"])
def test_damaged_arrivals_are_refused(counts: str) -> None:
    with pytest.raises(ValueError, match="not arrival counts"):
        ArrivalCounts.from_dict({"first_second": 5, "counts": counts})


def test_a_ledger_reads_back_and_merges_with_all_it_knows() -> None:
    whole, parts = DeliveryLedger("abcdefgh"), (DeliveryLedger("abcdefgh"), DeliveryLedger("abcdefgh"))
    for seq in range(200):
        stamp, now, checksum = stamped(seq, kind=f"kind-{seq % 3}"), 10.1 + seq, 0xBAD if seq % 50 == 0 else 0xC0FFEE
        add(whole, stamp, now=now, checksum=checksum)
        add(parts[seq % 2], stamp, now=now, checksum=checksum)
    merged = DeliveryLedger.from_dict(parts[0].to_dict())
    merged.merge(DeliveryLedger.from_dict(parts[1].to_dict()))
    assert merged.to_dict() == whole.to_dict()
    assert (merged.corrupted, merged.clock_behind) == (4, 1)
