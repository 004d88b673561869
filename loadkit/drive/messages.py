"""What a master and its workers say to each other, over the connection that Locust's runners keep.

A worker says hello, gets its job, says that it is ready, gets the moment of the start, and sends numbered reports until
the master has acknowledged the last. Locust's own start of users is not used: its master would spread the users of a
lost worker over the others, and give work to one that joins late.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HELLO = "loadkit_hello"
"""Worker: who it is."""
PONG = "loadkit_pong"
"""Worker: the answer to a ping before the start."""
READY = "loadkit_ready"
"""Worker: it can start."""
FAILED = "loadkit_failed"
"""Worker: it can't go on; the error in words."""
REPORT = "loadkit_report"
"""Worker: a report, and its clock."""

PING = "loadkit_ping"
"""Master: its clock; with the number of the last report that it counted."""
REFUSED = "loadkit_refused"
"""Master: there is no work, and why."""
JOB = "loadkit_job"
"""Master: what to send."""
START = "loadkit_start"
"""Master: when."""
STOP = "loadkit_stop"
"""Master: send no more; said again, stop at once."""

PING_INTERVAL_S = 1.0
MASTER_SILENCE_S = 5.0
"""A worker that hears nothing from its master for so long stops."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Hello:
    """Who a worker is.

    Args:
        version: Its loadkit's version.
        host: Name of its machine.
        boot: Id of its machine's last start, which tells machines of the same name apart.
        pid: Its process.
    """

    version: str
    host: str
    boot: str
    pid: int

    @property
    def name(self) -> str:
        """The worker in words."""
        return f"{self.host}, process {self.pid}"


def this_process(version: str, pid: int) -> Hello:
    """What this process says of itself."""
    try:
        boot = _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    return Hello(version, platform.node(), boot, pid)


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker sends.

    Args:
        scenario: The scenario with all defaults, as YAML; paths in it are absolute.
        target: The target as URL.
        stretch: Factor on all durations.
        run_id: The run's id.
        index: The worker's number.
        count: How many workers there are.
    """

    scenario: str
    target: str
    stretch: float
    run_id: str
    index: int
    count: int


@dataclass(frozen=True, slots=True)
class Start:
    """When a run starts.

    Args:
        epoch_unix_s: Unix time by the master's clock.
        ahead_s: By how much the worker's clock is ahead of it.
    """

    epoch_unix_s: float
    ahead_s: float


@dataclass(frozen=True, slots=True)
class Ping:
    """The master's clock.

    Args:
        at: Unix time.
        number: The last report that was counted.
    """

    at: float
    number: int = 0


@dataclass(frozen=True, slots=True)
class Pong:
    """Two clocks at both ends of a round trip; all Unix times.

    Args:
        pinged: When the master sent, by its clock.
        received: When the worker received, by its clock.
        sent: When the worker answered, by its clock.
    """

    pinged: float
    received: float
    sent: float

    def compared(self, now: float) -> ClockReading:
        """What the round trip says of the worker's clock.

        Args:
            now: When the answer came, by the master's clock.

        Notes:
            The four times of NTP (RFC 5905, 8): the offset is the mean of the differences on both ways, and wrong by
            half of the round trip at most.
        """
        ahead_s = ((self.received - self.pinged) + (self.sent - now)) / 2
        trip_s = (now - self.pinged) - (self.sent - self.received)
        return ClockReading(ahead_s, max(trip_s, 0.0) / 2)


@dataclass(frozen=True, slots=True)
class ClockReading:
    """A comparison of two clocks.

    Args:
        ahead_s: By how much the worker's clock is ahead.
        error_s: How far that may be wrong.
    """

    ahead_s: float
    error_s: float

    @property
    def apart_s(self) -> float:
        """By how much the clocks differ at least."""
        return max(0.0, abs(self.ahead_s) - self.error_s)


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error in words.

    Args:
        message: What happened.
        hint: What can be done.
        exit_code: The exit code that belongs to it.
        lines: Further lines, such as the problems of a scenario.
    """

    message: str
    hint: str
    exit_code: int
    lines: tuple[str, ...] = ()


def pack(value: Any) -> dict[str, Any]:
    """A message's dataclass as the plain values that the connection takes."""
    return asdict(value)


def unpack(kind: type[Any], data: Mapping[str, Any]) -> Any:
    """Read what `pack` made.

    Raises:
        TypeError: If it is of another form.
    """
    return kind(**data)
