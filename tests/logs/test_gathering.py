from __future__ import annotations

import time

import numpy as np
import pytest

from loadkit.logs.gathering import MAX_DAYS, Connections, Deferrals, Domains, Recent, Spread, Tally, Timeline


def test_a_full_map_forgets_its_oldest_key_and_says_so() -> None:
    recent: Recent[int] = Recent(limit=2)
    assert recent.put(b"a", 1) is None
    recent.put(b"b", 2)
    recent.put(b"a", 3)
    assert recent.put(b"c", 4) == 3
    assert (b"a" in recent, recent.get(b"b"), len(recent), recent.dropped) == (False, 2, 2, 1)


def seconds_to_forget(limit: int) -> float:
    recent: Recent[int] = Recent(limit)
    keys = [b"%d" % number for number in range(limit + 20_000)]
    for key in keys[:limit]:
        recent.put(key, 0)
    started = time.process_time()
    for key in keys[limit:]:
        recent.put(key, 0)
    assert recent.dropped == 20_000
    return time.process_time() - started


def test_a_large_full_map_forgets_as_fast_as_a_small_one() -> None:
    ratios = [seconds_to_forget(40_000) / seconds_to_forget(100) for _ in range(3)]
    assert min(ratios) < 5  # many times that with a plain dictionary


def test_arrivals_on_too_many_days_are_dropped_and_counted() -> None:
    timeline = Timeline()
    timeline.add(np.arange(MAX_DAYS + 5, dtype=np.int64) * 86_400)
    assert (len(timeline.days), timeline.dropped) == (MAX_DAYS, 5)
    timeline.add(np.array([3, 3, 86_399], dtype=np.int64))
    seconds = timeline.per_second(0, 1)
    assert (seconds[0], seconds[3], seconds[86_399], timeline.count_of(0)) == (1, 2, 1, 4)


def test_the_mean_of_a_spread_is_exact_and_its_bins_are_narrow() -> None:
    spread = Spread()
    values = np.array([1, 2, 3, 1000, 1001, 5_000_000], dtype=np.int64)
    spread.add(values[:3])
    spread.add(values[3:])
    spread.add(np.zeros(0, dtype=np.int64))
    assert (spread.total, spread.mean) == (6, values.mean())
    points, counts = spread.points()
    assert points.tolist() == pytest.approx([1, 2, 3, 1000.5, 5_000_000])
    assert counts.tolist() == [1, 1, 1, 2, 1]


def test_a_tally_counts_what_is_too_large_as_the_most() -> None:
    tally = Tally(3)
    tally.add(np.array([1, 1, 2, 9], dtype=np.int64))
    tally.count(3, 2)
    assert tally.counts.tolist() == [0, 2, 1, 3]
    assert (tally.total, tally.mean) == (6, (1 + 1 + 2 + 9 + 3 + 3) / 6)


def test_a_retry_is_counted_once_for_several_recipients() -> None:
    deferrals = Deferrals()
    deferrals.tried(b"a", 100)
    deferrals.tried(b"a", 100)
    deferrals.tried(b"a", 400)
    deferrals.retry(b"unknown", 5)
    assert (deferrals.messages, deferrals.retries) == (1, 1)
    assert deferrals.gaps.points()[0].tolist() == [300]


def test_connections_end_when_told_when_silent_and_with_the_log() -> None:
    tally = Tally(100)
    connections = Connections(tally)
    for second in (1, 2, 3):
        connections.message(b"told", second)
    connections.end(b"told")
    connections.message(b"silent", 1)
    connections.message(b"silent", 2)
    connections.message(b"silent", 10_000)
    connections.end_all()
    assert tally.counts[:5].tolist() == [0, 1, 1, 1, 0]


def test_rare_domains_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadkit.logs.gathering.MAX_DOMAINS", 10)
    domains = Domains()
    domains.add([b"large"] * 50 + [b"middle"] * 20 + [b"d%d" % number for number in range(30)])
    assert domains.largest(2) == [50, 20]
    assert (len(domains), domains.dropped, domains.recipients) == (5, 27, 100)
