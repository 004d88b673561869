"""Log files: in the order they were written, plain or compressed, as blocks of whole lines of bounded length."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from loadkit.errors import UsageError

BLOCK_BYTES = 2 * 1024**2
MAX_LINE_BYTES = 64 * 1024
"""A longer line is counted and dropped: syslog cuts lines at 1 to 8 KiB, so it is no line of a mail log."""

_DECOMPRESSION_ERRORS = (EOFError, OSError, zlib.error, lzma.LZMAError)
_OPENERS: tuple[tuple[bytes, Callable[[IO[bytes]], object]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)
_ZSTANDARD = b"\x28\xb5\x2f\xfd"
_ROTATION = re.compile(r"(?P<base>.+?)(?:[.-](?:(?P<date>\d{8}(?:-\d+)?)|(?P<number>\d{1,4})))?(?:\.(?:gz|bz2|xz))?")
_NEWEST = "~"  # sorts behind every date


@dataclass(slots=True)
class Piece:
    """Some whole lines of a file.

    Args:
        data: The lines, each with its end.
        cut: Whether the line behind these is dropped because of its length.
        bytes_read: Bytes taken from the disk so far.
    """

    data: bytes
    cut: bool
    bytes_read: int


class LogFile:
    """A log file that is read once from start to end.

    Args:
        path: The file.

    Attributes:
        damage: Why reading ended before the file did, or empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage = ""

    @property
    def modified_s(self) -> float:
        """When the file was written last, in seconds since 1970."""
        return self.path.stat().st_mtime

    @property
    def size_bytes(self) -> int:
        """Bytes on disk; 0 where that is unknown, as of a pipe."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def pieces(self) -> Iterator[Piece]:
        """The file in pieces of whole lines; a line over `MAX_LINE_BYTES` leaves an empty one.

        Raises:
            UsageError: If the file can't be opened or is compressed in a way that is not known here.
        """
        try:
            raw = self.path.open("rb")
        except OSError as error:
            raise UsageError(f"can't read {self.path}: {error.strerror}") from error
        with raw:
            yield from self._pieces(raw)

    def _pieces(self, raw: io.BufferedReader) -> Iterator[Piece]:
        stream = self._opened(raw)
        rest, dropping = b"", False
        while chunk := self._read(stream):
            if dropping:
                end = chunk.find(b"\n")
                if end < 0:
                    continue
                chunk, dropping = chunk[end:], False
            data = rest + chunk
            end = data.rfind(b"\n") + 1
            rest = data[end:]
            if len(rest) > MAX_LINE_BYTES:
                rest, dropping = b"", True
            yield Piece(data[:end], dropping, raw.tell() if raw.seekable() else 0)
        if rest:
            yield Piece(rest + b"\n", cut=False, bytes_read=raw.tell() if raw.seekable() else 0)

    def _opened(self, raw: io.BufferedReader) -> IO[bytes]:
        start = raw.peek(8)[:8]
        if start.startswith(_ZSTANDARD):
            raise UsageError(f"{self.path} is compressed with zstd", hint="unpack it first: zstd -d")
        return cast("IO[bytes]", next((opener(raw) for magic, opener in _OPENERS if start.startswith(magic)), raw))

    def _read(self, stream: IO[bytes]) -> bytes:
        try:
            return stream.read(BLOCK_BYTES)
        except _DECOMPRESSION_ERRORS as error:
            self.damage = f"its compressed data is damaged or cut short ({type(error).__name__})"
            return b""


def in_order(paths: list[Path]) -> tuple[LogFile, ...]:
    """The files, those of one rotation from the oldest to the newest, and each only once.

    Raises:
        UsageError: If one of them is missing or a folder.
    """
    seen: dict[tuple[int, int], Path] = {}
    for path in paths:
        if path.is_dir():
            raise UsageError(f"{path} is a folder", hint=f"name its files: {path}/mail.log*")
        try:
            status = path.stat()
        except OSError as error:
            hint = "the name of the scenario goes before --from-log" if path.suffix == "" else ""
            raise UsageError(f"can't read {path}: {error.strerror}", hint=hint) from error
        seen.setdefault((status.st_dev, status.st_ino), path)
    return tuple(LogFile(path) for path in sorted(seen.values(), key=_age))


def _age(path: Path) -> tuple[str, str, int]:
    """Sorts mail.log.2.gz before mail.log.1 before mail.log, and mail.log-20261123 before mail.log-20261124."""
    match = _ROTATION.fullmatch(path.name)
    assert match is not None
    return str(path.parent / match["base"]), match["date"] or _NEWEST, -int(match["number"] or 0)
