"""Recorded traffic: a CSV of timestamps or of counts becomes a number of messages for each interval."""

from __future__ import annotations

import csv
import re
from array import array
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from loadkit.scenario.curve import Curve, Floats
from loadkit.scenario.findings import Finding, FindingsError, raise_findings, suggest
from loadkit.scenario.quantities import MAX_DURATION_S
from loadkit.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

MAX_LINES = 1_000_000
MAX_LINE_BYTES = 64 * 1024
MAX_INTERVALS = 500_000
MAX_BROKEN_SHARE = 0.1

_NUMBER = re.compile(r"[0-9]{1,16}(?:\.[0-9]{1,9})?", re.ASCII)
_LONGEST_TIME = 40
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Unix time in seconds has 12 digits from the year 5138 on, so longer numbers count smaller units.
_UNIX_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
_SHOWN_COLUMNS, _SHOWN_CHARACTERS = 20, 40
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a trace are read.

    Args:
        timestamps: When messages were sent; None where each line is the next interval.
        counts: How many; None where each line is one message.
    """

    timestamps: str | None
    counts: str | None


@dataclass(frozen=True, slots=True)
class Recording:
    """What a trace says.

    Args:
        counts: Messages in each interval, from its first on.
        every_s: Length of an interval in seconds.
        lines: How many lines there are below the header, without empty ones.
        broken: How many of them could not be read.
        first_broken: The first of these, in words.
    """

    counts: tuple[float, ...]
    every_s: float
    lines: int
    broken: int
    first_broken: str

    @property
    def length_s(self) -> float:
        """How long it lasts in seconds."""
        return len(self.counts) * self.every_s

    def curve(self) -> Curve:
        """Messages per second: within an interval, as many all the time."""
        counts = np.array(self.counts)
        edges_s = np.arange(len(counts) + 1, dtype=np.float64) * self.every_s
        return Curve.steps(edges_s, counts / self.every_s)


@dataclass(slots=True)
class _Lines:
    """The lines of a trace, as far as they could be read.

    Args:
        times_s: Unix time of each, in seconds; 0 where a trace has none.
        counts: Its messages.
        numbers: Its number in the file.
        total: How many lines there are, with broken ones.
        broken: How many of them could not be read.
        first_broken: The first of these, in words.
    """

    times_s: array[float] = field(default_factory=lambda: array("d"))
    counts: array[float] = field(default_factory=lambda: array("d"))
    numbers: array[int] = field(default_factory=lambda: array("l"))
    total: int = 0
    broken: int = 0
    first_broken: str = ""


def read_recording(path: Path, columns: Columns, every_s: float) -> Recording:
    """Read a trace, a line at a time.

    A line that can't be read counts for nothing, and is counted.

    Args:
        path: A CSV file with a header; separated by commas, semicolons or tabs.
        columns: What to read.
        every_s: Length of an interval in seconds.

    Raises:
        FindingsError: If it is no trace, too long, or more than `MAX_BROKEN_SHARE` of its lines are broken.
    """
    try:
        with path.open("rb") as stream:
            lines = _read(stream, path.name, columns)
    except OSError as error:
        raise _wrong(f"{path.name} can't be read: {error.strerror}") from error
    if not lines.counts:
        raise _wrong(f"{path.name} has no line that can be read", lines.first_broken)
    if lines.broken > MAX_BROKEN_SHARE * lines.total:
        message = f"{lines.broken:,} of {lines.total:,} lines of {path.name} are broken, more than one in ten"
        raise _wrong(message, lines.first_broken)
    counts = np.array(lines.counts) if columns.timestamps is None else _binned(lines, path.name, every_s)
    _check_length(len(counts), every_s, path.name)
    return Recording(tuple(counts.tolist()), every_s, lines.total, lines.broken, lines.first_broken)


def _read(stream: BinaryIO, name: str, columns: Columns) -> _Lines:
    numbered = _physical_lines(stream)
    parse = _parser(next(numbered, (1, ""))[1], name, columns)
    lines = _Lines()
    for number, text in numbered:
        if text == "":
            continue
        lines.total += 1
        if lines.total > MAX_LINES:
            fix = "count its messages per minute first, and give the counts"
            raise _wrong(f"{name} has more than {MAX_LINES:,} lines", fix)
        try:
            time_s, count = parse(text)
        except ValueError as error:
            lines.broken += 1
            lines.first_broken = lines.first_broken or f"the first of them, line {number:,}, {error}"
            if columns.timestamps is not None:
                continue
            time_s = count = 0.0  # its interval has its place all the same
        lines.times_s.append(time_s)
        lines.counts.append(count)
        lines.numbers.append(number)
    return lines


def _physical_lines(stream: BinaryIO) -> Iterator[tuple[int, str | None]]:
    """Lines with their numbers; None for one that is too long."""
    number = 0
    while raw := stream.readline(MAX_LINE_BYTES):
        number += 1
        whole = raw.endswith(b"\n") or len(raw) < MAX_LINE_BYTES
        while not whole:
            rest = stream.readline(MAX_LINE_BYTES)
            whole = rest.endswith(b"\n") or len(rest) < MAX_LINE_BYTES
            raw = b""
        yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8", "replace").strip("\r\n") if raw else None


def _parser(header: str | None, name: str, columns: Columns) -> Callable[[str | None], tuple[float, float]]:
    """Reads a line's time and count.

    Raises:
        FindingsError: If the header lacks a column.
    """
    if header is None or "\0" in header or "\N{REPLACEMENT CHARACTER}" in header:
        raise _wrong(f"the first line of {name} is not UTF-8 text", "save it as CSV in UTF-8, with a header")
    delimiter = max(",;\t", key=header.count)
    try:
        titles = [title.strip() for title in _cells(header, delimiter)]
    except ValueError as error:
        raise _wrong(f"the first line of {name} {error}") from None
    raise_findings(_missing(titles, name, columns))
    time_at = None if columns.timestamps is None else titles.index(columns.timestamps)
    count_at = None if columns.counts is None else titles.index(columns.counts)

    def parse(text: str | None) -> tuple[float, float]:
        if text is None:
            raise ValueError(f"is longer than {MAX_LINE_BYTES // 1024} KiB")
        try:
            cells = _cells(text, delimiter)
            time_s = 0.0 if time_at is None else _time_s(cells[time_at])
            return time_s, 1.0 if count_at is None else _count(cells[count_at])
        except IndexError:
            raise ValueError("has too few columns") from None

    return parse


def _missing(titles: list[str], name: str, columns: Columns) -> Iterator[Finding]:
    fit = [title for title in titles if title.isprintable() and len(title) <= _SHOWN_CHARACTERS]
    for key, title in (("timestamps", columns.timestamps), ("counts", columns.counts)):
        if title is not None and title not in titles:
            yield Finding(f"{name} has no column {title!r}", (key,), suggest(title, fit[:_SHOWN_COLUMNS]))


def _cells(text: str, delimiter: str) -> list[str]:
    if '"' not in text:
        return text.split(delimiter)
    try:
        # A line by itself, so that a quote left open does not take the lines after it along.
        return next(csv.reader((text,), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ValueError(f"is no CSV: {error}") from None


def _time_s(text: str) -> float:
    """Unix time in seconds."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        number = float(text)
        return number / next((unit for least, unit in _UNIX_UNITS if number >= least), 1.0)
    try:
        time = datetime.fromisoformat(text) if len(text) <= _LONGEST_TIME else None
        if time is not None:
            return ((time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH).total_seconds()
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{text[:_SHOWN_CHARACTERS]!r} is no time")


def _count(text: str) -> float:
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text[:_SHOWN_CHARACTERS]!r} is no count")
    return float(text)


def _binned(lines: _Lines, name: str, every_s: float) -> Floats:
    """Messages in intervals from the earliest time on."""
    times_s = np.array(lines.times_s)
    first, last = int(times_s.argmin()), int(times_s.argmax())
    span_s = float(times_s[last] - times_s[first])
    if span_s > MAX_DURATION_S:
        raise _wrong(
            f"{name} lasts {format_duration(span_s)}, from line {lines.numbers[first]:,} to line "
            f"{lines.numbers[last]:,}, longer than {format_duration(MAX_DURATION_S)}",
            "remove lines that are far from all others",
        )
    _check_length(int(span_s / every_s), every_s, name)
    intervals = np.floor((times_s - times_s[first]) / every_s + _ROUNDING).astype(np.int64)
    return np.bincount(intervals, weights=np.array(lines.counts)).astype(np.float64)


def _check_length(intervals: int, every_s: float, name: str) -> None:
    if intervals * every_s > MAX_DURATION_S:
        message = f"{name} lasts {format_duration(intervals * every_s)}, longer than {format_duration(MAX_DURATION_S)}"
        raise _wrong(message, "cut it, or make every shorter")
    if intervals > MAX_INTERVALS:
        raise FindingsError(
            Finding(f"makes {intervals:,} intervals, more than {MAX_INTERVALS:,}", ("every",), "make it longer")
        )


def _wrong(message: str, fix: str = "") -> FindingsError:
    return FindingsError(Finding(message, ("file",), fix))
