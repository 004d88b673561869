"""Field types of a scenario: quantities with units, ranges and exact text, and distributions of them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, Strict, WithJsonSchema

from loadkit.scenario.distributions import Distribution, distribution_schema, parse_distribution
from loadkit.units import (
    BYTES_PER_UNIT,
    DURATION_PATTERN,
    RATE_PATTERN,
    RATIO_PATTERN,
    SECONDS_PER_UNIT,
    SIZE_PATTERN,
    format_duration,
    format_rate,
    format_size,
    parse_duration,
    parse_rate,
    parse_ratio,
    parse_size,
)

if TYPE_CHECKING:
    from collections.abc import Callable

JsonSchema = dict[str, Any]

PATTERN_MESSAGE = "patternErrorMessage"
"""What editors show instead of a pattern that is not met; it is no part of JSON Schema, which ignores it."""

MAX_DURATION_S = 31 * 86400.0
MAX_RATE_PER_S = 1e6
MAX_SIZE_BYTES = 128 * 1024**2  # above the 100 MB that providers call anomalous, so that this can be tested
MAX_RECIPIENTS = 1000
MAX_MESSAGES_PER_SESSION = 1_000_000

_MAX_DECIMALS = 9
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?", re.ASCII)


def exact_duration(duration_s: float) -> str:
    """Write seconds so that `parse_duration` gives the same number: the shortest such text."""
    texts = [f"{_digits(duration_s / SECONDS_PER_UNIT[unit])}{unit}" for unit in ("s", "m", "h", "ms", "us")]
    return _shortest_exact(texts, duration_s, parse_duration)


def exact_rate(rate_per_s: float) -> str:
    """Write a rate so that `parse_rate` gives the same number: the shortest such text."""
    texts = [f"{_digits(rate_per_s * SECONDS_PER_UNIT[unit])}/{unit}" for unit in ("s", "min", "h", "d")]
    return _shortest_exact(texts, rate_per_s, parse_rate)


def exact_size(size_bytes: int) -> str:
    """Write bytes so that `parse_size` gives the same number, in the largest unit that divides them."""
    unit = next(unit for unit in ("MiB", "KiB", "B") if size_bytes % BYTES_PER_UNIT[unit] == 0)
    return f"{size_bytes // BYTES_PER_UNIT[unit]}{unit}"


def exact_ratio(ratio: float) -> str:
    """Write a ratio as the percentage that `parse_ratio` reads back."""
    return f"{_digits(ratio * 100)}%"


def exact_clock(time_s: float) -> str:
    """Write seconds since midnight as the time of day that `ClockTime` reads back."""
    minutes, seconds = divmod(round(time_s), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}" + (f":{seconds:02d}" if seconds else "")


def _digits(value: float) -> str:
    text = f"{value:.{_MAX_DECIMALS}f}"
    return text.rstrip("0").rstrip(".")


def _shortest_exact(texts: list[str], value: float, parse: Callable[[str], float]) -> str:
    """The shortest text, then the earliest, of those that read back exactly, or else closest."""
    return min(texts, key=lambda text: (abs(parse(text) - value), len(text)))


def _reader(
    parse: Callable[[str], float], show: Callable[[float], str], most: float, *, positive: bool = True
) -> Callable[[object], float]:
    def read(value: object) -> float:
        # A bare number is read as text, so that the message about the missing unit is the same for both.
        number = parse(str(value))
        if positive and number == 0:
            raise ValueError(f"must be more than 0, not {value}")
        if number > most:
            raise ValueError(f"must be at most {show(most)}, not {value}")
        return number

    return read


def _read_size(value: object) -> int:
    return int(_reader(parse_size, format_size, MAX_SIZE_BYTES)(value))


def _read_ratio(value: object) -> float:
    return _reader(parse_ratio, exact_ratio, 1.0)(value)


def _read_clock(value: object) -> float:
    match = _CLOCK.fullmatch(str(value))
    if not match:
        raise ValueError(f"{value!r} is not a time of day: write hours and minutes, such as 08:30")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600.0 + minutes * 60.0 + seconds


def _whole_number_reader(most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        # Keys of a table arrive as text.
        if isinstance(value, bool) or not str(value).isascii() or not str(value).isdecimal():
            raise ValueError(f"{value!r} is not a whole number")
        if not 1 <= Decimal(str(value)) <= most:
            raise ValueError(f"must be from 1 to {most:,}, not {value}")
        return int(str(value))

    return read


def quantity_schema(pattern: str, *examples: str, positive: bool = False) -> JsonSchema:
    """The JSON Schema of a quantity.

    Args:
        pattern: What it looks like.
        examples: For editors.
        positive: Whether it must be more than 0.
    """
    digit = r"(?=.*[1-9])" if positive else ""
    return {
        "type": "string",
        "pattern": rf"^{digit}\s*(?:{pattern})\s*$",
        PATTERN_MESSAGE: f"Write a number with its unit, such as {' or '.join(examples)}",
        "examples": list(examples),
    }


def _whole_number_schema(most: int, *examples: int) -> JsonSchema:
    """The JSON Schema of a whole number up to a power of ten, which may be text as the keys of a table are."""
    digits = len(str(most)) - 1
    pattern = rf"^0*(?:[1-9][0-9]{{0,{digits - 1}}}|1[0]{{{digits}}})$"
    number = {"type": "integer", "minimum": 1, "maximum": most, "examples": list(examples)}
    return {"anyOf": [number, {"type": "string", "pattern": pattern}]}


def _distribution(
    read: Callable[[object], int], write: Callable[[int], object], schema: JsonSchema
) -> tuple[BeforeValidator, PlainSerializer, WithJsonSchema]:
    return (
        BeforeValidator(lambda value: parse_distribution(value, read)),
        PlainSerializer(lambda distribution: distribution.to_plain(write)),
        WithJsonSchema(distribution_schema(schema)),
    )


_read_duration = _reader(parse_duration, format_duration, MAX_DURATION_S, positive=False)
_read_positive_duration = _reader(parse_duration, format_duration, MAX_DURATION_S)
_read_rate = _reader(parse_rate, format_rate, MAX_RATE_PER_S, positive=False)

_DURATION = WithJsonSchema(quantity_schema(DURATION_PATTERN, "250ms", "30s", "1m30s"))
_POSITIVE_DURATION = WithJsonSchema(quantity_schema(DURATION_PATTERN, "250ms", "30s", "1m30s", positive=True))
_RATE = WithJsonSchema(quantity_schema(RATE_PATTERN, "200/s", "500/min"))
_RATIO = WithJsonSchema(quantity_schema(RATIO_PATTERN, "0.1%", "25%", positive=True))
_SIZE = quantity_schema(SIZE_PATTERN, "900B", "12KiB", "3MB", positive=True)

Duration = Annotated[float, BeforeValidator(_read_duration), PlainSerializer(exact_duration), _DURATION]
PositiveDuration = Annotated[
    float, BeforeValidator(_read_positive_duration), PlainSerializer(exact_duration), _POSITIVE_DURATION
]
ClockTime = Annotated[
    float,
    BeforeValidator(_read_clock),
    PlainSerializer(exact_clock),
    WithJsonSchema({"type": "string", "pattern": f"^(?:{_CLOCK.pattern})$", "examples": ["08:30"]}),
]
Rate = Annotated[float, BeforeValidator(_read_rate), PlainSerializer(exact_rate), _RATE]
Ratio = Annotated[float, BeforeValidator(_read_ratio), PlainSerializer(exact_ratio), _RATIO]
Size = Annotated[int, BeforeValidator(_read_size), PlainSerializer(exact_size), WithJsonSchema(_SIZE)]
SizeDistribution = Annotated[Distribution, *_distribution(_read_size, exact_size, _SIZE)]
RecipientsDistribution = Annotated[
    Distribution,
    *_distribution(_whole_number_reader(MAX_RECIPIENTS), int, _whole_number_schema(MAX_RECIPIENTS, 1, 20)),
]
MessagesDistribution = Annotated[
    Distribution,
    *_distribution(
        _whole_number_reader(MAX_MESSAGES_PER_SESSION), int, _whole_number_schema(MAX_MESSAGES_PER_SESSION, 1, 100)
    ),
]
WholeNumber = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Flag = Annotated[bool, Strict()]
