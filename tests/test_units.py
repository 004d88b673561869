from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.units import (
    UnitError,
    format_duration,
    format_rate,
    format_size,
    parse_bandwidth,
    parse_duration,
    parse_rate,
    parse_ratio,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250us", 0.00025),
        ("250ms", 0.25),
        ("30s", 30.0),
        ("1.5s", 1.5),
        ("5m", 300.0),
        ("5min", 300.0),
        ("2h", 7200.0),
        ("3d", 259200.0),
        ("1h30m", 5400.0),
        ("1m30s", 90.0),
        ("1s500ms", 1.5),
        (" 30 s ", 30.0),
        ("0s", 0.0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(
    "text", ["", "5", "s", "5 apples", "-5s", "5S", "1:30", "1e3s", "infs", "nans", "5s!", "٣s", "9" * 400 + "s", "5s5"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UnitError, match="is not a duration: write a number with a unit"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("900B", 900),
        ("12KiB", 12288),
        ("1.5KiB", 1536),
        ("3MiB", 3145728),
        ("2GiB", 2147483648),
        ("12kB", 12000),
        ("12KB", 12000),
        ("1.5MB", 1500000),
        ("1GB", 1000000000),
        ("0.6B", 1),
    ],
)
def test_sizes(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "12", "12K", "12kib", "12 bytes", "-1B", "1KiB2B", "1e3B"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UnitError, match="is not a size: write a number with a unit"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "per_s"), [("2000/s", 2000.0), ("0.5/s", 0.5), ("500 / min", 500 / 60), ("36/h", 0.01), ("86400/d", 1.0)]
)
def test_rates(text: str, per_s: float) -> None:
    assert parse_rate(text) == pytest.approx(per_s, rel=1e-12)


@pytest.mark.parametrize("text", ["", "2000", "/s", "2000/sec", "5KiB/s", "-1/s", "2000/s/s", "1/0"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(UnitError, match="is not a rate: write a number per unit of time"):
        parse_rate(text)


@pytest.mark.parametrize(("text", "ratio"), [("1%", 0.01), ("0.1 %", 0.001), ("0%", 0.0), ("100%", 1.0)])
def test_ratios(text: str, ratio: float) -> None:
    assert parse_ratio(text) == pytest.approx(ratio, rel=1e-12)


@pytest.mark.parametrize("text", ["", "0.1", "%", "-1%", "1%%", "1 percent"])
def test_what_is_no_ratio(text: str) -> None:
    with pytest.raises(UnitError, match="is not a percentage: write a number with %"):
        parse_ratio(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (0.00085, "850us"),
        (0.001, "1ms"),
        (0.0123, "12.3ms"),
        (0.9994, "999ms"),
        (0.9996, "1s"),
        (4.2, "4.2s"),
        (59.9, "59.9s"),
        (59.96, "1m00s"),
        (125.0, "2m05s"),
        (3599.4, "59m59s"),
        (3599.6, "1h00m"),
        (11400.0, "3h10m"),
        (273600.0, "3d04h"),
        (-0.25, "-250ms"),
    ],
)
def test_durations_for_people(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0B"), (900, "900B"), (1023, "1,023B"), (1024, "1KiB"), (12288, "12KiB"), (3.4 * 1024**2, "3.4MiB")],
)
def test_sizes_for_people(size_bytes: float, text: str) -> None:
    assert format_size(size_bytes) == text


def test_sizes_for_people_end_with_gibibytes() -> None:
    assert format_size(5000 * 1024**3) == "5,000GiB"


@pytest.mark.parametrize(("per_s", "text"), [(2000.0, "2,000/s"), (57.87, "57.9/s"), (0.25, "0.25/s"), (0.0, "0/s")])
def test_rates_for_people(per_s: float, text: str) -> None:
    assert format_rate(per_s) == text


# Durations below the first are shown within the second: half of the last digit where it is rounded; hours and days drop
# what is below a minute and an hour.
SHOWN_WITHIN_S = {
    0.001: 0.5e-6,
    0.01: 5e-6,
    0.1: 5e-5,
    1: 5e-4,
    10: 0.005,
    60: 0.05,
    3600: 0.5,
    86_400: 60,
    math.inf: 3600,
}


@given(st.floats(min_value=0, max_value=31 * 86400.0))
def test_a_shown_duration_reads_back_within_its_last_digit(seconds: float) -> None:
    shown = format_duration(seconds)

    within_s = next(within_s for below_s, within_s in SHOWN_WITHIN_S.items() if seconds < below_s)
    assert abs(parse_duration(shown) - seconds) <= within_s * (1 + 1e-9)


@given(st.lists(st.tuples(st.integers(0, 999), st.sampled_from(["us", "ms", "s", "m", "min", "h", "d"])), min_size=1))
def test_a_duration_of_several_parts_is_their_sum(parts: list[tuple[int, str]]) -> None:
    texts = [f"{number}{unit}" for number, unit in parts]

    assert parse_duration("".join(texts)) == pytest.approx(sum(map(parse_duration, texts)), rel=1e-12)
    assert parse_duration(" ".join(texts)) == parse_duration("".join(texts))


@given(st.integers(0, 10**12))
def test_whole_numbers_of_the_base_unit_read_exactly(number: int) -> None:
    assert parse_duration(f"{number}s") == number
    assert parse_rate(f"{number}/s") == number
    assert parse_size(f"{number}B") == number
    assert parse_size(f"{number}KiB") == 1024 * number
    assert parse_ratio(f"{number}%") == number / 100


@given(st.floats(min_value=0, max_value=999))
def test_a_shown_rate_reads_back_within_half_of_its_last_digit(per_s: float) -> None:
    assert parse_rate(format_rate(per_s)) == pytest.approx(per_s, rel=0.005, abs=0.005 + 1e-9)


@given(st.floats(min_value=0, max_value=999 * 1024**3))
def test_a_shown_size_reads_back_within_half_of_its_last_digit(size_bytes: float) -> None:
    shown = format_size(size_bytes).replace(",", "")

    assert parse_size(shown) == pytest.approx(size_bytes, rel=0.005, abs=1)


@given(st.floats(min_value=0, max_value=1e7), st.floats(min_value=0, max_value=1e7))
def test_a_longer_duration_is_never_shown_shorter(first: float, second: float) -> None:
    shorter, longer = sorted([first, second])

    assert parse_duration(format_duration(shorter)) <= parse_duration(format_duration(longer))


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_but_nothing_else(text: str) -> None:
    for parse in (parse_duration, parse_size, parse_rate, parse_ratio):
        with contextlib.suppress(UnitError):
            assert parse(text) >= 0


@pytest.mark.parametrize(
    ("text", "bits_per_s"), [("10Gbit/s", 1e10), ("200 Mbit/s", 2e8), ("64kbit/s", 64e3), ("2.5Gbit/s", 2.5e9)]
)
def test_bandwidths(text: str, bits_per_s: float) -> None:
    assert parse_bandwidth(text) == bits_per_s


@pytest.mark.parametrize("text", ["10", "10Gbit", "10Gbps", "10 GB/s", "-1Gbit/s", ""])
def test_what_is_no_bandwidth(text: str) -> None:
    with pytest.raises(UnitError, match="is not a bandwidth"):
        parse_bandwidth(text)
