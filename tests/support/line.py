"""Two hosts in network namespaces with a line between them that delays, loses and can be cut.

The line carries IP packets between two TUN devices, so both ends are the kernel's own TCP, which sends again what was
lost. What netem does is done here in a thread: few kernels of virtual machines have netem, nearly all have TUN.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

import pytest
from support.programs import find_program

if TYPE_CHECKING:
    from collections.abc import Iterator

_TUN = "/dev/net/tun"
_SET_INTERFACE = 0x400454CA
_TUN_WITHOUT_HEADER = 0x0001 | 0x1000
_PACKET_BYTES = 2048
_IPV4 = 4


@dataclass(frozen=True, slots=True)
class Host:
    """One end of a line.

    Args:
        namespace: Its network namespace.
        device: Its only interface besides loopback.
        address: Its IPv4 address on the line.
    """

    namespace: str
    device: str
    address: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """What a command starts with that runs on this host."""
        return (find_program("ip"), "netns", "exec", self.namespace)


class Line:
    """Carries packets between two hosts.

    Args:
        left: One host.
        right: The other.
        ends: File descriptors of their TUN devices.
        seed: Which packets are lost.
    """

    def __init__(self, left: Host, right: Host, ends: tuple[int, int], seed: int = 1) -> None:
        self.left = left
        self.right = right
        self.delay_s = 0.0
        """How long a packet is on its way, in either direction."""
        self.loss = 0.0
        """Share of packets lost, in either direction."""
        self.carried = 0
        self.lost = 0
        self._ends = ends
        self._draw = random.Random(seed).random
        self._under_way: list[tuple[float, int, int, bytes]] = []
        self._cut = False
        self._wake, self._woken = os.pipe()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Lose everything from now on; neither end notices by itself."""
        self._cut = True

    def close(self) -> None:
        """Stop carrying."""
        os.close(self._woken)
        self._thread.join()
        os.close(self._wake)

    def _carry(self) -> None:
        poll = select.poll()
        for end in (*self._ends, self._wake):
            poll.register(end, select.POLLIN)
        other = dict(zip(self._ends, reversed(self._ends), strict=True))
        while True:
            wait_ms = max(0.0, self._under_way[0][0] - monotonic()) * 1e3 if self._under_way else None
            for end, event in poll.poll(wait_ms):
                if end == self._wake:
                    return
                if event & select.POLLIN:
                    with suppress(OSError):  # the device is down
                        self._take(os.read(end, _PACKET_BYTES), other[end])
            while self._under_way and self._under_way[0][0] <= monotonic():
                _, _, end, packet = heapq.heappop(self._under_way)
                with suppress(OSError):
                    os.write(end, packet)

    def _take(self, packet: bytes, towards: int) -> None:
        if packet[0] >> 4 != _IPV4:
            return
        self.carried += 1
        if self._cut or (self.loss and self._draw() < self.loss):
            self.lost += 1
        else:
            heapq.heappush(self._under_way, (monotonic() + self.delay_s, self.carried, towards, packet))


@contextmanager
def line_between_hosts() -> Iterator[Line]:
    """Make two hosts with a line between them; the test is skipped where that is not allowed."""
    ip = find_program("ip")
    if os.geteuid() != 0 or not os.access(_TUN, os.R_OK | os.W_OK):
        pytest.skip(f"network namespaces need root, a line between them {_TUN}")
    with ExitStack() as stack:
        hosts = [Host(f"lk{os.getpid()}{end}", f"lk{os.getpid()}{end}", f"10.99.0.{end}") for end in (1, 2)]
        ends = []
        for host, peer in zip(hosts, reversed(hosts), strict=True):
            _run(ip, "netns", "add", host.namespace)
            stack.callback(_run, ip, "netns", "del", host.namespace)
            ends.append(_tun_device(host.device))
            stack.callback(os.close, ends[-1])
            _run(ip, "link", "set", host.device, "netns", host.namespace)
            _run(ip, "-n", host.namespace, "link", "set", "lo", "up")
            _run(ip, "-n", host.namespace, "addr", "add", host.address, "peer", peer.address, "dev", host.device)
            _run(ip, "-n", host.namespace, "link", "set", host.device, "up")
        line = Line(hosts[0], hosts[1], (ends[0], ends[1]))
        stack.callback(line.close)
        yield line


def take_down(host: Host) -> None:
    """Pull the plug at a host: its system notices."""
    _run(find_program("ip"), "-n", host.namespace, "link", "set", host.device, "down")


def _tun_device(name: str) -> int:
    end = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(end, _SET_INTERFACE, struct.pack("16sH22x", name.encode(), _TUN_WITHOUT_HEADER))
    return end


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
