"""Exim: its main log, written by itself or by way of syslog."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np

from loadkit.logs.block import Block
from loadkit.logs.clock import NO_TIME, Integers
from loadkit.logs.gathering import Connections, Gathered, Recent
from loadkit.logs.reader import TRUNCATED, note_lines

_SHORT_ID, _LONG_ID = 16, 23  # 1xVtAm-0004nU-06; 1xVtAm-0004nU00000-06Bc since Exim 4.97


def _behind_id(mark: bytes, rest: bytes = b"") -> re.Pattern[bytes]:
    """Something behind an id: the fixed bytes are looked for first, because that is many times faster."""
    ids = (rb"\w{6}-\w{6}-\w{2}", rb"\w{6}-\w{11}-\w{4}")
    return re.compile(
        re.escape(mark) + b"(?:" + b"|".join(b"(?<=%b%b)" % (one, re.escape(mark)) for one in ids) + b")" + rest
    )


# The subject and the message's own id come after the size, so the first " S=" is the size.
_ARRIVED = _behind_id(b" <= ", rb"(?:[^ \n]+ ((?:[^ \n]* )*?)P=(\w{1,20}) (?:[^ \n]* )*?S=(\d{1,12})(?=[ \n\r]))?")
_DELIVERED = tuple(_behind_id(mark, rb"(?:[^@\n]{0,256}@([\w.-]{1,255}))?") for mark in (b" => ", b" -> "))
_FAILED, _DEFERRED = b" ** ", b" == "
_RARE = {mark: _behind_id(mark) for mark in (_FAILED, _DEFERRED)}
_COMPLETED = _behind_id(b" Completed")
_PROCESS = re.compile(rb"\[(\d{1,10})\] [\w-]{16,23}")
_OUTBOUND_REUSE = b"]* "


class EximLog:
    """Reads Exim's main log.

    Args:
        gathered: Takes what is found.

    Notes:
        Exim writes a line for each arrival, without the number of recipients: that is the number of delivery lines
        until the message is completed. Which messages shared a connection is seen by the client's port or the
        process, where ``log_selector`` has ``incoming_port`` or ``pid``.
    """

    dated = True
    name = "Exim"

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered
        self._connections = Connections(gathered.sessions)
        self._recipients: Recent[int] = Recent()

    def recognises(self, block: Block) -> int:
        """How many lines of a block are of this format."""
        return len(_ARRIVED.findall(block.data)) + len(_COMPLETED.findall(block.data))

    def read(self, block: Block, file: str) -> None:
        """Gather what a block says.

        Args:
            block: The lines.
            file: Name of their file, for the places of broken lines.
        """
        self._read_arrivals(block, file)
        self._read_deliveries(block)

    def finish(self) -> None:
        """End the connections that were still open; messages that are not completed have no number of recipients."""
        self._connections.end_all()
        self._gathered.dropped["connections"] += self._connections.dropped
        self._gathered.dropped["messages before their end"] += self._recipients.dropped

    def _read_arrivals(self, block: Block, file: str) -> None:
        gathered = self._gathered
        rows: list[tuple[Any, ...]] = [(match.start(), *match.groups()) for match in _ARRIVED.finditer(block.data)]
        whole = [row for row in rows if row[3] is not None]
        if len(whole) < len(rows):
            cut = [row[0] for row in rows if row[3] is None]
            note_lines(gathered, block, file, TRUNCATED, block.lines_at(cut))
        positions, clients, protocols, sizes = zip(*whole, strict=True) if whole else ((),) * 4
        seconds = block.times_at(positions)
        timed = seconds != NO_TIME
        counted = np.fromiter(map(int, sizes), dtype=np.int64, count=len(sizes))
        gathered.add(seconds[timed], counted[timed], np.zeros(0, dtype=np.int64))
        for protocol, count in Counter(protocols).items():
            if protocol.startswith((b"esmtp", b"smtp")):
                gathered.by_smtp += count
                gathered.tls_of += count
                gathered.tls += count * protocol.startswith((b"esmtps", b"smtps"))
        hosts = b"\n".join(filter(None, clients))
        gathered.by_smtp_from_here += hosts.count(b"[127.") + hosts.count(b"[::1]")
        if b"]:" in hosts or (positions and _process_before(block.data, positions[0])):
            self._read_connections(block.data, whole, seconds)

    def _read_connections(self, data: bytes, whole: list[tuple[Any, ...]], seconds: Integers) -> None:
        for (position, client, protocol, _), second in zip(whole, seconds.tolist(), strict=True):
            if not protocol.startswith((b"esmtp", b"smtp")):
                continue
            address = client[client.rfind(b"[") :] if client else b""
            key = address[:64] if b"]:" in address else _process_before(data, position)
            if key is not None:
                self._connections.message(key, second)

    def _read_deliveries(self, block: Block) -> None:
        gathered, data = self._gathered, block.data
        positions: list[int] = []
        for pattern in _DELIVERED:
            found = [(match.start(), match[1]) for match in pattern.finditer(data)]
            positions += [position for position, _ in found]
            gathered.domains.add([domain for _, domain in found if domain])
        positions += _found(_FAILED, data)
        keys = _ids_before(data, positions)
        self._count_recipients(Counter(keys), data)
        places = _found(_DEFERRED, data)
        deferred = list(zip(places, _ids_before(data, places), strict=True))
        if deferred or not gathered.deferrals.unknown(keys):
            self._read_retries(block, deferred, list(zip(positions, keys, strict=True)))
        gathered.outbound_deliveries += len(positions)
        gathered.outbound_reused += data.count(_OUTBOUND_REUSE)

    def _count_recipients(self, here: Counter[bytes], data: bytes) -> None:
        """Most messages are delivered and completed within a block; only the others are remembered."""
        recipients = self._recipients
        ended = _ids_before(data, [match.start() for match in _COMPLETED.finditer(data)])
        counts = [here.pop(key, 0) + (recipients.pop(key) or 0) for key in ended]
        self._gathered.recipients.add(np.array([count for count in counts if count], dtype=np.int64))
        for key, count in here.items():
            recipients.put(key, (recipients.get(key) or 0) + count)

    def _read_retries(
        self, block: Block, deferred: list[tuple[int, bytes]], delivered: list[tuple[int, bytes]]
    ) -> None:
        deferrals = self._gathered.deferrals
        here = {key for _, key in deferred}
        events = sorted(deferred + [(position, key) for position, key in delivered if key in here or key in deferrals])
        seconds = block.times_at([position for position, _ in events]).tolist()
        positions = {position for position, _ in deferred}
        for (position, key), second in zip(events, seconds, strict=True):
            if position in positions:
                deferrals.tried(key, second)
            else:
                deferrals.retry(key, second)


def _found(mark: bytes, data: bytes) -> list[int]:
    """Where a mark that few lines have is, behind an id."""
    return [match.start() for match in _RARE[mark].finditer(data)] if mark in data else []


def _ids_before(data: bytes, positions: list[int]) -> list[bytes]:
    """The message ids that end at some positions, all of one length: a server changes it once in its life."""
    if not positions:
        return []
    first = positions[0]
    length = _SHORT_ID if data[first - _SHORT_ID : first][6:7] == b"-" else _LONG_ID
    return [data[position - length : position] for position in positions]


def _process_before(data: bytes, position: int) -> bytes | None:
    match = _PROCESS.search(data, max(position - 36, 0), position)
    return match[1] if match else None
