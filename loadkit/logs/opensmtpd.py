"""OpenSMTPD: what its SMTP sessions and its deliveries write by way of syslog."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from loadkit.logs.block import Block
from loadkit.logs.clock import NO_TIME
from loadkit.logs.gathering import Gathered, Recent
from loadkit.logs.reader import TRUNCATED, note_lines

# Since 6.4 the line holds numbers only; before, "event=message" with addresses, and ndest.
_ARRIVED = re.compile(rb" smtp (?:event=)?message (?:[^\n]*?size=(\d{1,12}) (?:nrcpt|ndest)=(\d{1,9})(?=[ \n\r]))?")
_ENDED = re.compile(rb" smtp (?:disconnected|event=closed) ")
_DELIVERY = re.compile(rb" delivery evpid=(\w{8})\w{8} from=<[^>\n]*> to=<(?:[^@\n]{0,256}@([\w.-]{1,255})>)?")
_FAILED = b' result="TempFail" '
_ID_LENGTH = 16


class OpenSmtpdLog:
    """Reads OpenSMTPD's log.

    Args:
        gathered: Takes what is found.

    Notes:
        Every line of a session begins with the session's id. An envelope's id begins with that of its message.
    """

    dated = True
    name = "OpenSMTPD"

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered
        self._sessions: Recent[int] = Recent()

    def recognises(self, block: Block) -> int:
        """How many lines of a block are of this format."""
        return len(_ARRIVED.findall(block.data)) + len(_ENDED.findall(block.data))

    def read(self, block: Block, file: str) -> None:
        """Gather what a block says.

        Args:
            block: The lines.
            file: Name of their file, for the places of broken lines.
        """
        self._read_arrivals(block, file)
        self._read_deliveries(block)

    def finish(self) -> None:
        """End the sessions that were still open."""
        for count in self._sessions.drain():
            self._gathered.sessions.count(count)
        self._gathered.dropped["connections"] += self._sessions.dropped
        self._gathered.tls_of = self._gathered.sessions.total

    def _read_arrivals(self, block: Block, file: str) -> None:
        gathered = self._gathered
        rows: list[tuple[Any, ...]] = [(match.start(), *match.groups()) for match in _ARRIVED.finditer(block.data)]
        whole = [row for row in rows if row[1] is not None]
        if len(whole) < len(rows):
            cut = [row[0] for row in rows if row[1] is None]
            note_lines(gathered, block, file, TRUNCATED, block.lines_at(cut))
        positions, sizes, recipients = zip(*whole, strict=True) if whole else ((),) * 3
        seconds = block.times_at(positions)
        timed = seconds != NO_TIME
        gathered.add(
            seconds[timed],
            np.fromiter(map(int, sizes), dtype=np.int64, count=len(sizes))[timed],
            np.fromiter(map(int, recipients), dtype=np.int64, count=len(recipients))[timed],
        )
        gathered.by_smtp += len(whole)
        self._count_messages(Counter(_session_before(block.data, position) for position in positions), block.data)
        gathered.tls += block.data.count(b" smtp tls ")

    def _count_messages(self, here: Counter[bytes], data: bytes) -> None:
        """A session's end is always behind its messages; only sessions that go on beyond a block are remembered."""
        sessions = self._sessions
        for match in _ENDED.finditer(data):
            key = _session_before(data, match.start())
            count = here.pop(key, 0) + (sessions.pop(key) or 0)
            if count:
                self._gathered.sessions.count(count)
        for key, count in here.items():
            forgotten = sessions.put(key, (sessions.get(key) or 0) + count)
            if forgotten:
                self._gathered.sessions.count(forgotten)

    def _read_deliveries(self, block: Block) -> None:
        gathered, data = self._gathered, block.data
        found: list[tuple[bytes, bytes]] = _DELIVERY.findall(data)
        gathered.domains.add([domain for _, domain in found if domain])
        failed = list(_failed(block))
        keys = [key for key, _ in found]
        if failed or not gathered.deferrals.unknown(keys):
            self._read_retries(block, failed, keys)

    def _read_retries(self, block: Block, failed: list[tuple[int, bytes]], keys: list[bytes]) -> None:
        """Deliveries that failed for now, and all later ones of the same messages."""
        deferrals = self._gathered.deferrals
        counts, fails = Counter(keys), Counter(key for _, key in failed)
        events = failed
        if not deferrals.unknown(keys) or any(counts[key] > count for key, count in fails.items()):
            rows = ((match.start(), match[1]) for match in _DELIVERY.finditer(block.data))
            events = [(position, key) for position, key in rows if key in fails or key in deferrals]
        places = {block.start_of(position) for position, _ in failed}
        seconds = block.times_at([position for position, _ in events]).tolist()
        for (position, key), second in zip(events, seconds, strict=True):
            if block.start_of(position) in places:
                deferrals.tried(key, second)
            else:
                deferrals.retry(key, second)


def _failed(block: Block) -> Iterator[tuple[int, bytes]]:
    """Where a delivery failed for now, and its message."""
    position = block.data.find(_FAILED)
    while position >= 0:
        match = _DELIVERY.search(block.data, block.start_of(position), position)
        if match is not None:
            yield match.start(), match[1]
        position = block.data.find(_FAILED, position + 1)


def _session_before(data: bytes, position: int) -> bytes:
    return data[max(position - _ID_LENGTH, 0) : position]
