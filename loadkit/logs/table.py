"""A generic table: a line for each message, columns named in the first line, separated by comma, semicolon or tab."""

from __future__ import annotations

import csv
from datetime import UTC, datetime

import numpy as np

from loadkit.logs.block import Block
from loadkit.logs.clock import Integers
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
_MOST = 10**12
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
        reasons: dict[str, list[int]] = {}
        rows = []
        for index, line in enumerate(block.data.decode("latin-1").split("\n")):
            if not line or (block.number_of(index) == 1 and self._read_header(line.encode("latin-1"))):
                continue
            try:
                rows.append(self._parse(line))
            except ValueError as error:
                reasons.setdefault(str(error), []).append(index)
        for reason, lines in reasons.items():
            note_lines(self._gathered, block, file, reason, lines)
        self._add(np.array([row[:4] for row in rows], dtype=np.int64).reshape(-1, 4))
        self._add_connections(rows)

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

    def _parse(self, line: str) -> tuple[int, int, int, int, str, str]:
        """Second, size, recipients (0 where there is no such column), attempt, connection and TLS of a row.

        Raises:
            ValueError: With what is wrong, in words that hold nothing of the row.
        """
        cells = line.rstrip("\r").split(self._separator)
        if '"' in line:
            cells = _unquoted(line.rstrip("\r"), self._separator)
        if len(cells) != self._width:
            raise ValueError(BAD_ROW)
        columns = self._columns
        numbers = (self._number(cells, "size"), self._number(cells, "recipients"), self._number(cells, "attempt", 1))
        connection = cells[columns["connection"]][:100] if "connection" in columns else ""
        tls = cells[columns["tls"]].strip().lower() if "tls" in columns else ""
        return self._second(cells[columns["time"]]), *numbers, connection, tls

    def _number(self, cells: list[str], meaning: str, otherwise: int = 0) -> int:
        column = self._columns.get(meaning)
        if column is None:
            return otherwise
        text = cells[column].strip()
        if not (text.isascii() and text.isdecimal()) or len(text) > len(str(_MOST)):
            raise ValueError(BAD_NUMBER)
        return int(text)

    def _second(self, text: str) -> int:
        key = text[:19]
        known = self._seconds.get(key)
        if known is None:
            known = _parse_time(key.strip())
            if len(self._seconds) >= _MAX_CACHED:
                self._seconds.clear()
            self._seconds[key] = known
        return known

    def _add(self, numbers: Integers) -> None:
        arrived = numbers[numbers[:, 3] <= 1]
        nothing = np.zeros(0, dtype=np.int64)
        self._gathered.add(
            arrived[:, 0],
            arrived[:, 1] if "size" in self._columns else nothing,
            arrived[:, 2] if "recipients" in self._columns else nothing,
        )
        again = len(numbers) - len(arrived)
        self._gathered.deferrals.retries += again
        self._gathered.deferrals.messages += int((numbers[:, 3] == 2).sum())  # noqa: PLR2004 - the second attempt

    def _add_connections(self, rows: list[tuple[int, int, int, int, str, str]]) -> None:
        if "connection" in self._columns:
            for second, _, _, _, connection, _ in rows:
                self._connections.message(connection.encode("latin-1"), second)
        if "tls" in self._columns:
            self._gathered.tls_of += len(rows)
            self._gathered.tls += sum(row[5] in _YES or row[5].startswith("tls") for row in rows)


def _unquoted(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        raise ValueError(BAD_ROW) from None


def _parse_time(text: str) -> int:
    whole = text.partition(".")[0]
    try:
        moment = int(whole) if whole.isdecimal() else datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise ValueError(BAD_TIME) from None
    if not _EARLIEST_S <= moment <= _LATEST_S:
        raise ValueError(BAD_TIME)
    return int(moment)
