"""Sockets: addresses resolved once, non-blocking connections, and names for what the operating system says."""

from __future__ import annotations

import errno
import resource
import socket
from dataclasses import dataclass

from gevent import monkey

from loadkit.errors import TargetError
from loadkit.measure.health import NO_DESCRIPTOR, NO_MEMORY, NO_PORT, NO_ROUTE, NOT_PERMITTED
from loadkit.smtp.outcome import OutcomeClass

# The callbacks do their own waiting, so they take the plain socket and not gevent's.
_PlainSocket: type[socket.socket] = monkey.get_original("socket", "socket")

_REASONS = {
    errno.ECONNREFUSED: (OutcomeClass.CONNECTION, "refused"),
    errno.ECONNRESET: (OutcomeClass.CONNECTION, "reset"),
    errno.EPIPE: (OutcomeClass.CONNECTION, "closed"),
    errno.ETIMEDOUT: (OutcomeClass.CONNECTION, "timed_out"),
    errno.EHOSTUNREACH: (OutcomeClass.CONNECTION, "unreachable"),
    errno.ENETUNREACH: (OutcomeClass.CLIENT, NO_ROUTE),
    errno.ENETDOWN: (OutcomeClass.CLIENT, NO_ROUTE),
    errno.EPERM: (OutcomeClass.CLIENT, NOT_PERMITTED),
    errno.EACCES: (OutcomeClass.CLIENT, NOT_PERMITTED),
    errno.EMFILE: (OutcomeClass.CLIENT, NO_DESCRIPTOR),
    errno.ENFILE: (OutcomeClass.CLIENT, NO_DESCRIPTOR),
    errno.EADDRNOTAVAIL: (OutcomeClass.CLIENT, NO_PORT),
    errno.EADDRINUSE: (OutcomeClass.CLIENT, NO_PORT),
    errno.ENOBUFS: (OutcomeClass.CLIENT, NO_MEMORY),
    errno.ENOMEM: (OutcomeClass.CLIENT, NO_MEMORY),
}

# Kept from connections, so that results can be written when descriptors run out.
_RESERVED_DESCRIPTORS = 32

# Linux: let the kernel choose the local port at connect, when it may reuse one towards another peer.
_IP_BIND_ADDRESS_NO_PORT = 24


def reason_of(error: OSError) -> tuple[OutcomeClass, str]:
    """Whose fault an operating system error is, and its short name."""
    return _REASONS.get(error.errno or 0, (OutcomeClass.CONNECTION, errno.errorcode.get(error.errno or 0, "unknown")))


@dataclass(frozen=True, slots=True)
class Address:
    """One address to connect to.

    Args:
        family: AF_INET or AF_INET6.
        sockaddr: What connect takes.
    """

    family: int
    sockaddr: tuple[str, int] | tuple[str, int, int, int]


def resolve(host: str, port: int) -> tuple[Address, ...]:
    """All addresses of a host, in the order of preference of the system (RFC 6724).

    Raises:
        TargetError: If the name has no address.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise TargetError(f"{host} has no address: {error.strerror}", hint="check the target's host name") from error
    return tuple(dict.fromkeys(Address(family, sockaddr) for family, _, _, _, sockaddr in found))  # type: ignore[arg-type]


def connecting_socket(address: Address, local_address: str | None) -> socket.socket:
    """A non-blocking socket on its way to an address.

    Args:
        address: Where to.
        local_address: Address to send from, or None for the system's choice.

    Raises:
        OSError: If connecting fails at once.
    """
    sock = _PlainSocket(address.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        if sock.fileno() >= resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _RESERVED_DESCRIPTORS:
            raise OSError(errno.EMFILE, "the last descriptors are kept for results")  # noqa: TRY301
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if local_address is not None:
            sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((local_address, 0))
        sock.connect(address.sockaddr)
    except BlockingIOError:
        pass  # on its way
    except OSError:
        sock.close()
        raise
    return sock
