"""A generic table: a line for each message, columns named in the first line, separated by comma, semicolon or tab."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from loadkit.logs.block import Block
from loadkit.logs.clock import NO_TIME, Integers
from loadkit.logs.gathering import Connections, Gathered
from loadkit.logs.reader import note_lines

COLUMNS = {
    "time": ("time", "timestamp", "date", "datetime", "arrived"),
    "size": ("size", "size_bytes", "bytes"),
    "recipients": ("recipients", "nrcpt", "rcpts"),
    "connection": ("connection", "session", "connection_id", "session_id"),
    "tls": ("tls",),
    "attempt": ("attempt", "attempts"),
}
"""What a table may hold, and the names of columns that mean it."""

BAD_TIME = "a time that is neither seconds since 1970 nor like 2026-11-24 16:00:01"
BAD_NUMBER = "a size, a number of recipients or an attempt that is no whole number"
BAD_ROW = "not as many columns as the first line, or quotes that do not close"

_SEPARATORS = ",;\t"
_YES = ("1", "true", "yes", "y", "on")
_NUMBERS = ("size", "recipients", "attempt")
_NO_NUMBER = -1
_MOST_DIGITS = 12
_DIGITS = re.compile(r"[0-9]{1,12}")
_TIME_LENGTH = 19  # of 2026-11-24 16:00:01
_LONGEST_KEY = 100
_EARLIEST_S = 31_536_000  # 1971, so that a date without dashes is none
_LATEST_S = 32_503_680_000  # the year 3000; milliseconds since 1970 are far above
_MAX_CACHED = 100_000


class TableLog:
    """Reads a table of messages.

    Args:
        gathered: Takes what is found.
    """

    dated = False
    name = "CSV"

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered
        self._connections = Connections(gathered.sessions)
        self._seconds: dict[str, int] = {}
        self._columns: dict[str, int] = {}
        self._separator = ","
        self._width = 0

    def recognises(self, block: Block) -> int:
        """How many lines of a block are of this format: all, if the first names the columns."""
        return len(block) if self._read_header(block.data.partition(b"\n")[0]) else 0

    def read(self, block: Block, file: str) -> None:
        """Gather what a block says.

        Args:
            block: The lines.
            file: Name of their file, for the places of broken lines.
        """
        lines = list(enumerate(block.data.decode("latin-1").replace("\r\n", "\n").split("\n")))
        if block.number_of(0) == 1 and self._read_header(lines[0][1].encode("latin-1")):
            del lines[0]
        indexes, rows = self._rows([numbered for numbered in lines if numbered[1]], block, file)
        if rows:
            self._read_columns(np.array(indexes), list(zip(*rows, strict=True)), block, file)

    def finish(self) -> None:
        """End the connections that were still open."""
        self._connections.end_all()
        self._gathered.dropped["connections"] += self._connections.dropped

    def _read_header(self, line: bytes) -> bool:
        text = line.decode("latin-1").strip().removeprefix("\xef\xbb\xbf").lower()
        separator = max(_SEPARATORS, key=text.count)
        names = [name.strip(' "') for name in text.split(separator)]
        columns = {meaning: names.index(name) for meaning, known in COLUMNS.items() for name in known if name in names}
        if "time" not in columns:
            return False
        self._columns, self._separator, self._width = columns, separator, len(names)
        return True

    def _rows(self, lines: list[tuple[int, str]], block: Block, file: str) -> tuple[list[int], list[list[str]]]:
        """The lines' indexes and their cells, without the lines that have too few or too many."""
        separator, width = self._separator, self._width
        rows = [_unquoted(line, separator) if '"' in line else line.split(separator) for _, line in lines]
        bad = [index for (index, _), row in zip(lines, rows, strict=True) if len(row) != width]
        note_lines(self._gathered, block, file, BAD_ROW, bad)
        good = [(index, row) for (index, _), row in zip(lines, rows, strict=True) if len(row) == width]
        return [index for index, _ in good], [row for _, row in good]

    def _read_columns(self, indexes: Integers, cells: list[tuple[str, ...]], block: Block, file: str) -> None:
        seconds = self._seconds_of(cells[self._columns["time"]])
        numbers = {name: _whole_numbers(cells[at]) for name, at in self._columns.items() if name in _NUMBERS}
        timed = seconds != NO_TIME
        whole = np.logical_and.reduce([timed, *(values != _NO_NUMBER for values in numbers.values())])
        note_lines(self._gathered, block, file, BAD_TIME, indexes[~timed])
        note_lines(self._gathered, block, file, BAD_NUMBER, indexes[timed & ~whole])
        self._add(seconds[whole], {name: values[whole] for name, values in numbers.items()})
        good = np.flatnonzero(whole).tolist()
        if "connection" in self._columns:
            connections = cells[self._columns["connection"]]
            for place, second in zip(good, seconds[whole].tolist(), strict=True):
                self._connections.message(connections[place][:_LONGEST_KEY].encode("latin-1"), second)
        if "tls" in self._columns:
            answers = Counter(cells[self._columns["tls"]][place].strip().lower() for place in good)
            self._gathered.tls_of += len(good)
            self._gathered.tls += sum(n for answer, n in answers.items() if answer in _YES or answer.startswith("tls"))

    def _seconds_of(self, texts: Sequence[str]) -> Integers:
        known = self._seconds
        keys = [text[:_TIME_LENGTH] for text in texts]
        for key in set(keys).difference(known):
            if len(known) >= _MAX_CACHED:
                known = self._seconds = {}
            known[key] = _parse_time(key.strip())
        return np.fromiter((known.get(key, NO_TIME) for key in keys), dtype=np.int64, count=len(keys))

    def _add(self, seconds: Integers, numbers: dict[str, Integers]) -> None:
        attempts = numbers.get("attempt", np.ones(len(seconds), dtype=np.int64))
        first = attempts <= 1
        nothing = np.zeros(0, dtype=np.int64)
        sizes, recipients = (numbers[name][first] if name in numbers else nothing for name in ("size", "recipients"))
        self._gathered.add(seconds[first], sizes, recipients)
        self._gathered.deferrals.retries += int((~first).sum())
        self._gathered.deferrals.messages += int((attempts == 2).sum())  # noqa: PLR2004 - the second attempt


def _whole_numbers(texts: Sequence[str]) -> Integers:
    """The numbers, `_NO_NUMBER` for what is none; columns of digits only are read several times as fast."""
    joined = "".join(texts)
    if joined.isascii() and joined.isdecimal() and all(texts) and max(map(len, texts)) <= _MOST_DIGITS:
        return np.fromiter(map(int, texts), dtype=np.int64, count=len(texts))
    stripped = (text.strip() for text in texts)
    return np.fromiter((int(text) if _DIGITS.fullmatch(text) else _NO_NUMBER for text in stripped), dtype=np.int64)


def _unquoted(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        return []


def _parse_time(text: str) -> int:
    whole = text.partition(".")[0]
    try:
        moment = int(whole) if whole.isdecimal() else datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return NO_TIME
    return int(moment) if _EARLIEST_S <= moment <= _LATEST_S else NO_TIME
