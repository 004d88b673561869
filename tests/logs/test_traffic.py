from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.maillogs import START_S, read_log

from loadkit.errors import UsageError
from loadkit.logs.gather import LogsRead
from loadkit.logs.gathering import Gathered
from loadkit.logs.traffic import Window, burstiness_of, busiest, traffic_of

NOTHING = np.zeros(0, dtype=np.int64)


def logs_of(seconds: np.ndarray) -> LogsRead:
    gathered = Gathered()
    gathered.add(seconds.astype(np.int64), NOTHING, NOTHING)
    return LogsRead(gathered, ("Postfix",), 1, ())


def counts(minutes: int, per_minute: list[int]) -> np.ndarray:
    """Seconds of arrivals, all in the first second of their minute."""
    return START_S + np.repeat(np.arange(minutes) * 60, per_minute)


def test_minutes_windows_and_the_peak() -> None:
    per_minute = [10] * 30 + [100, 200, 90] + [10] * 47
    traffic = traffic_of(logs_of(counts(80, per_minute)))
    assert traffic.start_s == START_S
    assert traffic.per_minute.tolist() == per_minute
    assert traffic.windows == (
        Window(60, START_S + 31 * 60, 200),
        Window(600, START_S + 23 * 60, 7 * 10 + 390),
        Window(3600, START_S, 57 * 10 + 390),
    )
    assert (traffic.peak_per_s, traffic.whole.messages, traffic.left_out) == (200, sum(per_minute), 0)
    assert traffic.windows[0].rate_per_s == pytest.approx(200 / 60)


def test_only_the_peak() -> None:
    traffic = traffic_of(logs_of(counts(80, [10] * 30 + [100, 200, 90] + [10] * 47)), 170.0)
    assert traffic.per_minute.tolist() == [100, 200, 90]  # 170 s are three minutes
    assert traffic.start_s == START_S + 30 * 60
    assert len(traffic.windows) == 3  # of the whole log
    with pytest.raises(UsageError, match="a window of 2h00m does not fit a log of 1h20m"):
        traffic_of(logs_of(counts(80, [10] * 80)), 7200.0)


def test_the_earliest_of_equal_windows() -> None:
    assert busiest(np.array([1, 5, 5, 1]), 0, 60) == Window(60, 60, 5)


def test_lines_with_false_dates_do_not_stretch_the_log() -> None:
    true = START_S + np.arange(600)
    false = np.array([86_400, START_S + 400 * 86_400])
    traffic = traffic_of(logs_of(np.concatenate((false, true))))
    assert (traffic.start_s, len(traffic.per_minute), traffic.left_out) == (START_S, 10, 2)


def bursts(dispersion: float, minutes: int, rate_per_s: float, seed: int) -> np.ndarray:
    """Negative binomial counts of seconds have any index of dispersion above 1."""
    random = np.random.default_rng(seed)
    successes = rate_per_s / (dispersion - 1)
    return random.negative_binomial(successes, 1 / dispersion, (minutes, 60))


def test_random_arrivals_are_not_called_bursty_even_if_the_rate_changes() -> None:
    called = 0
    for seed in range(200):
        rates = np.linspace(1, 40, 30)[:, None]
        found = burstiness_of(np.random.default_rng(seed).poisson(rates, (30, 60)))
        assert found is not None
        called += found.bursty
        assert found.dispersion == pytest.approx(1, abs=0.2)
    assert called <= 14  # 2.5 % are expected, 5; more than 14 of 200 has a chance of 1 in 3,000


def test_the_dispersion_of_bursts_is_found_and_its_interval_holds_it() -> None:
    held = 0
    for seed in range(200):
        found = burstiness_of(bursts(4, 60, 20, seed))
        assert found is not None
        assert found.bursty
        held += found.low <= 4 <= found.high
    assert held >= 178  # 190 are expected


def test_too_few_arrivals_say_nothing() -> None:
    assert burstiness_of(np.ones((11, 60), dtype=np.int64)) is None
    assert burstiness_of(np.zeros((100, 60), dtype=np.int64)) is None


def test_shares(tmp_path: Path) -> None:
    rows = "".join(
        f"{START_S + second},1000,1,c{second // 4},{'yes' if second % 4 else 'no'}\n" for second in range(400)
    )
    traffic = traffic_of(read_log(tmp_path, f"time,size,recipients,connection,tls\n{rows}"))
    assert traffic.tls == 0.75
    assert traffic.sessions is not None
    assert traffic.sessions.mean == 4
    assert (traffic.retries, traffic.by_smtp, traffic.reuse) == (None, None, None)
