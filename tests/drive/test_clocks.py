"""The offset between the clocks."""

from __future__ import annotations

import time

import pytest

from loadkit.drive import clocks
from loadkit.drive.clocks import unix_offset_s


def test_the_offset_makes_unix_time() -> None:
    assert time.perf_counter() + unix_offset_s() == pytest.approx(time.time(), abs=0.05)


def test_a_wait_between_the_clocks_is_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monotonic = iter([10.0, 10.2, 10.3, 10.3001, 11.0, 11.5])
    wall = iter([1010.1, 1010.3, 1011.4])
    monkeypatch.setattr(clocks, "perf_counter", lambda: next(monotonic))
    assert unix_offset_s(lambda: next(wall)) == pytest.approx(1000.0)
