"""A run is analysed from its folder in little time, and every line of its log is decoded once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.timing import fewest_s

from benchmarks.analysing import BOUND_S, analyses, compare_analysing, cpu_s
from benchmarks.made_up_runs import FAILED, KINDS, write_run
from loadkit.measure import histogram_log
from loadkit.measure.histogram_codec import decode_counts
from loadkit.measure.store import open_run

SECONDS, RATE_PER_S = 120, 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("results"), SECONDS, RATE_PER_S)


def test_the_made_up_run_is_what_it_says(folder: Path) -> None:
    summary = open_run(folder).summary
    assert summary.flows["offered"].per_s == RATE_PER_S
    assert summary.flows["completed"].count == (SECONDS - 60) * RATE_PER_S
    failed = 1 - summary.flows["accepted"].count / summary.flows["completed"].count
    assert failed == pytest.approx(FAILED, abs=5 * (FAILED / 12_000) ** 0.5)
    assert set(summary.kinds) == set(KINDS)
    assert analyses(open_run(folder))["the summary made anew"]() == summary


@pytest.mark.parametrize("name", ["the summary made anew", "messages counted by stage", "read in batches"])
def test_every_line_of_a_log_is_decoded_once(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = 0

    def counting(encoded: Sequence[bytes], length: int) -> list[tuple[Any, Any]]:
        nonlocal decoded
        decoded += len(encoded)
        return decode_counts(encoded, length)

    monkeypatch.setattr(histogram_log, "decode_counts", counting)
    analyses(open_run(folder))[name]()
    assert decoded == (folder / histogram_log.HISTOGRAM_FILE).read_text().count("\nTag=")


@pytest.mark.parametrize(
    "name", ["its summary", "the summary made anew", "messages counted by stage", "read in batches"]
)
def test_two_minutes_are_analysed_in_a_share_of_the_bound(name: str, folder: Path) -> None:
    # A thirtieth of an hour; what does not grow with the run takes the rest.
    most_s = BOUND_S * SECONDS / 3600 + 0.2
    assert fewest_s(lambda: cpu_s(analyses(open_run(folder))[name]), below_s=most_s) < most_s


@pytest.mark.long
@pytest.mark.timeout(900)
def test_an_hour_is_analysed_within_the_bound() -> None:
    assert [str(one) for one in compare_analysing(rounds=3) if not one.met] == []
