"""What a behaviour remembers about sources and recipients: a table of fixed size, private or shared by processes."""

from __future__ import annotations

import fcntl
import math
import mmap
import os
import struct
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from loadkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WAYS = 8
BUCKETS = 65_536

# A bucket is WAYS marks (0 is a free slot), then WAYS times, then WAYS counts.
_BUCKET_BYTES = WAYS * 24
_MARKS = struct.Struct(f"<{WAYS}Q")
_TIMES = struct.Struct(f"<{WAYS}d")
_MARK, _TIME, _COUNT = struct.Struct("<Q"), struct.Struct("<d"), struct.Struct("<q")
_TIMES_AT, _COUNTS_AT = WAYS * 8, WAYS * 16


class Entry(NamedTuple):
    """What is kept for one key.

    Args:
        time_s: A time on the monotonic clock; infinite where the entry must stay.
        number: Its meaning is the caller's.
    """

    time_s: float
    number: int


def mark_of(*parts: bytes) -> int:
    """The number that stands for a key: 64 bits of a hash, so that keys of any length take the same room.

    That any two of a million keys share a mark has a chance of 3e-8 (n^2 / 2^65).
    """
    # The lengths keep ("ab", "c") and ("a", "bc") apart.
    framed = b"".join([b"%d:%b" % (len(part), part) for part in parts])
    return int.from_bytes(blake2b(framed, digest_size=8).digest(), "little") or 1


@dataclass(frozen=True, slots=True)
class _FileLock:
    """Keeps other processes off while the block runs."""

    descriptor: int

    def __enter__(self) -> None:
        fcntl.lockf(self.descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.lockf(self.descriptor, fcntl.LOCK_UN)


class Memory:
    """Entries by mark: at most `BUCKETS` times `WAYS` of them, in 12 MiB that are taken as they fill.

    A mark has its place in one bucket. Where the bucket is full the entry with the oldest time makes room, so that a
    client that comes under ever new names makes the sink forget, not grow. Entries of infinite time, such as the
    number of open connections, are the last to go.
    """

    def __init__(self) -> None:
        self._room = mmap.mmap(-1, BUCKETS * _BUCKET_BYTES)
        self._guard: _FileLock | nullcontext[None] = nullcontext()

    @classmethod
    def shared(cls, path: Path) -> Memory:
        """The memory that all processes share which name the same file; the file is made where it is missing.

        What a process that was killed counted as open stays counted until the file is removed.

        Raises:
            UsageError: If the file can't be opened or made.
        """
        size_bytes = BUCKETS * _BUCKET_BYTES
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.ftruncate(descriptor, size_bytes)
        except OSError as error:
            raise UsageError(f"can't share {path}: {error.strerror}", hint="name a file that can be written") from error
        memory = cls()
        memory._room = mmap.mmap(descriptor, size_bytes)
        memory._guard = _FileLock(descriptor)
        return memory

    def update(self, mark: int, change: Callable[[Entry | None], Entry | None]) -> Entry | None:
        """Change an entry while no other process can.

        Args:
            mark: Of the key.
            change: Gets the entry or None, returns the new one, or None to forget it.

        Returns:
            What `change` returned.
        """
        room = self._room
        start = mark % BUCKETS * _BUCKET_BYTES
        with self._guard:
            marks = _MARKS.unpack_from(room, start)
            known = mark in marks
            slot = marks.index(mark) if known else self._free_slot(marks, start)
            time_at, count_at = start + _TIMES_AT + 8 * slot, start + _COUNTS_AT + 8 * slot
            before = Entry(*_TIME.unpack_from(room, time_at), *_COUNT.unpack_from(room, count_at)) if known else None
            entry = change(before)
            if entry is not None:
                _TIME.pack_into(room, time_at, entry.time_s)
                _COUNT.pack_into(room, count_at, entry.number)
                _MARK.pack_into(room, start + 8 * slot, mark)
            elif known:
                _MARK.pack_into(room, start + 8 * slot, 0)
        return entry

    def count_within(self, mark: int, now: float, window_s: float) -> int:
        """Count an event in the current window, which begins with its first event and lasts `window_s`.

        Returns:
            Events in the window, this one included.
        """

        def one_more(entry: Entry | None) -> Entry:
            if entry is None or now >= entry.time_s + window_s:
                return Entry(now, 1)
            return Entry(entry.time_s, entry.number + 1)

        entry = self.update(mark, one_more)
        assert entry is not None
        return entry.number

    def add(self, mark: int) -> int:
        """Add one to a count without time.

        Returns:
            The count, this one included.
        """
        entry = self.update(mark, lambda entry: Entry(math.inf, entry.number + 1 if entry else 1))
        assert entry is not None
        return entry.number

    def remove(self, mark: int) -> None:
        """Take one from a count without time; it never falls below 0, even where its entry had to make room."""
        self.update(mark, lambda entry: Entry(math.inf, entry.number - 1) if entry and entry.number > 1 else None)

    def _free_slot(self, marks: tuple[int, ...], start: int) -> int:
        if 0 in marks:
            return marks.index(0)
        times = _TIMES.unpack_from(self._room, start + _TIMES_AT)
        return times.index(min(times))
