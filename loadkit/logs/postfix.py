"""Postfix: what its queue manager, its SMTP server and its delivery agents log."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from loadkit.logs.block import Block
from loadkit.logs.clock import NO_TIME, Integers, Truths
from loadkit.logs.gathering import Gathered
from loadkit.logs.reader import TRUNCATED, note_lines

# The sender may hold whatever a client made up, so the last "size=" of a line is the true one.
_QUEUED = re.compile(
    rb"/qmgr\[\d{1,10}\]: (\w{1,24}): from=<(?:[^\n]*>, (?:size=(\d{1,12}), nrcpt=(\d{1,9}) \(queue active|status=()))?"
)
_ENDED = re.compile(rb"\]: disconnect from [^ \n]+ ([a-z=/0-9 ]{0,300}) commands=")
_ENDED_TLS = re.compile(
    rb"/(?:smtps|submissions)/smtpd\[\d{1,10}\]: disconnect from [^ \n]+ [^\n]*\b(?:data|bdat)=[1-9]"
)
_DEFERRED = b" status=deferred "
_DELIVERY = re.compile(rb"[^\n]{0,300}?/\w{1,20}\[\d{1,10}\]: (\w{1,24}): to=<")
_DOMAIN = re.compile(rb" to=<[^@\n]{0,256}@([\w.-]{1,255})>, ")
_DEFERRAL = -1
_STATISTIC = re.compile(rb"(\w+)=(\d{1,9})")


class PostfixLog:
    """Reads Postfix's log.

    Args:
        gathered: Takes what is found.

    Notes:
        A message arrives when the queue manager sees it for the first time: that line has its size and its number of
        recipients, whichever way it came in. The line comes again with each retry of a message that was deferred.
    """

    dated = True
    name = "Postfix"

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered

    def recognises(self, block: Block) -> int:
        """How many lines of a block are of this format."""
        return len(_QUEUED.findall(block.data)) + block.data.count(b"/smtpd[")

    def read(self, block: Block, file: str) -> None:
        """Gather what a block says.

        Args:
            block: The lines.
            file: Name of their file, for the places of broken lines.
        """
        self._read_queued(block, file)
        self._read_connections(block.data)
        self._read_deliveries(block.data)

    def finish(self) -> None:
        """Nothing is open at the end of a log."""

    def _read_queued(self, block: Block, file: str) -> None:
        rows: list[tuple[Any, ...]] = [(match.start(), *match.groups()) for match in _QUEUED.finditer(block.data)]
        whole = [row for row in rows if row[2] is not None]
        if len(whole) < len(rows):
            cut = [row[0] for row in rows if row[2] is None and row[4] is None]
            note_lines(self._gathered, block, file, TRUNCATED, block.lines_at(cut))
        positions, keys, sizes, recipients, _ = zip(*whole, strict=True) if whole else ((),) * 5
        seconds = block.times_at(positions)
        taken = self._first_time(positions, keys, seconds, block) & (seconds != NO_TIME)
        self._gathered.add(
            seconds[taken],
            np.fromiter(map(int, sizes), dtype=np.int64, count=len(sizes))[taken],
            np.fromiter(map(int, recipients), dtype=np.int64, count=len(recipients))[taken],
        )

    def _first_time(self, positions: Sequence[int], keys: Sequence[bytes], seconds: Integers, block: Block) -> Truths:
        """Which of the messages that became active have not been tried before."""
        new: Truths = np.ones(len(keys), dtype=np.bool_)
        deferrals = self._gathered.deferrals
        deferred = list(_deferred(block))
        if not deferred and deferrals.unknown(keys):
            return new
        times = block.times_at([position for position, _ in deferred]).tolist()
        events = [(position, key, second, _DEFERRAL) for (position, key), second in zip(deferred, times, strict=True)]
        here = {key for _, key in deferred}
        events += [
            (position, key, second, index)
            for index, (position, key, second) in enumerate(zip(positions, keys, seconds.tolist(), strict=True))
            if key in here or key in deferrals
        ]
        for _, key, second, index in sorted(events):
            if index == _DEFERRAL:
                deferrals.defer(key, second)
            elif key in deferrals:
                deferrals.retry(key, second)
                new[index] = False
        return new

    def _read_connections(self, data: bytes) -> None:
        gathered = self._gathered
        for statistics, count in Counter(_ENDED.findall(data)).items():
            numbers = {name: int(number) for name, number in _STATISTIC.findall(statistics)}
            messages = numbers.get(b"data", 0) or min(numbers.get(b"bdat", 0), numbers.get(b"mail", 0))
            if messages:
                gathered.sessions.count(messages, count)
                gathered.tls_of += count
                gathered.tls += count * (numbers.get(b"starttls", 0) > 0)
        if b"s/smtpd[" in data:  # services with TLS from the start have no STARTTLS
            gathered.tls += len(_ENDED_TLS.findall(data))
        gathered.by_smtp += data.count(b": client=")
        gathered.by_smtp_from_here += data.count(b": client=localhost[")

    def _read_deliveries(self, data: bytes) -> None:
        self._gathered.domains.add(_DOMAIN.findall(data))
        if not self._gathered.sessions.sum:  # what clients did is better known than guessed
            self._gathered.outbound_deliveries += data.count(b"/smtp[")
            self._gathered.outbound_reused += data.count(b", conn_use=")


def _deferred(block: Block) -> Iterator[tuple[int, bytes]]:
    """Where a message was deferred, and its queue id."""
    position = block.data.find(_DEFERRED)
    while position >= 0:
        match = _DELIVERY.match(block.data, block.start_of(position))
        if match is not None:
            yield position, match[1]
        position = block.data.find(_DEFERRED, position + 1)
