"""Exim: its main log, written by itself or by way of syslog."""

from __future__ import annotations

import re

import numpy as np

from loadkit.logs.block import Block
from loadkit.logs.clock import NO_TIME
from loadkit.logs.gathering import Connections, Gathered, Recent
from loadkit.logs.reader import TRUNCATED, note_lines

# The subject and the message's own id come after the size, so the first " S=" is the size.
_ARRIVED = re.compile(rb" <= (?:\S+ ([^\n]*? )??P=(\w{1,20}) (?:[^\n]*? )??S=(\d{1,12})(?=[ \n\r]))?")
_PROCESS = re.compile(rb"\[(\d{1,10})\] [\w-]{16,23}")
_DELIVERED = tuple(re.compile(rb" %s (?:[^@\n]{0,256}@([\w.-]{1,255}))?" % sign) for sign in (rb"=>", rb"->"))
_FAILED = re.compile(rb" \*\* ")
_DEFERRED = re.compile(rb" == ")
_COMPLETED = re.compile(rb" Completed(?=[\n\r ])")
_ID = re.compile(rb"\w{6}-\w{6,11}-\w{2,4}")
_ID_MOST = 23  # of 1xVtAm-0004nU00000-06Bc; 16 before Exim 4.97
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
        return sum(_id_before(block.data, match.start()) is not None for match in _ARRIVED.finditer(block.data))

    def read(self, block: Block, file: str) -> None:
        """Gather what a block says.

        Args:
            block: The lines.
            file: Name of their file, for the places of broken lines.
        """
        self._read_arrivals(block, file)
        self._read_deliveries(block)
        self._read_completed(block.data)

    def finish(self) -> None:
        """End the connections that were still open; messages that are not completed have no number of recipients."""
        self._connections.end_all()
        self._gathered.dropped["connections"] += self._connections.dropped
        self._gathered.dropped["messages before their end"] += self._recipients.dropped

    def _read_arrivals(self, block: Block, file: str) -> None:
        gathered = self._gathered
        found = [match for match in _ARRIVED.finditer(block.data) if _id_before(block.data, match.start())]
        whole = [match for match in found if match[3] is not None]
        if len(whole) < len(found):
            cut = [match.start() for match in found if match[3] is None]
            note_lines(gathered, block, file, TRUNCATED, block.lines_at(cut))
        seconds = block.times[block.lines_at([match.start() for match in whole])]
        sizes = np.array([int(match[3]) for match in whole], dtype=np.int64)
        timed = seconds != NO_TIME
        gathered.add(seconds[timed], sizes[timed], np.zeros(0, dtype=np.int64))
        for match, second in zip(whole, seconds.tolist(), strict=True):
            if match[2].startswith((b"esmtp", b"smtp")):
                self._came_by_smtp(match, second)

    def _came_by_smtp(self, match: re.Match[bytes], second: int) -> None:
        gathered, client = self._gathered, match[1] or b""
        gathered.by_smtp += 1
        gathered.tls_of += 1
        gathered.tls += match[2].startswith((b"esmtps", b"smtps"))
        address = client[client.rfind(b"[") :]
        gathered.by_smtp_from_here += address.startswith((b"[127.", b"[::1]"))
        if b"]:" in address:
            self._connections.message(address[:64], second)
        else:
            process = _PROCESS.search(match.string, max(match.start() - 36, 0), match.start())
            if process is not None:
                self._connections.message(process[1], second)

    def _read_deliveries(self, block: Block) -> None:
        gathered, recipients, data = self._gathered, self._recipients, block.data
        tried: list[tuple[int, bytes]] = []
        known = len(gathered.deferrals) or b" == " in data
        for pattern in (*_DELIVERED, _FAILED):
            for match in pattern.finditer(data):
                key = _id_before(data, match.start())
                if key is not None:
                    recipients.put(key, (recipients.get(key) or 0) + 1)
                    if known:
                        tried.append((match.start(), key))
            if pattern in _DELIVERED:
                gathered.domains.add([domain for domain in pattern.findall(data) if domain])
        gathered.outbound_deliveries += data.count(b" => ")
        gathered.outbound_reused += data.count(_OUTBOUND_REUSE)
        if known:
            self._read_retries(block, tried)

    def _read_retries(self, block: Block, tried: list[tuple[int, bytes]]) -> None:
        deferrals, data = self._gathered.deferrals, block.data
        found = ((match.start(), _id_before(data, match.start())) for match in _DEFERRED.finditer(data))
        deferred = [(position, key) for position, key in found if key is not None]
        here = {key for _, key in deferred}
        tried = [(position, key) for position, key in tried if key in here or key in deferrals]
        for position, key in sorted(deferred):
            deferrals.defer(key, block.time_at(position))
        for position, key in sorted(tried + deferred):
            deferrals.retry(key, block.time_at(position))

    def _read_completed(self, data: bytes) -> None:
        ended = [_id_before(data, match.start()) for match in _COMPLETED.finditer(data)]
        counts = [self._recipients.pop(key) for key in ended if key is not None]
        self._gathered.recipients.add(np.array([count for count in counts if count], dtype=np.int64))


def _id_before(data: bytes, position: int) -> bytes | None:
    """The message id that ends at a position, or None if that is something else."""
    key = data[data.rfind(b" ", max(position - _ID_MOST - 1, 0), position) + 1 : position]
    return key if _ID.fullmatch(key) else None
