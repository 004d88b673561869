"""Log files in, counts out: which format each is, what its reader finds, and which lines were of no use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loadkit.errors import UsageError
from loadkit.logs.block import Block
from loadkit.logs.clock import Clock
from loadkit.logs.exim import EximLog
from loadkit.logs.files import LogFile, in_order
from loadkit.logs.gathering import Gathered
from loadkit.logs.opensmtpd import OpenSmtpdLog
from loadkit.logs.postfix import PostfixLog
from loadkit.logs.reader import NO_DATE, TOO_LONG, LogReader, note_lines
from loadkit.logs.table import TableLog

OnProgress = Callable[[int], None]

_HINT = (
    "understood are logs of Postfix, Exim and OpenSMTPD, and CSV with a first line such as "
    "time,size,recipients,connection"
)


@dataclass(frozen=True, slots=True)
class LogsRead:
    """What logs gave.

    Args:
        gathered: The counts.
        formats: Names of the formats found.
        files: How many files.
        damaged: Names of files that could not be read to their end, each with the reason.
    """

    gathered: Gathered
    formats: tuple[str, ...]
    files: int
    damaged: tuple[tuple[str, str], ...]


def gather(paths: Sequence[Path], on_progress: OnProgress = lambda _: None) -> LogsRead:
    """Read log files once.

    Args:
        paths: The files, in any order.
        on_progress: Called now and then with the bytes read from the disk so far.

    Raises:
        UsageError: If a file can't be read, or no message is found in any.
    """
    files = in_order(list(paths))
    gathered = Gathered()
    readers: tuple[LogReader, ...] = (
        PostfixLog(gathered),
        EximLog(gathered),
        OpenSmtpdLog(gathered),
        TableLog(gathered),
    )
    formats: list[str] = []
    before = 0
    for file in files:
        reader = _read_file(file, readers, gathered, lambda read, before=before: on_progress(before + read))  # type: ignore[misc]
        before += file.size_bytes
        if reader is not None and reader.name not in formats:
            formats.append(reader.name)
    for reader in readers:
        if reader.name in formats:
            reader.finish()
    if not gathered.messages:
        raise UsageError(_nothing_found(gathered, formats), hint=_HINT)
    damaged = tuple((str(file.path), file.damage) for file in files if file.damage)
    return LogsRead(gathered, tuple(formats), len(files), damaged)


def _read_file(
    file: LogFile, readers: Sequence[LogReader], gathered: Gathered, on_progress: OnProgress
) -> LogReader | None:
    clock, name = Clock(file.modified_s), str(file.path)
    reader: LogReader | None = None
    line = 1
    for piece in file.pieces():
        on_progress(piece.bytes_read)
        if piece.data:
            block = Block(piece.data, line, clock)
            reader = reader or _recognised(block, readers)
            _read_block(block, reader, gathered, name)
            line += len(block)
        if piece.cut:
            gathered.broken.add(TOO_LONG, name, [line])
    return reader


def _read_block(block: Block, reader: LogReader | None, gathered: Gathered, file: str) -> None:
    gathered.lines += len(block)
    gathered.bytes += len(block.data)
    if reader is None:
        return
    note_lines(gathered, block, file, TOO_LONG, block.too_long)
    reader.read(block, file)
    if reader.dated:
        note_lines(gathered, block, file, NO_DATE, block.timeless_lines())


def _recognised(block: Block, readers: Sequence[LogReader]) -> LogReader | None:
    scores = [reader.recognises(block) for reader in readers]
    best = int(np.argmax(scores))
    return readers[best] if scores[best] else None


def _nothing_found(gathered: Gathered, formats: Sequence[str]) -> str:
    if not formats:
        return "no line of these logs is about mail, as far as loadkit can tell"
    broken = sum(gathered.broken.counts.values())
    return f"no message arrived in these {gathered.lines:,} lines of {' and '.join(formats)}; {broken:,} were broken"
