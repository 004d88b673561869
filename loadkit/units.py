"""Quantities with units: text such as ``250ms``, ``12KiB`` or ``2000/s`` to and from seconds, bytes and per second."""

from __future__ import annotations

import re

SECONDS_PER_UNIT = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
BYTES_PER_UNIT = {
    "B": 1,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
    "kB": 1000,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
}
BITS_PER_UNIT = {"kbit": 1e3, "Mbit": 1e6, "Gbit": 1e9}
SECONDS_PER_RATE_UNIT = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}

_HOUR, _DAY = 3600, 86_400
_TWO_DIGITS, _THREE_DIGITS = 10, 100
# What rounds up to one of the next unit is shown in the next unit.
_SHORTEST_MS, _SHORTEST_S, _SHORTEST_MINUTE = 999.5e-6, 0.9995, 59.95
_NEXT_UNIT_BYTES = 1023.5

# Digits are bounded so that a hostile input can't make float() or int() work for long.
_NUMBER = r"([0-9]{1,15}(?:\.[0-9]{1,9})?)"
# Patterns are kept to what JSON Schema's regular expressions have too.
DURATION_PATTERN = rf"(?:{_NUMBER}\s*(?:us|ms|s|min|m|h|d)\s*)+"
SIZE_PATTERN = _NUMBER + r"\s*(B|KiB|MiB|GiB|kB|KB|MB|GB)"
RATE_PATTERN = _NUMBER + r"\s*/\s*(s|min|m|h|d)"
RATIO_PATTERN = _NUMBER + r"\s*%"
BANDWIDTH_PATTERN = _NUMBER + r"\s*(kbit|Mbit|Gbit)/s"

_DURATION_PART = re.compile(_NUMBER + r"\s*(us|ms|s|min|m|h|d)")
_DURATION = re.compile(DURATION_PATTERN)
_SIZE = re.compile(SIZE_PATTERN)
_RATE = re.compile(RATE_PATTERN)
_PERCENT = re.compile(RATIO_PATTERN)
_BANDWIDTH = re.compile(BANDWIDTH_PATTERN)


class UnitError(ValueError):
    """The text is not a quantity of the wanted kind."""


def parse_duration(text: str) -> float:
    """Read a duration such as ``250ms``, ``1m30s`` or ``2h``.

    Args:
        text: Number and unit, one or more times; units us, ms, s, m, min, h, d.

    Returns:
        The duration in seconds.

    Raises:
        UnitError: If the text has no unit or is no duration.
    """
    stripped = text.strip()
    if not _DURATION.fullmatch(stripped):
        raise UnitError(f"{text!r} is not a duration: write a number with a unit, such as 250ms, 30s, 5m or 1h30m")
    return sum(float(number) * SECONDS_PER_UNIT[unit] for number, unit in _DURATION_PART.findall(stripped))


def parse_size(text: str) -> int:
    """Read a size such as ``12KiB`` or ``1.5MB``.

    Returns:
        The size in bytes, rounded to the nearest byte.

    Raises:
        UnitError: If the text has no unit or is no size.
    """
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise UnitError(f"{text!r} is not a size: write a number with a unit, such as 900B, 12KiB or 3MB")
    return round(float(match[1]) * BYTES_PER_UNIT[match[2]])


def parse_rate(text: str) -> float:
    """Read a rate such as ``2000/s`` or ``500/min``.

    Returns:
        The rate per second.

    Raises:
        UnitError: If the text has no unit or is no rate.
    """
    match = _RATE.fullmatch(text.strip())
    if not match:
        raise UnitError(f"{text!r} is not a rate: write a number per unit of time, such as 2000/s or 500/min")
    return float(match[1]) / SECONDS_PER_RATE_UNIT[match[2]]


def parse_ratio(text: str) -> float:
    """Read a percentage such as ``0.1%``.

    Returns:
        The ratio, so 1 % is 0.01.

    Raises:
        UnitError: If the text has no percent sign or is no number.
    """
    match = _PERCENT.fullmatch(text.strip())
    if not match:
        raise UnitError(f"{text!r} is not a percentage: write a number with %, such as 0.1%")
    return float(match[1]) / 100.0


def parse_bandwidth(text: str) -> float:
    """Read a bandwidth such as ``10Gbit/s``.

    Returns:
        Bits per second.

    Raises:
        UnitError: If the text has no unit or is no bandwidth.
    """
    match = _BANDWIDTH.fullmatch(text.strip())
    if not match:
        raise UnitError(f"{text!r} is not a bandwidth: write a number of bits a second, such as 200Mbit/s or 10Gbit/s")
    return float(match[1]) * BITS_PER_UNIT[match[2]]


def format_duration(duration_s: float) -> str:
    """Show seconds for people: ``850us``, ``12.3ms``, ``4.2s``, ``2m05s``, ``3h10m``, ``3d04h``."""
    sign, value = ("-", -duration_s) if duration_s < 0 else ("", duration_s)
    if value == 0:
        return "0s"
    if value < _SHORTEST_MS:
        return f"{sign}{value * 1e6:.0f}us"
    if value < _SHORTEST_S:
        return f"{sign}{_three_digits(value * 1e3)}ms"
    return sign + (f"{_three_digits(value)}s" if value < _SHORTEST_MINUTE else _clock(round(value)))


def _clock(seconds: int) -> str:
    if seconds < _HOUR:
        return f"{seconds // 60}m{seconds % 60:02d}s"
    if seconds < _DAY:
        return f"{seconds // _HOUR}h{seconds % _HOUR // 60:02d}m"
    return f"{seconds // _DAY}d{seconds % _DAY // _HOUR:02d}h"


def format_size(size_bytes: float) -> str:
    """Show bytes for people in binary units: ``900B``, ``12KiB``, ``3.4MiB``."""
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < _NEXT_UNIT_BYTES or unit == "GiB":
            return f"{_three_digits(value)}{unit}"
        value /= 1024
    raise AssertionError("unreachable")


def format_rate(rate_per_s: float) -> str:
    """Show a rate for people: ``2,000/s``, ``57.9/s``, ``0.25/s``."""
    return f"{_three_digits(rate_per_s)}/s"


def _three_digits(value: float) -> str:
    if abs(value) >= _THREE_DIGITS:
        return f"{value:,.0f}"
    text = f"{value:.1f}" if abs(value) >= _TWO_DIGITS else f"{value:.2f}"
    return text.rstrip("0").rstrip(".")
