"""OpenSMTPD: what its SMTP sessions and its deliveries write by way of syslog."""

from __future__ import annotations

import re

import numpy as np

from loadkit.logs.block import Block
from loadkit.logs.clock import NO_TIME
from loadkit.logs.gathering import Connections, Gathered
from loadkit.logs.reader import TRUNCATED, note_lines

# Since 6.4 the line holds numbers only; before, "event=message" with addresses, and ndest.
_ARRIVED = re.compile(rb" smtp (?:event=)?message (?:[^\n]*?size=(\d{1,12}) (?:nrcpt|ndest)=(\d{1,9})(?=[ \n\r]))?")
_ENDED = re.compile(rb" smtp (?:disconnected|event=closed) ")
_DELIVERY = re.compile(rb" delivery evpid=([0-9a-f]{8})[0-9a-f]{8} [^\n]*? result=\"?(\w{2,12})")
_DOMAIN = re.compile(rb" delivery evpid=[^\n]{0,300}? to=<[^@\n]{0,256}@([\w.-]{1,255})>")
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
        self._connections = Connections(gathered.sessions)

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
        self._connections.end_all()
        self._gathered.dropped["connections"] += self._connections.dropped
        self._gathered.tls_of = self._gathered.sessions.total

    def _read_arrivals(self, block: Block, file: str) -> None:
        gathered = self._gathered
        found = list(_ARRIVED.finditer(block.data))
        whole = [match for match in found if match[1] is not None]
        if len(whole) < len(found):
            cut = [match.start() for match in found if match[1] is None]
            note_lines(gathered, block, file, TRUNCATED, block.lines_at(cut))
        seconds = block.times[block.lines_at([match.start() for match in whole])]
        sizes = np.array([int(match[1]) for match in whole], dtype=np.int64)
        recipients = np.array([int(match[2]) for match in whole], dtype=np.int64)
        timed = seconds != NO_TIME
        gathered.add(seconds[timed], sizes[timed], recipients[timed])
        gathered.by_smtp += len(whole)
        for match, second in zip(whole, seconds.tolist(), strict=True):
            self._connections.message(_session(match), second)
        # A session's end is always behind its messages, and its id never comes again.
        for match in _ENDED.finditer(block.data):
            self._connections.end(_session(match))
        gathered.tls += block.data.count(b" smtp tls ")

    def _read_deliveries(self, block: Block) -> None:
        gathered = self._gathered
        gathered.domains.add(_DOMAIN.findall(block.data))
        if b"TempFail" in block.data or len(gathered.deferrals):
            for match in _DELIVERY.finditer(block.data):
                key, result = match.groups()
                if key in gathered.deferrals or result == b"TempFail":
                    gathered.deferrals.tried(key, block.time_at(match.start()))


def _session(match: re.Match[bytes]) -> bytes:
    return match.string[max(match.start() - _ID_LENGTH, 0) : match.start()]
