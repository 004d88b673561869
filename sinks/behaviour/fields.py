"""Field types of a profile: what a rate limit, a reply and a pattern look like in YAML."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from loadkit.scenario.quantities import MAX_RATE_PER_S, exact_duration, quantity_schema
from loadkit.scenario.texts import text_schema
from loadkit.units import SECONDS_PER_RATE_UNIT, format_rate, parse_rate

MAX_REPLY_LINES = 10

# RFC 5321, section 4.5.3.1.5, allows 512 octets with the line end; an address in place of {source} must find room.
_REPLY_LINE_PATTERN = r"[45][0-5][0-9] [ -~]{1,440}"
_REPLY_LINE = re.compile(_REPLY_LINE_PATTERN)
_PATTERN = re.compile(r"[!-~]{1,320}")


@dataclass(frozen=True, slots=True)
class Frequency:
    """How many in which time.

    Args:
        count: How many.
        window_s: The time, in seconds.
    """

    count: int
    window_s: float


def wire_reply(text: str, **values: str) -> bytes:
    """A reply as it goes over the wire.

    Args:
        text: Its lines, each with the code.
        values: What stands for ``{source}`` and other names in braces.
    """
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    *first, last = text.splitlines()
    return "".join([*(f"{line[:3]}-{line[4:]}\r\n" for line in first), f"{last}\r\n"]).encode("ascii", "replace")


def matcher(pattern: str) -> re.Pattern[bytes]:
    """An expression that matches the whole of a lower-case text where a pattern with ``*`` and ``?`` does."""
    return re.compile(fnmatch.translate(pattern.lower()).encode("ascii"))


def _read_frequency(value: object) -> Frequency:
    if isinstance(value, Frequency):
        return value
    text = str(value)
    rate_per_s = parse_rate(text)
    number, _, unit = text.partition("/")
    if not number.strip().isdecimal() or int(number) == 0:
        raise ValueError(f"must be a whole number per unit of time, from 1, not {text}")
    if rate_per_s > MAX_RATE_PER_S:
        raise ValueError(f"must be at most {format_rate(MAX_RATE_PER_S)}, not {text}")
    return Frequency(int(number), SECONDS_PER_RATE_UNIT[unit.strip()])


def _write_frequency(frequency: Frequency) -> str:
    return f"{frequency.count}/{exact_duration(frequency.window_s).removeprefix('1')}"


def _check_reply(text: str) -> str:
    lines = text.strip().splitlines()
    if not lines or not all(_REPLY_LINE.fullmatch(line) for line in lines):
        raise ValueError(f"{text!r} is not a reply: write a 4xx or 5xx code and a text, such as 450 4.2.0 Try later")
    if len(lines) > MAX_REPLY_LINES or len({line[:3] for line in lines}) > 1:
        raise ValueError(f"a reply has at most {MAX_REPLY_LINES} lines, all with the same code")
    return "\n".join(lines)


def _check_pattern(text: str) -> str:
    if not _PATTERN.fullmatch(text):
        raise ValueError(f"{text!r} is not a pattern: write a text without spaces, in which * stands for anything")
    return text


_FREQUENCY_PATTERN = r"(?=0*[1-9])[0-9]{1,15}\s*/\s*(?:s|min|m|h|d)"
_REPLY_PATTERN = rf"\s*({_REPLY_LINE_PATTERN})(?:\r?\n({_REPLY_LINE_PATTERN})){{0,{MAX_REPLY_LINES - 1}}}\s*"

FrequencyLimit = Annotated[
    Frequency,
    BeforeValidator(_read_frequency),
    PlainSerializer(_write_frequency),
    WithJsonSchema(quantity_schema(_FREQUENCY_PATTERN, "500/min", "20/s")),
]
ReplyText = Annotated[
    str,
    AfterValidator(_check_reply),
    text_schema(_REPLY_PATTERN, "a 4xx or 5xx code and a text", "450 4.2.0 Try again later"),
]
Pattern = Annotated[
    str, AfterValidator(_check_pattern), text_schema(_PATTERN.pattern, "a text without spaces", "*@full.example.com")
]
